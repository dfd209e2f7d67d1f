"""The report's sections on how a classifier came about: its training, its lesions, and how to do it again."""

from __future__ import annotations

import json
import shlex
from typing import Any

import numpy as np

from smart_nets.classify.report.run import ClassifyRun
from smart_nets.pages import page
from smart_nets.pages.curves import Line, line_chart
from smart_nets.pages.record import record_tables
from smart_nets.statistics.predictions import Predictions

COMMAND = "python -m smart_nets classify"
OPTIONS = (
    *(
        "split_mode",
        "folds",
        "fold",
        "train_fraction",
        "subset_seed",
        "rule",
        "coordinates",
        "feature",
        "frozen",
        "seed",
    ),
    *("max_epochs", "learning_rate", "head_learning_rate", "spacing", "hu_window"),
)
"""Settings that make a run of this kind what it is, by the names the bundle gives them."""
PROBE = ("kind", "feature", "folds", "seed")  # settings of the verb `probe`
LOG = {
    "loss": ("Training loss", "cross-entropy; lower is better", True),
    "accuracy": ("Accuracy in training", "share of a batch that is called right", True),
    "grad_norm": ("Gradient norm", "how hard each step pulls", True),
    "lr": ("Learning rate", "warm-up, then cosine", False),
    "lr_encoder": ("Learning rate, encoder", "warm-up, then cosine", False),
    "lr_head": ("Learning rate, new layer", "warm-up, then cosine", False),
}
"""Logged names: title, remark, and whether they are noisy."""


def learning_section(run: ClassifyRun) -> str:
    """Inner HTML of "How training went"."""
    names = [name for name in LOG if name in run.series]
    if not names:
        return page.paragraph("This run kept no log of its training (no loss in metrics.jsonl).")
    charts = []
    for name in names:
        series, (title, remark, noisy) = run.series[name], LOG[name]
        svg = line_chart(name, [Line(series, "plain")], label=title, smooth=noisy, from_zero=True, axis=run.counter)
        first, last = series.ends()
        value = f"{page.number(first)} → {page.number(last)}" if np.isfinite(first) else "no number at all"
        charts.append(page.chart(svg, title, remark, value if noisy else ""))
    return page.box("charts", charts)


def data_section(run: ClassifyRun) -> str:
    """Inner HTML of "Which lesions": how many were given, left out, trained on and tested."""
    lesions = run.facts("lesions")
    names = (("given", "given"), ("used", "used"))
    rows = [(name, f"{lesions[key]:,}") for key, name in names if key in lesions]
    rows += [(f"left out: {reason}", f"{number:,}") for reason, number in (lesions.get("left_out") or {}).items()]
    blocks = [("Given and used", page.grid(("", "lesions"), rows))] if rows else []
    blocks += [("Places", page.grid(("", ""), [("lesions", lesions["places"])]))] if "places" in lesions else []
    names = (("training", "training"), ("validation", "test"))
    parts = [(name, lesions[key]) for key, name in names if lesions.get(key)]
    if parts:
        columns = ("lesions", "patients", "positives")
        cells = [(name, *(f"{part[c]:,}" if c in part else "–" for c in columns)) for name, part in parts]
        blocks.append(("Parts", page.grid(("", "lesions", "patients", run.classes[1]), cells)))
    if run.predictions is not None:
        blocks.append(("Folds tested", _folds(run.predictions, run.classes[1])))
    absent = [] if rows else ["run.json does not tell how the lesions were chosen."]
    if lesions.get("used", 0) < lesions.get("given", 0) and "left_out" not in lesions:
        absent.append("Why the others were left out is not recorded.")
    absent += [] if run.predictions else ["There is no predictions.csv, so the folds cannot be counted."]
    note = page.paragraph(" ".join(absent), "quiet") if absent else ""
    return (page.tables(blocks) if blocks else "") + note


def _folds(table: Predictions, positive: str) -> str:
    rows = []
    for fold in np.unique(table.folds):
        of = table.folds == fold
        counts = (of.sum(), len(np.unique(table.patients[of])), table.labels[of].sum())
        rows.append((str(fold), *(f"{number:,}" for number in counts)))
    return page.grid(("fold", "lesions", "patients", positive), rows)


def again_section(run: ClassifyRun) -> str:
    """Inner HTML of "Do it again"."""
    name, encoder = run.facts("classify").get("name"), run.about.get("encoder")
    facts = [("kind of run", name)] if name else []
    if isinstance(encoder, dict):
        facts += [(f"encoder, {part}", value) for part, value in encoder.items() if value is not None]
    elif encoder:
        facts.append(("encoder", encoder))
    return page.command(_command(run)) + record_tables(run.about, facts)


def _command(run: ClassifyRun) -> str:
    """The command that makes the run again, an option per line; places of files are to be filled in."""
    about, settings, encoder = run.about, run.facts("settings"), run.about.get("encoder")
    if settings.get("kind"):
        return _probe_command(settings)
    options: dict[str, object] = {"preset": about["preset"]} if about.get("preset") else {}
    source = str(run.facts("data").get("source", ""))
    if source and "phantom" not in source.lower():
        options["dataset_dir"] = f"/path/to/{source}"
    if encoder:
        weights = encoder.get("file", "model.pt") if isinstance(encoder, dict) else None
        options["pretrained"] = f"/path/to/{weights}" if weights else "none"
    options |= {"classes": about["classes"]} if "classes" in about else {}
    options |= {name: settings[name] for name in OPTIONS if settings.get(name) is not None}
    return " \\\n  ".join([COMMAND, *(f"--{name} {shlex.quote(_literal(value))}" for name, value in options.items())])


def _probe_command(settings: dict[str, Any]) -> str:
    """Of a run that probed frozen features: the verb, with its settings."""
    told = " ".join(f"--{name} {shlex.quote(_literal(settings[name]))}" for name in PROBE if name in settings)
    test = f" --test /path/to/{shlex.quote(str(settings['test']))}" if "test" in settings else ""
    return f"python -m smart_nets probe /path/to/features.npz --output_dir /path/to/output {told}{test}"


def _literal(value: object) -> str:
    """A setting as the command line takes it."""
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)
