"""A search by looks as one self-contained HTML page: the query, its neighbours, and how far neighbours can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.pages import page
from smart_nets.pages.measures import Measure, measure_of
from smart_nets.pages.panels import Crop, middle
from smart_nets.pages.planes import EDGES, PLANES
from smart_nets.pages.words import count
from smart_nets.scans.window import window_hu
from smart_nets.similar.find import FEATURE, Found, FoundCrop
from smart_nets.statistics.features import IN_WORDS
from smart_nets.statistics.retrieval import CHANCE

LUNG = (-1000.0, 400.0)
SOFT = -600.0  # a window that starts above this HU shows the lung as black
SIDES = {plane: (left, top) for plane, (left, _, top, _) in EDGES.items()}
DEPTH = "5"  # neighbours that the tiles tell of
READING = (
    "The middle of each crop, in three planes, as a radiologist hangs pictures: the patient's right is on the left. A distance "
    "is one less the cosine of two features, each less its mean over the file: 0 for the same direction, 1 for two that have "
    "nothing in common, 2 for opposite ones."
)
ROWS = " The upper row is what the encoder saw; the lower, in a lung window, is for you alone."
TRUST = (
    "Each crop in turn is the query, and all crops of its patient are left out: how many of its nearest bear its label? Chance "
    "is what a random order of the same crops would give, computed from how often each label occurs. Raw voxels are the crops "
    "themselves, averaged on a grid of 12 x 12 x 12, less their mean; size alone ranks by diameter. Intervals (95%) are over "
    "patients. Crops that are equally near count by their share."
)


def write_similar_page(found: Found, output_dir: str | Path) -> Path:
    """similar.html of a search. InputError if it cannot be written."""
    return page.save(similar_html(found), Path(output_dir) / "similar.html")


def similar_html(found: Found) -> str:
    """The page as HTML."""
    told, settings = found.told, found.told["settings"]
    spacing, window = settings.get("spacing"), settings.get("hu_window")
    grid = (np.asarray(spacing), (float(window[0]), float(window[1]))) if spacing and window else None
    lung = grid is not None and grid[1][0] > SOFT
    query = page.paragraph(READING + ROWS * lung) if grid else ""
    query += page.box("pairs", _film("Query", _facts(found.query.facts), found.query, grid))
    films = [_film(*_head(rank, one), one, grid) for rank, one in enumerate(found.neighbours, 1)]
    sections = [
        ("query", "What was asked", query),
        ("neighbours", "The nearest crops of other patients", page.box("pairs", films)),
        ("trust", "How often neighbours are of a kind", _trust(told["precision"])),
        ("reproduce", "How to reproduce", _tables(told)),
    ]
    return page.page("What looks like this", "Search by looks · not for diagnostic use", _summary(found), sections)


def _summary(found: Found) -> str:
    told, searched = found.told, found.told["searched"]
    lead = (
        f"The {count(len(found.neighbours), 'nearest crop')} among {searched['of other patients']:,} of other patients, by "
        f"what a frozen encoder says of them ({IN_WORDS[told['settings']['feature']]}). Alike is not the same: a neighbour's "
        "label is no finding of the query's."
    )
    at = told["precision"].get("at", {}).get(DEPTH, {})
    tiles = [
        (f"{name[:1].upper()}{name[1:]}", measure_of(value).number(percent=True), _remark(name, measure_of(value)), "")
        for name, value in at.items()
    ]
    shown = page.paragraph(_in_words(told["precision"]), "lead") + page.tiles(tiles) if tiles else ""
    return page.paragraph(lead, "lead") + shown + page.notes(told["notes"])


def _remark(name: str, value: Measure) -> str:
    told = f"of the {DEPTH} nearest bear the label"
    return f"of any {DEPTH} at random" if name == CHANCE else f"{told}; {value.interval(percent=True)}".rstrip("; ")


def _in_words(precision: Mapping[str, Any]) -> str:
    """What features are above, by an interval that leaves out 0."""
    differences = precision["differences"].get(DEPTH, {})
    above = [name for name, one in differences.items() if (one["low"] or 0) > 0]
    below = [name for name, one in differences.items() if (one["high"] or 0) < 0]
    rest = [name for name in differences if name not in above + below]
    parts = [
        f"{words} {' and '.join(names)}"
        for words, names in (("clearly above", above), ("not clearly apart from", rest), ("clearly below", below))
        if names
    ]
    return f"By the label of the {DEPTH} nearest, the features are {', '.join(parts)}." if parts else ""


def _head(rank: int, one: FoundCrop) -> tuple[str, str]:
    facts = one.facts
    named = f" · {facts['label']}" if facts["label"] else ""
    return f"{rank}{_label(named)}", f"\u2002distance\u00a0{facts['distance']:.3f}; {_facts(facts, label=False)}"


def _label(named: str) -> str:
    """A lesion's 0 or 1 needs a word, an organ's name does not."""
    text = named.removeprefix(" · ")
    return f" · label {text}" if text in ("0", "1") else named


def _facts(facts: Mapping[str, Any], label: bool = True) -> str:
    """ "row 17; patient 5f1c…; 12.3 mm; at -40, 12, 88 mm" """
    parts = []
    if label and facts.get("label"):
        parts.append(_label(f" · {facts['label']}").removeprefix(" · "))
    if "row" in facts:
        parts += [f"row\u00a0{facts['row']}", f"patient\u00a0{facts['patient']}"]
    if facts.get("size_mm"):
        parts.append(f"{facts['size_mm']:.1f}\u00a0mm")
    if facts.get("centre_mm"):
        x, y, z = (f"{value:.0f}".replace("-", "−") for value in facts["centre_mm"])
        parts.append(f"at {x}, {y}, {z}\u00a0mm (RAS)")
    return "\u2002" * label + "; ".join(parts)


def _film(name: str, told: str, one: FoundCrop, grid: tuple[NDArray[Any], tuple[float, float]] | None) -> str:
    if one.crop is None or grid is None:
        return page.film(name, told, "")
    spacing, window = grid
    windows = [("encoder" if window[0] > SOFT else "", window)]
    if window[0] > SOFT:  # only to look at: a window like this one shows no lung
        windows.append(("lung", LUNG))
    at, rows = middle(one.crop), []
    for words, (low, high) in windows:
        drawn = Crop(window_hu(np.ascontiguousarray(one.crop, dtype=np.float32), low, high).numpy(), spacing)
        frames = [
            page.frame(drawn.plain(plane, at[plane]), f"{name}: {plane}, {low:g} to {high:g} HU", SIDES[plane])
            for plane in PLANES
        ]
        rows.append((words, frames))
    return page.film(name, told, page.planes(PLANES, rows))


def _trust(precision: Mapping[str, Any]) -> str:
    if not precision:
        return page.paragraph("Not known: the crops bear no labels, or too few.", "quiet")
    labels = ", ".join(f"{number:,} of {name}" for name, number in precision["labels"].items())
    sample = f" A sample of {precision['judged']:,} was judged." if precision["judged"] < precision["crops"] else ""
    about = f"{count(precision['crops'], 'crop')} of {count(precision['patients'], 'patient')}: {labels}.{sample}"
    depths = list(precision["at"])
    if not depths:
        return page.paragraph(about) + page.paragraph("There are too few crops of other patients.", "quiet")
    names = list(precision["at"][depths[0]])
    rows = [[_named(name), *(_cell(precision["at"][depth][name], name) for depth in depths)] for name in names]
    rows += [
        [f"{FEATURE} less {name}", *(_cell(precision["differences"][depth].get(name), FEATURE) for depth in depths)]
        for name in names[1:]
    ]
    table = page.grid(["share with the same label", *(f"{depth} nearest" for depth in depths)], rows)
    return page.paragraph(TRUST) + page.paragraph(about) + table


def _named(name: str) -> str:
    return "these features" if name == FEATURE else name


def _cell(value: Any, name: str) -> str | tuple[str, str]:
    one = measure_of(value)
    return one.number() if name == CHANCE else (one.number(), one.interval())


def _tables(told: Mapping[str, Any]) -> str:
    settings: Sequence[tuple[str, Any]] = [(name.replace("_", " "), value) for name, value in told["settings"].items()]
    return page.tables([("Settings", page.table(settings)), ("Versions", page.table(sorted(told["versions"].items())))])
