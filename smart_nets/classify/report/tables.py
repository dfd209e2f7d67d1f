"""All numbers of a classification run as one table, each under its real name with a line that says what it is."""

from __future__ import annotations

from smart_nets.classify.report.evaluation import Results
from smart_nets.pages import page
from smart_nets.pages.measures import Measure

RANKING = {
    "auc": ("AUC", "area under the ROC curve: how often a {1} lesion gets a higher probability than a {0} one; chance "
            "is 0.5. Mean over the folds, as probabilities of different networks do not compare"),
    "pooled_auc": ("AUC, folds pooled", "all folds ranked together, as if one network had made all probabilities"),
    "average_precision": ("Average precision", "area under the precision-recall curve; chance is the share of {1} "
                          "lesions, here {2}"),
}  # fmt: skip
CALLED = {
    "precision": ("Precision", "of the lesions called {1}, the share that is {1} (positive predictive value); in this "
                  "form it fits what the SMART paper prints as AP50"),
    "recall": ("Recall", "of the {1} lesions, the share that is found (sensitivity); in this form it fits what the "
               "SMART paper prints as AR50"),
    "specificity": ("Specificity", "of the {0} lesions, the share that is called {0}"),
    "balanced_accuracy": ("Balanced accuracy", "mean of recall and specificity; chance is 50%"),
    "accuracy": ("Accuracy", "share of right calls; always naming the commoner class would reach {3}"),
}  # fmt: skip
TRUST = {
    "brier": ("Brier score", "mean squared distance of the probability from 0 or 1; lower is better, always answering "
              "the share of {1} lesions gives {4}"),
    "calibration_error": ("Calibration error", "mean distance between the probability and the share found (expected "
                          "calibration error); 0 is best"),
}  # fmt: skip
CHOSEN = {
    "threshold": ("Threshold", "a lesion is called {1} from this probability on"),
    "sensitivity": ("Sensitivity", "of the {1} lesions, the share that is found"),
    "specificity": ("Specificity", "of the {0} lesions, the share that is called {0}"),
    "precision": ("Precision", "of the lesions called {1}, the share that is {1}"),
}
HEAD = ("", "value, 95% interval")
Names = dict[str, tuple[str, str]]


def numbers_table(results: Results, classes: tuple[str, str]) -> str:
    """The table as HTML; a number that could not be computed is told with its reason."""
    share = results.positives / results.cases if results.cases else 0.0
    words = (*classes, f"{share:.2f}", f"{max(share, 1 - share):.0%}", f"{share * (1 - share):.3f}")
    parts = [
        ("Ranking, at no threshold", _rows(RANKING, results.metrics, words)),
        ("Calls at a probability of 0.5", _rows(CALLED, results.metrics, words, percent=True)),
        ("Probabilities", _rows(TRUST, results.metrics, words)),
    ]
    html = "".join(page.heading(name) + page.grid(HEAD, rows) for name, rows in parts if rows)
    title = "Calls at the operating point"
    if not results.operating:
        return html + page.paragraph("No operating point was chosen in this evaluation.", "quiet")
    rule = page.paragraph(f"Rule: {results.rule}.", "quiet") if results.rule else ""
    rows = _rows({"threshold": CHOSEN["threshold"]}, results.operating, words)
    rows += _rows({name: CHOSEN[name] for name in CHOSEN if name != "threshold"}, results.operating, words, True)
    return html + page.heading(title) + rule + page.grid(HEAD, rows)


def _rows(
    names: Names, measures: dict[str, Measure], words: tuple[str, ...], percent: bool = False
) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    rows = []
    for name, (title, meaning) in names.items():
        if name in measures:
            found = measures[name]
            remark = found.interval(percent) if found.known else found.why
            rows.append(((title, meaning.format(*words)), (found.number(percent), remark)))
    return rows
