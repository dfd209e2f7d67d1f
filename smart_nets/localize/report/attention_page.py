"""Where a model looks, as one self-contained HTML page: pictures first, then what they mean and how they were made."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from smart_nets.errors import InputError
from smart_nets.localize.report.again import attend_again
from smart_nets.optional import needed
from smart_nets.pages import page
from smart_nets.pages.record import read_json

FLAT = 0.05  # a map whose top is no further above its median says little
FIGURES = {
    "contrast": "inside against ring (0.5 = none)",
    "dice": "Dice",
    "oracle": "best Dice possible with this much marked",
    "pointing": "peak in a tumour",
    "pointing_mm": "from the peak to the tumour, mm",
    "recall": "share of tumour marked",
}
HOW = (
    "Colour grows from the region's median to its top half per cent, for each model on its own. The blue line surrounds "
    "what is marked: the voxels above a percentile of the region. Attention tells what the network used to sum a crop "
    "up, not what is ill: vessels, bones and edges are looked at too."
)


def write_attention_report(folder: str | Path) -> Path:
    """Turn attention.json and the pictures beside it into report.html; no name of a file or patient is in it.

    Raises:
        InputError: the record or a picture is missing or damaged, or the report cannot be written.
    """
    folder = Path(folder)
    path = folder / "attention.json"
    record = read_json(path)
    try:
        html = _render(folder, record)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        found = repr(error)
        raise InputError("is no record of attention maps", where=path, found=found, remedy="make it again") from error
    return page.save(html, folder / "report.html")


def _render(folder: Path, record: Mapping[str, Any]) -> str:
    scans = record["scans"]
    many = len(scans) > 1
    sections = [
        (f"scan{number}", f"Scan {number}" if many else "The scan", _scan(folder, scan))
        for number, scan in enumerate(scans, start=1)
    ]
    sections.append(("settings", "Do it again", _settings(record)))
    summary = (
        page.paragraph(_lead(scans), "lead")
        + page.paragraph(HOW, "quiet")
        + page.notes([*_warnings(scans), *(note for scan in scans for note in scan.get("notes", []))])
    )
    return page.page(
        "Where the model looks", "Attention of a frozen encoder · not for diagnostic use", summary, sections
    )


def _lead(scans: list[Mapping[str, Any]]) -> str:
    models = list(dict.fromkeys(one["model"] for scan in scans for one in scan["maps"]))
    count = "One scan" if len(scans) == 1 else f"{len(scans):,} scans"
    return (
        f"{count}, as {'one model sees' if len(models) == 1 else f'{len(models)} models see'} it: {', '.join(models)}."
    )


def _warnings(scans: Iterable[Mapping[str, Any]]) -> list[str]:
    flat: dict[str, float] = {}
    for scan in scans:
        for one in scan["maps"]:
            rise = one["top"] / one["median"] - 1 if one["median"] > 0 else 0.0
            flat[one["model"]] = max(rise, flat.get(one["model"], 0.0))
    return [
        f"The attention of “{model}” is nearly even: its top is {rise:.1%} above its median. Colours and marks show "
        "differences that small; do not read much into them."
        for model, rise in flat.items()
        if rise < FLAT
    ]


def _scan(folder: Path, scan: Mapping[str, Any]) -> str:
    path = folder / scan["picture"]
    try:
        with needed("PIL.Image", "report").open(path) as image:
            image.load()  # half a picture is told here; a browser would show it
        picture = base64.b64encode(path.read_bytes()).decode()
    except (OSError, SyntaxError) as error:  # Pillow calls a broken PNG an error of syntax
        remedy = "look at the scan again"
        raise InputError("picture cannot be read", where=path, expected="a whole PNG", remedy=remedy) from error
    voxels = " x ".join(map(str, scan["shape"]))
    size = " x ".join(f"{step:g}" for step in scan["spacing_mm"])
    shown = page.picture(f"data:image/png;base64,{picture}", f"{voxels} voxels of {size} mm")
    head = ["map", "top (1 = even)", "marked", "peak (R, A, S in mm)"]
    rows = []
    for one in scan["maps"]:
        marked = f"{one['marked_ml']:,.0f} of {one['region_ml']:,.0f} ml"
        peak = ", ".join(f"{value:g}" for value in one["peak_mm"])
        rows.append((one["model"], f"{one['top']:.3f}", marked, peak))
    html = page.box("film", shown) + page.grid(head, rows)
    regions = {f"{one['region_ml']:,.0f} ml: {how}." for one in scan["maps"] if (how := one.get("region_how"))}
    html += "".join(page.paragraph(f"The region has {told}", "quiet") for told in sorted(regions))
    measured = [one for one in scan["maps"] if one.get("figures")]
    return html + (_figures(measured) if measured else "")


def _figures(maps: list[Mapping[str, Any]]) -> str:
    """How well each map localises the tumours that readers drew."""
    rows = []
    for key, told in FIGURES.items():
        cells = [one["figures"][key] for one in maps]
        rows.append([told, *("–" if value is None else f"{value:.3g}" for value in cells)])
    head = ["against the readers", *(one["model"] for one in maps)]
    return page.heading("How well it localises") + page.grid(head, rows)


def _settings(record: Mapping[str, Any]) -> str:
    """Settings of the scans, each value once where all agree, and the versions of the software."""
    every = [scan["settings"] for scan in record["scans"]]
    rows = []
    for key in dict.fromkeys(key for settings in every for key, _ in settings.items()):
        values = [settings.get(key) for settings in every]
        same = all(value == values[0] for value in values)
        told = (f"scan {number}: {value}" for number, value in enumerate(values, start=1))
        rows.append((key, values[0] if same else ", ".join(told)))
    return page.command(attend_again(record)) + page.table([*rows, *record["versions"].items()])
