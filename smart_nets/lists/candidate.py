"""What may be a scan, as it was found: a file, a DICOM series, or the entry of a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smart_nets.errors import SmartError


@dataclass(frozen=True)
class Candidate:
    """Something that may be a scan; `fault` is set where it is already known that it cannot be used.

    `companion` says what it is where it is no scan, but lies beside one; `files` are those of a DICOM series; `listed`
    tells that somebody gave it as a scan, by its name or in a list, and that it was not merely found in a folder;
    `sides_mm` are the lengths of a DICOM series along R, A and S, as far as its headers tell them.
    """

    path: Path
    series: str | None = None
    patient: str = ""
    modality: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    fault: SmartError | None = None
    companion: str = ""
    files: tuple[Path, ...] = ()
    listed: bool = False
    sides_mm: tuple[float, ...] | None = None

    @property
    def name(self) -> str:
        """Path, and series where a folder may hold several: unlike for any other scan."""
        return str(self.path) if self.series is None else f"{self.path} (series {self.series})"

    def item(self) -> dict[str, Any]:
        """The datalist item: absolute path, patient, and the fields a JSON entry had besides."""
        item = {**self.fields, "image": str(self.path), "patient_id": self.patient}
        return item if self.series is None else {**item, "series": self.series}
