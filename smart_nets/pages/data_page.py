"""The scans of a manifest as one self-contained HTML page: how many, why some are refused, what the others look like.

The page names no patient and no path: scans are told by their pseudonym and by their place in the JSON files.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from smart_nets.errors import InputError, SmartError
from smart_nets.pages import page
from smart_nets.pages.bars import bars, histogram
from smart_nets.pages.planes import FIXED_AXIS, plane_picture
from smart_nets.scans.read import read_options, read_volume
from smart_nets.scans.window import window_hu

THUMBNAILS = 12
SIDE = 260  # pixels of a thumbnail, which is square
MOST_PLACES = 12  # numbers of cases shown per reason; the JSON file has all
Cases = Sequence[Mapping[str, Any]]


def write_data_report(manifest: str | Path, path: str | Path | None = None, thumbnails: int = THUMBNAILS) -> Path:
    """Turn the manifest that `check_data` wrote, and the rejected.json beside it, into one HTML file.

    Args:
        manifest: manifest.json.
        path: of the report; default report.html beside the manifest.
        thumbnails: how many scans are shown, spread evenly over the list; each one is read again.

    Returns:
        the report's path.

    Raises:
        InputError: a file is missing or no manifest, or the report cannot be written.
    """
    source = Path(manifest)
    content, rejected = _json(source), _json(source.with_name("rejected.json"))
    if "checked" not in content or "cases" not in rejected:
        raise InputError("was not written by check-data", where=source, remedy="run python -m smart_nets check-data")
    target = source.with_name("report.html") if path is None else Path(path)
    html = data_html(content["training"], rejected["cases"], content["checked"], thumbnails)
    return page.save(html, target)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path, remedy="run check-data first") from error
    except ValueError as error:
        raise InputError(f"is no JSON ({error})", where=path, remedy="run check-data again") from error
    if not isinstance(content, dict):
        raise InputError("was not written by check-data", where=path, remedy="run python -m smart_nets check-data")
    return content


def data_html(used: Cases, rejected: Cases, about: Mapping[str, Any], thumbnails: int = THUMBNAILS) -> str:
    """The page as HTML."""
    given = len(used) + len(rejected)
    patients = len({item["patient_id"] for item in used})
    verdict = (
        f"All {given:,} scans can be used."
        if not rejected
        else f"{len(used):,} of {given:,} scans can be used; {len(rejected):,} are refused, each with its reason."
    )
    noted = sum(bool(item["notes"]) for item in used)
    tiles = page.tiles(
        [
            ("given", f"{given:,}", "scans found", ""),
            ("used", f"{len(used):,}", f"{len(used) / given:.1%} of all", "good"),
            ("refused", f"{len(rejected):,}", "see the reasons below", "bad" if rejected else ""),
            ("patients", f"{patients:,}", "by pseudonym", ""),
            ("repaired", f"{noted:,}", "used with a note", "watch" if noted else ""),
        ]
    )
    sections = [("reasons", "Why scans are refused", _reasons(rejected))] if rejected else []
    if used:
        sections += [
            ("measures", "What the scans are like", _measures(used)),
            ("looks", "What they look like", _pictures(used, thumbnails)),
        ]
    sections += [("notes", "Repaired while reading", _notes(used))] if noted else []
    sections += [("how", "How it was checked", _how(about))]
    summary = page.paragraph(verdict, "lead") + tiles
    return page.page("Which scans can be trained on", "Data report", summary, sections)


def _reasons(rejected: Cases) -> str:
    """Counts by fault, and where in rejected.json the cases are."""
    places: dict[str, list[int]] = defaultdict(list)
    for number, case in enumerate(rejected, start=1):
        places[general(case["fault"])].append(number)
    counts = [(fault, len(cases)) for fault, cases in places.items()]
    chart = page.chart(bars(counts, "orange"), "Refused scans by reason")
    rows = (
        (fault, ", ".join(map(str, cases[:MOST_PLACES])) + ", ..." * (len(cases) > MOST_PLACES))
        for fault, cases in sorted(places.items(), key=lambda entry: -len(entry[1]))
    )
    text = "The numbers count the cases of rejected.json from 1; there each has its path, what was expected and found."
    return page.paragraph(text) + chart + page.heading("Which cases") + page.table(rows)


def general(text: str) -> str:
    """A reason or note without its numbers, so that equal ones are counted together."""
    return re.sub(r"-?\d[\d,.]*", "n", re.sub(r"\(.*\)", "", text)).strip()


def _measures(used: Cases) -> str:
    spacing = np.array([item["spacing"] for item in used])
    voxels, body = np.array([item["shape"] for item in used]), np.array([item["body_mm"] for item in used])
    centre = np.array([item["hu_percentiles"]["50"] for item in used])
    charts = [
        ("In-plane spacing", spacing[:, 0], "mm", "blue"),
        ("Slice distance", spacing[:, 2], "mm", "blue"),
        ("Slices", voxels[:, 2], "slices", "green"),
        ("Height of the body", body[:, 2], "mm", "green"),
        ("Width of the body", body[:, 0], "mm", "green"),
        ("Median value", centre, "HU", "pink"),
    ]
    cards = (
        page.chart(histogram(values, unit, colour), name, unit, f"median {np.median(values):.4g}")
        for name, values, unit, colour in charts
    )
    text = "One scan counts once. A second peak far from the first is a second protocol, or a header that is wrong."
    return page.paragraph(text) + page.box("charts", cards)


def _pictures(used: Cases, count: int) -> str:
    chosen = [used[int(index)] for index in np.linspace(0, len(used) - 1, min(count, len(used))).round()]
    text = "The middle frontal slice of scans spread over the whole list, in the soft tissue window."
    return page.paragraph(text) + page.box("thumbnails", map(_thumbnail, chosen))


def _thumbnail(item: Mapping[str, Any]) -> str:
    shape = " × ".join(str(length) for length in item["shape"])
    caption = f"{item['patient_id']}: {shape} voxels of {' × '.join(f'{length:.3g}' for length in item['spacing'])} mm"
    try:
        volume = read_volume(item["image"], **read_options(item))
    except SmartError as error:
        return page.film(item["patient_id"], f": {error.what}", "")
    plane = plane_picture(volume.array, "coronal", volume.array.shape[FIXED_AXIS["coronal"]] // 2)
    grey = (255 * window_hu(np.ascontiguousarray(plane)).numpy()).astype(np.uint8)
    up, across = plane.shape[0] * volume.spacing[2], plane.shape[1] * volume.spacing[0]  # mm
    scale = SIDE / max(up, across)
    size = max(1, round(across * scale)), max(1, round(up * scale))
    picture = Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR)
    square = Image.new("L", (SIDE, SIDE))
    square.paste(picture, ((SIDE - picture.width) // 2, (SIDE - picture.height) // 2))
    stream = io.BytesIO()
    square.save(stream, "PNG", optimize=True)
    uri = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
    return page.box("film", page.picture(uri, caption, ("R", "S")))


def _notes(used: Cases) -> str:
    counts: dict[str, int] = defaultdict(int)
    for item in used:
        for note in {general(note) for note in item["notes"]}:
            counts[note] += 1
    text = "These scans are used. What was changed is written in the field notes of each, in manifest.json."
    return page.paragraph(text) + page.chart(bars(list(counts.items()), "plain"), "Scans by note")


def _how(about: Mapping[str, Any]) -> str:
    rules: dict[str, Any] = dict(about["rules"])

    def told(counts: Mapping[str, int]) -> str:
        return ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count) or "none"

    crop = f"{rules['crop']} voxels of {rules['spacing']:g} mm" if rules["crop"] else "–"
    rows: Iterable[tuple[str, object]] = [
        ("every voxel was read", "yes; compressed files against their checksum"),
        ("fewest voxels per axis", rules["min_depth"]),
        ("gantry tilt", rules["tilt"]),
        ("crop the body must half fill", crop),
        ("uneven slice distances", rules.get("slice_spacing", "refuse")),
        ("companions, no scans", told(about.get("companion_kinds", {}))),
        ("other files, no images", told(about["other_files"])),
        ("ignored files", told(about.get("ignored_files", {}))),
        ("files", told(about.get("files", {}))),
        ("pseudonyms of patients", f"SHA-256, {about['patients_hashed_with']}"),
    ]
    return page.table(rows)
