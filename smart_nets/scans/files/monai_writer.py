"""MONAI's writer of NIfTI, whole or not at all, and never through a link."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from monai.data import NibabelWriter

from smart_nets.files import whole

logger = logging.getLogger(__name__)


class WholeWriter(NibabelWriter):
    """As MONAI's `NibabelWriter`: `"writer": "smart_nets.scans.files.monai_writer.WholeWriter"` in a `SaveImaged`.

    Raises:
        InputError: the file cannot be written.
    """

    def write(self, filename: str | os.PathLike[str], verbose: bool = False, **obj_kwargs: Any) -> None:
        """Write what was set with `set_data_array` and `set_metadata`; a file or link of this name gives way to it."""
        path = Path(filename)
        ending = ".nii.gz" if path.name.endswith(".nii.gz") else path.suffix  # by which nibabel knows the format
        with whole(path) as draft:
            named = draft.with_name(draft.name + ending)
            try:
                super().write(named, **obj_kwargs)
                os.replace(named, draft)
            finally:
                named.unlink(missing_ok=True)
        if verbose:
            logger.info("written: %s", path)
