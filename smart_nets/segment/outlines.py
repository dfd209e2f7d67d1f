"""What outlining a scan leaves beside its mask: a picture, a DICOM SEG of a series, and volumes in a table."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Engine, Events
from numpy.typing import NDArray

import smart_nets
from smart_nets.files import one_name, write_text
from smart_nets.optional import absent
from smart_nets.scans.dicom.beside import seg_beside
from smart_nets.scans.dicom.seg_checks import LONGEST
from smart_nets.scans.transforms import volume_of
from smart_nets.segment.cases.target import volumes_ml
from smart_nets.segment.report.sheet import outline_sheet

TABLE = "volumes.csv"


class OutlineWriter:
    """Handler of an inference: NAME.png per scan, NAME_seg.dcm per DICOM series, and at the end volumes.csv in millilitres.

    The batch must hold "scan" and "name", the output "pred" as `OutlineScand` leaves it.

    Args:
        folder: of the results.
        names: of the channels from 1.
        model: what drew the outlines, told in the DICOM SEG.
    """

    def __init__(self, folder: str | Path, names: Sequence[str], model: str) -> None:
        self.folder, self.names, self.model = Path(folder), list(names), model
        self.rows: list[list[str]] = []

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.STARTED, self.rows.clear)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.write)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def write(self, engine: Engine) -> None:
        batch: Any = engine.state.batch
        outputs: Any = engine.state.output
        for item, output in zip(batch, outputs, strict=True):
            scan, name = volume_of(item["scan"]), str(item["name"])
            channels = np.asarray(output["pred"])[0].astype(np.uint8)  # (1, X, Y, Z) -> (X, Y, Z)
            volumes = volumes_ml(channels, scan.spacing, len(self.names))
            self.rows.append([name, *(f"{one:.3f}" for one in volumes)])
            if not absent("pictures", "PIL", "scipy"):
                outline_sheet(scan, channels, self.names, self.folder / f"{one_name(name)}.png")
            self._save_seg(name, channels, Path(scan.where), item.get("series"))

    def finish(self, engine: Engine) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([["name", *(f"{name}_ml" for name in self.names)], *self.rows])
        write_text(self.folder / TABLE, text.getvalue())
        engine.logger.info("%d scans; volumes are in %s", len(self.rows), TABLE)

    def _save_seg(self, name: str, channels: NDArray[np.uint8], source: Path, series: str | None) -> None:
        target, names = self.folder / f"{one_name(name)}_seg.dcm", [ascii_name(one) for one in self.names]
        how = {"names": names, "model": self.model, "version": smart_nets.__version__}
        seg_beside(
            source, bool(channels.any()), lambda seg: seg.write_outlines(channels, source, target, series, **how)
        )


def ascii_name(name: str) -> str:
    """A label's name as every DICOM file can hold it: Läsion is Lasion."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(letter for letter in plain if letter.isprintable() and letter != "\\")[:LONGEST].strip() or "label"
