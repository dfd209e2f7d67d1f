"""The report's sections on which cases a run had, and how to do it again."""

from __future__ import annotations

import json
import shlex

from smart_nets.pages import page
from smart_nets.pages.record import record_tables
from smart_nets.segment.report.run import SegmentRun

COMMAND = "python -m smart_nets segment"
OPTIONS = (
    *("labels", "other_labels", "tumour_pattern", "readers", "patient_pattern", "allow_overlap", "phantoms"),
    *("autocast", "clip_gradient", "warmup", "weight_decay", "restart_attention", "label_weights"),
    *("split_mode", "folds", "fold", "train_fraction", "subset_seed", "frozen", "deep_supervision", "seed"),
    *("max_epochs", "steps_per_epoch", "batch_size", "learning_rate", "decoder_learning_rate", "spacing", "hu_window"),
    *("crop_size", "foreground", "flip"),
)
"""Settings that make a run of this kind what it is, by the names the bundle gives them."""


def cases_section(run: SegmentRun) -> str:
    """Inner HTML of "Which cases": how many each part has, and in how many each name is outlined."""
    cases = run.about.get("cases")
    if not isinstance(cases, dict) or not cases:
        return page.paragraph("run.json does not tell how the cases were chosen.")
    names = run.names
    rows = [
        (part, f"{told.get('cases', 0):,}", f"{told.get('patients', 0):,}",
         *(f"{told.get('shown', {}).get(name, 0):,}" for name in names))
        for part, told in cases.items() if isinstance(told, dict)
    ]  # fmt: skip
    return page.grid(("part", "cases", "patients", *names), rows)


def repeat_section(run: SegmentRun) -> str:
    """Inner HTML of "Do it again"."""
    about = run.about
    told = about.get("segment")
    name, encoder = told.get("name") if isinstance(told, dict) else None, about.get("encoder")
    facts = [("kind of run", name)] if name else []
    if isinstance(encoder, dict):
        facts += [(f"encoder, {part}", value) for part, value in encoder.items() if value is not None]
    elif encoder:
        facts.append(("encoder", encoder))
    return page.command(_command(run)) + record_tables(about, facts)


def _command(run: SegmentRun) -> str:
    """The command that makes the run again, an option per line; places of files are to be filled in."""
    about = run.about
    settings, encoder, source = (
        about.get("settings", {}),
        about.get("encoder"),
        str(about.get("data", {}).get("source", "")),
    )
    options: dict[str, object] = {"preset": about["preset"]} if about.get("preset") else {}
    if source and "phantom" not in source.lower():
        options["dataset_dir"] = f"/path/to/{source}"
    if encoder:
        options["pretrained"] = f"/path/to/{encoder.get('file', 'model.pt')}" if isinstance(encoder, dict) else "none"
    options |= {name: settings[name] for name in OPTIONS if settings.get(name) is not None}
    return " \\\n  ".join([COMMAND, *(f"--{name} {shlex.quote(_literal(value))}" for name, value in options.items())])


def _literal(value: object) -> str:
    """A setting as the command line takes it."""
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)
