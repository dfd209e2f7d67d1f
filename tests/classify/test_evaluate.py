"""All numbers of a classifier: scikit-learn's, over folds, beside what size alone would give."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm
from sklearn import metrics as sk

from smart_nets.classify.evaluate import evaluate
from smart_nets.errors import ConfigError, InputError
from smart_nets.statistics.delong import delong
from smart_nets.statistics.predictions import Predictions

pytestmark = pytest.mark.filterwarnings("error")
QUICK = {"rounds": 200}


def some_predictions(patients: int = 60, folds: int = 1, sizes: bool = True, seed: int = 0) -> Predictions:
    """Patients of 1 to 3 lesions, positives with higher probabilities and larger."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), rng.integers(1, 4, patients))
    labels = (rng.random(len(owner)) < 0.4).astype(int)
    probabilities = norm.cdf(rng.normal(size=len(owner)) + 1.5 * labels - 0.7)
    millimetres = np.round(np.exp(rng.normal(2.2, 0.4, len(owner)) + 0.3 * labels), 1)
    names = np.array([f"p{number:03d}" for number in owner])
    unknown = np.full(len(owner), np.nan)
    return Predictions(
        np.arange(len(owner)), names, owner % folds, labels, probabilities, millimetres if sizes else unknown
    )


def test_one_fold_equals_scikit_learn():
    said = some_predictions()
    y, p, called = said.labels, said.probabilities, said.probabilities >= 0.3
    found = evaluate(said, threshold=0.3, **QUICK)
    values = {name: entry["value"] for name, entry in found["metrics"].items() if name != "calibration_error"}
    assert values == pytest.approx(
        {
            "auc": sk.roc_auc_score(y, p),
            "pooled_auc": sk.roc_auc_score(y, p),
            "average_precision": sk.average_precision_score(y, p),
            "precision": sk.precision_score(y, called),
            "recall": sk.recall_score(y, called),
            "specificity": sk.recall_score(y, called, pos_label=0),
            "accuracy": sk.accuracy_score(y, called),
            "balanced_accuracy": sk.balanced_accuracy_score(y, called),
            "brier": sk.brier_score_loss(y, p),
        }
    )
    for name, entry in found["metrics"].items():
        assert 0 <= entry["low"] <= entry["value"] <= entry["high"] <= 1, name
    assert (found["cases"], found["patients"], found["positives"], found["folds"]) == (len(y), 60, y.sum(), [0])


def test_over_folds_the_auc_is_the_mean():
    said = some_predictions(folds=3)
    said = replace(said, probabilities=said.probabilities / (1 + said.folds))  # models of unlike scale
    found = evaluate(said, **QUICK)
    parts = [said.where(said.folds == fold) for fold in range(3)]
    for name, score in (("auc", sk.roc_auc_score), ("average_precision", sk.average_precision_score)):
        expected = np.mean([score(part.labels, part.probabilities) for part in parts])
        assert found["metrics"][name]["value"] == pytest.approx(expected)
    assert found["metrics"]["pooled_auc"]["value"] == pytest.approx(sk.roc_auc_score(said.labels, said.probabilities))
    assert found["metrics"]["pooled_auc"]["value"] < found["metrics"]["auc"]["value"] - 0.02
    assert found["folds"] == [0, 1, 2]


def test_curves():
    found = evaluate(some_predictions(folds=2), **QUICK)
    roc, pr = found["curves"]["roc"], found["curves"]["pr"]
    assert roc["fpr"] == pr["recall"] == pytest.approx(np.linspace(0, 1, 101))
    for curve, y in ((roc, "tpr"), (pr, "precision")):
        assert len(curve[y]) == 101
        inside = np.array(curve["low"]) <= np.array(curve["high"])
        assert inside.all()
    assert (np.diff(roc["tpr"]) >= 0).all()
    assert trapezoid(roc["tpr"], roc["fpr"]) == pytest.approx(found["metrics"]["auc"]["value"], abs=0.01)
    assert pr["precision"][-1] < pr["precision"][0]


def test_operating_point_by_hand():
    """Perfect order, so that whichever patients choose, 90 % of the others' positives are found and no negative is called."""
    n = 40
    labels = np.repeat([1, 0], n // 2)
    said = Predictions(np.arange(n), np.arange(n), np.zeros(n), labels, np.linspace(0.99, 0.01, n), np.full(n, np.nan))
    point = evaluate(said, sensitivity=0.9, **QUICK)["operating_point"]
    assert point["rule"] == "sensitivity >= 0.9, threshold chosen on other patients (5-fold cross-fitting)"
    assert point["sensitivity"]["value"] == pytest.approx(0.9, abs=0.1)
    assert (point["specificity"]["value"], point["precision"]["value"]) == (1, 1)
    assert point["specificity"]["low"] == pytest.approx(0.025 ** (1 / 20))  # 20 of 20 patients, exactly
    assert 0.5 < point["threshold"] < 0.6  # between the third and the last positive


def test_a_model_that_never_says_yes_has_no_precision():
    said = some_predictions()
    found = evaluate(replace(said, probabilities=said.probabilities * 0.4), **QUICK)
    precision = found["metrics"]["precision"]
    assert (precision["value"], precision["low"], precision["high"]) == (None, None, None)
    assert precision["why"] == "no probability reaches 0.5"
    assert found["metrics"]["recall"]["value"] == 0


def test_calibrated_probabilities_are_not_called_wrong():
    """Chance alone makes an error, and draws of patients a larger one; the interval must reach down towards none."""
    rng = np.random.default_rng(1)
    probabilities = rng.random(200)
    rows, labels = np.arange(200), (rng.random(200) < probabilities).astype(int)
    found = evaluate(Predictions(rows, rows, 0 * rows, labels, probabilities, np.nan * rows), **QUICK)
    error = found["metrics"]["calibration_error"]
    assert error["value"] == pytest.approx(found["calibration"]["error_if_calibrated"], rel=0.3)
    assert error["low"] < 0.5 * error["value"]


def test_size_alone():
    said = some_predictions()
    found = evaluate(said, **QUICK)
    size, matched = found["size_only"], found["size_matched"]
    assert size["auc"]["value"] == pytest.approx(sk.roc_auc_score(said.labels, said.sizes))
    assert size["average_precision"]["value"] == pytest.approx(sk.average_precision_score(said.labels, said.sizes))
    assert size["delong_p"] == pytest.approx(delong(said.labels, said.probabilities, said.sizes, said.patients)["p"])
    assert size["cases"] == len(said)
    inside = (said.sizes >= 8) & (said.sizes <= 15)
    y = said.labels[inside]
    assert (matched["range_mm"], matched["cases"], matched["positives"]) == ([8, 15], inside.sum(), y.sum())
    assert matched["auc"]["value"] == pytest.approx(sk.roc_auc_score(y, said.probabilities[inside]))
    assert matched["average_precision"]["value"] == pytest.approx(
        sk.average_precision_score(y, said.probabilities[inside])
    )
    assert matched["size_only_auc"]["value"] == pytest.approx(sk.roc_auc_score(y, said.sizes[inside]))


def test_lesions_without_a_size_are_left_out_of_its_test():
    said = some_predictions()
    unknown = np.arange(len(said)) % 4 == 0
    found = evaluate(replace(said, sizes=np.where(unknown, np.nan, said.sizes)), **QUICK)
    known = said.where(~unknown)
    assert found["size_only"]["cases"] == len(known)
    assert found["size_only"]["auc"]["value"] == pytest.approx(sk.roc_auc_score(known.labels, known.sizes))
    assert found["cases"] == len(said)


def test_no_sizes():
    found = evaluate(some_predictions(sizes=False), **QUICK)
    assert found["size_only"] is None
    assert found["size_matched"] == {
        "range_mm": [8, 15],
        "cases": 0,
        "positives": 0,
        "auc": None,
        "average_precision": None,
        "size_only_auc": None,
        "why": "fold 0 has 0 such lesions, and not of both classes",
    }


def test_a_small_study_still_gets_its_numbers():
    """Two patients of a class are too few to choose a threshold fairly, one is too few to test on; both are said."""
    labels = np.array([1, 0, 0, 0, 0, 0])
    said = Predictions(
        np.arange(6), list("abcdef"), np.zeros(6), labels, [0.9, 0.8, 0.1, 0.2, 0.3, 0.4], [20, 3, 4, 5, 6, 30]
    )
    found = evaluate(said, **QUICK)
    assert found["metrics"]["auc"]["value"] == 1
    assert found["metrics"]["auc"]["low"] is None
    assert "no more patients" in found["metrics"]["auc"]["why"]
    assert found["operating_point"]["threshold"] is None
    assert "one patient only" in found["operating_point"]["why"]
    assert found["size_only"]["delong_p"] is None
    assert "too few patients" in found["size_only"]["why"]
    json.dumps(found, allow_nan=False)


def test_ready_for_json():
    found = evaluate(some_predictions(folds=2), **QUICK)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_order_of_rows_does_not_matter():
    said = some_predictions(folds=2)
    order = np.random.default_rng(5).permutation(len(said))
    assert evaluate(said.where(order), **QUICK) == evaluate(said, **QUICK)


def test_what_keeps_the_ranking_keeps_what_ranks():
    said = some_predictions(folds=2)
    found, squared = (evaluate(part, **QUICK) for part in (said, replace(said, probabilities=said.probabilities**2)))
    for name in ("auc", "pooled_auc", "average_precision"):
        assert squared["metrics"][name] == found["metrics"][name]
    assert squared["curves"] == found["curves"]
    point = found["operating_point"]
    assert {**squared["operating_point"], "threshold": 0} == {**point, "threshold": 0}
    assert squared["metrics"]["brier"] != found["metrics"]["brier"]


def test_same_seed_same_intervals():
    said = some_predictions()
    first, again, other = (evaluate(said, seed=seed, **QUICK)["metrics"] for seed in (1, 1, 2))
    assert first == again
    assert first["auc"]["value"] == other["auc"]["value"]
    assert first["auc"]["low"] != other["auc"]["low"]


def test_several_models_of_a_lesion_count_it_once():
    """The same predictions as of three models: no more lesions, and no more certainty."""
    said = some_predictions()
    copies = Predictions.joined([replace(said, folds=np.full(len(said), number)) for number in range(3)])
    once, thrice = evaluate(said, **QUICK), evaluate(copies, **QUICK)
    for name in ("cases", "patients", "positives"):
        assert once[name] == thrice[name]
    for name, entry in once["metrics"].items():
        assert thrice["metrics"][name] == pytest.approx(entry), name
    assert thrice["size_only"]["delong_p"] == pytest.approx(once["size_only"]["delong_p"])


@pytest.mark.parametrize(
    ("changed", "options", "error", "says"),
    [
        ({"labels": 1}, {}, InputError, "fold 0: has lesions of one class only"),
        ({"patients": "p"}, {}, InputError, "needs several patients"),
        ({}, {"threshold": 1.5}, ConfigError, "threshold: is out of range"),
        ({}, {"threshold": float("nan")}, ConfigError, "threshold: is out of range"),
        ({}, {"sensitivity": 0}, ConfigError, "sensitivity: is out of range"),
        ({}, {"rounds": 10}, ConfigError, "rounds: cannot be .*too few"),
    ],
)
def test_what_cannot_be_evaluated(changed, options, error, says):
    said = some_predictions()
    with pytest.raises(error, match=says):
        evaluate(replace(said, **{name: np.full(len(said), value) for name, value in changed.items()}), **options)


def test_the_fold_that_lacks_a_class_is_named():
    said = some_predictions(folds=3)
    with pytest.raises(InputError, match="fold 2: has lesions of one class only"):
        evaluate(replace(said, labels=np.where(said.folds == 2, 0, said.labels)))
