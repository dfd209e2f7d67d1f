"""The report's section on how training went: losses, schedules, gradients."""

from __future__ import annotations

import math

from smart_nets.pages import page
from smart_nets.pages.curves import Line, line_chart
from smart_nets.pages.metrics_log import LoggedSeries
from smart_nets.pretrain.report.run import Run

LOSSES = {
    "amip": ("AMIP, image prediction", "fill in hidden voxels; mean absolute error, 1 = the whole intensity window"),
    "ampd": ("AMPD, patch token distillation", "match the teacher on every hidden cell of the same view (nats)"),
    "aitd": ("AITD, image token distillation", "match the teacher's [CLS] token of the other view (nats)"),
    "gitd": ("GITD, global token distillation", "match the teacher's pooled features of the other view (nats)"),
}
LOOKS = {"amip": ("blue", 0), "ampd": ("orange", 0), "aitd": ("green", 1), "gitd": ("pink", 2)}
"""Colour and dashes of a loss in every chart, see `pages.style`."""
OPTIMISER = {
    "loss": ("Total loss", "weighted sum of the losses above"),
    "grad_norm": ("Gradient norm", "how hard each step pulls"),
    "lr": ("Learning rate", "warm-up, then cosine"),
    "weight_decay": ("Weight decay", "pull of the weights towards zero"),
    "momentum": ("Teacher momentum", "1 = the teacher stands still"),
    "teacher_temperature": ("Teacher temperature", "lower = sharper targets"),
}


def training_section(run: Run) -> str:
    """Inner HTML of "How training went"."""
    uniform = uniform_entropy(run)
    intro = (
        "Thin lines are single steps, strong lines their moving average; a red cross on the axis marks where a value "
        "was no number. A distillation loss may stay level or rise in a healthy run, because its target, the teacher, "
        "moves."
    )
    charts = [_loss_chart(run, name, uniform) for name in LOSSES if name in run.series]
    off = [name.upper() for name in LOSSES if name not in run.series]
    switched = page.paragraph(f"Switched off in this run: {', '.join(off)}.", "quiet") if off else ""
    return (
        page.paragraph(intro)
        + page.box("charts wide", charts)
        + switched
        + page.heading("Optimiser and schedules")
        + page.box("charts", _optimiser(run))
    )


def uniform_entropy(run: Run) -> float:
    """ln K, the entropy of a teacher that gives all K outputs the same probability; NaN if K is not recorded."""
    out_dim = run.about.get("model", {}).get("out_dim", 0)
    return math.log(out_dim) if isinstance(out_dim, int) and out_dim > 1 else math.nan


def _loss_chart(run: Run, name: str, uniform: float) -> str:
    title, remark = LOSSES[name]
    reference = None
    if name != "amip" and math.isfinite(uniform):
        reference = (uniform, f"uniform guess, ln {round(math.exp(uniform))} = {uniform:.2f}")
    series, zero = run.series[name], name == "amip"
    svg = line_chart(name, [Line(series, *LOOKS[name])], label=title, wide=True, from_zero=zero, reference=reference)
    return page.chart(svg, title, remark, _from_to(series))


def _optimiser(run: Run) -> str:
    charts = []
    for name, (title, remark) in OPTIMISER.items():
        if name in run.series:
            series = run.series[name]
            noisy, zero = name in ("loss", "grad_norm"), name in ("lr", "grad_norm")
            svg = line_chart(name, [Line(series, "plain")], label=title, smooth=noisy, from_zero=zero)
            charts.append(page.chart(svg, title, remark, _from_to(series) if noisy else ""))
    return "".join(charts)


def _from_to(series: LoggedSeries) -> str:
    first, last = series.ends()
    return f"{page.number(first)} → {page.number(last)}" if math.isfinite(first) else "no number at all"
