"""The shipped encoder `small`, made again: one pretraining on the real CT of a folder.

python benchmarks/pretrain_small.py DATA --output_dir RUN [--leave_out] [--minutes 15] [--more "--seed 1"]

DATA is laid out as SMART_REAL_DATA. The shipped encoder has seen all of its scans (`--more "--seed 1"`). With --leave_out none
of the six patients of `organ_fields_dev_2mm.npz` is trained on: from such runs come the figures of the recipe.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

FOLDERS = ("chest_2mm", "sts", "more_2mm")
MORE = ("totalseg/example_ct.nii.gz", "totalseg/pulmonary/ct_cropped.nii.gz", "slicerio/CTChest4.nrrd")
JUDGED = {"4dlung113", "c3n00247", "pyrad_lung1", "r01001", "cmbcrc", "example_ct"}  # patients of the organ fields
CONFIG = Path(__file__).parents[1] / "bundles" / "smart_pretrain" / "configs" / "train.json"


def scans(data: Path, leave_out: bool) -> list[Path]:
    """The CT of the folder, without label maps (their names hold two underscores)."""
    found = [path for folder in FOLDERS for path in sorted((data / folder).glob("*.nii.gz")) if "__" not in path.name]
    found += [data / name for name in MORE]
    return [path for path in found if not (leave_out and path.name.split(".")[0] in JUDGED)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--leave_out", action="store_true")
    parser.add_argument("--minutes", type=float, help="a budget; default the epochs of the preset")
    parser.add_argument("--more", default="", help="further overrides of train.json")
    given = parser.parse_args()
    given.output_dir.mkdir(parents=True, exist_ok=True)
    listed = given.output_dir / "scans.json"
    items = [{"image": str(path.resolve())} for path in scans(given.data, given.leave_out)]
    listed.write_text(json.dumps({"training": items}, indent=1))
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str(CONFIG), "--preset", "small",
               "--dataset_dir", str(listed), "--output_dir", str(given.output_dir), *given.more.split()]  # fmt: skip
    command += [] if given.minutes is None else ["--minutes", str(given.minutes)]
    sys.exit(subprocess.run(command, env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}, check=False).returncode)


if __name__ == "__main__":
    main()
