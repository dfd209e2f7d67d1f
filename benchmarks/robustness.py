"""Bad scans, given to MONAI's LoadImage, to SimpleITK and to us: who is right, who refuses, who errs in silence.

    python benchmarks/robustness.py [word ...]      only inputs whose names hold the words

Prints a table and writes benchmarks/results/robustness.json (only when all inputs were tried). The inputs are rows 1 to 40
of the table of bad inputs in docs/data.md as far as they are scans (not labels, lists or settings), and what users of such
software reported. Every attempt runs in a process of its own, so that a reader that crashes or hangs is counted.

A result is right if voxels (to 1 HU, padding as air) and their places in the patient (to 0.1 mm) are those that were
put in. Where nobody can know them (a slice is lost, values are no HU), only a refusal is right: a reader of any image may
well pass such a thing on, a reader of CT must not.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import re
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # the attempts are forked

import monai
import nibabel as nib
import numpy as np
import SimpleITK
from bad_files import files
from bad_scans import READ, BadScan
from bad_series import series_rows
from monai.transforms import LoadImage

from smart_nets.lists.check import check_data
from smart_nets.scans.read import read_scan

RESULTS = Path(__file__).parent / "results" / "robustness.json"
SECONDS, GIGABYTES = 60, 8  # of an attempt
BUILT = re.compile(
    r"/\S+\.[ch]xx:\d+:\s*|\(0x[0-9a-f]+\)"
)  # where a library was built, and addresses: of no use to a reader
RIGHT, REFUSED, TOO_STRICT = "right", "refuses", "refuses what can be read"
WRONG, PASSED, CRASHED = "silently wrong", "silently passed on", "crashes"
VERDICTS = (RIGHT, REFUSED, TOO_STRICT, WRONG, PASSED, CRASHED)
Read = tuple[np.ndarray, np.ndarray]  # voxels (X, Y, Z), affine to RAS mm


def by_monai(path: Path) -> Iterator[Read]:
    def read(place: Path) -> Read:
        image: Any = LoadImage(image_only=True)(str(place))
        return image.numpy(), image.affine.numpy()

    return _each(path, read)


def by_simpleitk(path: Path) -> Iterator[Read]:
    def read(place: Path) -> Read:
        found = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(place)) if place.is_dir() else (str(place),)
        image = SimpleITK.ReadImage(found if len(found) != 1 else found[0])
        affine = np.eye(4)
        if image.GetDimension() == 3:
            affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
            affine[:3, 3] = image.GetOrigin()
        return SimpleITK.GetArrayFromImage(image).T, np.diag([-1.0, -1, 1, 1]) @ affine

    return _each(path, read)


def by_us(path: Path) -> Iterator[Read]:
    """The reader; for a folder of folders the scans that check-data lets pass, and its first refusal if there is none."""
    items: list[dict[str, Any]] = [{"image": str(path)}]
    if len(_places(path)) > 1 or _places(path) != [path]:
        checked = check_data(path, path.parent / "checked", workers=1)
        items = checked.used
        if not items:
            raise ValueError(checked.rejected[0]["reason"])
    for item in items:
        scan = read_scan(item["image"], series=item.get("series"))
        yield scan[0].numpy(), scan.affine.numpy()


READERS: dict[str, Callable[[Path], Iterator[Read]]] = {"MONAI": by_monai, "SimpleITK": by_simpleitk, "ours": by_us}


@dataclass(frozen=True)
class Attempt:
    """What a reader made of an input, and the words it had for it."""

    verdict: str
    said: str = ""


def attempt(reader: Callable[[Path], Iterator[Read]], scan: BadScan, folder: Path) -> Attempt:
    """In a process of its own, with limits of time and memory."""
    path = scan.make(folder)
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_try, args=(reader, path, scan, send))
    process.start()
    send.close()
    try:
        kind, said = receive.recv() if receive.poll(SECONDS) else (CRASHED, f"more than {SECONDS} s")
    except EOFError:
        process.join()
        kind, said = CRASHED, f"ended with code {process.exitcode}"
    if process.is_alive():
        process.join(5 if kind != CRASHED else 0)
        process.kill()
    process.join()
    if kind == REFUSED and scan.wanted == READ:
        kind = TOO_STRICT
    return Attempt(kind, " ".join(BUILT.sub("", said.replace(str(folder), "")).split())[:200])


def judge(found: Read, scan: BadScan) -> str:
    """The word for right, or what is wrong."""
    if scan.right is None:
        return "nobody can know it"
    voxels, affine = _upright(found[0][None], found[1])
    expected, places = _upright(scan.right[0][None], scan.right[1])
    if voxels.shape != expected.shape:
        return f"shape {voxels.shape[1:]} for {expected.shape[1:]}"
    apart = np.abs(np.maximum(voxels.astype(np.float64), -1024) - np.maximum(expected, -1024))
    if not (apart <= 1).all():  # NaN is neither
        return f"voxels up to {np.nanmax(apart):,.0f} HU apart, {np.isnan(apart).sum()} NaN"
    corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * [*expected.shape[1:], 1]
    gap = np.abs(corners @ (affine - places).T).max()
    return RIGHT if gap <= 0.1 else f"places up to {gap:,.2f} mm apart"


def _try(reader: Callable[[Path], Iterator[Read]], path: Path, scan: BadScan, send: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (GIGABYTES * 2**30,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)  # C++ readers warn here
    told = []
    try:
        told = [judge(found, scan) for found in reader(path)]
    except Exception as error:  # as above
        if not told:
            send.send((REFUSED, f"{type(error).__name__}: {error}"))
            os._exit(0)
    wrong = [one for one in told if one != RIGHT]
    send.send(
        (WRONG if scan.right else PASSED, wrong[0]) if wrong else (RIGHT, "") if told else (REFUSED, "nothing is read")
    )
    os._exit(0)


def _upright(array: np.ndarray, affine: np.ndarray) -> Read:
    """(1, X, Y, Z) with axes to R, A, S; the affine of that."""
    if array.ndim != 4 or not np.isfinite(affine).all():
        return array, affine
    turn = nib.orientations.io_orientation(affine)
    upright = nib.orientations.apply_orientation(array[0], turn)[None]
    return upright, affine @ nib.orientations.inv_ornt_aff(turn, array.shape[1:])


def _each(path: Path, read: Callable[[Path], Read]) -> Iterator[Read]:
    """What is read in each place; the first refusal if there is nothing else."""
    refusals, found = [], 0
    for place in _places(path):
        try:
            yield read(place)
            found += 1
        except Exception as error:  # whatever a reader throws is its refusal
            refusals.append(error)
    if not found:
        raise refusals[0]


def _places(path: Path) -> list[Path]:
    """The folders that hold files, for readers that take one; a file, or what is not there, as it is."""
    if not path.is_dir() or not any(path.iterdir()) or any(one.is_file() for one in path.iterdir()):
        return [path]
    return sorted({one.parent for one in path.rglob("*") if one.is_file()})


def main() -> None:
    """Try all, print and write."""
    scans = [*files(), *series_rows()]
    chosen = [scan for scan in scans if all(word in scan.name for word in sys.argv[1:])]
    rows = []
    print(f"{'input':<52}{'wanted':<18}" + "".join(f"{name:<26}" for name in READERS))
    for scan in chosen:
        found = {}
        for name, reader in READERS.items():
            with tempfile.TemporaryDirectory() as folder:
                found[name] = attempt(reader, scan, Path(folder))
        told = {name: {"verdict": one.verdict, "said": one.said} for name, one in found.items()}
        rows.append({"input": scan.name, "row": scan.row or None, "wanted": scan.wanted, "readers": told})
        print(f"{scan.name:<52}{scan.wanted:<18}" + "".join(f"{one.verdict:<26}" for one in found.values()), flush=True)
    counts = {name: Counter(row["readers"][name]["verdict"] for row in rows) for name in READERS}
    for verdict in VERDICTS:
        print(f"{verdict:<70}" + "".join(f"{counts[name][verdict]:<26}" for name in READERS))
    if len(chosen) == len(scans):
        about = {"command": "python benchmarks/robustness.py", "date": date.today().isoformat(), "monai": monai.__version__,
                 "SimpleITK": version("SimpleITK"), "itk": version("itk"), "python": platform.python_version()}  # fmt: skip
        table = {name: {verdict: counts[name][verdict] for verdict in VERDICTS} for name in READERS}
        record = {**about, "inputs": len(rows), "counts": table, "rows": rows}
        RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
