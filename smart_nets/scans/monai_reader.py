"""The checking reader for MONAI's `LoadImaged`, and the transform that reads with nothing else.

A scan is refused for the same reasons as in training. It stays on the file's own grid, so that a map lies voxel on voxel
over the scan it came from.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.data import ImageReader
from monai.transforms import LoadImaged
from monai.utils.enums import MetaKeys, SpaceKeys
from typing_extensions import Unpack

from smart_nets.errors import InputError
from smart_nets.scans.read import ReadOptions, read_checked, read_options
from smart_nets.scans.volume import Volume


class LoadScand(LoadImaged):
    """Replace the path of a scan by its HU (1, X, Y, Z) with the affine of the file, in RAS mm; "series" picks one of several.

    `LoadImaged(reader=ScanReader())` is not enough: what that reader refuses, MONAI quietly gives to its other readers.

    Raises:
        InputError, GeometryError: see `read_scan`.
    """

    def __init__(self, keys: str | Sequence[str]) -> None:
        # MONAI makes its own readers as well, one of which tells twice that it cannot decode on a GPU; none of them is used
        plugin = logging.getLogger("monai.data.nvimgcodec_pydicom_plugin")
        level = plugin.level
        plugin.setLevel(logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="NvImgCodecPydicomReader")
                super().__init__(keys, ensure_channel_first=True, image_only=True)
        finally:
            plugin.setLevel(level)

    def __call__(self, data: Any, reader: ImageReader | None = None) -> Any:
        return super().__call__(data, reader or ScanReader(**read_options(data)))


class ScanReader(ImageReader):
    """`LoadScand` reads with it: HU (X, Y, Z) with the affine of the file, in RAS mm.

    Raises:
        InputError, GeometryError: see `read_scan`.
    """

    def __init__(self, **how: Unpack[ReadOptions]) -> None:
        super().__init__()
        self.how = how

    def verify_suffix(self, filename: Any) -> bool:
        return True  # which formats there are, and what is wrong with a file, is told by `read`

    def read(self, data: Any, **kwargs: Any) -> Volume:
        paths = [data] if isinstance(data, str | Path) else list(data)
        if len(paths) != 1:
            raise InputError("one scan at a time", expected="one file or DICOM folder", found=f"{len(paths)} paths")
        return read_checked(paths[0], **{**self.how, **kwargs})

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
