"""Checking and preparing many small scans on a dask cluster of two local workers, beside one process: seconds, same bytes.

Scans of 6 voxels a side show what a cluster costs beside the work itself, those of 32 what it brings; real ones take a
hundred times as long each. The workers have imported what they need before the clock starts.

python benchmarks/cluster.py [--scans 20000] [--sides 6 32] [--prepared 4000] [--workers 2] [--output FILE]
    prints the result and writes it to benchmarks/results/cluster.json
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from distributed import LocalCluster

from smart_nets.lists.cache import VolumeCache, fill_cache
from smart_nets.lists.check import MANIFEST, REJECTED, check_data
from smart_nets.lists.manifest import datalist
from smart_nets.training.run_record import hardware

RESULTS = Path(__file__).parent / "results" / "cluster.json"
WARM = 8  # scans that warm a cluster up


def make_scans(folder: Path, count: int, side: int, seed: int) -> Path:
    """Voxels of side^3, each scan its own, so that none is a copy; every 20th is empty."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(count):
        path = folder / f"{number:06d}.nii.gz"
        voxels = rng.integers(-1000, 500, (side,) * 3).astype(np.int16)
        nib.save(nib.Nifti1Image(voxels, np.diag([2, 2, 2, 1.0])), path)
        if number % 20 == 19:
            path.write_bytes(b"")
    return folder


def timed(scans: Path, output: Path, **how: Any) -> tuple[float, list[bytes]]:
    """Seconds, and what was written."""
    clock = time.perf_counter()
    check_data(scans, output, **how)
    return time.perf_counter() - clock, [(output / name).read_bytes() for name in (MANIFEST, REJECTED)]


def prepared(manifest: Path, folder: Path, most: int, **how: Any) -> tuple[float, list[tuple[str, bytes]]]:
    """Seconds, and the entries of the cache."""
    items, cache = datalist(manifest)[:most], VolumeCache(folder)
    clock = time.perf_counter()
    fill_cache(cache, items, **how)
    seconds = time.perf_counter() - clock
    return seconds, [(path.name, path.read_bytes()) for path in sorted(cache.folder.glob("*.scan"))]


def compared(alone: tuple[float, Any], spread: tuple[float, Any]) -> dict[str, Any]:
    return {
        "one_process_s": round(alone[0], 1),
        "cluster_s": round(spread[0], 1),
        "times_as_fast": round(alone[0] / spread[0], 2),
        "same_bytes": alone[1] == spread[1],
    }


def measured(args: argparse.Namespace, side: int) -> dict[str, Any]:
    """One process and the cluster on scans of one size."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        scans = make_scans(work / "scans", args.scans, side, 0)
        few = make_scans(work / "few", WARM * args.workers, side, 1)
        alone = timed(scans, work / "alone", workers=1)
        cache = prepared(work / "alone" / MANIFEST, work / "cache", args.prepared, workers=1)
        local: dict[str, Any] = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "processes": True}
        with LocalCluster(n_workers=args.workers, threads_per_worker=1, **local) as cluster:
            where = {"scheduler": cluster.scheduler_address}
            timed(few, work / "warm", **where)
            spread = timed(scans, work / "spread", **where)
            prepared(work / "warm" / MANIFEST, work / "warm_cache", WARM, **where)
            spread_cache = prepared(work / "alone" / MANIFEST, work / "spread_cache", args.prepared, **where)
    return {"side": side, "check_data": compared(alone, spread), "cache": compared(cache, spread_cache)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=20_000)
    parser.add_argument("--sides", type=int, nargs="+", default=[6, 32], help="voxels of a scan along each axis")
    parser.add_argument("--prepared", type=int, default=4000, help="of the scans, those that the cache is filled with")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()
    record = {
        "command": shlex.join(["python", "benchmarks/cluster.py", *sys.argv[1:]]), "date": date.today().isoformat(),
        "hardware": hardware(), "distributed": version("distributed"),
        "scans": args.scans, "prepared": args.prepared, "workers": args.workers,
        "sizes": [measured(args, side) for side in args.sides],
    }  # fmt: skip
    print(json.dumps(record, indent=2))
    args.output.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
