"""benchmarks/learning.py: floors once for all models, curves in the order of steps, a picture, no folders in the JSON."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from fixtures.small import SAVED
from PIL import Image

from smart_nets.errors import InputError
from smart_nets.organs.fields import Fields
from smart_nets.organs.judge import fresh_encoder
from smart_nets.weights.io import save_weights

ARCHITECTURE = {"name": "SmartEncoder", **SAVED}
CARD = {"architecture": ARCHITECTURE, "hu_window": [-200, 200], "spacing": [2, 2, 2]}
FILE = Path(__file__).parents[2] / "benchmarks" / "learning.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("learning_benchmark", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fields() -> Fields:
    """Two scans of two organs: one grey each, with noise."""
    noise = np.random.default_rng(0).normal(0, 20, (4, 44, 44, 44))
    x = (noise + np.array([60, -150, 60, -150])[:, None, None, None]).astype(np.int16)
    return Fields(x, np.array(["liver", "lung"] * 2), np.array(["p", "p", "q", "q"]), 2.0)


def weights(path: Path, seed: int) -> Path:
    save_weights(fresh_encoder(ARCHITECTURE, seed), path, CARD)
    return path


@pytest.fixture
def steps(tmp_path) -> Path:
    """A folder of two weights whose names sort otherwise than their steps do."""
    for seed, name in enumerate(("step_90.pt", "step_100.pt")):
        weights(tmp_path / "steps" / name, seed)
    return tmp_path / "steps"


def test_the_whole_command(benchmark, steps, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("SMART_REAL_DATA", raising=False)
    monkeypatch.setattr(benchmark, "phantom_fields", lambda patients, spacing: fields())
    model, target, picture = weights(tmp_path / "model.pt", 5), tmp_path / "learning.json", tmp_path / "learning.png"
    sizes, written = ["--encoders", "2", "--rounds", "100"], ["--output", str(target), "--picture", str(picture)]
    given = ["--models", f"ours={model}", "--curves", str(steps)]
    monkeypatch.setattr("sys.argv", ["learning.py", *given, *sizes, *written])
    benchmark.main()
    said = capsys.readouterr().out
    assert "real fields are left out" in said and "ours on phantoms:\n  24 crops of 2 organs and 2 scans" in said
    assert "stages less random stages: 3-NN" in said
    written = json.loads(target.read_text())
    assert str(tmp_path) not in target.read_text() and "ours=model.pt --curves steps" in written["command"]
    assert {"date", "hardware", "versions", "real_fields"} <= written.keys() and not written["real_fields"]
    table = written["models"]["ours"]["fields"]["phantoms"]
    assert (
        set(table["features"]) == {"cls", "pooled", "stages"} and table["floors"]["random cls"]["knn"]["encoders"] == 2
    )
    curve = written["curves"]["phantoms"]
    assert curve["steps"] == [90, 100] and all(len(values) == 2 for values in curve["features"].values())
    with Image.open(picture) as image:
        assert image.width > 500 and image.height > 400


def test_floors_are_computed_once(benchmark, steps, monkeypatch):
    bench = benchmark.Bench({"phantoms": fields()}, "cpu", 1, 100)
    asked = []
    original = benchmark.FieldJudge.random_floors
    monkeypatch.setattr(benchmark.FieldJudge, "random_floors", lambda *args: asked.append(1) or original(*args))
    for path in steps.glob("*.pt"):
        bench.judged(path)
    assert len(asked) == 1


def test_real_fields_are_found_by_the_environment(benchmark, tmp_path, monkeypatch):
    one = fields()
    np.savez(tmp_path / benchmark.REAL, x=one.hu, organ=one.organs, scan=one.scans)
    monkeypatch.setenv("SMART_REAL_DATA", str(tmp_path))
    np.testing.assert_array_equal(benchmark.real_fields().hu, one.hu)


def test_models_are_named(benchmark):
    assert benchmark.models_of(["a=x.pt,b=y/z.pt", "c=w.pt"]) == {
        "a": Path("x.pt"),
        "b": Path("y/z.pt"),
        "c": Path("w.pt"),
    }


@pytest.mark.parametrize("pairs", [["x.pt"], ["=x.pt"], ["a="], ["a=x.pt", "a=y.pt"]])
def test_models_without_a_name_are_refused(benchmark, pairs):
    with pytest.raises(InputError, match=r"is no model .expected name=path"):
        benchmark.models_of(pairs)


def test_one_point_is_no_curve(benchmark, tmp_path):
    weights(tmp_path / "step_000001.pt", 0)
    (tmp_path / "step_last.pt").write_bytes(b"")
    with pytest.raises(InputError, match=r"has no learning curve .*found 1 of them"):
        benchmark.steps_of(tmp_path)
