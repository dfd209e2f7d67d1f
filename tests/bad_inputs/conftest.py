"""What the bad inputs are made from: a little CT, as NIfTI and as DICOM, and the table of what is promised."""

import gzip
import importlib.util
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from smart_nets.errors import SmartError
from smart_nets.phantom import Phantom, write_dicom

HERE = Path(__file__).parent
ROWS = {
    row["row"]: SimpleNamespace(**{"here": "", "error": "", **row})
    for row in json.loads((HERE / "rows.json").read_text())
}
AFFINE = np.array([[2.0, 0, 0, -10], [0, 1.5, 0, 20], [0, 0, 2, -30], [0, 0, 0, 1]])


def little_ct() -> np.ndarray:
    """(14, 12, 10) HU: noisy soft tissue with a spot of bone, in air."""
    rng = np.random.default_rng(0)
    image = rng.normal(-1000, 10, (14, 12, 10))
    image[2:12, 3:11, 1:9] = rng.normal(40, 15, (10, 8, 8))
    image[5, 6, 4] = 700
    return image.clip(-1024, 3071).astype(np.int16)


def save_nifti(array: np.ndarray, path: Path, affine: np.ndarray = AFFINE) -> Path:
    """As nibabel writes it, but with any affine, however wrong: the header's bytes are replaced afterwards."""
    image = nib.Nifti1Image(array, AFFINE)
    image.header.set_xyzt_units("mm")
    image.set_qform(None, 0)
    nib.save(image, path)
    packed = path.suffix == ".gz"
    content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    content = content[:280] + affine[:3].astype("<f4").tobytes() + content[328:]  # srow_x, srow_y, srow_z
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


def save_dicom(array: np.ndarray, folder: Path) -> Path:
    """A sound series 0001.dcm, 0002.dcm, ... from foot to head, slices 2 mm apart."""
    return write_dicom(Phantom(array, np.zeros(array.shape, np.uint8), AFFINE, (), "case", 0), folder)


def load(path: Path) -> ModuleType:
    """Another test file as a module, for what it builds."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_told(error: SmartError, number: int, name: str) -> None:
    """The error is of the promised class and names file, fault, expected, found and remedy."""
    row = ROWS[number]
    assert type(error).__name__ == row.error
    assert re.search(row.message, str(error)), f"{row.message!r} is not in {error}"
    assert name in str(error)
    for part in ("what", "where", "expected", "found", "remedy"):
        assert getattr(error, part), f"row {number} tells no {part}: {error}"


def read_or_refuse(read: Callable[..., Any], *arguments: Any) -> Any:
    """What is read, or None where it is refused: by one of our errors, in one line that can be read, in 10 seconds."""
    started = time.monotonic()
    try:
        return read(*arguments)
    except SmartError as error:
        assert error.what and error.where and len(str(error)) <= 600 and "\n" not in str(error)
        return None
    finally:
        assert time.monotonic() - started < 10


EXAMPLES = int(os.environ.get("SMART_FUZZ", "150"))  # `make fuzz` asks for thousands, and for others each time
FEW = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES <= 150, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def made() -> SimpleNamespace:
    """Everything above, for the tests of this folder."""
    return SimpleNamespace(
        rows=ROWS,
        affine=AFFINE,
        ct=little_ct,
        nifti=save_nifti,
        dicom=save_dicom,
        told=assert_told,
        load=load,
        few=FEW,
        read_or_refuse=read_or_refuse,
    )
