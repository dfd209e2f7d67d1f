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
from smart_nets.pretrain.health_rules import entropy_verdict
from smart_nets.pretrain.report.page import write_report

MakeRun = Callable[..., Path]
PageOf = Callable[[Path], Any]
Report = Callable[[Path], Any]
LN_K = math.log(8192)


@pytest.fixture
def report(page_of: PageOf) -> Report:
    return lambda folder: page_of(write_report(folder))


def test_a_whole_report(make_run: MakeRun, report: Report) -> None:
    page = report(make_run(steps=200, crops=1))
    for heading in ("Does the method do what it says?", "How training went", "What the student saw",
                    "Where the model looks", "How good are the features", "How to reproduce"):  # fmt: skip
        assert heading in page.text
    assert "120 CT scans from “chest_ct”, 40 epochs, 200 steps in 1 h 23 min on 1 x NVIDIA A100." in page.text
    assert "10 of 130 given scans were turned away" in page.text
    fell = r"mean error fell from 0\.2\d+ to 0\.07\d+ of the intensity window \(\d+ to 3\d HU\), 6\d% less"
    assert re.search(fell, page.text)
    assert "right in 41% (35%–47%) before and 63% (57%–69%) after training; chance is 9%" in page.text
    assert "The 95% intervals do not overlap: training improved the features." in page.text
    assert "Not collapsed: at the end the teacher's answers had" in page.text
    assert page.text.rstrip().endswith("Research software: not for diagnostic use.")
    assert len(page.images) == 5 + 9  # one strip, three rows of three planes


def test_nothing_is_fetched_or_run(make_run: MakeRun, page_of: PageOf) -> None:
    path = write_report(make_run())
    html = path.read_text()
    assert "http" not in re.sub(r"http-equiv", "", html)
    assert "<script" not in html and "@import" not in html and "<link" not in html
    assert all(uri.startswith("data:image/png;base64,") for uri in page_of(path).images)
    assert "default-src 'none'" in html


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
        title=evil, preset=evil, hardware=evil, started=evil, knn=knn, settings={evil: evil}, versions={evil: evil},
        data={"source": f"/x/{evil.replace('/', '')}", "given": 1, "used": 1, "rejected": 0, "manifest_sha256": evil},
        weights={"file": evil, evil: evil}, model={evil: evil},
    )  # fmt: skip
    html = write_report(folder).read_text()
    assert "<script" not in html and "&lt;script&gt;" in html


def test_no_folder_name_above_the_data_is_told(make_run: MakeRun) -> None:
    html = write_report(make_run()).read_text()
    assert "chest_ct" in html and "doctor" not in html and "cohorts" not in html


NAMES = ["mask", "dropped", "reconstruction", "attention_before", "attention_after", "spacing"]


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_picture_is_said_and_the_rest_is_shown(make_run: MakeRun, name: str, report: Report) -> None:
    folder = make_run()
    with np.load(folder / "snapshots.npz") as file:
        np.savez(folder / "snapshots.npz", **{key: array for key, array in file.items() if key != name})
    page = report(folder)
    expected = {"mask": (9, "kept no pictures"), "dropped": (13, "Not part of this run: the teacher's noise."),
                "reconstruction": (12, "Not part of this run: the reconstruction."),
                "attention_before": (11, "After training, a tenth"),
                "attention_after": (11, "Before training, a tenth"),
                "spacing": (14, "Crop 1")}[name]  # fmt: skip
    assert len(page.images) == expected[0] and expected[1] in page.text


def test_a_run_with_metrics_only(make_run: MakeRun, report: Report) -> None:
    folder = make_run(crops=0)
    (folder / "run.json").unlink()
    page = report(folder)
    for sentence in ("There is no run.json", "kept no pictures of probe crops", "kept no attention maps",
                     "had no nearest-neighbour test", "its health cannot be judged"):  # fmt: skip
        assert sentence in page.text


def test_more_crops_than_fit_are_counted(make_run: MakeRun, report: Report) -> None:
    page = report(make_run(crops=5))
    assert "The first 4 of 5 crops are shown." in page.text and len(page.images) == 4 * 14


def test_losses_that_were_off_are_named(make_run: MakeRun, report: Report) -> None:
    folder = make_run(crops=0)
    (folder / "metrics.jsonl").write_text('{"step": 1, "loss": 0.3, "amip": 0.3}\n')
    assert "Switched off in this run: AMPD, AITD, GITD." in report(folder).text


def test_kills_and_nan_are_told(make_run: MakeRun, report: Report) -> None:
    folder = make_run(crops=0)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 61, "amip": null}\n{"step": 62, "am')
    text = report(folder).text
    assert "was cut off" in text and "amip: no number at 1 step (first: step 61), shown as a gap." in text


def test_a_run_without_any_number_in_amip(make_run: MakeRun, report: Report) -> None:
    folder = make_run(crops=0)
    (folder / "metrics.jsonl").write_text('{"step": 1, "loss": NaN, "amip": NaN}\n')
    assert "Its error in hidden parts of the image has no number." in report(folder).text


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
    [(8e-4, "0.0008"), (True, "yes"), (None, "–"), ([2, 2, 2], "2, 2, 2"), ({"amip": 1.0}, "amip 1"),
     (31234567, "31,234,567"), (8192, "8192"), ("x", "x")],
)  # fmt: skip
def test_settings_as_text(value: Any, text: str) -> None:
    assert plain(value) == text


def test_numbers_have_three_digits() -> None:
    assert [number(x) for x in (0.07651, 9.0109, 12345.6)] == ["0.0765", "9.01", "12,346"]
