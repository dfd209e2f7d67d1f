"""What the maps of a classification report tell, in words, and how they are coloured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from smart_nets.classify.occlusion import NOTICEABLE, hidden_block
from smart_nets.classify.report.run import ClassifyRun
from smart_nets.pages import page
from smart_nets.pages.changes import points
from smart_nets.pages.panels import Array, attention_scale, change_scale

EVEN = 1.05  # times an even share: attention that stays below shows nothing
LIMIT = "They do not show that a finding is there, or that it was the reason."


def reason_kind(run: ClassifyRun) -> str:
    """Which map the run kept: "attention" of the [CLS] token, "occlusion", or "" for none."""
    return next((name for name in ("attention", "occlusion") if name in run.examples), "")


def attention_top(maps: Sequence[Array]) -> float:
    """End of the colour scale of maps of attention, at least twice an even share; NaN if there are none."""
    return max(2.0, math.ceil(float(np.percentile(np.stack(maps), 99.5)))) if maps else math.nan


def concentration(reason: Array) -> float:
    """Share of a map (D, H, W) that its highest tenth of the voxels holds; 0.1 if it is even."""
    ranked = np.sort(reason, axis=None)[::-1]
    return float(ranked[: max(1, round(len(ranked) / 10))].sum() / max(float(ranked.sum()), 1e-12))


def is_noticeable(reason: Array, kind: str) -> bool:
    """Whether a map has anything to show: attention that is not even, or a place that changes the answer when hidden."""
    return bool(np.abs(reason).max() >= NOTICEABLE if kind == "occlusion" else reason.max() >= EVEN)


def reason_in_words(reason: Array, kind: str) -> str:
    """What the map of one lesion tells, in place of colours or beside them; nothing of attention that shows something."""
    if kind == "occlusion":
        return change_in_words(reason)
    return "" if is_noticeable(reason, kind) else "attention is the same everywhere"


def change_in_words(change: Array) -> str:
    """What hiding places of one crop does to its answer."""
    if not is_noticeable(change, "occlusion"):
        return f"hiding a place changes the answer by less than {points(NOTICEABLE)}"
    falls, rises = (max(0.0, float(end)) for end in (change.max(), -change.min()))
    told = [f"takes up to {points(falls)}"] if falls >= NOTICEABLE else []
    told += [f"adds up to {points(rises)}"] if rises >= NOTICEABLE else []
    return f"hiding a place {' or '.join(told)}"


def block_in_words(size: Sequence[int], spacing: Sequence[float]) -> str:
    """ "10 × 10 × 10 mm": what is hidden at once in a crop of `size` voxels of `spacing` mm."""
    sides = (f"{side * step:.3g}" for side, step in zip(hidden_block(size), spacing, strict=True))
    return f"{' × '.join(sides)} mm"


def reasons_intro(maps: Sequence[Array], kind: str, spacing: Array) -> str:
    """Inner HTML: what the colours of all examples mean, with their scale."""
    if not maps:
        return page.paragraph("This run kept no maps of what its answers rest on.", "quiet")
    if kind == "occlusion":
        return _occlusion_intro(maps, spacing)
    top = attention_top(maps)
    share = np.mean([concentration(one) for one in maps])
    text = (
        "Colours show how much each part of a crop went into the summary that is judged ([CLS] attention, mean over heads). "
        f"{LIMIT} A tenth of a crop holds {share:.0%} of the attention in these examples; an even spread would give 10%."
    )
    return page.paragraph(text) + page.scale(attention_scale(), "an even share (clear)", f"{top:g} times that or more")


def change_bar(top: float) -> str:
    """Inner HTML: the colour bar of one lesion's changes, with its unit."""
    return page.scale(change_scale(), f"{points(top)} surer", f"{points(top)} less sure")


def _occlusion_intro(maps: Sequence[Array], spacing: Array) -> str:
    block = block_in_words(maps[0].shape, spacing.tolist())
    if not any(is_noticeable(one, "occlusion") for one in maps):
        text = (
            f"Hiding blocks of {block} changes the probability of no answer below by as much as {points(NOTICEABLE)}, wherever "
            "they lie: no place matters by itself, and none is coloured."
        )
        return page.paragraph(text)
    text = (
        f"Colours show how the probability of an answer changes when a place is hidden (occlusion by blocks of {block}; mean "
        "over those that cover it), in points of 100: orange where it falls, since the answer rests on what is there, blue "
        f"where it rises. {LIMIT} Each lesion has a scale of its own; one of which no place matters by "
        f"{points(NOTICEABLE)} has no such row."
    )
    return page.paragraph(text)
