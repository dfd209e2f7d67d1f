"""The report's sections with charts of results: ROC and precision-recall curves, size, and calibration."""

from __future__ import annotations

from typing import Any

import numpy as np

from smart_nets.classify.report import charts
from smart_nets.classify.report.charts import CLASS_COLOURS, Stroke
from smart_nets.classify.report.evaluation import Results
from smart_nets.classify.report.run import ClassifyRun
from smart_nets.classify.report.sentences import matched, size_verdict
from smart_nets.pages import page
from smart_nets.pages.measures import Measure
from smart_nets.pages.style import GUIDE_KEY


def curves_section(run: ClassifyRun) -> str:
    """Inner HTML of "How well it ranks": ROC and precision-recall curves."""
    results = run.results
    cards = [_roc(run) if results.roc else "", _pr(results) if results.pr else ""]
    if not any(cards):
        return page.paragraph("This evaluation kept no curves.")
    text = (
        "Each point of a curve is one threshold on the probability. Bands hold 95% of the curves of resampled "
        "patients, point by point."
    )
    return page.paragraph(text) + page.box("charts wide", cards)


def _roc(run: ClassifyRun) -> str:
    assert run.results.roc is not None
    strokes, keys = [Stroke(run.results.roc, 0)], [("this network", "blue", "none")]
    table = run.predictions
    alone = charts.size_curve(table.labels, table.sizes) if table is not None else None
    if alone is not None:
        strokes.insert(0, Stroke(alone, 6))
        keys.append(("size alone", "orange", "8 3"))
    keys.append(("chance", *GUIDE_KEY))
    names = (f"share of {run.classes[0]} called {run.classes[1]} (1 − specificity)", "sensitivity")
    svg = charts.share_chart("roc", strokes, label="ROC curve with band", axes_names=names)
    absent = "" if alone else "; no curve of size: no sizes in predictions.csv"
    remark = f"sensitivity at every rate of false alarms{absent}"
    return page.chart(svg, "ROC curve", remark, f"AUC {run.results.measure('auc').number()}", page.keys(keys))


def _pr(results: Results) -> str:
    assert results.pr is not None
    chance = results.positives / results.cases if results.cases else 0.0
    names, label = ("recall (sensitivity)", "precision"), "Precision-recall curve with band"
    svg = charts.share_chart("pr", [Stroke(results.pr)], label=label, axes_names=names, chance=chance)
    value = f"average precision {results.measure('average_precision').number()}"
    keys = page.keys([("this network", "blue", "none"), (f"chance {chance:.2f}", *GUIDE_KEY)])
    return page.chart(svg, "Precision-recall curve", "precision at every sensitivity", value, keys)


def size_section(run: ClassifyRun) -> str:
    """Inner HTML of "More than size?": the two checks in words, and diameters with the probabilities they were given."""
    kind, _, sentence = size_verdict(run.results)
    text = (
        "Larger nodules are more often malignant, so a network may score well by measuring only. Two checks: against "
        "the diameter used as a prediction, and among lesions of like size, where the diameter tells little."
    )
    html = page.paragraph(text) + page.verdict(kind, sentence) + page.paragraph(matched(run.results))
    table, shaded = run.predictions, run.results.matched_range
    if table is None or not np.isfinite(table.sizes).any():
        return html + page.paragraph("Sizes of single lesions are not known here, so they are not drawn.", "quiet")
    unknown = int(np.isnan(table.sizes).sum())
    remark = "shaded: lesions of like size" + (f"; {unknown:,} of unknown size left out" if unknown else "")
    words: dict[str, Any] = {"label": "Diameters by class", "axis": "diameter in mm", "shaded": shaded}
    sizes = charts.class_histogram("sizes", table.labels, table.sizes, **words)
    scatter = charts.size_scatter(table.labels, table.sizes, table.probabilities, shaded, "Probability over diameter")
    cards = page.chart(sizes, "Diameters of the tested lesions", remark, keys=_class_keys(run))
    cards += page.chart(scatter, "Probability over diameter", "a rising band: size decides", keys=_class_keys(run))
    return html + page.box("charts wide", cards)


def calibration_section(run: ClassifyRun) -> str:
    """Inner HTML of "Honest probabilities?": calibration, and how the probabilities spread in either class."""
    results, table = run.results, run.predictions
    slope, intercept = (results.fit.get(name, Measure()) for name in ("slope", "intercept"))
    text = (
        f"Lesions are grouped by the probability they were given. Of those with about 70%, 70% should be "
        f"{run.classes[1]}: below the diagonal the probability is too high, above it too low."
    )
    html, cards = page.paragraph("This evaluation kept no calibration bins."), ""
    if results.bins:
        fit = f"Calibration slope {slope.text()} (1 is best; below 1: too extreme), intercept {intercept.text()} (0 is best)"
        html = page.paragraph(text) + page.paragraph(f"{fit}.")
        svg = charts.calibration_chart(results.bins, "Calibration with intervals and counts")
        error = f"error {results.measure('calibration_error').number()}"
        keys = page.keys([("this network", "blue", "none"), ("perfect", *GUIDE_KEY)])
        cards = page.chart(svg, "Calibration", "whiskers: 95% intervals; n: lesions per bin", error, keys)
    if table is not None:
        words: dict[str, Any] = {"label": "Probabilities by class", "axis": "probability", "limits": (0.0, 1.0)}
        svg = charts.class_histogram("probabilities", table.labels, table.probabilities, height=3.95, **words)
        cards += page.chart(svg, "Probabilities given", "the less overlap, the better", keys=_class_keys(run))
    return html + (page.box("charts wide", cards) if cards else "")


def _class_keys(run: ClassifyRun) -> str:
    return page.keys((name, colour, "none") for name, colour in zip(run.classes, CLASS_COLOURS, strict=True))
