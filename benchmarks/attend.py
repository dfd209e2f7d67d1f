"""What one large scan costs in `attend`: a DICOM series of 700 slices of 512 x 512, with the shipped encoder.

    python benchmarks/attend.py            prints the result, writes benchmarks/results/attend.json

Where other programs run, wall time tells of them: processor time is what a change of the code moves, and wall minus
processor time is what was waited for (disk, or a share of the machine).
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

from smart_nets.localize.attend import attend
from smart_nets.localize.marking import Marking
from smart_nets.phantom import Phantom, make_phantom, write_dicom
from smart_nets.scans.resample import resample
from smart_nets.scans.volume import Volume
from smart_nets.training.run_record import hardware
from smart_nets.weights.default_model import shipped_model

RESULTS = Path(__file__).parent / "results" / "attend.json"
SHAPE = (512, 512, 700)
TARGETS = {"wall_s": 120, "peak_gb": 3}


def make_series(folder: Path) -> Path:
    """A chest with noise, in slices of half a millimetre."""
    phantom = make_phantom(0, region="chest")
    steps = [s * (n - 1) / (m - 1) for s, n, m in zip(phantom.spacing, phantom.image.shape, SHAPE, strict=True)]
    fine = resample(Volume(phantom.image, phantom.affine, "phantom"), steps)
    image, rng = fine.array.astype(np.int16), np.random.default_rng(0)
    for k in range(SHAPE[2]):
        image[:, :, k] += rng.normal(0, 12, SHAPE[:2]).astype(np.int16)
    labels = np.zeros((1, 1, 1), np.uint8)
    return write_dicom(Phantom(image.clip(-1024, 3071), labels, fine.affine, (), "case", 0), folder)


def measure(series: Path, folder: Path) -> dict[str, float]:
    """Wall and processor seconds and the resident peak of a process that does nothing else."""
    clock, child = time.perf_counter(), os.fork()
    if not child:
        attend(series, {"small": shipped_model()}, folder, Marking())
        os._exit(0)
    _, status, used = os.wait4(child, 0)
    if status:
        raise SystemExit(f"attend ended with {status}")
    wall, processor = time.perf_counter() - clock, used.ru_utime + used.ru_stime
    figures = {
        "wall_s": wall,
        "processor_s": processor,
        "waited_s": wall - processor,
        "peak_gb": used.ru_maxrss / 2**20,
    }
    return {name: round(value, 1) for name, value in figures.items()}


def main() -> None:
    about = {"command": "python benchmarks/attend.py", "date": date.today().isoformat(), "hardware": hardware(),
             "shape": SHAPE, "load_before": os.getloadavg()[0]}  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        record = {**about, **measure(make_series(Path(name)), Path(name) / "out"), "targets": TARGETS}
    print(json.dumps(record, indent=1))
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
