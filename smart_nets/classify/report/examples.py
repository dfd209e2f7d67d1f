"""The most confident mistakes and right answers of a classifier as pictures: what was seen, and what was attended to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from smart_nets.classify.report.run import ClassifyRun
from smart_nets.pages import page
from smart_nets.pages.panels import Array, Crop, attention_scale, middle
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
    reason: Array | None  # (D, H, W) what the answer rests on, 1 = an even share
    label: int
    probability: float
    row: int
    size_mm: float

    @property
    def right(self) -> bool:
        return (self.probability >= 0.5) == bool(self.label)


def examples_section(run: ClassifyRun) -> str:
    """Inner HTML of the two lists of examples, or a sentence saying that there are none."""
    examples = read_examples(run)
    if not examples:
        return page.paragraph("This run kept no examples (no examples.npz), so there are no pictures of its answers.")
    top = reason_top(examples)
    intro = (
        f"The lesion is in the middle of every picture, and the planes run through it. {_windows_in_words(run)}"
        "Sides are the patient's, as a radiologist hangs pictures: the patient's right is on the left."
    )
    html = page.paragraph(intro) + _reason_in_words(examples, top, reason_kind(run))
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
    parts = zip(shots["crop"], maps, shots["label"], shots["probability"], shots["row"], sizes, strict=True)
    examples = [
        Example(crop, reason, int(label), float(probability), int(row), float(size))
        for crop, reason, label, probability, row, size in parts
    ]
    return sorted(examples, key=lambda one: -abs(one.probability - 0.5))


def reason_kind(run: ClassifyRun) -> str:
    """Which map the run kept: "attention" of the [CLS] token, "occlusion", or "" for none."""
    return next((name for name in ("attention", "occlusion") if name in run.examples), "")


def reason_top(examples: list[Example]) -> float:
    """End of the maps' colour scale, at least twice an even share; NaN if there is no map."""
    maps = [one.reason for one in examples if one.reason is not None]
    return max(2.0, math.ceil(float(np.percentile(np.stack(maps), 99.5)))) if maps else math.nan


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


def concentration(reason: Array) -> float:
    """Share of a map (D, H, W) that its highest tenth of the voxels holds; 0.1 if it is even."""
    ranked = np.sort(reason, axis=None)[::-1]
    return float(ranked[: max(1, round(len(ranked) / 10))].sum() / max(float(ranked.sum()), 1e-12))


def _reason_in_words(examples: list[Example], top: float, kind: str) -> str:
    if not math.isfinite(top):
        return page.paragraph("This run kept no maps of what its answers rest on.", "quiet")
    said = {
        "attention": "how much each part of a crop went into the summary that is judged ([CLS] attention, mean over heads)",
        "occlusion": "how much less sure the answer becomes when a part of the crop is hidden (occlusion)",
    }[kind]
    share = np.mean([concentration(one.reason) for one in examples if one.reason is not None])
    text = (
        f"Colours show {said}. They do not show that a finding is there, or that it was the reason. A tenth of a crop holds "
        f"{share:.0%} of the {kind} in these examples; an even spread would give 10%."
    )
    return page.paragraph(text) + page.scale(attention_scale(), "an even share (clear)", f"{top:g} times that or more")


def _list(examples: list[Example], run: ClassifyRun, top: float, right: bool) -> str:
    if not examples:
        none = "None was kept." if right else "There was none among the examples that were kept."
        return page.paragraph(none, "quiet")
    more = len(examples) - MOST
    note = page.paragraph(f"The first {MOST} of {len(examples)} are shown.", "quiet") if more > 0 else ""
    return note + page.box("pairs", (_film(one, run, top) for one in examples[:MOST]))


def _film(one: Example, run: ClassifyRun, top: float) -> str:
    spacing = np.asarray(run.examples.get("spacing", np.ones(3)), dtype=np.float64)
    at = middle(one.crop)
    shown, rows = windows(run), []
    for name, window in shown:
        crop = _windowed(one, window, spacing)
        rows.append((name, [page.frame(crop.plain(p, at[p]), f"{p}, {name}", SIDES[p]) for p in PLANES]))
    if one.reason is not None:
        crop = _windowed(one, shown[0][1], spacing)
        kind = reason_kind(run)
        rows.append((kind, [page.frame(crop.looked_at(one.reason, p, at[p], top), f"{p} {kind}") for p in PLANES]))
    return page.film(*_head(one, run), page.planes(PLANES, rows))


def _head(one: Example, run: ClassifyRun) -> tuple[str, str]:
    """ "malignant, called benign", " probability of malignant 3%; 12.3 mm; row 17" """
    truth, called = run.classes[one.label], run.classes[int(one.probability >= 0.5)]
    said = f"{truth}, called {truth}" if one.right else f"{truth}, called {called}"
    size = f"{one.size_mm:.1f}\u00a0mm" if math.isfinite(one.size_mm) else "size not known"
    rest = f"probability of {run.classes[1]} {one.probability:.1%}; {size}; row\u00a0{one.row}"
    return said, f"\u2002{rest}"


def _windowed(one: Example, window: tuple[float, float], spacing: Array) -> Crop:
    return Crop(window_hu(np.ascontiguousarray(one.crop), *window).numpy(), spacing)
