from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smart_nets.classify.report.examples import LUNG, examples_section, read_examples, windows
from smart_nets.classify.report.reasons import concentration
from smart_nets.classify.report.run import read_classify_run
from smart_nets.errors import InputError

MakeRun = Callable[..., Path]


def changed(make_classify_run: MakeRun, examples: int = 4, **arrays: Any) -> Any:
    """A run whose examples have other arrays; None leaves one out."""
    folder = make_classify_run(cases=40, examples=examples)
    path = folder / "eval" / "examples.npz"
    with np.load(path) as file:
        merged = {**dict(file), **arrays}
    np.savez(path, **{name: array for name, array in merged.items() if array is not None})
    return read_classify_run(folder)


def test_the_surest_come_first_and_right_is_told_from_wrong(make_classify_run: MakeRun) -> None:
    run = changed(make_classify_run, label=np.array([0, 1, 0, 1]), probability=np.array([0.6, 0.05, 0.2, 0.99]))
    found = [(one.row, one.right) for one in read_examples(run)]
    assert found == [(24, True), (10, False), (17, True), (3, False)]  # |p - 0.5| = 0.49, 0.45, 0.3, 0.1


def test_each_picture_says_what_it_is(make_classify_run: MakeRun) -> None:
    run = changed(make_classify_run, label=np.array([0, 1, 0, 1]), probability=np.array([0.6, 0.05, 0.2, 0.99]))
    html = examples_section(run).replace("\u00a0", " ")
    assert "<b>malignant, called benign</b>\u2002probability of malignant 5.0%; 10.0 mm; row 10" in html
    assert html.index("Most confident mistakes") < html.index("row 10") < html.index("Most confident right answers")
    assert "axial, lung" in html and "sagittal, as trained" in html and "coronal attention" in html
    assert "an even share (clear)" in html and "(−1000 to 400 HU)" in html


def test_how_even_attention_is_by_hand(make_classify_run: MakeRun) -> None:
    ten = np.array([5.0, *[5 / 9] * 9]).reshape(1, 2, 5)  # a tenth of the voxels holds 5 of 10
    assert concentration(ten) == pytest.approx(0.5) and concentration(np.ones((2, 5, 5))) == pytest.approx(0.1)
    run = changed(make_classify_run, attention=np.ones((4, 24, 24, 24), np.float32))
    html = examples_section(run)
    assert "A tenth of a crop holds 10% of the attention" in html
    assert html.count("attention is the same everywhere") == 4 and "axial attention" not in html


def test_without_attention_the_images_are_shown(make_classify_run: MakeRun) -> None:
    html = examples_section(changed(make_classify_run, attention=None))
    assert "This run kept no maps of what its answers rest on" in html and html.count("<img") == 4 * 6


def test_only_right_answers(make_classify_run: MakeRun) -> None:
    html = examples_section(changed(make_classify_run, label=np.ones(4, int), probability=np.full(4, 0.9)))
    assert "There was none among the examples that were kept." in html


def test_more_than_fit_are_counted(make_classify_run: MakeRun) -> None:
    run = changed(make_classify_run, examples=7, label=np.ones(7, int), probability=np.full(7, 0.9))
    assert "The first 6 of 7 are shown." in examples_section(run)


def test_no_examples_at_all(make_classify_run: MakeRun) -> None:
    run = read_classify_run(make_classify_run(cases=40, examples=0))
    assert "This run kept no examples" in examples_section(run)
    empty = {
        "crop": np.zeros((0, 8, 8, 8), np.int16),
        "label": np.zeros(0),
        "probability": np.zeros(0),
        "row": np.zeros(0),
    }
    run = changed(make_classify_run, **empty, attention=None, size_mm=None)
    assert "This run kept no examples" in examples_section(run)


@pytest.mark.parametrize(
    ("window", "model", "expected"),
    [
        ((-175, 250), None, [("lung", LUNG), ("as trained", (-175, 250))]),
        ((-1000, 400), None, [("as trained", (-1000, 400))]),
        (None, [-175, 250], [("lung", LUNG), ("as trained", (-175, 250))]),
        (None, None, [("lung", LUNG)]),
    ],
)
def test_the_lung_is_always_seen(
    make_classify_run: MakeRun, window: Any, model: Any, expected: list[tuple[str, Any]]
) -> None:
    run = changed(make_classify_run, window=None if window is None else np.array(window, float))
    run.about["model"] = {} if model is None else {"window": model}
    assert windows(run) == expected


def occlusion(*largest: float) -> np.ndarray:
    """Maps that are 0 but for one voxel each."""
    maps = np.zeros((len(largest), 24, 24, 24), np.float32)
    maps[:, 12, 12, 12] = largest
    return maps


def test_occlusion_has_colours_a_scale_in_points_and_words(make_classify_run: MakeRun) -> None:
    run = changed(make_classify_run, attention=None, occlusion=occlusion(0.3, -0.12, 0.004, 0.02))
    html = examples_section(run)
    assert "attention" not in html and "blocks of 9 × 9 × 9 mm" in html  # a quarter of 24 voxels of 1.5 mm
    for told in ("takes up to 30 points", "adds up to 12 points", "by less than 1 point", "takes up to 2 points"):
        assert told in html
    assert html.count('"axial occlusion, bar 10 mm"') == 3, "where nothing matters, nothing is painted"
    assert html.count("points less sure") == 3 and "30 points surer" in html and "15 points surer" in html


def test_where_no_place_matters_it_is_said(make_classify_run: MakeRun) -> None:
    html = examples_section(changed(make_classify_run, attention=None, occlusion=occlusion(0, 0.001, -0.009, 0)))
    assert "none is coloured" in html and "axial occlusion" not in html and "linear-gradient" not in html


def test_maps_of_an_earlier_version_are_no_changes(make_classify_run: MakeRun) -> None:
    run = changed(make_classify_run, attention=None, occlusion=occlusion(3, 2, 4, 1))
    assert "occlusion" not in run.examples and any("no changes of probability" in note for note in run.notes)


def test_the_larger_field_shows_the_cube_in_its_frame(make_classify_run: MakeRun) -> None:
    assert "overview" not in examples_section(changed(make_classify_run))
    field = {"overview": np.zeros((4, 16, 16, 16), np.int16), "overview_spacing": np.full(3, 6.75)}
    html = examples_section(changed(make_classify_run, **field))
    assert html.count("axial overview, the cube framed, bar 20 mm") == 4 and "shows a larger field" in html


@pytest.mark.parametrize(
    "field",
    [
        {"overview": np.zeros((4, 16, 16, 16), np.int16)},
        {"overview": np.zeros((3, 16, 16, 16), np.int16), "overview_spacing": np.ones(3)},
        {"overview": np.zeros((4, 16), np.int16), "overview_spacing": np.ones(3)},
        {"overview": np.zeros((4, 16, 16, 16), np.int16), "overview_spacing": np.zeros(3)},
    ],
)
def test_a_field_that_does_not_fit(make_classify_run: MakeRun, field: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"examples\.npz"):
        changed(make_classify_run, **field)
