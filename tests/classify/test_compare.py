"""Runs beside each other: folds joined, subsets averaged, models in pairs on the same lesions."""

import json
import logging

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from smart_nets.classify.compare import compare
from smart_nets.classify.report.compare_page import write_compare_report
from smart_nets.errors import ConfigError, InputError
from smart_nets.statistics.delong import delong
from smart_nets.statistics.predictions import Predictions

QUICK = {"rounds": 200}
NAMES = ("fine-tuned", "from scratch")
PER_FOLD = 60


def lesions(fold: int) -> Predictions:
    """60 lesions of 30 patients; the same for every model."""
    rng = np.random.default_rng(fold)
    rows = np.arange(PER_FOLD) + PER_FOLD * fold
    patients = np.array([f"p{row // 2:03d}" for row in rows])
    labels = rng.integers(0, 2, PER_FOLD)
    sizes = np.round(5 + 10 * rng.random(PER_FOLD) + 3 * labels, 1)
    return Predictions(rows, patients, np.full(PER_FOLD, fold), labels, np.full(PER_FOLD, 0.5), sizes)


@pytest.fixture
def make_run(tmp_path):
    """Write a run folder and return it."""

    def make(name=NAMES[0], fraction=1.0, fold=0, seed=0, skill=1.0, said=None, **settings):
        said = lesions(fold) if said is None else said
        noise = np.random.default_rng([fold, seed, int(100 * fraction), len(name)]).normal(size=len(said))
        probabilities = 1 / (1 + np.exp(-noise - skill * said.labels))
        folder = tmp_path / f"{name} {fraction} {fold} {seed}"
        Predictions(said.rows, said.patients, said.folds, said.labels, probabilities, said.sizes).write(
            folder / "eval" / "predictions.csv"
        )
        classify = {"name": name, "train_fraction": fraction, "fold": fold, "subset_seed": seed}
        (folder / "eval" / "run.json").write_text(
            json.dumps({"title": "x", "classify": classify, "settings": settings})
        )
        return folder

    return make


def aucs(folders) -> list[float]:
    read = [Predictions.read(folder / "eval" / "predictions.csv") for folder in folders]
    return [roc_auc_score(said.labels, said.probabilities) for said in read]


def test_what_differs_beside_the_weights_is_told_above_everything(make_run, tmp_path, page_of):
    ours = make_run(skill=4.0, spacing=[4, 4, 4], fold=0, architecture={"embed_dim": 48, "sa_stage": 3})
    theirs = make_run(NAMES[1], skill=0.0, spacing=[1, 1, 1], fold=0, architecture={"embed_dim": 16, "sa_stage": 3})
    found = compare([ours, theirs], **QUICK)
    assert found["beside"] == [
        "spacing: [4, 4, 4] in “fine-tuned”, [1, 1, 1] in “from scratch”",
        "architecture: {'embed_dim': 48} in “fine-tuned”, {'embed_dim': 16} in “from scratch”",
    ]
    (tmp_path / "compare.json").write_text(json.dumps(found))
    text = page_of(write_compare_report(tmp_path / "compare.json")).text
    assert "They differ in more than their weights: spacing: [4, 4, 4]" in text
    assert text.index("They differ in more") < text.index("AUC (95% interval)")


def test_folds_are_joined_and_subsets_averaged(make_run):
    runs = [make_run(fraction=0.25, fold=fold, seed=seed, skill=1 + seed) for fold in (0, 1) for seed in (0, 1, 2)]
    found = compare(runs, **QUICK)["models"]["fine-tuned"]["0.25"]
    assert found["metrics"]["auc"]["value"] == pytest.approx(np.mean(aucs(runs)))
    assert (found["folds"], found["subset_seeds"]) == ([0, 1], [0, 1, 2])
    assert (found["cases"], found["patients"]) == (2 * PER_FOLD, PER_FOLD)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_differences_on_the_same_lesions(make_run):
    runs = {
        name: [make_run(name, fold=fold, skill=skill) for fold in (0, 1)]
        for name, skill in zip(NAMES, (3, 0.5), strict=True)
    }
    found = compare([run for folders in runs.values() for run in folders], **QUICK)
    (difference,) = found["differences"]
    a, b = ([Predictions.read(run / "eval" / "predictions.csv") for run in runs[name]] for name in NAMES)
    ours, theirs = Predictions.joined(a), Predictions.joined(b)
    expected = delong(ours.labels, ours.probabilities, theirs.probabilities, ours.patients, ours.folds)
    assert difference == {
        "a": NAMES[0],
        "b": NAMES[1],
        "fraction": 1.0,
        "folds": [0, 1],
        "subset_seeds": [0],
        **expected,
    }
    assert difference["difference"] == pytest.approx(np.mean(aucs(runs[NAMES[0]])) - np.mean(aucs(runs[NAMES[1]])))
    assert difference["p"] < 0.01


def test_few_shot_curves_run_from_small_to_large(make_run):
    runs = [make_run(name, fraction, skill=3 * fraction) for fraction in (1.0, 0.25, 0.5) for name in NAMES]
    found = compare(runs, **QUICK)
    assert set(found["few_shot"]) == set(NAMES)
    curve = found["few_shot"][NAMES[1]]
    assert curve["fraction"] == [0.25, 0.5, 1.0]
    for key, value in (("auc", "value"), ("low", "low"), ("high", "high")):
        models = found["models"][NAMES[1]]
        assert curve[key] == [models[fraction]["metrics"]["auc"][value] for fraction in ("0.25", "0.5", "1")]
    assert [one["fraction"] for one in found["differences"]] == [0.25, 0.5, 1.0]


def test_pairs_share_what_they_can(make_run, caplog):
    runs = [
        make_run(NAMES[0], fold=0),
        make_run(NAMES[0], fold=1),
        make_run(NAMES[1], fold=1),
        make_run("third", fold=2),
    ]
    with caplog.at_level(logging.WARNING):
        found = compare(runs, **QUICK)
    assert "not all models have the same folds" in caplog.text
    by_pair = {(one["a"], one["b"]): one for one in found["differences"]}
    assert by_pair[NAMES]["folds"] == [1]
    assert by_pair[NAMES[0], "third"] == {
        "a": NAMES[0],
        "b": "third",
        "fraction": 1.0,
        "why": "no fold and subset seed in common",
    }


def test_the_order_of_runs_and_rows_does_not_matter(make_run):
    runs = [make_run(name, fold=fold) for name in NAMES for fold in (0, 1)]
    expected = compare(runs, **QUICK)
    path = runs[0] / "eval" / "predictions.csv"
    said = Predictions.read(path)
    said.where(np.arange(len(said))[::-1]).write(path)
    assert compare([runs[1], runs[0], runs[3], runs[2]], **QUICK) == expected
    assert compare([run / "eval" for run in runs], **QUICK) == expected


def test_runs_must_have_the_same_lesions(make_run):
    one = lesions(0)
    fewer = make_run(NAMES[1], said=one.where(np.arange(len(one)) > 0))
    with pytest.raises(ConfigError, match=r"has other lesions in fold 0 than .*expected 60 lesions, found 59 of them"):
        compare([make_run(), fewer], **QUICK)
    shifted = lesions(1)
    moved = Predictions(
        shifted.rows - PER_FOLD, shifted.patients, shifted.folds, shifted.labels, shifted.probabilities, shifted.sizes
    )
    with pytest.raises(ConfigError, match="has another lesion in row 0 than"):
        compare([make_run(), make_run(fold=1, said=moved.where(np.arange(PER_FOLD) < 30))], **QUICK)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"name": None}, "run.json, name: is no name .expected a text, found None"),
        ({"name": ""}, "name: is no name"),
        ({"train_fraction": 0}, "train_fraction: is no share"),
        ({"train_fraction": 25}, "train_fraction: is no share .expected above 0, up to 1, found 25"),
        ({"train_fraction": "all"}, "train_fraction: is no share"),
        ({"fold": 0.5}, "fold: is no whole number"),
        ({"fold": True}, "fold: is no whole number"),
        ({"subset_seed": None}, "subset_seed: is no whole number"),
        ({"fold": 3}, "predictions are of another fold than run.json says .expected 3, found .0."),
    ],
)
def test_facts_that_make_no_sense(make_run, facts, says):
    run = make_run()
    record = run / "eval" / "run.json"
    written = json.loads(record.read_text())
    record.write_text(json.dumps({**written, "classify": {**written["classify"], **facts}}))
    with pytest.raises(ConfigError, match=says):
        compare([run], **QUICK)


@pytest.mark.parametrize(
    ("file", "content", "error", "says"),
    [
        ("run.json", None, InputError, r"run\.json: there is no such file"),
        ("run.json", "{", InputError, r"run\.json: is damaged"),
        ("run.json", "[]", ConfigError, "does not tell what was run"),
        ("run.json", '{"title": "a pretraining run"}', ConfigError, "does not tell what was run .'classify'."),
        ("run.json", '{"classify": {"name": "x", "train_fraction": 1, "fold": 0}}', ConfigError, "'subset_seed'"),
        ("predictions.csv", None, InputError, r"predictions\.csv: does not exist"),
        ("predictions.csv", "row,patient\n", InputError, r"predictions\.csv, line 1: column fold is missing"),
        (
            "predictions.csv",
            "row,patient,fold,label,probability,size_mm\n0,p,0,1,0.5,\n1,q,0,1,0.5,\n",
            InputError,
            "has lesions of one class only",
        ),
    ],
)
def test_damaged_folders(make_run, file, content, error, says):
    run = make_run()
    path = run / "eval" / file
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=says):
        compare([run], **QUICK)


def test_nothing_and_twice(make_run, tmp_path):
    with pytest.raises(ConfigError, match="no runs to compare"):
        compare([])
    run = make_run()
    with pytest.raises(ConfigError, match="is the same run again"):
        compare([run, run / "eval"])
    with pytest.raises(InputError, match="there is no such file"):
        compare([tmp_path / "nowhere"])
