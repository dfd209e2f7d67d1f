from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from smart_nets.errors import InputError
from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.pretrain.attention_heads.figures import head_diversity
from smart_nets.pretrain.attention_heads.page import write_heads_report

PageOf = Callable[[Path], Any]
Make = Callable[[Any], Any]


def block(name: str, stage: int | str, entropy: list[float], divergence: float | None = 0.5) -> dict[str, Any]:
    heads = {"entropy": entropy, "distance_mm": [9 + value for value in entropy], "distance_entropy": entropy}
    return {"name": name, "stage": stage, **heads, "largest_entropy": math.log(64), "divergence": divergence}


def stage(name: int | str, mean: float | None, sd: float | None = None) -> dict[str, Any]:
    part = {"mean": mean, "sd": sd}
    return {"stage": name, "entropy": part, "distance_mm": part, "distance_entropy": part, "divergence": part}


FIRST = [block("stage 1 block 1", 1, [2.0, 3.0]), block("stage 1 block 2", 1, [4.0, 3.0])]
RESULT: dict[str, Any] = {
    "blocks": [*FIRST, block("SA block 1", "SA", [1.5, 2.5])],
    "stages": [stage(1, 3.0, 0.8165), stage("SA", 2.0, 0.7071)],
}
CROPS: dict[str, Any] = {"crops": 16, "spacing": [2.0, 2.0, 2.0], "crop_size": [128, 128, 64]}
HEADS: dict[str, Any] = {"models": {"SMART": RESULT, "from scratch": RESULT}, **CROPS}


@pytest.fixture
def heads(tmp_path: Path, page_of: PageOf) -> Make:
    """A function that writes heads.json and reads the page made of it."""

    def make(content: Any) -> Any:
        path = tmp_path / "heads.json"
        path.write_text(json.dumps(content))
        assert write_heads_report(path) == tmp_path / "heads.html"
        return page_of(tmp_path / "heads.html")

    return make


def svgs(path: Path) -> list[str]:
    """The charts, in the order of the page."""
    return re.findall(r'<svg viewBox="[^"]+" role="img".*?</svg>', path.read_text(), flags=re.DOTALL)


def test_a_whole_comparison(heads: Make, tmp_path: Path) -> None:
    text = heads(HEADS).text
    assert "12 attention heads of 2 encoders, on 16 crops of 128 × 128 × 64 voxels of 2 × 2 × 2 mm." in text
    assert "ln 64 = 4.16 nats (6 bits), so only trends compare" in text
    assert "entropy of attention (nats) attention distance (mm) entropy of the distances (nats)" in text
    assert "stage 1 2 blocks, 4 heads 3.00 ± 0.82 at most 4.16" in text
    assert "SA [CLS] 1 block, 2 heads 2.00 ± 0.71" in text
    assert text.count("mean ± SD") >= 4 and text.count("largest possible") == 1
    charts = svgs(tmp_path / "heads.html")
    assert len(charts) == 4 and "Entropy of attention. SMART, stage 1: 3.00 ± 0.82 nats; SMART, SA [CLS]" in charts[0]


def test_a_dot_for_every_head_in_the_colour_of_its_model(heads: Make, tmp_path: Path) -> None:
    heads(HEADS)
    entropy, distance, _, divergence = svgs(tmp_path / "heads.html")
    for chart, dots in ((entropy, 6), (distance, 6), (divergence, 3)):
        for colour in ("blue", "orange"):
            assert len(re.findall(rf"<use [^>]*fill: var\(--{colour}\)", chart)) == dots


def test_charts_follow_the_page_and_do_not_change(heads: Make, tmp_path: Path) -> None:
    heads(HEADS)
    first = (tmp_path / "heads.html").read_text()
    assert not any(re.search(r"#[0-9a-f]{6}", chart.lower()) for chart in svgs(tmp_path / "heads.html"))
    heads(HEADS)
    assert (tmp_path / "heads.html").read_text() == first


def test_names_are_escaped(heads: Make, tmp_path: Path) -> None:
    heads({"models": {"<script>x</script>": RESULT}})
    html = (tmp_path / "heads.html").read_text()
    assert "<script" not in html and "http" not in html.replace("http-equiv", "")


def test_one_crop_and_a_result_without_facts(heads: Make) -> None:
    assert (
        "6 attention heads of 1 encoder, on 1 crop of 128" in heads({**HEADS, "models": {"a": RESULT}, "crops": 1}).text
    )
    assert "6 attention heads of 1 encoder. Each dot" in heads({"models": {"a": RESULT}}).text


def test_single_heads_have_no_divergence(heads: Make) -> None:
    result = {"blocks": [block("stage 1 block 1", 1, [2.0], None)], "stages": [stage(1, 2.0)]}
    result["stages"][0]["divergence"] = {"mean": None, "sd": None}
    text = heads({"models": {"a": result}}).text
    assert "not measured: every block has one head" in text
    assert "stage 1 1 block, 1 head 2.00 at most 4.16 2.00 2.00 –" in text


def test_what_is_measured_can_be_shown(heads: Make) -> None:
    torch.manual_seed(0)
    encoder = ViTEncoder(32, 16, dim=8, depth=2, num_heads=2)
    result = head_diversity(encoder, torch.rand(1, 1, 32, 32, 32), (2, 2, 2))
    text = heads({"models": {"ViT": result}, "crops": 1, "spacing": [2, 2, 2], "crop_size": [32, 32, 32]}).text
    assert "SA [CLS] 2 blocks, 4 heads 2.08 ±" in text and "at most 2.08" in text


def test_more_models_than_colours_have_other_dots(heads: Make, tmp_path: Path) -> None:
    heads({"models": {f"model {number}": RESULT for number in range(7)}})
    keys = re.findall(r'<path d="(M19[^"]+)" style="fill:var\(--(\w+)\)"/>', (tmp_path / "heads.html").read_text())
    assert len(keys) == 4 * 7 and len(set(keys)) == 7


def broken(**parts: Any) -> dict[str, Any]:
    return {"models": {"a": {**copy.deepcopy(RESULT), **parts}}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "holds no attention heads"),
        ({}, "holds no attention heads"),
        ({"models": {}}, "holds no attention heads"),
        ({"models": {"a": None}}, "heads.json, a: has no blocks"),
        (broken(blocks=[]), "has no blocks"),
        (broken(stages={}), "has no stages"),
        (broken(blocks=[1]), "has blocks of another form"),
        (broken(blocks=[block("x", 5, [1.0])]), "has blocks of another form"),
        (broken(blocks=[block("x", 1, [])]), "has blocks of another form"),
        (broken(blocks=[block("x", 1, [math.nan])]), "has blocks of another form"),
        (broken(blocks=[{**block("x", 1, [1.0]), "entropy": 1.0}]), "has blocks of another form"),
        (broken(blocks=[{**block("x", 1, [1.0]), "largest_entropy": None}]), "has blocks of another form"),
        (broken(blocks=[block("x", 1, [1.0], math.inf)]), "has blocks of another form"),
        (broken(stages=[stage("1", 1.0)]), "has stages of another form"),
        (broken(stages=[stage(1, math.nan)]), "has stages of another form"),
        (broken(stages=[{**stage(1, 1.0), "divergence": 1.0}]), "has stages of another form"),
        (broken(stages=[stage(1, 1.0)]), "do not belong together"),
        (broken(stages=[stage(1, 1.0), stage("SA", 1.0), stage(2, 1.0)]), "do not belong together"),
    ],
)
def test_another_form_is_refused(heads: Make, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        heads(content)


@pytest.mark.parametrize(("text", "message"), [(None, "cannot be read"), ("{", "not valid JSON")])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "heads.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message):
        write_heads_report(path)
    assert not (tmp_path / "heads.html").exists()
