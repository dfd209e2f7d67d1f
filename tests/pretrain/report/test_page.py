from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.pages.page import duration, number, plain
from smart_nets.pretrain.health.rules import entropy_verdict
from smart_nets.pretrain.report.page import write_report

MakeRun = Callable[..., Path]
PageOf = Callable[[Path], Any]
Report = Callable[[Path], Any]
LN_K = math.log(8192)


@pytest.fixture
def report(page_of: PageOf) -> Report:
    return lambda folder: page_of(write_report(folder))


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ((0.4, 0.3, 0.5), "without any network, reach 40% (30%–50%)."),
        ((0.6, 0.5, 0.7), "without any network, reach 60% (50%–70%): nothing here is shown to beat the bare layout."),
    ],
)
def test_features_stand_beside_raw_voxels(make_run: MakeRun, report: Report, raw, told) -> None:
    """After training the interval of the features begins at 57 %."""
    page = report(make_run(knn_raw=dict(zip(("accuracy", "low", "high"), raw, strict=True))))
    assert told in page.text and "training improved the features" in page.text
    assert "Raw voxels" not in report(make_run()).text  # runs of earlier versions have none


def test_a_whole_report(make_run: MakeRun, page_of: PageOf) -> None:
    """What it tells, and what it never does."""
    path = write_report(make_run(steps=200, crops=1))
    html, page = path.read_text(), page_of(path)
    for told in (
        "Does the method do what it says?",
        "How training went",
        "What the student saw",
        "Where the model looks",
        "How good are the features",
        "How to reproduce",
        "120 CT scans from “chest_ct”",
        "40 epochs, 200 steps in 1 h 23 min on 1 x NVIDIA A100",
        "10 of 130 given scans were turned away",
        "41% (35%–47%) before and 63% (57%–69%) after",
        "chance is 9%",
        "intervals do not overlap",
        "Good. Not collapsed",
        "Method not known",  # a run from before the instruments
    ):
        assert told in page.text
    assert "The method does" not in page.text
    assert re.search(r"from 0\.2\d+ to 0\.07\d+ of the intensity window \(\d+ to 3\d HU\), 6\d% less", page.text)
    assert page.text.rstrip().endswith("Research software: not for diagnostic use.")
    assert len(page.images) == 5 + 9  # one strip, three rows of three planes
    assert all(uri.startswith("data:image/png;base64,") for uri in page.images) and "default-src 'none'" in html
    assert not re.search(r"http(?!-equiv)|<script|@import|<link", html), "nothing is fetched or run"
    assert "doctor" not in html and "cohorts" not in html, "no folder above the data is named"


def test_it_is_small_and_quick_for_2000_steps(make_run: MakeRun) -> None:
    folder = make_run(steps=2000, crops=4)
    start = time.process_time()
    path = write_report(folder)
    assert time.process_time() - start < 8
    assert path.stat().st_size < 4e6


def test_everything_written_by_others_is_escaped(make_run: MakeRun) -> None:
    evil = "<script>alert('x')</script>"
    knn = {"before": {}, "after": {}}
    for name in knn:
        knn[name] = {"accuracy": 0.5, "low": 0.4, "high": 0.6, "crops": 10, "classes": 2}
    folder = make_run(
        **dict.fromkeys(("title", "preset", "hardware", "started"), evil),
        **{key: {evil: evil} for key in ("settings", "versions", "model")},
        data={"source": f"/x/{evil.replace('/', '')}", "given": 1, "used": 1, "rejected": 0, "manifest_sha256": evil},
        weights={"file": evil, evil: evil},
        knn=knn,
    )
    html = write_report(folder).read_text()
    assert "<script" not in html and "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("absent", "images", "told"),
    [
        ({"mask"}, 9, "kept no pictures"),
        ({"dropped", "reconstruction"}, 11, "Not part of this run: the teacher's noise and the reconstruction."),
        ({"attention_before", "spacing"}, 11, "After training, a tenth"),
        ({"attention_after"}, 11, "Before training, a tenth"),
    ],
)
def test_a_missing_picture_is_said_and_the_rest_is_shown(
    make_run: MakeRun, absent: set[str], images: int, told: str, report: Report
) -> None:
    folder = make_run()
    with np.load(folder / "snapshots.npz") as file:
        np.savez(folder / "snapshots.npz", **{key: array for key, array in file.items() if key not in absent})
    page = report(folder)
    assert len(page.images) == images and told in page.text


def test_a_crop_of_which_nothing_was_hidden(make_run: MakeRun, report: Report) -> None:
    folder = make_run()
    with np.load(folder / "snapshots.npz") as file:
        shots = dict(file)
    shots["mask"][0] = False
    np.savez(folder / "snapshots.npz", **shots)
    text = report(folder).text
    assert "nothing was hidden from the student" in text and "nan" not in text


def test_what_is_missing_is_told(make_run: MakeRun, report: Report) -> None:
    """A run that was killed, of which there is a log alone, of one loss without any number."""
    folder = make_run(crops=0)
    (folder / "run.json").unlink()
    lines = '{"step": 1, "loss": NaN, "amip": NaN}\n{"step": 2, "loss": 0.3, "amip": null}\n{"step": 3, "am'
    (folder / "metrics.jsonl").write_text(lines)
    page = report(folder)
    for told in (
        "There is no run.json",
        "kept no pictures of probe crops",
        "kept no attention maps",
        "had no nearest-neighbour test",
        "its health cannot be judged",
        "Switched off in this run: AMPD, AITD, GITD.",
        "was cut off",
        "amip: no number at 2 steps (first: step 1), shown as a gap.",
        "error in hidden parts of the image has no number",
    ):
        assert told in page.text


def test_more_crops_than_fit_are_counted(make_run: MakeRun, report: Report) -> None:
    page = report(make_run(crops=5))
    assert "The first 4 of 5 crops are shown." in page.text and len(page.images) == 4 * 14


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        ({"accuracy": 0.45, "low": 0.4, "high": 0.5}, "The 95% intervals overlap: this run alone does not show"),
        ({"accuracy": 0.2, "low": 0.15, "high": 0.25}, "training made the features worse for this task"),
        ({"accuracy": 0.1, "low": 0.05, "high": 0.15}, "not clearly better than chance"),
        ({"accuracy": 0.6, "low": 0.55, "high": 0.7, "chance": 0.58}, "not clearly better than chance"),
    ],
)
def test_the_neighbour_test_is_not_oversold(
    make_run: MakeRun, after: dict[str, float], sentence: str, report: Report
) -> None:
    counts = {"crops": 100, "classes": 10}
    before = {"accuracy": 0.4, "low": 0.35, "high": 0.45, **counts}
    assert sentence in report(make_run(crops=0, knn={"before": before, "after": {**after, **counts}})).text


def test_a_test_made_only_before(make_run: MakeRun, report: Report) -> None:
    before = {"accuracy": 0.4, "low": 0.35, "high": 0.45, "crops": 100, "classes": 10}
    text = report(make_run(crops=0, knn={"before": before})).text
    assert "Only the test before training was made." in text and "intervals overlap" not in text


@pytest.mark.parametrize(
    ("last", "uniform", "kind", "word"),
    [
        ({"aitd": 0.5 * LN_K, "gitd": 0.3 * LN_K}, LN_K, "good", "30% to 50%"),
        ({"aitd": 0.99 * LN_K, "gitd": 0.3 * LN_K}, LN_K, "bad", "for AITD the teacher gives all outputs"),
        ({"aitd": 0.5 * LN_K, "ampd": 0.01}, LN_K, "bad", "for AMPD the teacher always gives one"),
        ({"aitd": math.nan}, LN_K, "quiet", "cannot be judged"),
        ({"aitd": 3.0}, math.nan, "quiet", "cannot be judged"),
        ({}, LN_K, "quiet", "cannot be judged"),
    ],
)
def test_the_verdict_on_the_teacher(last: dict[str, float], uniform: float, kind: str, word: str) -> None:
    found, _, sentence = entropy_verdict(last, uniform)
    assert found == kind and word in sentence


def test_it_goes_where_it_is_told(make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run(crops=0)
    assert write_report(str(folder)) == folder / "report.html"
    assert write_report(folder, tmp_path / "new" / "page.html") == tmp_path / "new" / "page.html"
    assert os.listdir(tmp_path / "new") == ["page.html"]


def blocked(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "report.html"


@pytest.mark.parametrize("place", [blocked, lambda folder: folder / ("x" * 300), lambda folder: folder])
def test_a_place_that_cannot_be_written(make_run: MakeRun, place: Callable[[Path], Path]) -> None:
    folder = make_run(crops=0)
    before = set(os.listdir(folder))
    with pytest.raises(InputError, match="cannot be written"):
        write_report(folder, place(folder))
    assert set(os.listdir(folder)) - before <= {"file"}, "no half report is left"


def test_a_folder_without_metrics(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"metrics\.jsonl: is missing"):
        write_report(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (8.4, "8 s"), (59.6, "1 min"), (4980, "1 h 23 min"), (180000, "2 d 2 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8e-4, "0.0008"),
        (True, "yes"),
        (None, "–"),
        ([2, 2, 2], "2, 2, 2"),
        ({"amip": 1.0}, "amip 1"),
        (31234567, "31,234,567"),
        (8192, "8192"),
        ("x", "x"),
    ],
)
def test_settings_as_text(value: Any, text: str) -> None:
    assert plain(value) == text


def test_numbers_have_three_digits() -> None:
    assert [number(x) for x in (0.07651, 9.0109, 12345.6)] == ["0.0765", "9.01", "12,346"]


@pytest.mark.parametrize("whose", ["patients", "synthetic patients"])
def test_synthetic_patients_are_called_so(make_run: MakeRun, report: Report, whose: str) -> None:
    """Crops of phantoms judge pretraining on real CT, too, and are no patients that it never saw."""
    found = {"accuracy": 0.5, "low": 0.4, "high": 0.6, "crops": 22, "classes": 11, "patients": 2}
    page = report(make_run(crops=0, knn={"after": found}, knn_of=whose))
    assert f"22 crops of 2 {whose} with known labels" in page.text and f"on crops of {whose} that training" in page.text
    assert "Of fewer than 30 patients they are rough" in page.text
