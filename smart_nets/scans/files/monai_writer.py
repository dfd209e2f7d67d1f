"""MONAI's writer of NIfTI, whole or not at all, never through a link, and never into another folder."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from monai.data import NibabelWriter
from monai.data.folder_layout import default_name_formatter

from smart_nets.files import one_name, whole

logger = logging.getLogger(__name__)


def result_name(metadict: dict[str, Any] | None, saver: Any) -> dict[str, Any]:
    """The parts of a result's name: `"output_name_formatter": "$result_name"` in a `SaveImaged`.

    Raises:
        InputError: the scan's metadata would lead into another folder: MONAI takes a patch's index as it stands.
    """
    parts = default_name_formatter(metadict or {}, saver)
    subject = one_name(os.path.basename(str(parts["subject"]).rstrip("/")))
    index = parts.get("idx")
    return {"subject": subject, "idx": None if index is None else one_name(index)}


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
