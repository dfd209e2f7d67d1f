"""The report's section "Does the method do what it says?": one card per instrument, its curve and its verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from smart_nets.pages import page
from smart_nets.pages.curves import Line, line_chart
from smart_nets.pages.metrics_log import LoggedSeries
from smart_nets.pages.style import DASHES
from smart_nets.pretrain.health import rules
from smart_nets.pretrain.health.verdicts import Finding, Summary, judge, summary
from smart_nets.pretrain.report.run import Run
from smart_nets.pretrain.report.training import LOOKS, uniform_entropy

WORDS = {"good": "Good.", "watch": "Watch.", "bad": "Bad."}
Reference = tuple[float, str] | None


@dataclass(frozen=True)
class Card:
    """How an instrument is shown.

    Attributes:
        title, good: what it is, and what is good.
        series: names in metrics.jsonl, the first that was logged is drawn; "gain/" draws one line per loss.
        reference: a value to mark in the chart, with its text.
        zero: whether the axis starts at 0.
    """

    title: str
    good: str
    series: tuple[str, ...]
    reference: Callable[[Run], Reference] = lambda run: None
    zero: bool = True


def _at(value: float, text: str) -> Callable[[Run], Reference]:
    return lambda run: (value, text)


CARDS = {
    "mask": Card(
        "Mask and noise", "share of the hidden cells that the teacher never saw; good: as many as by chance",
        ("mask_lost",), lambda run: _chance(_end(run, "lost"))),
    "mask overlap": Card(
        "Mask with and without noise", "share of the top cells chosen alike; good: clearly above chance",
        ("instruments/mask_overlap", "mask_overlap"), lambda run: _chance(mask_ratio(run))),
    "brightness": Card(
        "Attention and brightness", f"correlation over cells; good: below {rules.BRIGHTNESS[0]} either way",
        ("instruments/attention_brightness",), _at(0, "no relation"), False),
    "variation": Card(
        "Spread of attention", f"deviation over mean; good: between {rules.FLAT} (flat) and {rules.PEAKED:g} (a few cells)",
        ("instruments/attention_variation",)),
    "rank of cls": Card(
        "Dimensions of [CLS]", f"in how many ways crops differ by it; good: {rules.RANK_CLS[0]:g} or more",
        ("instruments/rank_cls",), _at(rules.RANK_CLS[0], "good from here")),
    "rank of pooled": Card(
        "Dimensions of the pooled feature", f"mean of the last stage; good: {rules.RANK_POOLED[0]:g} or more",
        ("instruments/rank_pooled",), _at(rules.RANK_POOLED[0], "good from here")),
    "entropy": Card(
        "Teacher entropy", "nats; 0 = always one output; good: away from both ends", ("teacher_entropy/",),
        lambda run: _uniform(uniform_entropy(run))),
    "information": Card(
        "What the teacher's answers tell", f"nats about the input; good: {rules.INFORMATION[0]:g} or more",
        ("teacher_information/",), _at(rules.INFORMATION[0], "good from here")),
    "gain": Card(
        "What the student has learned of them", f"nats better than one answer for everything; good: {rules.GAIN[0]} or more",
        ("gain/",), _at(0, "one answer for everything"), False),
    "AMIP": Card(
        "Painting", f"error over that of one grey value per crop; good: {rules.AMIP[0]} or less",
        ("amip_relative",), _at(1, "one grey value")),
    "teacher": Card(
        "Way of the teacher", f"from its random start, over the length of its weights; good: {rules.MOVED} or more",
        ("instruments/teacher_moved",), _at(rules.MOVED, "good from here")),
}  # fmt: skip


def findings_of(run: Run) -> list[Finding]:
    """What the instruments say at the end of the run; what was not logged says nothing."""
    ends = {name: series.ends()[1] for name, series in run.series.items()}
    return judge(ends, mask_ratio(run), uniform_entropy(run))


def verdict_of(run: Run) -> Summary:
    """The whole in a word and a sentence."""
    return summary(findings_of(run))


def whose_crops(about: Mapping[str, Any]) -> str:
    """Whose crops an encoder is judged on, of run.json: "patients", or synthetic ones."""
    return str(about.get("knn_of", "patients"))


def health_section(run: Run) -> str:
    """Inner HTML of the section."""
    findings, whole = findings_of(run), verdict_of(run)
    intro = (
        "Losses can fall while the method is void: when the mask only repeats the teacher's noise, or features say "
        "one thing about every crop. Each number below is measured for that; the dimensions and attention on crops "
        f"of {whose_crops(run.about)} that training never saw."
    )
    cards = "".join(_card(run, each) for each in findings)
    grid = page.box("charts wide", cards) if cards else ""
    return page.paragraph(intro) + page.verdict(whole.kind, whole.sentence) + grid


def mask_ratio(run: Run) -> float:
    """r of the mask, NaN if it is not recorded."""
    ratio = run.about.get("settings", {}).get("mask_ratio")
    return float(ratio) if isinstance(ratio, (int, float)) else math.nan


def _card(run: Run, finding: Finding) -> str:
    card = CARDS[finding.name]
    lines = _lines(run, card)
    values, legend = "", ""
    if len(lines) == 1:
        values = _from_to(lines[0].series)
    else:
        names = {look: name.upper() for name, look in LOOKS.items()}
        legend = page.keys(
            (f"{names[line.colour, line.dashes]} {_from_to(line.series)}", line.colour, DASHES[line.dashes][1])
            for line in lines
        )
    svg = ""
    if max(len(line.series.steps) for line in lines) > 1:
        name = finding.name.replace(" ", "-")
        smooth = not card.series[0].startswith("instruments/")
        svg = line_chart(
            name, lines, label=card.title, wide=True, smooth=smooth, from_zero=card.zero, reference=card.reference(run)
        )
    rated = page.verdict(finding.kind, finding.sentence, WORDS[finding.kind])
    return page.chart(svg, card.title, card.good, values, rated + legend)


def _lines(run: Run, card: Card) -> list[Line]:
    for name in card.series:
        if name.endswith("/"):
            return [Line(run.series[name + one], *LOOKS[one]) for one in LOOKS if name + one in run.series]
        if name in run.series:
            return [Line(run.series[name], "plain")]
    return []


def _from_to(series: LoggedSeries) -> str:
    first, last = series.ends()
    return " → ".join(f"{round(value, 4):.3g}".replace("-", "−") for value in (first, last))


def _end(run: Run, name: str) -> float:
    return run.series[name].ends()[1] if name in run.series else math.nan


def _chance(value: float) -> Reference:
    return (value, f"chance {value:.0%}") if math.isfinite(value) else None


def _uniform(value: float) -> Reference:
    return (value, f"uniform, ln K = {value:.2f}") if math.isfinite(value) else None
