"""Several classification runs side by side as one self-contained HTML page, from compare.json alone."""

from __future__ import annotations

import math
from pathlib import Path

from smart_nets.classify.report import charts
from smart_nets.classify.report.charts import Stroke, looks
from smart_nets.classify.report.comparison import Comparison, Models, read_comparison
from smart_nets.classify.report.evaluation import Results
from smart_nets.pages import page
from smart_nets.pages.measures import Measure
from smart_nets.pages.record import read_json, record_of
from smart_nets.pages.style import GUIDE_KEY
from smart_nets.pages.words import CLEAR, p_text


def write_compare_report(path: str | Path) -> Path:
    """Turn compare.json into an HTML file of the same name beside it.

    Raises:
        InputError: the file is missing, damaged or holds no comparison, or the report cannot be written.
    """
    source = Path(path)
    content = read_json(source)
    with record_of("a comparison", source):
        html = compare_html(read_comparison(content))
    return page.save(html, source.with_suffix(".html"))


def compare_html(comparison: Comparison) -> str:
    """The page as HTML."""
    drawn = page.box("charts wide", (_few_shot(comparison), _rocs(comparison)))
    sections = [
        ("auc", "AUC by model and training share", _table(comparison)),
        ("curves", "Few-shot and ROC curves", drawn),
        ("differences", "Which differences are real", _differences(comparison)),
    ]
    kicker = "Comparison of classifiers · not for diagnostic use"
    return page.page("Which network tells lesions apart best", kicker, _summary(comparison), sections)


def _summary(comparison: Comparison) -> str:
    fraction = max(comparison.fractions)
    ranking = sorted(
        ((found[fraction].measure("auc"), name) for name, found in comparison.models.items() if fraction in found),
        key=lambda entry: -entry[0].value if entry[0].known else math.inf,
    )
    known = [(auc, name) for auc, name in ranking if auc.known]
    if not known:
        return page.paragraph("No model has an AUC.", "lead")
    results = comparison.models[known[0][1]][fraction]
    told = ", ".join(f"“{name}” {auc.text()}" for auc, name in known)
    lead = f"Trained on {fraction:.0%} of the training lesions, AUC (95% interval): {told}."
    if len(_tested(comparison, fraction)) == 1:
        lead += f" All were tested on the same {results.cases:,} lesions of {results.patients:,} patients."
    alone = results.size.get("auc", Measure())
    size = f"The lesions' size alone reaches {alone.text()}." if alone.known else "Of size alone nothing is known."
    unlike = [f"{part:.0%}" for part in comparison.fractions if len(_tested(comparison, part)) > 1]
    note = (
        f"Not all models trained on {' and '.join(unlike)} were tested in the same folds. Their AUCs are of different "
        "lesions; compare them by the differences below, which are of the folds both have."
    )
    beside = page.notes([f"They differ in more than their weights: {one}." for one in comparison.beside])
    text = beside + page.paragraph(lead, "lead") + page.paragraph(size, "lead")
    return text + _winner(comparison, [name for _, name in known]) + page.notes([note] if unlike else [])


def _tested(comparison: Comparison, fraction: float) -> set[tuple[int, tuple[int, ...]]]:
    """What the models of a fraction were tested on: number of lesions and folds."""
    results = [found[fraction] for found in comparison.models.values() if fraction in found]
    return {(one.cases, one.folds) for one in results}


def _winner(comparison: Comparison, names: list[str]) -> str:
    """Whether the first of the ranking is better than the second."""
    if len(names) < 2:
        return page.verdict("quiet", "Only one model has an AUC here: there is nothing to compare it with.")
    best, next_best = names[:2]
    pairs = [one for one in comparison.differences if {one.a, one.b} == {best, next_best}]
    tested = [one for one in pairs if one.fraction == max(comparison.fractions)]
    if not tested or not math.isfinite(tested[0].p):
        return page.verdict("quiet", f"Whether “{best}” is better than “{next_best}” was not tested.")
    one = tested[0]
    gain = one.gain if one.a == best else Measure(-one.gain.value, -one.gain.high, -one.gain.low)
    if one.p < CLEAR and gain.value > 0:
        kind = "watch" if comparison.beside else "good"
        return page.verdict(kind, f"“{best}” is better than “{next_best}” by {gain.text()} in AUC ({p_text(one.p)}).")
    found = f"difference {gain.text()} in AUC ({p_text(one.p)})"
    return page.verdict("watch", f"“{best}” is not shown to be better than “{next_best}”: {found}.")


def _table(comparison: Comparison) -> str:
    fractions = comparison.fractions
    rows: list[list[str | tuple[str, str]]] = []
    for name, found in comparison.models.items():
        cells = [found[fraction].measure("auc") if fraction in found else None for fraction in fractions]
        rows.append([name, *((_cell(auc) if auc else "–") for auc in cells)])
    alone = [_first(comparison.models, fraction).size.get("auc", Measure()) for fraction in fractions]
    if any(auc.known for auc in alone):
        rows.append([("size alone", "diameter as the prediction"), *(_cell(auc) for auc in alone)])
    text = "95% intervals are below each AUC; a dash means that there was no such run."
    return page.paragraph(text) + page.grid(("model", *(f"{fraction:.0%}" for fraction in fractions)), rows)


def _few_shot(comparison: Comparison) -> str:
    if not comparison.few_shot:
        return page.paragraph("This comparison has no few-shot curve.")
    if all(len(curve.x) < 2 for curve in comparison.few_shot.values()):
        return page.paragraph("All runs used the same share of the training lesions, so there is no curve to draw.")
    places = _looks(comparison)
    strokes = [Stroke(curve, places[name][0], marked=True) for name, curve in comparison.few_shot.items()]
    alone = _first(comparison.models, max(comparison.fractions)).size.get("auc", Measure())
    svg = charts.few_shot_chart(strokes, "AUC over the share of training lesions", alone.value if alone.known else None)
    names = [(name, *places[name][1:]) for name in comparison.few_shot]
    names += [(f"size alone {alone.number()}", "muted", "1 3")] if alone.known else []
    keys = page.keys([*names, ("chance", *GUIDE_KEY)])
    return page.chart(svg, "Few-shot curve", "the same tested lesions at every share; bands: 95%", keys=keys)


def _rocs(comparison: Comparison) -> str:
    fraction, places = max(comparison.fractions), _looks(comparison)
    drawn = {name: found[fraction].roc for name, found in comparison.models.items() if fraction in found}
    strokes = [Stroke(roc, places[name][0]) for name, roc in drawn.items() if roc]
    if not strokes:
        return page.paragraph("This comparison kept no ROC curves.")
    names = ("false positive rate (1 − specificity)", "sensitivity")
    svg = charts.share_chart("roc", strokes, label="ROC curves of all models", axes_names=names)
    keys = page.keys([*((name, *places[name][1:]) for name, roc in drawn.items() if roc), ("chance", *GUIDE_KEY)])
    absent = [name for name in comparison.models if not drawn.get(name)]
    remark = "bands: 95%, point by point" + (f"; no curve of {', '.join(absent)}" if absent else "")
    return page.chart(svg, f"ROC curves, trained on {fraction:.0%}", remark, keys=keys)


def _differences(comparison: Comparison) -> str:
    differences = comparison.differences
    if not differences:
        return page.paragraph("No differences were tested.")
    tests = sum(math.isfinite(one.p) for one in differences)
    text = (
        "Difference of two AUCs on the same lesions with its 95% interval and two-sided p (DeLong). An interval that "
        "holds 0 shows no difference."
    )
    if tests > 1:
        rule = f"by Bonferroni's rule only those below {CLEAR / tests:.2g} count"
        text += f" The {tests} values of p are not corrected for their number: {rule}."
    rows = [
        (
            (f"{one.a} − {one.b}", f"trained on {one.fraction:.0%}{_in_folds(one.folds)}"),
            (_signed(one.gain), one.gain.interval() if one.gain.known else one.gain.why),
            p_text(one.p),
        )
        for one in sorted(differences, key=lambda one: -one.fraction)
    ]
    return page.paragraph(text) + page.grid(("models", "difference in AUC", "DeLong's test"), rows)


def _cell(auc: Measure) -> tuple[str, str]:
    return (auc.number(), auc.interval() if auc.known else auc.why)


def _signed(gain: Measure) -> str:
    return ("+" if gain.known and gain.value >= 0 else "") + gain.number()


def _in_folds(folds: tuple[int, ...]) -> str:
    return f"; fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))}" if folds else ""


def _first(models: Models, fraction: float) -> Results:
    return next(found[fraction] for found in models.values() if fraction in found)


def _looks(comparison: Comparison) -> dict[str, tuple[int, str, str]]:
    names = list(dict.fromkeys([*comparison.models, *comparison.few_shot]))
    return dict(zip(names, looks(len(names)), strict=True))
