"""The report's section on how training went: losses, schedules, gradients, and whether the teacher stayed healthy."""

from __future__ import annotations

import math

from smart_nets.visual import page
from smart_nets.visual.curves import Line, line_chart
from smart_nets.visual.run_folder import Run
from smart_nets.visual.run_metrics import Series

LOSSES = {
    "amip": ("AMIP, image prediction", "fill in hidden voxels; mean absolute error, 1 = the whole intensity window"),
    "ampd": ("AMPD, patch token distillation", "match the teacher on every hidden cell of the same view (nats)"),
    "aitd": ("AITD, image token distillation", "match the teacher's [CLS] token of the other view (nats)"),
    "gitd": ("GITD, global token distillation", "match the teacher's pooled features of the other view (nats)"),
}
OPTIMISER = {
    "loss": ("Total loss", "weighted sum of the losses above"),
    "grad_norm": ("Gradient norm", "how hard each step pulls"),
    "lr": ("Learning rate", "warm-up, then cosine"),
    "weight_decay": ("Weight decay", "pull of the weights towards zero"),
    "momentum": ("Teacher momentum", "1 = the teacher stands still"),
    "teacher_temperature": ("Teacher temperature", "lower = sharper targets"),
}
DASHES = {"ampd": "none", "aitd": "8 3", "gitd": "2 2"}
COLLAPSED, UNIFORM = 0.02, 0.98  # shares of ln K beyond which the teacher's answer carries no information


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
        + f'<div class="charts wide">{"".join(charts)}</div>{switched}'
        + f"<h3>Is the teacher healthy?</h3>{_health(run, uniform)}"
        + f'<h3>Optimiser and schedules</h3><div class="charts">{_optimiser(run)}</div>'
    )


def uniform_entropy(run: Run) -> float:
    """ln K, the entropy of a teacher that gives all K outputs the same probability; NaN if K is not recorded."""
    out_dim = run.about.get("model", {}).get("out_dim", 0)
    return math.log(out_dim) if isinstance(out_dim, int) and out_dim > 1 else math.nan


def entropy_verdict(last: dict[str, float], uniform: float) -> tuple[str, str, str]:
    """Judge the teacher by its last entropies.

    Collapse has two faces (DINO, section 5.3): all outputs equally likely (entropy ln K), or one output always (0).

    Args:
        last: distillation loss -> mean entropy in nats at the end of the run.
        uniform: ln K, or NaN if K is not known.

    Returns:
        class of the page's style ("good", "bad" or "quiet"), a word or two, and a sentence.
    """
    known = {name: value for name, value in last.items() if math.isfinite(value)}
    if not known or not math.isfinite(uniform):
        return "quiet", "not known", "The teacher's entropy was not logged, so its health cannot be judged."
    shares = {name.upper(): value / uniform for name, value in known.items()}
    flat = ", ".join(name for name, share in shares.items() if share > UNIFORM)
    stuck = ", ".join(name for name, share in shares.items() if share < COLLAPSED)
    if flat:
        return "bad", "collapsed to uniform", (
            f"Collapsed: for {flat} the teacher gives all outputs nearly the same probability, so the student has "
            "nothing to learn from it. Lower the teacher temperature or the learning rate.")  # fmt: skip
    if stuck:
        return "bad", "collapsed to one output", (
            f"Collapsed: for {stuck} the teacher always gives one and the same output. Raise the teacher temperature "
            "and check the centring.")  # fmt: skip
    low, high = min(shares.values()), max(shares.values())
    spread = f"{low:.0%}" if f"{low:.0%}" == f"{high:.0%}" else f"{low:.0%} to {high:.0%}"
    return "good", "healthy", (
        f"Healthy: at the end the teacher's answers had {spread} of the entropy of a uniform guess, neither everything "
        "alike (100%) nor always one output (0%).")  # fmt: skip


def last_entropies(run: Run) -> dict[str, float]:
    """Distillation loss -> mean teacher entropy over the last 2 % of the steps."""
    return {name: series.ends()[1] for name, series in _entropies(run).items()}


def _entropies(run: Run) -> dict[str, Series]:
    found = {name: run.series.get(f"teacher_entropy/{name}") for name in DASHES}
    return {name: series for name, series in found.items() if series is not None}


def _loss_chart(run: Run, name: str, uniform: float) -> str:
    title, remark = LOSSES[name]
    reference = None
    if name != "amip" and math.isfinite(uniform):
        reference = (uniform, f"uniform guess, ln {round(math.exp(uniform))} = {uniform:.2f}")
    series, zero = run.series[name], name == "amip"
    svg = line_chart(name, [Line(series, name)], label=title, wide=True, from_zero=zero, reference=reference)
    return page.chart(svg, title, remark, _from_to(series))


def _health(run: Run, uniform: float) -> str:
    kind, _, sentence = entropy_verdict(last_entropies(run), uniform)
    explained = page.paragraph(
        "Entropy says how sure the teacher is of its answer. It cannot tell whether the answer differs between scans: "
        "the neighbour test below does.", "quiet")  # fmt: skip
    entropies, charts = _entropies(run), []
    if entropies:
        reference = (uniform, f"uniform, ln K = {uniform:.2f}") if math.isfinite(uniform) else None
        lines = [Line(series, name) for name, series in entropies.items()]
        svg = line_chart("entropy", lines, label="Teacher entropy", wide=True, from_zero=True, reference=reference)
        legend = page.keys((name.upper(), name, DASHES[name]) for name in entropies)
        charts.append(page.chart(svg, "Teacher entropy", "nats; 0 = always one output", keys=legend))
    if "mask_overlap" in run.series:
        series = run.series["mask_overlap"]
        svg = line_chart("overlap", [Line(series, "plain")], label="Mask overlap", wide=True, from_zero=True)
        remark = "share of the top cells chosen alike with and without the teacher's noise"
        charts.append(page.chart(svg, "Mask overlap", remark, _from_to(series)))
    grid = f'<div class="charts wide">{"".join(charts)}</div>' if charts else ""
    return page.verdict(kind, sentence) + grid + explained


def _optimiser(run: Run) -> str:
    charts = []
    for name, (title, remark) in OPTIMISER.items():
        if name in run.series:
            series = run.series[name]
            noisy, zero = name in ("loss", "grad_norm"), name in ("lr", "grad_norm")
            svg = line_chart(name, [Line(series, "plain")], label=title, smooth=noisy, from_zero=zero)
            charts.append(page.chart(svg, title, remark, _from_to(series) if noisy else ""))
    return "".join(charts)


def _from_to(series: Series) -> str:
    first, last = series.ends()
    return f"{page.number(first)} → {page.number(last)}" if math.isfinite(first) else "no number at all"
