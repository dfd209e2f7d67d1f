"""Checking 20,000 tiny scans, every 20th of them damaged in one of four ways: seconds, memory, and exact counts.

python benchmarks/manifest.py          prints the result, writes benchmarks/results/manifest.json
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from datetime import date
from pathlib import Path

import nibabel as nib
import numpy as np

from smart_nets.lists.check import check_data
from smart_nets.training.run_record import hardware

SCANS = 20_000
RESULTS = Path(__file__).parent / "results" / "manifest.json"


def make_scans(folder: Path) -> None:
    """Voxels of 6^3, each scan its own; cut off, empty, one bit flipped, or text in place of every 20th."""
    rng = np.random.default_rng(0)
    for number in range(SCANS):
        path = folder / f"{number:05d}.nii.gz"
        nib.save(nib.Nifti1Image(rng.integers(-1000, 500, (6, 6, 6)).astype(np.int16), np.diag([2, 2, 2, 1.0])), path)
        if number % 20 == 0:
            sound = path.read_bytes()
            flipped = sound[:200] + bytes([sound[200] ^ 4]) + sound[201:]
            path.write_bytes([sound[:150], b"", flipped, b"hello"][number // 20 % 4])


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        scans = Path(name) / "scans"
        scans.mkdir()
        make_scans(scans)
        clock = time.perf_counter()
        checked = check_data(scans, Path(name) / "checked")
        seconds = time.perf_counter() - clock
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 2**10
    record = {
        "command": "python benchmarks/manifest.py", "date": date.today().isoformat(), "hardware": hardware(),
        "given": checked.given, "used": len(checked.used), "rejected": len(checked.rejected),
        "seconds": round(seconds, 1), "largest_process_mb": round(peak),
    }  # fmt: skip
    print(json.dumps(record, indent=2))
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
