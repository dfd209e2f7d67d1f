"""Probing a file of features leaves a run folder that reports read; what cannot be probed is refused first."""

import json

import numpy as np
import pytest

from smart_nets.classify.probe.linear_probe import knn_probe, linear_probe
from smart_nets.classify.probe.run import probe_features
from smart_nets.classify.report.page import write_classify_report
from smart_nets.errors import ConfigError, InputError
from smart_nets.statistics.features import Features, save_features
from smart_nets.statistics.predictions import Predictions

PATIENTS, EACH = 20, 2
PROBES = {"linear": linear_probe, "knn": knn_probe}


def table(labelled: bool = True, **vectors: np.ndarray) -> Features:
    """Forty lesions of twenty patients; [CLS] tells the label, the mean of the tokens is noise."""
    rng = np.random.default_rng(0)
    n = PATIENTS * EACH
    labels = np.arange(n) // EACH % 2
    cls = rng.normal(size=(n, 6)) + 2 * labels[:, None]
    given = vectors or {
        "cls": cls,
        "pooled": rng.normal(size=(n, 9)),
        "stages": rng.normal(size=(n, 20)) + labels[:, None],
    }
    return Features(
        given,
        np.arange(n) + 100,
        np.repeat([f"p{k:02d}" for k in range(PATIENTS)], EACH),
        rng.uniform(4, 30, n),
        labels if labelled else None,
        {"model": "model.pt", "sha256": "abc"},
    )


@pytest.fixture
def file(tmp_path):
    save_features(tmp_path / "features.npz", table())
    return tmp_path / "features.npz"


@pytest.mark.parametrize("kind", ["linear", "knn"])
@pytest.mark.parametrize("feature", [None, "cls", "pooled", "stages"])
def test_the_folder_holds_what_the_probe_says(file, tmp_path, kind, feature):
    found = probe_features(file, tmp_path / "out", kind, feature, folds=2, seed=3)
    given = table()
    expected = PROBES[kind](
        given.vectors[feature or "cls"], given.labels, given.patients.tolist(), 2, 3, given.rows, given.sizes
    )
    written = Predictions.read(tmp_path / "out" / "predictions.csv")
    np.testing.assert_array_equal(written.rows, expected.rows)
    np.testing.assert_allclose(written.probabilities, expected.probabilities, atol=1e-6)
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == json.loads(json.dumps(found))
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert found["feature"] == (feature or "cls")
    assert record["settings"] == {"folds": 2, "seed": 3, "kind": kind, "feature": feature or "cls"}
    assert record["model"]["sha256"] == "abc"


def test_a_telling_feature_is_told_from_noise(file, tmp_path):
    good = probe_features(file, tmp_path / "cls")["metrics"]["auc"]
    noise = probe_features(file, tmp_path / "pooled", feature="pooled")["metrics"]["auc"]
    assert good["low"] > 0.9 and noise["low"] < 0.5 < noise["high"]


def test_the_report_reads_the_folder(file, tmp_path):
    probe_features(file, tmp_path / "out")
    page = write_classify_report(tmp_path / "out").read_text()
    assert "linear probe of frozen features: [CLS]" in page
    again = "smart_nets probe /path/to/features.npz --output_dir /path/to/output --kind linear --feature cls --folds 3"
    assert again in page
    probe_features(file, tmp_path / "all", feature="stages")
    assert "linear probe of frozen features: all stages" in write_classify_report(tmp_path / "all").read_text()


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"kind": "svm"}, ConfigError, "kind: is not known .expected linear or knn, found svm"),
        (
            {"feature": "mean"},
            ConfigError,
            "feature: is not known .expected cls or pooled or stages, found mean",
        ),
        ({"folds": 1}, ConfigError, "cannot make that many folds"),
        ({"folds": 21}, ConfigError, "cannot make that many folds .expected 2 to 20"),
        ({"features": "none.npz"}, InputError, "none.npz: there is no such file"),
        ({"features": "unlabelled.npz"}, InputError, "unlabelled.npz: has no labels to probe with"),
        ({"features": "broken.npz"}, InputError, "broken.npz: is damaged, or no file of features"),
    ],
)
def test_what_cannot_be_probed_is_refused_and_nothing_is_written(file, tmp_path, options, error, says):
    save_features(tmp_path / "unlabelled.npz", table(labelled=False))
    (tmp_path / "broken.npz").write_bytes(file.read_bytes()[:500])
    given = {"features": "features.npz", **options}
    with pytest.raises(error, match=says):
        probe_features(output_dir=tmp_path / "out", **{**given, "features": tmp_path / given["features"]})
    assert not (tmp_path / "out").exists()


def other_patients(**card) -> Features:
    """Twenty lesions of ten patients whom `table` has not."""
    one = table()
    rows, name = slice(0, 20), np.array([f"q{k // 2:02d}" for k in range(20)])
    vectors = {kind: value[rows] for kind, value in one.vectors.items()}
    return Features(vectors, one.rows[rows], name, one.sizes[rows], one.labels[rows], {**one.card, **card})


@pytest.mark.parametrize("kind", ["linear", "knn"])
def test_a_probe_learnt_on_one_list_is_judged_on_another(file, tmp_path, kind):
    save_features(tmp_path / "test.npz", other_patients())
    found = probe_features(file, tmp_path / "out", kind, test=tmp_path / "test.npz")
    assert (found["cases"], found["patients"], found["folds"]) == (20, 10, [0])
    assert found["metrics"]["auc"]["value"] > 0.9
    assert json.loads((tmp_path / "out" / "run.json").read_text())["settings"]["test"] == "test.npz"
    write_classify_report(tmp_path / "out")


def test_lists_of_one_patient_or_of_two_models_are_refused(file, tmp_path):
    save_features(tmp_path / "same.npz", table())
    with pytest.raises(ConfigError, match="share 20 patients"):
        probe_features(file, tmp_path / "out", test=tmp_path / "same.npz")
    save_features(tmp_path / "test.npz", other_patients(sha256="another"))
    with pytest.raises(InputError, match="features differ in sha256"):
        probe_features(file, tmp_path / "out", test=tmp_path / "test.npz")
    save_features(tmp_path / "test.npz", other_patients(read={"feature": "last_hidden_state:cls"}))
    with pytest.raises(InputError, match="features differ in read"):
        probe_features(file, tmp_path / "out", test=tmp_path / "test.npz")
