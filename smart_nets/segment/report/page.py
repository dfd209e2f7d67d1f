"""The report of a segmentation as one self-contained HTML page: how well, where it fails, on what, and how to do it again."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.pages import page
from smart_nets.pages.curves import Line, line_chart
from smart_nets.pages.measures import measure_of
from smart_nets.pages.planes import EDGES
from smart_nets.pages.record import record_of
from smart_nets.pages.words import FEW, count
from smart_nets.segment.report.again import cases_section, repeat_section
from smart_nets.segment.report.charts import dice_chart, volume_chart
from smart_nets.segment.report.floor import MEANING, place_cell, place_notes
from smart_nets.segment.report.run import SegmentRun, read_segment_run
from smart_nets.segment.report.slices import css, slice_picture
from smart_nets.segment.scores import SMALL_ML, TOLERANCE_MM

MOST_CHARTS = 6  # of volumes
SHOWN_PLANES = ("axial", "coronal")
COLUMNS = {"scan": None, "drawn": "target", "network": "answer"}
LOG = {
    "loss": ("Training loss", "Dice and cross-entropy; lower is better", True),
    "dice": ("Dice in training", "of the patches of a step", True),
    "grad_norm": ("Gradient norm", "how hard each step pulls", True),
    "lr_decoder": ("Learning rate", "of the decoder: warm-up, then cosine", False),
}


def write_segment_report(run_dir: str | Path) -> Path:
    """Turn a segmentation run into report.html, a file that needs no network, no script and no other file.

    Args:
        run_dir: the run folder (results in its folder eval) or that folder itself; it must hold metrics.json.

    Raises:
        InputError: metrics.json is missing, a file is damaged or of another form, or the report cannot be written.
    """
    run = read_segment_run(Path(run_dir))
    with record_of("a segmentation run", run.folder):
        content = segment_html(run)
    return page.save(content, run.folder / "report.html")


def segment_html(run: SegmentRun) -> str:
    """The report of a run as HTML."""
    about = run.about
    parts = (
        "Segmentation report",
        str(about.get("preset", "")),
        str(about.get("started", ""))[:10],
        "not for diagnostic use",
    )
    sections = [
        ("pictures", "How it looks", _pictures(run)),
        ("numbers", "All numbers", _numbers(run)),
        ("charts", "Case by case", _charts(run)),
        ("cases", "Every case", _cases(run)),
        ("training", "How training went", _training(run)),
        ("data", "Which cases", cases_section(run)),
        ("reproduce", "Do it again", repeat_section(run)),
    ]
    title = str(about.get("title") or "Segmentation")
    return page.page(title, " · ".join(filter(None, parts)), _summary(run), [one for one in sections if one[2]])


def _summary(run: SegmentRun) -> str:
    mean, metrics = measure_of(run.metrics["mean_dice"]), run.metrics
    if not metrics["cases"]:
        return page.paragraph("No case was held out, so that nothing can be told of how good this network is.", "lead")
    segment = run.about.get("segment")
    named = segment if isinstance(segment, dict) else {}
    who = named.get("name", "")
    unseen = "taken for new ones" if named.get("part") == "all" else "that training has not seen"
    lead = (
        f"{count(metrics['cases'], 'case')} of {count(metrics['patients'], 'patient')} {unseen}"
        f"{f', {who}' if who else ''}: mean Dice (95% interval) {mean.text()}."
    )
    warned = [str(one) for key in ("hidden_edges", "outside_card") for one in run.about.get(key) or []]
    notes = [*run.notes, *warned, *place_notes(metrics)]
    for name in run.names:
        told = metrics["classes"][name]
        if told["without"]:
            notes.append(f"{name}: nobody drew it in {count(told['without'], 'case')}, left out of Dice and distances.")
        if told["missed"]:
            missed = count(told["missed"], "case")
            notes.append(
                f"{name}: nothing of it was found in {missed}: Dice 0, and left out of HD95, which flatters that."
            )
    if metrics.get("left_out"):
        notes.append(f"Left out: {count(len(metrics['left_out']), 'case')} that cannot be used; the log tells why.")
    if metrics["patients"] < FEW:
        notes.append(f"Only {count(metrics['patients'], 'patient')}: means and intervals are rough.")
    return page.paragraph(lead, "lead") + page.tiles(_tiles(run)) + page.notes(notes)


def _tiles(run: SegmentRun) -> Iterator[tuple[str, str, str, str]]:
    for name in run.names[:5]:
        dice = run.measure(name, "dice")
        yield name, dice.number(), f"Dice; 95%: {dice.interval()}" if dice.interval() else "Dice", ""
    name = run.names[0]
    lesions = run.metrics["classes"][name]["lesions"]
    recall, false = measure_of(lesions["recall"]), measure_of(lesions["false_positives"])
    if recall.known:
        yield (
            f"{name}: pieces found",
            f"{recall.value:.0%}",
            f"of {lesions['count']}; {false.number()} false per scan",
            "",
        )


def _numbers(run: SegmentRun) -> str:
    if not run.metrics["cases"]:
        return ""
    rows: list[list[str | tuple[str, str]]] = []
    for name in run.names:
        told = run.metrics["classes"][name]
        cells: list[str | tuple[str, str]] = [name, *place_cell(run.metrics, name)]
        for key in ("dice", "nsd", "hd95"):
            one = run.measure(name, key)
            cells.append((f"{one.value:.1f}" if key == "hd95" and one.known else one.number(), _interval(one, key)))
        lesions = told["lesions"]
        recall, false, small = (measure_of(lesions["recall"]), measure_of(lesions["false_positives"]), lesions["small"])
        cells.append((recall.number(True), f"of {lesions['count']}"))
        cells.append((measure_of(small["recall"]).number(True) if small["count"] else "–", f"of {small['count']}"))
        cells.append((false.number(), false.interval()))
        rows.append([*cells, _volume(told["volume"])])
    floor = ("place alone",) if "place" in run.metrics else ()
    head = ("", *floor, "Dice", f"surface within {TOLERANCE_MM:g} mm", "HD95, mm", "pieces found", f"below {SMALL_ML:g} ml",
            "false pieces per scan", "volume: bias, ml")  # fmt: skip
    text = (
        "Means over cases with 95% intervals over patients, on each scan's own grid. A piece is found if a tenth of it is "
        "marked; a false piece touches nothing that was drawn."
    )
    return page.paragraph(f"{text} {MEANING}" if floor else text) + page.grid(head, rows)


def _interval(one: Any, key: str) -> str:
    return f"{one.low:.1f}–{one.high:.1f}" if key == "hd95" and one.interval() else one.interval()


def _volume(told: dict[str, Any]) -> tuple[str, str]:
    bias, low, high = told["bias_ml"], told["low_ml"], told["high_ml"]
    if bias is None:
        return "–", ""
    limits = "" if low is None else f"limits {low:+.3g} to {high:+.3g}".replace("-", "−")
    return f"{bias:+.3g}".replace("-", "−"), limits


def _pictures(run: SegmentRun) -> str:
    """Best, median and worst case of those kept: the scan, what was drawn, what the network marks."""
    every = [(_dice_of(run, int(one["case"])), at) for at, one in enumerate(run.examples)]
    scored = sorted([one for one in every if one[0] >= 0] or every, key=lambda pair: -pair[0])
    if not scored:
        return page.paragraph("This run kept no slices.")
    chosen = dict.fromkeys((scored[0][1], scored[len(scored) // 2][1], scored[-1][1]))
    words = dict(zip(chosen, ("best", "median", "worst") if len(chosen) == 3 else ("best", "worst"), strict=False))
    films = []
    for at in chosen:
        example = run.examples[at]
        number = int(example["case"])
        rows = []
        for plane in SHOWN_PLANES:
            edges = EDGES[plane]
            drawn = [
                (slice_picture(example, plane, outlined), f"{title}, {plane}") for title, outlined in COLUMNS.items()
            ]
            rows.append((plane, [page.frame(uri, alt, (edges[0], edges[2])) for uri, alt in drawn]))
        value = _dice_of(run, number)
        told_dice = "no Dice" if math.isnan(value) or value < 0 else f"mean Dice {value:.3f}"
        films.append(
            page.film(f"case {number + 1}", f" · {words[at]} of those kept, {told_dice}", page.planes(COLUMNS, rows))
        )
    return (
        page.paragraph("Slices through the middle of what was drawn first in the list of names.")
        + _legend(run)
        + "".join(films)
    )


def _legend(run: SegmentRun) -> str:
    dots = "".join(
        f'<span><svg viewBox="0 0 26 10"><path d="M3 1H23V9H3Z" style="fill:{css(place)}"/></svg>{html.escape(name)}</span>'
        for place, name in enumerate(run.names, start=1)
    )
    return page.box("keys", dots)


def _dice_of(run: SegmentRun, case: int) -> float:
    """Mean Dice of a case over what was drawn in it, -1 if there is none."""
    values = [row["dice"] for row in run.rows if int(row["case"]) == case and math.isfinite(row["dice"])]
    return sum(values) / len(values) if values else -1.0


def _charts(run: SegmentRun) -> str:
    if not run.metrics["cases"]:
        return ""
    if not run.rows:
        return page.paragraph("There is no cases.csv, so single cases cannot be shown.")
    volumes = [drawn for name in run.names[:MOST_CHARTS] if (drawn := volume_chart(run, name))]
    return page.box("charts wide", [dice_chart(run)]) + page.box("charts", volumes)


def _cases(run: SegmentRun) -> str:
    numbers = sorted({int(row["case"]) for row in run.rows})
    rows = []
    for number in numbers:
        own = {row["class"]: row for row in run.rows if int(row["case"]) == number}
        cells = [
            (_cell(own[name]["dice"]), f"{own[name]['reference_ml']:.3g} ml") if name in own else "–"
            for name in run.names
        ]
        rows.append([str(number + 1), next(iter(own.values()))["patient"], *cells])
    return page.grid(("case", "patient (pseudonym)", *run.names), rows) if rows else ""


def _cell(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _training(run: SegmentRun) -> str:
    names = [name for name in LOG if name in run.series]
    if not names:
        return ""
    charts = []
    for name in names:
        series, (title, remark, noisy) = run.series[name], LOG[name]
        svg = line_chart(name, [Line(series, "plain")], label=title, smooth=noisy, from_zero=True)
        first, last = series.ends()
        value = f"{page.number(first)} → {page.number(last)}" if noisy and np.isfinite(first) else ""
        charts.append(page.chart(svg, title, remark, value))
    return page.box("charts", charts)
