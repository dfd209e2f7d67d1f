"""Whose each case is: as the source tells, as a pattern finds, or else a patient of its own."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smart_nets.errors import ConfigError

logger = logging.getLogger(__name__)


def with_patients(items: Sequence[Mapping[str, Any]], source: Path, pattern: str = "") -> list[dict[str, Any]]:
    """The items with "patient_id"; where nobody tells it, the scan's path below the source stands for it.

    Args:
        pattern: regular expression; what its group (or all of it) finds in that path is the patient.

    Raises:
        ConfigError: the pattern is no regular expression.
    """
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"is no regular expression ({error})", where="patient_pattern", found=pattern) from error
    root = source if source.is_dir() else source.parent
    found, alone = [], 0
    for item in items:
        place = _below(Path(item["image"]), root)
        match = wanted.search(place) if pattern else None
        patient = item.get("patient_id")
        if match:
            patient = match[1] if wanted.groups else match[0]
        alone += patient in (None, "")
        found.append({**item, "patient_id": str(patient) if patient not in (None, "") else place})
    if alone:
        told = "%d of %d cases tell no patient: each counts as one of its own (--patient_pattern finds it in the path)"
        logger.warning(told, alone, len(found))
    return found


def _below(path: Path, root: Path) -> str:
    """The path from the source on, so that another place of the data changes no fold."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.name
