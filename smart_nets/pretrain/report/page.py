"""A run folder as one self-contained HTML page: what ran, how it went, what it learned, how to do it again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smart_nets.pages import page
from smart_nets.pages.curves import knn_chart
from smart_nets.pages.record import record_of, record_tables
from smart_nets.pages.words import FEW, count
from smart_nets.pretrain.report.again import pretrain_again
from smart_nets.pretrain.report.health import health_section, verdict_of, whose_crops
from smart_nets.pretrain.report.pictures import looks_section, seen_section
from smart_nets.pretrain.report.run import Run, read_run
from smart_nets.pretrain.report.training import training_section
from smart_nets.statistics.features import IN_WORDS as FEATURES


def write_report(run_dir: str | Path, path: str | Path | None = None) -> Path:
    """Turn a run folder into one HTML file that needs no network, no script and no other file.

    Args:
        run_dir: holds metrics.jsonl and, if the run made them, run.json and snapshots.npz.
        path: of the report; default `run_dir`/report.html. An old report stays until the new one is complete.

    Returns:
        the report's path.

    Raises:
        InputError: the folder or its metrics.jsonl is missing or unreadable, or the report cannot be written.
    """
    run = read_run(Path(run_dir))
    target = Path(path) if path is not None else Path(run_dir) / "report.html"
    with record_of("a pretraining run", run.folder):
        html = pretrain_html(run)
    return page.save(html, target)


def pretrain_html(run: Run) -> str:
    """The report of a run as HTML."""
    about = run.about
    kicker = " · ".join(
        filter(None, ["Pretraining report", str(about.get("preset", "")), str(about.get("started", ""))[:10]])
    )
    sections = [
        ("health", "Does the method do what it says?", health_section(run)),
        ("training", "How training went", training_section(run)),
        ("seen", "What the student saw", seen_section(run)),
        ("attention", "Where the model looks", looks_section(run)),
        ("features", "How good are the features", _features(run)),
        ("reproduce", "How to reproduce", _reproduce(run)),
    ]
    return page.page(str(about.get("title") or "SMART pretraining"), kicker, _headline(run), sections)


def _headline(run: Run) -> str:
    sentences = [
        " ".join(part) for part in (_what_ran(run), _whether_it_works(run), _what_fell(run), _what_was_learned(run))
    ]
    lead = "".join(page.paragraph(text, "lead") for text in sentences if text)
    return lead + page.tiles(_tiles(run)) + page.notes(run.notes)


def _what_ran(run: Run) -> Iterator[str]:
    data, about = run.about.get("data", {}), run.about
    scans = f"{data['used']:,} CT scans" if "used" in data else "CT scans"
    source = f" from “{data['source']}”" if data.get("source") else ""
    time = f"in {page.duration(about['seconds'])}" if "seconds" in about else "so far"
    place = f" on {about['hardware']}" if about.get("hardware") else ""
    made = "This run taught an encoder to read CT without any labels"
    yield f"{made}: {scans}{source}, {_epochs(run)}{count(run.steps, 'step')} {time}{place}."
    if data.get("rejected"):
        yield f"{data['rejected']:,} of {data['given']:,} given scans were turned away, each with its reason on record."


def _whether_it_works(run: Run) -> Iterator[str]:
    whole = verdict_of(run)
    if whole.kind != "quiet":
        yield whole.sentence


def _what_fell(run: Run) -> Iterator[str]:
    if "amip" not in run.series:
        return
    first, last = run.series["amip"].ends()
    if not math.isfinite(first) or first == 0:
        yield "Its error in hidden parts of the image has no number."
        return
    width, relative = _window_width(run), _relative(run)
    verb = "fell to" if last < first else "rose to"
    verb = "stayed at" if page.number(first) == page.number(last) else verb
    if relative >= 1:
        in_hu = f" ({last * width:.0f} HU)" if width else ""
        yield (
            f"Asked to paint hidden parts of an image, one grey value would do better: the mean error {verb} "
            f"{page.number(last)} of the intensity window{in_hu}, {relative:.0%} of what the best single grey of each "
            "crop would miss."
        )
        return
    in_hu = f" ({first * width:.0f} to {last * width:.0f} HU)" if width else ""
    than = f"{abs(last / first - 1):.0%} {'less' if last < first else 'more'}"
    if math.isfinite(relative):
        than = f"{1 - relative:.0%} less than one grey value would miss"
    yield (
        f"Asked to paint hidden parts of an image, its mean error {verb.split()[0]} from {page.number(first)} to "
        f"{page.number(last)} of the intensity window{in_hu}, {than}."
    )


def _what_was_learned(run: Run) -> Iterator[str]:
    knn = _knn(run)
    if not {"before", "after"} <= knn.keys():
        return
    before, after = knn["before"], knn["after"]
    crops = f"{after['crops']:,} labelled crops of {whose_crops(run.about)}"
    task = f"{crops} into {after['classes']} classes by their nearest neighbours{_by(run)}"
    right = f"{_with_interval(before)} before and {_with_interval(after)} after training"
    yield f"Asked to sort {task}, it was right in {right}; chance is {_chance(after):.0%}."
    if after["low"] <= _chance(after):
        yield "Even after training this is not clearly better than chance."
    elif after["low"] > before["high"]:
        yield "The 95% intervals do not overlap: training improved the features."
    elif after["high"] < before["low"]:
        yield "The 95% intervals do not overlap: training made the features worse for this task."
    else:
        yield "The 95% intervals overlap: this run alone does not show that training helped."
    raw = run.about.get("knn_raw")
    if isinstance(raw, dict) and {"accuracy", "low", "high"} <= raw.keys():
        told = f"Raw voxels of the same crops, without any network, reach {_with_interval(raw)}"
        yield f"{told}." if after["low"] > raw["high"] else f"{told}: nothing here is shown to beat the bare layout."


def _tiles(run: Run) -> Iterator[tuple[str, str, str, str]]:
    about = run.about
    if "seconds" in about:
        yield "Training", page.duration(about["seconds"]), f"{_epochs(run)}{count(run.steps, 'step')}", ""
    else:
        yield "Training", count(run.steps, "step"), "duration not recorded: the run may not have ended", ""
    if "amip" in run.series:
        first, last = run.series["amip"].ends()
        relative = _relative(run)
        change, remark, kind = (
            (last / first - 1 if first else math.nan),
            f"AMIP {page.number(first)} → {page.number(last)}",
            "",
        )
        if math.isfinite(relative):
            change, remark, kind = relative - 1, "against one grey value per crop", "bad" if relative >= 1 else ""
        shown = f"{change:+.0%}".replace("-", "−") if math.isfinite(change) else "–"
        yield "Error in hidden voxels", shown, remark, kind
    knn = _knn(run)
    if "after" in knn:
        start = f"from {knn['before']['accuracy']:.0%}; " if "before" in knn else ""
        remark = f"{start}chance {_chance(knn['after']):.0%}"
        yield "Nearest-neighbour test", f"{knn['after']['accuracy']:.0%}", remark, ""
    whole = verdict_of(run)
    yield "Method", whole.word, whole.remark, whole.kind


def _features(run: Run) -> str:
    knn = _knn(run)
    if not knn:
        return page.paragraph("This run had no nearest-neighbour test, so nothing is said here about its features.")
    result = knn.get("after") or knn["before"]
    patients = f" of {result['patients']:,} {whose_crops(run.about)}" if "patients" in result else ""
    few = f" Of fewer than {FEW} patients they are rough." if result.get("patients", FEW) < FEW else ""
    intro = (
        f"{result['crops']:,} crops{patients} with known labels ({result['classes']} classes) go through the frozen "
        "encoder; each is then given the label of the crops of other patients whose features are most alike. No weight "
        f"is trained for this test. Whiskers are 95% intervals over patients.{few} Chance is always naming the commonest class."
    )
    rows = [
        (f"{label}{when} training", test[when]["accuracy"], test[when]["low"], test[when]["high"])
        for label, test in _tests(run)
        for when in ("before", "after")
        if when in test
    ]
    if "knn_raw" in run.about:
        raw = run.about["knn_raw"]
        rows.append(("raw voxels, no network", raw["accuracy"], raw["low"], raw["high"]))
    svg = knn_chart(rows, _chance(result), "Nearest-neighbour accuracy with intervals")
    chart = page.chart(svg, "Nearest-neighbour accuracy", "share of crops given their right label")
    only = "" if len(knn) == 2 else page.paragraph(f"Only the test {next(iter(knn))} training was made.", "quiet")
    return page.paragraph(intro) + page.box("charts wide", chart) + only


def _reproduce(run: Run) -> str:
    return page.command(pretrain_again(run.about)) + record_tables(run.about)


def _by(run: Run) -> str:
    feature = run.about.get("knn_feature")
    return f" (by the {FEATURES[feature]} feature)" if feature in FEATURES else ""


def _tests(run: Run) -> list[tuple[str, dict[str, dict[str, Any]]]]:
    """The nearest-neighbour tests to draw, each with the name of its feature: the one reported above comes first."""
    first = run.about.get("knn_feature")
    if first not in FEATURES:
        return [("", _knn(run))]
    order = sorted(FEATURES, key=lambda name: name != first)
    return [(f"{FEATURES[name]}, ", run.about[f"knn_{name}"]) for name in order if f"knn_{name}" in run.about]


def _knn(run: Run) -> dict[str, dict[str, Any]]:
    return run.about.get("knn") or {}


def _chance(result: dict[str, Any]) -> float:
    return float(result.get("chance", 1 / result["classes"]))


def _with_interval(result: dict[str, Any]) -> str:
    return f"{result['accuracy']:.0%} ({result['low']:.0%}–{result['high']:.0%})"


def _relative(run: Run) -> float:
    """AMIP at the end over what one grey value per crop would miss; NaN if it was not logged."""
    return run.series["amip_relative"].ends()[1] if "amip_relative" in run.series else math.nan


def _window_width(run: Run) -> float:
    low, high = run.about.get("model", {}).get("window") or (0, 0)
    return float(high - low)


def _epochs(run: Run) -> str:
    if "epoch" not in run.series:
        return ""
    count = len(set(run.series["epoch"].values.tolist()))
    return f"{count:,} epoch{'s' if count > 1 else ''}, "
