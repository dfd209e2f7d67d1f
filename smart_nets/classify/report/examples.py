"""The most confident mistakes and right answers of a classifier as pictures: what was seen, and what was attended to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from smart_nets.classify.report.reasons import (
    attention_top,
    change_bar,
    is_noticeable,
    reason_in_words,
    reason_kind,
    reasons_intro,
)
from smart_nets.classify.report.run import ClassifyRun
from smart_nets.pages import page
from smart_nets.pages.changes import change_top
from smart_nets.pages.panels import Array, Crop, middle
from smart_nets.pages.planes import EDGES, PLANES
from smart_nets.scans.window import window_hu

LUNG = (-1000.0, 400.0)
SOFT = -600.0  # a window that starts above this HU shows the lung as black
MOST = 6  # examples per section: the page stays below a few megabytes
SIDES = {plane: (left, top) for plane, (left, _, top, _) in EDGES.items()}


@dataclass(frozen=True)
class Example:
    """One lesion of examples.npz."""

    crop: Array  # (D, H, W) HU
    reason: Array | None  # (D, H, W) what the answer rests on: shares of attention, or changes of probability
    label: int
    probability: float
    row: int
    size_mm: float
    overview: Array | None = None  # (d, h, w) HU, a larger field around the crop

    @property
    def right(self) -> bool:
        return (self.probability >= 0.5) == bool(self.label)


def examples_section(run: ClassifyRun) -> str:
    """Inner HTML of the two lists of examples, or a sentence saying that there are none."""
    examples = read_examples(run)
    if not examples:
        return page.paragraph("This run kept no examples (no examples.npz), so there are no pictures of its answers.")
    maps, kind = [one.reason for one in examples if one.reason is not None], reason_kind(run)
    top = attention_top(maps) if kind == "attention" else math.nan
    intro = (
        f"The lesion is in the middle of every picture, and the planes run through it. {_windows_in_words(run)}"
        f"{_overview_in_words(examples)}"
        "Sides are the patient's, as a radiologist hangs pictures: the patient's right is on the left."
    )
    html = page.paragraph(intro) + reasons_intro(maps, kind, _spacing(run))
    for title, right in (("Most confident mistakes", False), ("Most confident right answers", True)):
        html += page.heading(title) + _list([one for one in examples if one.right == right], run, top, right)
    return html


def read_examples(run: ClassifyRun) -> list[Example]:
    """The examples, the most confident first."""
    shots = run.examples
    if not shots:
        return []
    unknown = [None] * len(shots["crop"])
    sizes, maps = shots.get("size_mm", np.full(len(unknown), np.nan)), shots.get(reason_kind(run), unknown)
    fields = shots.get("overview", unknown)
    parts = zip(shots["crop"], maps, shots["label"], shots["probability"], shots["row"], sizes, fields, strict=True)
    examples = [
        Example(crop, reason, int(label), float(probability), int(row), float(size), field)
        for crop, reason, label, probability, row, size, field in parts
    ]
    return sorted(examples, key=lambda one: -abs(one.probability - 0.5))


def windows(run: ClassifyRun) -> list[tuple[str, tuple[float, float]]]:
    """The windows to show, each with its name: the lung, and the one of training if that shows soft tissue."""
    trained = run.examples.get("window", run.facts("model").get("window"))
    if trained is None:
        return [("lung", LUNG)]
    low, high = (float(end) for end in trained)
    return [("lung", LUNG), ("as trained", (low, high))] if low > SOFT else [("as trained", (low, high))]


def _windows_in_words(run: ClassifyRun) -> str:
    parts = [f"{name} ({low:g} to {high:g} HU)".replace("-", "−") for name, (low, high) in windows(run)]
    return f"Windows: {', '.join(parts)}. "


def _list(examples: list[Example], run: ClassifyRun, top: float, right: bool) -> str:
    if not examples:
        none = "None was kept." if right else "There was none among the examples that were kept."
        return page.paragraph(none, "quiet")
    more = len(examples) - MOST
    note = page.paragraph(f"The first {MOST} of {len(examples)} are shown.", "quiet") if more > 0 else ""
    return note + page.box("pairs", (_film(one, run, top) for one in examples[:MOST]))


def _film(one: Example, run: ClassifyRun, top: float) -> str:
    spacing, kind, at = _spacing(run), reason_kind(run), middle(one.crop)
    shown, rows = windows(run), []
    if one.overview is not None:
        wide = Crop(_windowed(one.overview, shown[0][1]), np.asarray(run.examples["overview_spacing"], np.float64))
        cube, there = np.array(one.crop.shape) * spacing, middle(one.overview)
        uris = {p: wide.framed(cube, p, there[p]) for p in PLANES}
        alts = {p: f"{p} overview, the cube framed" for p in PLANES}
        rows.append(("overview", [page.frame(uris[p], alts[p], SIDES[p], wide.bar(p)) for p in PLANES]))
    for name, window in shown:
        crop = Crop(_windowed(one.crop, window), spacing)
        rows.append((name, [page.frame(crop.plain(p, at[p]), f"{p}, {name}", SIDES[p], crop.bar(p)) for p in PLANES]))
    crop, bar = Crop(_windowed(one.crop, shown[0][1]), spacing), ""
    if one.reason is not None and is_noticeable(one.reason, kind):
        draw = crop.looked_at if kind == "attention" else crop.changed
        top = top if kind == "attention" else change_top(one.reason)
        pictures = [page.frame(draw(one.reason, p, at[p], top), f"{p} {kind}", bar=crop.bar(p)) for p in PLANES]
        rows.append((kind, pictures))
        bar = change_bar(top) if kind == "occlusion" else ""
    return page.film(*_head(one, run), page.planes(PLANES, rows) + bar)


def _head(one: Example, run: ClassifyRun) -> tuple[str, str]:
    """ "malignant, called benign", " probability of malignant 3%; 12.3 mm; row 17" """
    truth, called = run.classes[one.label], run.classes[int(one.probability >= 0.5)]
    said = f"{truth}, called {truth}" if one.right else f"{truth}, called {called}"
    size = f"{one.size_mm:.1f}\u00a0mm" if math.isfinite(one.size_mm) else "size not known"
    rest = f"probability of {run.classes[1]} {one.probability:.1%}; {size}; row\u00a0{one.row}"
    told = "" if one.reason is None else reason_in_words(one.reason, reason_kind(run))
    rest += f"; {told}" if told else ""
    return said, f"\u2002{rest}"


def _windowed(hu: Array, window: tuple[float, float]) -> Array:
    return window_hu(np.ascontiguousarray(hu), *window).numpy()


def _spacing(run: ClassifyRun) -> Array:
    return np.asarray(run.examples.get("spacing", np.ones(3)), dtype=np.float64)


def _overview_in_words(examples: list[Example]) -> str:
    if all(one.overview is None for one in examples):
        return ""
    return "The overview shows a larger field, and the frame in it the cube that the network sees. "
