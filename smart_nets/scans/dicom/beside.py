"""A DICOM SEG beside other results of a scan, where there can be one: what stops it must not cost the others."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from smart_nets.errors import SmartError

logger = logging.getLogger(__name__)


def seg_beside(source: Path, shown: bool, write: Callable[[ModuleType], object]) -> None:
    """Call `write` with the module `seg` if the source is a DICOM folder; it is told when there can be no SEG.

    Args:
        source: what the scan was read from.
        shown: whether there is anything to show.
    """
    if not source.is_dir():
        return
    if importlib.util.find_spec("highdicom") is None:
        logger.warning("no DICOM SEG is written: pip install highdicom for it")
    elif not shown:
        logger.warning("no DICOM SEG is written: nothing is marked")
    else:
        try:
            write(importlib.import_module("smart_nets.scans.dicom.seg"))
        except SmartError as error:  # its place may name the patient
            logger.warning("no DICOM SEG is written: the series %s; %s", error.what, error.remedy)
