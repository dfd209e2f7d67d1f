"""How fast scans are prepared and crops delivered, beside MONAI's chain of transforms, in one run on one machine.

    python benchmarks/loading.py

Prints a table and writes benchmarks/results/loading.json. The scan is a phantom of 512 x 512 x 300 voxels as .nii.gz.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import monai
import nibabel as nib
import numpy as np
import torch
from monai.data import DataLoader, Dataset
from monai.transforms import (
    Compose,
    CropForegroundd,
    LoadImaged,
    Orientationd,
    RandSpatialCropSamplesd,
    ScaleIntensityRanged,
    Spacingd,
)
from step import VIEWS, alone

from smart_nets.lists.cache import VolumeCache
from smart_nets.phantom import make_phantom
from smart_nets.pretrain.view_changes import ViewChanges
from smart_nets.pretrain.views import LoadCachedd, TwoViewsd
from smart_nets.scans.read import read_volume
from smart_nets.scans.resample import resample
from smart_nets.scans.volume import Volume

RESULTS = Path(__file__).parent / "results" / "loading.json"
SHAPE, CROP = (512, 512, 300), (128, 128, 128)
TARGETS = {"cache build, times faster": 3.0, "sample, times faster": 300.0, "samples per second, 2 workers": 150.0}
TARGETS |= {"small: drawn over taken": 1.5}


def make_scan(folder: Path) -> Path:
    """A trunk phantom with noise, 512 x 512 x 300 voxels, LPS as scanners store it."""
    phantom = make_phantom(0)
    spacing = [s * (n - 1) / (m - 1) for s, n, m in zip(phantom.spacing, phantom.image.shape, SHAPE, strict=True)]
    fine = resample(Volume(phantom.image, phantom.affine, "phantom"), spacing)
    noise = np.random.default_rng(0).normal(0, 12, fine.array.shape).astype(np.float32)
    image = np.clip(fine.array + noise, -1024, 3071).astype(np.int16)[::-1, ::-1]
    affine = fine.affine @ np.array([[-1, 0, 0, SHAPE[0] - 1], [0, -1, 0, SHAPE[1] - 1], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    path = folder / "scan.nii.gz"
    nib.save(nib.Nifti1Image(image, affine), path)
    return path


def monai_chain() -> Compose:
    """What a MONAI user writes for two crops of a scan."""
    return Compose(
        [
            LoadImaged("image", ensure_channel_first=True),
            Orientationd("image", "RAS", labels=None),
            Spacingd("image", (2, 2, 2)),
            ScaleIntensityRanged("image", -175, 250, 0, 1, clip=True),
            CropForegroundd("image", source_key="image", allow_smaller=True),
            RandSpatialCropSamplesd("image", CROP, num_samples=2, random_size=False),
        ]
    )


def seconds(function: Callable[[], Any], repeats: int) -> list[float]:
    """Wall time of each call, after one that warms up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return times


def best_rate(transform: Compose, item: dict[str, str], workers: int, repeats: int = 3, batches: int = 100) -> float:
    """Samples per second of a loader, start-up of its workers left out, best of some runs."""
    rates = []
    for _ in range(repeats):
        dataset = Dataset([item] * 4 * (batches + 9), transform)
        ahead = {"prefetch_factor": 4} if workers else {}
        loader = DataLoader(dataset, batch_size=4, num_workers=workers, **ahead)
        start = 0.0
        for index, _batch in enumerate(loader):
            if index == 8:
                start = time.perf_counter()
        rates.append(4 * batches / (time.perf_counter() - start))
    return max(rates)


def supply(item: dict[str, str], cache: VolumeCache) -> dict[str, float]:
    """Views of the preset small per second, as one worker draws them and as the step on this machine takes them."""
    changes = ViewChanges(zoom=(0.75, 1.33), gain=0.2, offset=50.0, noise=20.0)
    sizes: dict[str, Any] = {"size": (32, 32, 32), "window": None, "parent_crop": (40, 40, 40)}
    draw = Compose([LoadCachedd("image", cache), TwoViewsd("image", **sizes, changes=changes, tissue=0.3, places=4)])
    drawn = 8 / statistics.median(seconds(lambda: draw(item), 100))
    taken = VIEWS["small"][0] / alone("small", "ours", 5)
    return {
        "small: views drawn per second, 1 worker": drawn,
        "small: views a step takes per second": taken,
        "small: drawn over taken": drawn / taken,
    }


def measure(folder: Path) -> dict[str, float]:
    """All figures of the table."""
    path = make_scan(folder)
    item = {"image": str(path)}
    chain, numbers = monai_chain(), iter(range(1000))
    cache = VolumeCache(folder / "cache")
    views = Compose([LoadCachedd("image", cache), TwoViewsd("image", CROP)])
    chain_times = seconds(lambda: chain(item), 5)
    build = seconds(lambda: VolumeCache(folder / f"build{next(numbers)}").get(path), 5)
    sample = seconds(lambda: views(item), 200)
    volume = read_volume(path)
    late = Compose([LoadCachedd("image", cache), TwoViewsd("image", CROP, window=None)])
    slow, built, drawn = (statistics.median(times) for times in (chain_times, build, sample))
    return {
        "MONAI chain, s": slow,
        "cache build, s": built,
        "of it reading, s": statistics.median(seconds(lambda: read_volume(path), 3)),
        "of it resampling, s": statistics.median(seconds(lambda: resample(volume, (2, 2, 2)), 3)),
        "sample of two crops, ms": 1000 * drawn,
        "cache build, times faster": slow / built,
        "sample, times faster": slow / drawn,
        "samples per second, 2 workers": best_rate(late, item, 2),
        "windowed in the worker": best_rate(views, item, 2),
        "samples per second, no worker": best_rate(late, item, 0),
        "windowed in the process": best_rate(views, item, 0),
        "packed scan, MB": path.stat().st_size / 1e6,
        **supply(item, cache),
    }


def main() -> None:
    """Measure, print and write."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    print(f"{'figure':<40}{'measured':>12}{'target':>10}")
    for name, value in figures.items():
        target = f">= {TARGETS[name]:g}" if name in TARGETS else ""
        print(f"{name:<40}{value:>12.3f}{target:>10}")
    about = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version(),
             "torch": torch.__version__, "monai": monai.__version__, "load_before": os.getloadavg()[0]}  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"about": about, "figures": figures, "targets": TARGETS}, indent=1) + "\n")


if __name__ == "__main__":
    main()
