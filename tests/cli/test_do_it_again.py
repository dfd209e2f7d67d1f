"""The commands of "Do it again": what a report says can be typed, and asks for what its run was."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smart_nets.classify.report import record as classify
from smart_nets.cli.bundles import BUNDLES
from smart_nets.cli.parse import parse
from smart_nets.cli.verbs import read_verb
from smart_nets.localize.report.again import attend_again, localise_again, localise_facts
from smart_nets.pretrain.report.again import pretrain_again
from smart_nets.segment.report import again as segment

ROOT = Path(__file__).parents[2]


def words(command: str) -> list[str]:
    return shlex.split(command.replace("\\\n", " "))


def typed(command: str, verb: str) -> dict[str, Any]:
    """What the verb of a command would be called with."""
    start, rest = words(command)[:4], words(command)[4:]
    assert start == ["python", "-m", "smart_nets", verb]
    return parse(read_verb(verb), rest)[1]


def keys(command: str, task: str) -> dict[str, str]:
    """The overrides of a bundle's command, each of which must be a key of its configuration."""
    given = words(command)
    assert given[:3] == ["python", "-m", "smart_nets"] and given[3] == task
    configs, told = parse(read_verb(task), given[4:])
    name = (configs or ["train"])[0]
    config = json.loads((ROOT / "bundles" / BUNDLES[task] / "configs" / f"{name}.json").read_text())
    named = dict(zip(told["told"][::2], told["told"][1::2], strict=True))
    assert not [name for name in named if name.removeprefix("--") not in config]
    return named


def test_attend():
    settings = {
        "percentile": 80,
        "region": "lungs",
        "components": 2,
        "smallest_ml": 0.5,
        "overlap": 0.25,
        "head": 1,
        "block": -1,
    }
    scan = {"maps": [{"model": "small"}, {"model": "random"}], "settings": settings}
    told = typed(attend_again({"scans": [scan]}), "attend")
    assert told.items() >= settings.items() and told["model"] == "small=/path/to/small.pt,random" and "crop" not in told
    sized = {**scan, "settings": settings | {"spacing": [3.0] * 3, "crop_size": [64] * 3}}
    assert typed(attend_again({"scans": [sized]}), "attend").items() >= {"spacing": 3, "crop": 64}.items()
    plain = typed(attend_again({"scans": [{**scan, "settings": settings | {"head": "mean"}}]}), "attend")
    assert "head" not in plain


def test_localise():
    settings = {"percentile": 90, "region": "body", "components": 0, "smallest_ml": 0.0, "crop_size": [32, 32, 32],
                "spacing": [8.0, 8.0, 8.0], "overlap": 0.5, "head": None, "block": -1, "random_encoders": 3}  # fmt: skip
    told = keys(localise_again({"settings": settings}), "zeroshot")
    assert told["--spacing"] == "[8.0, 8.0, 8.0]" and told["--percentile"] == "90" and "--head" not in told
    assert told["--random_encoders"] == "3" and "--around_tumour" not in told


@pytest.mark.parametrize(
    ("dataset_dir", "says"),
    [
        ("/hospital/Smith_John", {"--dataset_dir": "/path/to/scans", "--readers": "auto"}),
        (None, {"--phantoms": "5"}),
    ],
)
def test_localise_tells_data_and_model_but_no_name(dataset_dir, says):
    model = ROOT / "bundles/smart_pretrain/models/small.pt"
    facts = localise_facts(
        [{"image": f"{dataset_dir}/a.nii.gz"}], model, dataset_dir, 5, [6.0] * 3, [-175, 250], readers="auto"
    )
    command = localise_again({"settings": {"around_mm": [64.0] * 3}, **facts})
    told = keys(command, "zeroshot")
    assert facts["outside_card"] == [
        "The encoder was trained with voxels of 2 x 2 x 2 mm and is used with 6 x 6 x 6 mm."
    ]
    assert told.items() >= says.items() and told["--model_path"] == "/path/to/small.pt"
    assert told["--around_tumour"] == "true" and "Smith" not in command + json.dumps(facts)
    assert len({"--phantoms", "--dataset_dir"} & set(told)) == 1


def test_pretraining():
    """What differs from the preset is told, as Python writes it; null is what stands in the configuration anyway."""
    settings = {"max_epochs": 3, "betas": [0.9, 0.999], "architecture": {"sa_stage": None}, "hint_pool": None,
                "symmetric": True, "pretrained": "small.pt"}  # fmt: skip
    told = keys(
        pretrain_again({"preset": "tiny", "data": {"source": "cts", "used": 4}, "settings": settings}), "pretrain"
    )
    assert told == {
        "--preset": "tiny", "--dataset_dir": "/path/to/cts", "--pretrained": "/path/to/small.pt", "--max_epochs": "3",
        "--betas": "[0.9, 0.999]", "--architecture": "{'sa_stage': None}", "--symmetric": "True",
    }  # fmt: skip
    summed = pretrain_again({"settings": {"guided_from": 0.1 + 0.2}})
    assert keys(summed, "pretrain") == {
        "--guided_from": "0.30000000000000004"
    }  # the very same run, if not as one would type it
    phantoms = keys(pretrain_again({"data": {"source": "embedded phantoms", "used": 5}}), "pretrain")
    assert phantoms == {"--phantoms": "5"}


@pytest.mark.parametrize("judged", [{"folds": 3}, {"test": "others.npz"}])
def test_probe(judged):
    run = SimpleNamespace(about={}, facts=lambda name: {"kind": "knn", "feature": "cls", "seed": 7, **judged})
    told = typed(classify._command(run), "probe")
    assert (told["kind"], told["feature"], told["seed"]) == ("knn", "cls", 7)
    assert told.get("test") == (f"/path/to/{judged['test']}" if "test" in judged else None)


@pytest.mark.parametrize(("page", "task"), [(classify, "classify"), (segment, "segment")])
def test_training(page, task):
    """Every setting that such a command can hold is a key of the bundle."""
    source = {"data": {"source": "cases"}, "preset": "tiny", "settings": dict.fromkeys(page.OPTIONS, 1), "encoder": "x"}
    run = SimpleNamespace(about=source, facts=lambda name: source.get(name, {}))
    assert {f"--{name}" for name in page.OPTIONS} <= set(keys(page._command(run), task))
