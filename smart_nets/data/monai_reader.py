"""The checking reader behind MONAI's `LoadImaged`: same refusals as in training, on the file's own grid.

Inference needs the grid of the file, so that a map lies voxel on voxel over the scan it came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.data import ImageReader
from monai.utils.enums import MetaKeys, SpaceKeys

from smart_nets.data.read import read_checked
from smart_nets.data.volume import Volume
from smart_nets.errors import InputError


class ScanReader(ImageReader):
    """`LoadImaged(keys="image", reader=ScanReader())` gives HU (X, Y, Z) with the affine of the file, in RAS mm.

    Raises:
        InputError, GeometryError: see `read_scan`.
    """

    def verify_suffix(self, filename: Any) -> bool:
        return True  # which formats there are, and what is wrong with a file, is told by `read`

    def read(self, data: Any, **kwargs: Any) -> Volume:
        paths = [data] if isinstance(data, str | Path) else list(data)
        if len(paths) != 1:
            raise InputError("one scan at a time", expected="one file or DICOM folder", found=f"{len(paths)} paths")
        return read_checked(paths[0], **kwargs)

    def get_data(self, img: Volume | Sequence[Volume]) -> tuple[np.ndarray, dict[str, Any]]:
        if not isinstance(img, Volume):
            raise InputError("one scan at a time", found=f"{len(img)} scans")
        meta: dict[str, Any] = {
            MetaKeys.AFFINE: img.affine,
            MetaKeys.ORIGINAL_AFFINE: img.affine.copy(),
            MetaKeys.SPACE: SpaceKeys.RAS,
            MetaKeys.SPATIAL_SHAPE: np.asarray(img.array.shape),
            MetaKeys.ORIGINAL_CHANNEL_DIM: float("nan"),  # "no channel", in MONAI's words
        }
        return np.ascontiguousarray(img.array, dtype=np.float32), meta
