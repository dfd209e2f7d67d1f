"""What our own readers do not read goes through ITK, in a process of its own, so that its crash is that file's refusal."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from smart_nets.errors import InputError
from smart_nets.scans.volume import Volume, lps_to_ras

FOREIGN = (".gipl", ".gipl.gz", ".vtk")
LONGEST_READ = 600  # seconds
AXES = "the format stores no directions, the axes are taken to run left, posterior, superior, as ITK does"


def read_foreign(path: Path) -> Volume:
    """Voxels as stored and the affine to RAS mm, as ITK reads them; a note says what the format leaves open.

    Raises:
        InputError: ITK is not installed, cannot read the file, or crashes over it.
    """
    voxels, affine = read_with_itk(path)
    return Volume(voxels, lps_to_ras(affine), str(path), [AXES])


def read_with_itk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (X, Y, Z) and affine (4, 4) to LPS mm. InputError: see `read_foreign`."""
    if importlib.util.find_spec("itk") is None:
        remedy = "pip install itk-io, or save it as NIfTI"
        raise InputError("needs itk", where=path, expected="a format read without it", found=path.suffix, remedy=remedy)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "image.npz"
        command = [sys.executable, "-m", "smart_nets.scans.files.itk_child", str(path.resolve()), str(result)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LONGEST_READ)
        except subprocess.TimeoutExpired as error:
            raise _refused(path, f"no end after {LONGEST_READ} seconds") from error
        if done.returncode or not result.exists():
            said = done.stderr.strip().splitlines()
            raise _refused(path, said[-1] if done.returncode > 0 and said else f"crash {done.returncode}")
        with np.load(result) as content:
            return content["voxels"], content["affine"]


def _refused(path: Path, found: str) -> InputError:
    return InputError(
        "cannot be read by ITK", where=path, expected="a sound file", found=found, remedy="save it as NIfTI"
    )
