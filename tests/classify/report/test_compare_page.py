from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smart_nets.classify.compare import compare as compare_runs
from smart_nets.classify.report.compare_page import write_compare_report
from smart_nets.errors import InputError
from smart_nets.statistics.predictions import Predictions

PageOf = Callable[[Path], Any]


def evaluation(auc: float | None, curves: bool = True) -> dict[str, Any]:
    band = None if auc is None else {"value": auc, "low": auc - 0.05, "high": auc + 0.05}
    roc = {"fpr": [0, 0.5, 1], "tpr": [0, 0.8, 1], "low": [0, 0.7, 0.9], "high": [0.1, 0.9, 1]}
    return {
        "cases": 90,
        "patients": 66,
        "positives": 30,
        "metrics": {"auc": band},
        "size_only": {"auc": 0.7},
        "curves": {"roc": roc} if curves else None,
    }


COMPARISON: dict[str, Any] = {
    "models": {
        "linear probe": {"0.25": evaluation(0.71), "1.0": evaluation(0.78)},
        "fine-tuned": {"0.25": evaluation(0.74), "1.0": evaluation(0.85)},
        "from scratch": {"1.0": evaluation(0.6)},
    },
    "differences": [
        {
            "a": "linear probe",
            "b": "fine-tuned",
            "fraction": 1.0,
            "auc_a": 0.78,
            "auc_b": 0.85,
            "difference": -0.07,
            "low": -0.11,
            "high": -0.03,
            "p": 0.0004,
        },
        {
            "a": "linear probe",
            "b": "fine-tuned",
            "fraction": 0.25,
            "auc_a": 0.71,
            "auc_b": 0.74,
            "difference": -0.03,
            "low": -0.1,
            "high": 0.04,
            "p": 0.42,
        },
    ],
    "few_shot": {
        "linear probe": {"fraction": [0.25, 1.0], "auc": [0.71, 0.78], "low": [0.66, 0.73], "high": [0.76, 0.83]},
        "fine-tuned": {"fraction": [0.25, 1.0], "auc": [0.74, 0.85], "low": [0.69, 0.8], "high": [0.79, 0.9]},
        "from scratch": {"fraction": [1.0], "auc": [0.6], "low": [0.55], "high": [0.65]},
    },
}


@pytest.fixture
def compare(tmp_path: Path, page_of: PageOf) -> Callable[[Any], Any]:
    """A function that writes compare.json and reads the page made of it."""

    def make(content: Any) -> Any:
        path = tmp_path / "compare.json"
        path.write_text(json.dumps(content))
        assert write_compare_report(path) == tmp_path / "compare.html"
        return page_of(tmp_path / "compare.html")

    return make


def without(*names: str) -> dict[str, Any]:
    return {name: copy.deepcopy(part) for name, part in COMPARISON.items() if name not in names}


def test_a_whole_comparison(compare: Callable[[Any], Any]) -> None:
    text = compare(COMPARISON).text
    assert "“fine-tuned” 0.850 (0.800–0.900), “linear probe” 0.780 (0.730–0.830), “from scratch” 0.600" in text
    assert "All were tested on the same 90 lesions of 66 patients. The lesions' size alone reaches 0.700." in text
    assert "“fine-tuned” is better than “linear probe” by 0.070 (0.030–0.110) in AUC (p < 0.001)." in text
    assert "model 25% 100% linear probe 0.710 0.660–0.760 0.780 0.730–0.830" in text
    assert "from scratch – 0.600" in text and "size alone diameter as the prediction 0.700 0.700" in text
    assert "linear probe − fine-tuned trained on 100% −0.070 −0.110 to −0.030 p < 0.001" in text
    assert "by Bonferroni's rule only those below 0.025 count" in text
    assert "Few-shot curve" in text and "ROC curves, trained on 100%" in text
    assert text.rstrip().endswith("Research software: not for diagnostic use.")


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("differences", "Whether “fine-tuned” is better than “linear probe” was not tested."),
        ("differences", "No differences were tested."),
        ("few_shot", "This comparison has no few-shot curve."),
    ],
)
def test_a_missing_part_is_told(compare: Callable[[Any], Any], part: str, sentence: str) -> None:
    assert sentence in compare(without(part)).text


@pytest.mark.parametrize(
    ("p", "sentence"), [(0.2, "“fine-tuned” is not shown to be better than “linear probe”"), (None, "was not tested")]
)
def test_the_winner_is_not_oversold(compare: Callable[[Any], Any], p: float | None, sentence: str) -> None:
    content = without()
    content["differences"][0]["p"] = p
    assert sentence in compare(content).text


def test_other_folds_are_told(compare: Callable[[Any], Any]) -> None:
    content = without()
    for name, folds in (("fine-tuned", [0, 1]), ("linear probe", [0, 1]), ("from scratch", [0])):
        content["models"][name]["1.0"]["folds"] = folds
    content["differences"].append({"a": "from scratch", "b": "fine-tuned", "fraction": 1.0, "why": "no fold in common"})
    content["differences"][0]["folds"] = [0, 1]
    text = compare(content).text
    assert "Not all models trained on 100% were tested in the same folds." in text and "All were tested" not in text
    assert "trained on 100%; folds 0, 1 −0.070" in text
    assert "no number no fold in common p not known" in text


def test_what_compare_writes_is_understood(
    tmp_path: Path, make_predictions: Callable[..., Predictions], compare: Callable[[Any], Any]
) -> None:
    runs = []
    for name, skill in (("fine-tuned", 2.0), ("from scratch", 0.2)):
        for fraction in (0.25, 1.0):
            folder = tmp_path / f"{name} {fraction}"
            make_predictions(60, skill=skill * fraction).write(folder / "eval" / "predictions.csv")
            classify = {"name": name, "train_fraction": fraction, "fold": 0, "subset_seed": 0}
            (folder / "eval" / "run.json").write_text(json.dumps({"classify": classify}))
            runs.append(folder)
    text = compare(compare_runs(runs, rounds=100)).text
    assert "All were tested on the same 60 lesions of 45 patients." in text
    assert "fine-tuned − from scratch trained on 100%; fold 0 +0." in text


def test_one_model_at_one_share(compare: Callable[[Any], Any]) -> None:
    shots = {"fine-tuned": {"fraction": [1.0], "auc": [0.85]}}
    text = compare({"models": {"fine-tuned": {"1.0": evaluation(0.85)}}, "few_shot": shots}).text
    assert "there is nothing to compare it with" in text and "there is no curve to draw" in text


def test_models_without_numbers(compare: Callable[[Any], Any]) -> None:
    text = compare(
        {"models": {"a": {"1.0": evaluation(None, curves=False)}, "b": {"1.0": evaluation(None, False)}}}
    ).text
    assert "No model has an AUC." in text and "This comparison kept no ROC curves." in text


def test_a_model_without_a_curve_is_named(compare: Callable[[Any], Any]) -> None:
    content = without()
    content["models"]["from scratch"]["1.0"]["curves"] = None
    assert "no curve of from scratch" in compare(content).text


def test_names_are_escaped(compare: Callable[[Any], Any], tmp_path: Path) -> None:
    evil = "<script>x</script>"
    content = json.loads(json.dumps(COMPARISON).replace("fine-tuned", evil))
    compare(content)
    html = (tmp_path / "compare.html").read_text()
    assert "<script" not in html and "http" not in html.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("{", "not valid JSON"),
        ("[]", "is no record of a comparison"),
        ('{"models": {}}', "is no record of a comparison .*no models"),
        ('{"models": {"a": {"1.0": {}}}}', "is no record of a comparison .*'cases'.*evaluate again"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "compare.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=f"compare.json: .*{message}"):
        write_compare_report(path)
    assert not (tmp_path / "compare.html").exists()
