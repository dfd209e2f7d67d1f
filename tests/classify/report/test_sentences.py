from __future__ import annotations

import math
from typing import Any

import pytest

from smart_nets.classify.report.evaluation import read_results
from smart_nets.classify.report.sentences import headline, size_verdict
from smart_nets.classify.report.tables import numbers_table
from smart_nets.pages.words import p_text


def results(auc: float | None = 0.8, size: float | None = 0.7, p: float | None = 0.01, **parts: Any) -> Any:
    alone = None if size is None else {"auc": size, "delong_p": p, "cases": 100}
    content = {"cases": 100, "patients": 90, "positives": 25, "metrics": {"auc": auc}, "size_only": alone, **parts}
    return read_results(content)


@pytest.mark.parametrize(
    ("auc", "size", "p", "kind", "sentence"),
    [
        (0.8, 0.7, 0.01, "good", "Better than size alone by 0.100 in AUC (p = 0.01)."),
        (0.8, 0.7, 0.00001, "good", "Better than size alone by 0.100 in AUC (p < 0.001)."),
        (
            0.8,
            0.7,
            0.05,
            "watch",
            "Not better than size alone: the difference of +0.100 in AUC may be chance (p = 0.05).",
        ),
        (0.7, 0.7, 1.0, "watch", "Not better than size alone: the difference of +0.000 in AUC may be chance (p = 1)."),
        (
            0.6,
            0.7,
            0.3,
            "watch",
            "Not better than size alone: the difference of −0.100 in AUC may be chance (p = 0.3).",
        ),
        (0.6, 0.7, 0.01, "bad", "Worse than size alone by 0.100 in AUC (p = 0.01): a ruler would do better."),
        (
            0.8,
            0.7,
            None,
            "watch",
            "differs from that of size alone by +0.100; whether by chance is not known (not tested).",
        ),
        (0.8, None, None, "quiet", "No comparison with lesion size"),
        (None, 0.7, 0.01, "quiet", "No comparison with lesion size"),
    ],
)
def test_the_verdict_on_size(auc: float | None, size: float | None, p: float | None, kind: str, sentence: str) -> None:
    found, _, words = size_verdict(results(auc, size, p))
    assert found == kind and sentence in words.replace("\u00a0", " ")


def test_sizes_known_of_a_part_only_are_told() -> None:
    part = results(size_only={"auc": 0.7, "delong_p": 0.01, "cases": 60})
    assert size_verdict(part)[2].endswith("Size is known of 60 lesions only.")


@pytest.mark.parametrize(
    ("low", "word"), [(0.51, "clearly better than chance"), (0.5, "not clearly better than chance")]
)
def test_like_size_is_judged_against_chance(low: float, word: str) -> None:
    matched = {"range_mm": [8, 15], "cases": 40, "auc": {"value": 0.7, "low": low, "high": 0.8}, "size_only_auc": 0.55}
    text = headline(results(size_matched=matched))
    assert (
        f"Among the 40 lesions of 8 to 15 mm its AUC is 0.700 ({low:.3f}–0.800), {word}; size alone reaches 0.550"
        in text
    )


@pytest.mark.parametrize(
    ("p", "text"), [(0.0123, "p = 0.012"), (0.001, "p = 0.001"), (0.00099, "p < 0.001"), (math.nan, "p not known")]
)
def test_p_in_words(p: float, text: str) -> None:
    assert p_text(p).replace("\u00a0", " ") == text


def test_what_guessing_would_reach_is_told() -> None:
    metrics = {name: {"value": 0.5} for name in ("average_precision", "accuracy", "brier", "precision")}
    table = numbers_table(results(metrics=metrics), ("benign", "malignant"))
    # 25 of 100 are malignant: chance 0.25; always "benign" is right in 75%; Brier of 0.25 for all is 0.25 * 0.75
    assert "here 0.25" in table and "would reach 75%" in table and "gives 0.188" in table
    assert "prints as AP50" in table and "Recall" not in table
