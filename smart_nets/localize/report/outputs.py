"""What looking at a scan leaves behind: a picture, and facts in words and numbers that the report is made of."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Engine, Events
from numpy.typing import NDArray

import smart_nets
from smart_nets.errors import InputError
from smart_nets.files import one_name, write_json
from smart_nets.localize.marking import Marked
from smart_nets.localize.report.attention_page import write_attention_report
from smart_nets.localize.report.picture import Shown, attention_figure, peak_voxel
from smart_nets.localize.scans import Maps
from smart_nets.optional import absent
from smart_nets.pages.planes import png
from smart_nets.pages.record import read_json
from smart_nets.scans.dicom.beside import seg_beside
from smart_nets.scans.transforms import volume_of
from smart_nets.scans.volume import Volume
from smart_nets.training.run_record import versions

logger = logging.getLogger(__name__)
RECORD = "attention.json"
LABEL = "attention"
DRAWN = "pictures and report.html"


def describe(scan: Volume, shown: Shown) -> dict[str, Any]:
    """Facts about one map: how far from even it is, what is marked, and where its peak lies in RAS mm."""
    voxel_ml = float(np.prod(scan.spacing)) / 1000
    peak = peak_voxel(shown.score, shown.marked.region)
    low, high = shown.span
    return {
        "model": shown.name,
        "median": low,
        "top": high,
        "largest": float(shown.score[peak]),
        "threshold": shown.marked.threshold,
        "marked_ml": float(shown.marked.mask.sum()) * voxel_ml,
        "region_how": shown.marked.how,
        "region_ml": float(shown.marked.region.sum()) * voxel_ml,
        "peak_mm": [round(float(value), 1) for value in (scan.affine @ [*peak, 1])[:3]],
    }


def save_picture(
    folder: str | Path, name: str, scan: Volume, shown: Sequence[Shown], tumour: NDArray[np.bool_] | None = None
) -> dict[str, Any]:
    """Draw <name>.png and return the scan's entry of the record; the picture and the entry name no patient.

    Without matplotlib there is no picture, and the log tells it.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    drawn = not absent(DRAWN, "matplotlib", "PIL")
    if drawn:
        png(attention_figure(scan, shown, tumour), Path(folder) / f"{one_name(name)}.png")
    return {
        "name": name,
        "picture": f"{name}.png" if drawn else None,
        "shape": list(scan.array.shape),
        "spacing_mm": [round(float(step), 3) for step in scan.spacing],
        "maps": [describe(scan, one) for one in shown],
    }


def save_seg(folder: Path, stem: str, mask: NDArray[np.bool_], source: Path, series: str | None) -> None:
    """DICOM SEG of a DICOM series; it is told when there can be none."""
    target, how = (
        folder / f"{one_name(stem)}_seg.dcm",
        {"label": LABEL, "model": "SMART", "version": smart_nets.__version__},
    )
    seg_beside(source, bool(mask.any()), lambda seg: seg.write_seg(mask, source, target, series, **how))


class OverlayWriter:
    """Draws every scan of an evaluation into a folder; `LocalizeScans` calls it."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def __call__(self, name: str, scan: Volume, found: Maps, tumour: NDArray[np.bool_]) -> None:
        shown = [Shown(method, score, marked) for method, (score, marked) in found.items()]
        save_picture(self.folder, name, scan, shown, tumour)


class AttentionWriter:
    """Handler of an inference: a picture per scan, a DICOM SEG per series, and at the end attention.json and report.html.

    The batch must hold "scan" and "name", the output "attention" and "marked" as `MarkAttentiond` leaves them.

    Args:
        folder: made when missing.
        model: what the map is called.
        settings: told in the report.
    """

    def __init__(self, folder: str | Path, model: str, settings: Mapping[str, Any]) -> None:
        self.folder, self.model, self.settings = Path(folder), model, dict(settings)
        self.entries: list[dict[str, Any]] = []

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.write)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def start(self) -> None:
        self.entries.clear()
        earlier_scans(self.folder)  # a damaged record is told before time is spent

    def write(self, engine: Engine) -> None:
        batch: Any = engine.state.batch
        outputs: Any = engine.state.output
        for item, output in zip(batch, outputs, strict=True):
            marked: Marked = output["marked"]
            shown = Shown(self.model, output["attention"][0].cpu().numpy(), marked)  # (1, X, Y, Z) -> (X, Y, Z)
            scan = volume_of(item["scan"])
            self.entries.append(save_picture(self.folder, item["name"], scan, [shown]))
            save_seg(self.folder, item["name"], marked.mask, Path(scan.where), item.get("series"))

    def finish(self, engine: Engine) -> None:
        told = save_record(self.folder, self.entries, self.settings)
        engine.logger.info("%d scans; %s lies beside the maps", len(self.entries), told.name)


def earlier_scans(folder: str | Path) -> list[dict[str, Any]]:
    """Entries of the record that a folder holds already, be it none. InputError if the record is damaged or foreign."""
    path = Path(folder) / RECORD
    record = read_json(path) if path.exists() else {"scans": []}
    scans = record.get("scans") if isinstance(record, dict) else None
    if not isinstance(scans, list) or not all(isinstance(scan, dict) and "settings" in scan for scan in scans):
        raise InputError("is no record of attention maps", where=path, remedy="give another output_dir")
    return scans


def save_record(folder: str | Path, scans: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Path:
    """Write attention.json and report.html; returns the report's path, or that of the record where nothing can draw.

    Scans of earlier runs in the same folder stay in both, as their maps do, each with the settings that made it.
    """
    record = Path(folder) / RECORD
    names = {scan["name"] for scan in scans}
    others = [scan for scan in earlier_scans(folder) if scan["name"] not in names]
    told = [{**scan, "settings": dict(settings)} for scan in scans]
    write_json(record, {"scans": [*others, *told], "versions": versions()})
    return record if absent(DRAWN, "matplotlib", "PIL") else write_attention_report(folder)
