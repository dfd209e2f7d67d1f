from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ignite.engine import Engine

from smart_nets.classify.report.page import write_classify_report
from smart_nets.errors import InputError
from smart_nets.training.report import Report as ReportHandler

MakeRun = Callable[..., Path]
PageOf = Callable[[Path], Any]
Report = Callable[[Path], Any]

HEADINGS = (
    *("How well it ranks", "More than size?", "Honest probabilities?", "All numbers", "Surest answers"),
    *("Most confident mistakes", "Most confident right answers", "How training went", "Which lesions"),
    "Do it again",
)
CHARTS = (
    *("ROC curve", "Precision-recall curve", "Calibration", "Probabilities given", "Training loss"),
    *("Diameters of the tested lesions", "Probability over diameter"),
)
OPTIONS = (
    *("--preset base", "--dataset_dir /path/to/lidc", "--pretrained /path/to/model.pt", "--fold 0"),
    *("--folds 3", """--classes '["benign", "malignant"]'""", "--frozen False"),
    "--spacing '[1.0, 1.0, 1.0]'",
)


@pytest.fixture
def report(page_of: PageOf) -> Report:
    return lambda folder: page_of(write_classify_report(folder))


def change(folder: Path, **parts: Any) -> None:
    """Replace parts of metrics.json."""
    path = folder / "eval" / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **parts}))


def test_a_whole_report(make_classify_run: MakeRun, report: Report) -> None:
    folder = make_classify_run()
    page = report(folder)
    assert (folder / "eval" / "report.html").is_file()
    for heading in HEADINGS:
        assert heading in page.text
    assert "Classification report · base · 2026-11-20 · not for diagnostic use" in page.text
    assert (
        "The network “fine-tuned” learned to tell “malignant” from “benign” on 180 lesions of 130 patients."
        in page.text
    )
    assert (
        "tested on 90 lesions of 67 patients held out of training, 30 of them malignant. It took 2 h 1 min on 1 x N"
        in page.text
    )
    headline = (
        r"Its AUC is 0\.\d{3} \(95% interval 0\.\d{3}–0\.\d{3}\); the lesions' size alone reaches 0\.\d{3} \(.*?\)\. "
        r"Among the \d+ lesions of 8 to 15 mm its AUC is 0\.\d{3}"
    )
    assert re.search(headline, page.text)
    assert re.search(r"Better than size alone by 0\.\d{3} in AUC \(p < 0\.001\)\.", page.text)
    for chart in CHARTS:
        assert chart in page.text
    assert "left out: fewer than 3 readers 22" in page.text
    assert page.text.rstrip().endswith("Research software: not for diagnostic use.")
    assert "⚠" not in page.text, "this run has nothing to warn of"
    assert len(page.images) == 4 * 9  # lung, soft tissue and attention, in three planes


def test_it_says_what_the_numbers_say(make_classify_run: MakeRun, report: Report) -> None:
    folder = make_classify_run(examples=0)
    found = json.loads((folder / "eval" / "metrics.json").read_text())
    text = report(folder).text
    for name in ("auc", "average_precision", "brier", "calibration_error"):
        entry = found["metrics"][name]
        assert f"{entry['value']:.3f} {entry['low']:.3f}–{entry['high']:.3f}" in text
    for entry in (found["metrics"]["precision"], found["metrics"]["recall"], found["operating_point"]["specificity"]):
        assert f"{entry['value']:.1%} {entry['low']:.1%}–{entry['high']:.1%}" in text
    assert f"Rule: {found['operating_point']['rule']}." in text


def test_nothing_is_fetched_run_or_told_of_patients(make_classify_run: MakeRun, page_of: PageOf) -> None:
    path = write_classify_report(make_classify_run())
    html = path.read_text()
    assert "http" not in html.replace("http-equiv", "")
    assert "<script" not in html and "@import" not in html and "<link" not in html and "default-src 'none'" in html
    assert all(uri.startswith("data:image/png;base64,") for uri in page_of(path).images)
    assert "doctor" not in html and "cohorts" not in html, "folders above the data may name people"
    assert path.stat().st_size < 3e6


def test_everything_written_by_others_is_escaped(make_classify_run: MakeRun) -> None:
    evil = "<script>alert('x')</script>"
    lesions = {"given": 9, "used": 8, "left_out": {evil: 1}, "training": {"lesions": 3}}
    folder = make_classify_run(
        **dict.fromkeys(("title", "preset", "hardware", "started", "encoder"), evil),
        **{"classes": [evil, evil], "lesions": lesions, "classify": {"name": evil}, "versions": {evil: evil}},
        **{"settings": {evil: evil, "split_mode": evil}, "model": {evil: evil}},
        data={"source": f"/x/{evil.replace('/', '')}"},
    )
    change(
        folder, operating_point={"rule": evil, "threshold": None, "why": evil}, size_matched={"auc": None, "why": evil}
    )
    html = write_classify_report(folder).read_text()
    assert "<script" not in html and "&lt;script&gt;" in html


SENTENCES = {
    "run.json": "There is no run.json",
    "metrics.jsonl": "This run kept no log of its training",
    "predictions.csv": "There is no predictions.csv, so the folds cannot be counted.",
    "examples.npz": "This run kept no examples",
}


@pytest.mark.parametrize("name", SENTENCES)
def test_a_missing_file_is_told(make_classify_run: MakeRun, report: Report, name: str) -> None:
    folder = make_classify_run(cases=40, examples=2)
    (folder / "eval" / name).unlink()
    text = report(folder).text
    assert SENTENCES[name] in text
    assert sum(sentence in text for sentence in SENTENCES.values()) == 1


def test_a_report_of_metrics_alone(make_classify_run: MakeRun, report: Report) -> None:
    folder = make_classify_run(cases=40, examples=2)
    for name in SENTENCES:
        (folder / "eval" / name).unlink()
    text = report(folder).text
    assert all(sentence in text for sentence in SENTENCES.values())
    assert "A network learned to tell “positive” from “negative”." in text


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"curves": None}, "This evaluation kept no curves."),
        ({"curves": {"pr": None}}, "This evaluation kept no curves."),
        ({"calibration": None}, "This evaluation kept no calibration bins."),
        ({"calibration": {"bins": [], "slope": None, "why": "no fit"}}, "This evaluation kept no calibration bins."),
        ({"operating_point": None}, "No operating point was chosen"),
        (
            {"operating_point": {"rule": "r", "threshold": None, "sensitivity": None, "why": "too few"}},
            "no number too few",
        ),
        ({"metrics": {"auc": {"value": None, "low": None, "high": None, "why": "one class"}}}, "no number (one class)"),
        ({"metrics": {}}, "Its AUC has no number."),
        (
            {"metrics": {"auc": {"value": 0.6, "low": 0.5, "high": 0.7}}},
            "(95% interval 0.500–0.700), not clearly better",
        ),
        ({"size_only": None}, "No comparison with lesion size"),
        ({"size_matched": None}, "Among lesions of like size there is no AUC: not computed."),
        ({"size_matched": {"range_mm": [8, 15], "auc": None, "why": "3 lesions"}}, "there is no AUC: 3 lesions."),
    ],
)
def test_a_missing_number_is_told(
    make_classify_run: MakeRun, report: Report, parts: dict[str, Any], sentence: str
) -> None:
    folder = make_classify_run(cases=40, examples=0)
    change(folder, **parts)
    assert sentence in report(folder).text


def test_a_run_without_sizes(make_classify_run: MakeRun, report: Report) -> None:
    text = report(make_classify_run(sizes=False)).text
    for sentence in ("No comparison with lesion size", "so they are not drawn", "no curve of size", "size not known"):
        assert sentence in text


@pytest.mark.parametrize(
    ("about", "warning"),
    [
        ({"classify": {"split_mode": "lesion"}}, "The split is by lesion, not by patient"),
        ({"settings": {"split_mode": "lesion"}}, "The split is by lesion, not by patient"),
        ({"classify": {"allow_overlap": True}}, "Patients were allowed to be on both sides of the split"),
        ({"encoder": "from scratch"}, "trained from scratch, because no pretrained encoder was given"),
        ({"data": {"source": "embedded phantoms"}}, "nothing about patients"),
    ],
)
def test_what_a_reader_must_know_is_told(
    make_classify_run: MakeRun, report: Report, about: dict[str, Any], warning: str
) -> None:
    assert warning in report(make_classify_run(examples=0, **about)).text


def test_few_patients_are_told(make_classify_run: MakeRun, report: Report) -> None:
    assert "Few patients" not in report(make_classify_run(cases=90, examples=0)).text  # 67 patients
    assert "Few patients: only 29 patients, however" in report(make_classify_run(cases=39, examples=0)).text


def test_lesions_that_fill_the_cube_are_told(make_classify_run: MakeRun, report: Report) -> None:
    folder = make_classify_run(examples=0)
    record = folder / "eval" / "run.json"
    about = json.loads(record.read_text())
    for side, told in ((128, False), (16, True)):
        record.write_text(json.dumps(about | {"model": {"crop": [side] * 3, "spacing": [1.0] * 3}}))
        assert (f"of the cube of {side} mm: nothing around them is seen" in report(folder).text) is told


def test_lesions_left_out_without_a_reason_are_told(make_classify_run: MakeRun, report: Report) -> None:
    sentence = "Why the others were left out is not recorded."
    assert sentence in report(make_classify_run(examples=0, lesions={"given": 9, "used": 8})).text
    assert sentence not in report(make_classify_run(examples=0, lesions={"given": 9, "used": 9})).text


def test_few_cases_are_told(make_classify_run: MakeRun, report: Report) -> None:
    assert "Few cases" not in report(make_classify_run(cases=90, examples=0)).text  # 30 malignant
    text = report(make_classify_run(cases=60, examples=0)).text  # 20 malignant, 40 benign
    assert "Few cases: only 20 lesions of the class “malignant”." in text and "class “benign”" not in text


@pytest.mark.parametrize("counter", ["step", "epoch"])
def test_the_log_may_count_steps_or_epochs(make_classify_run: MakeRun, report: Report, counter: str) -> None:
    folder = make_classify_run(examples=0)
    lines = [json.dumps({counter: number, "loss": 1 / number, "lr": 1e-4}) for number in range(1, 9)]
    (folder / "eval" / "metrics.jsonl").write_text("\n".join(lines))
    text = report(folder).text
    assert "1.00 → 0.125" in text and f" {counter} " in text


def test_the_command_makes_the_run_again(make_classify_run: MakeRun, report: Report) -> None:
    text = report(make_classify_run(examples=0)).text
    assert "python -m smart_nets classify" in text
    for option in OPTIONS:
        assert option in text
    text = report(make_classify_run(examples=0, encoder="from scratch", data={"source": "embedded phantoms"})).text
    assert "--pretrained none" in text and "--dataset_dir" not in text


def test_the_folder_eval_itself_may_be_given(make_classify_run: MakeRun) -> None:
    folder = make_classify_run(examples=0)
    assert (
        write_classify_report(str(folder / "eval")) == write_classify_report(folder) == folder / "eval" / "report.html"
    )


def test_the_same_run_gives_the_same_page(make_classify_run: MakeRun) -> None:
    folder = make_classify_run()
    first = write_classify_report(folder).read_text()
    assert write_classify_report(folder).read_text() == first


def test_no_id_occurs_twice(make_classify_run: MakeRun) -> None:
    ids = re.findall(r' id="([^"]+)"', write_classify_report(make_classify_run()).read_text())
    assert len(ids) == len(set(ids))


def test_a_place_that_cannot_be_written(make_classify_run: MakeRun) -> None:
    folder = make_classify_run(examples=0)
    (folder / "eval" / "report.html").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_classify_report(folder)
    assert not list((folder / "eval").glob(".report*")), "no half report is left"


@pytest.mark.parametrize(("rank", "written"), [(0, True), (1, False)])
def test_the_handler_writes_on_rank_0_only(
    make_classify_run: MakeRun, caplog: pytest.LogCaptureFixture, rank: int, written: bool
) -> None:
    folder = make_classify_run(examples=0)
    engine = Engine(lambda engine, batch: SimpleNamespace(output=batch))
    engine.logger = logging.getLogger("report")
    ReportHandler(folder / "eval", write_classify_report, rank).attach(engine)
    with caplog.at_level(logging.INFO):
        engine.run([0], max_epochs=1)
    assert (folder / "eval" / "report.html").is_file() == written
    assert ("report.html" in caplog.text) == written


def test_one_lesion_of_a_class_and_one_size_are_drawn(make_classify_run: MakeRun, report: Report) -> None:
    folder = make_classify_run(examples=0)
    rows = ["row,patient,fold,label,probability,size_mm", "0,a,0,1,0.5,9", "1,b,0,0,0.5,", "2,c,1,0,1,"]
    (folder / "eval" / "predictions.csv").write_text("\n".join(rows))
    text = report(folder).text
    assert "2 of unknown size left out" in text and "no curve of size" in text
    assert "1 1 1 0" in text  # fold 1: one lesion, one patient, no malignant one


def test_attention_that_is_even_everywhere_is_drawn(make_classify_run: MakeRun, report: Report) -> None:
    folder = make_classify_run()
    path = folder / "eval" / "examples.npz"
    with np.load(path) as file:
        np.savez(path, **{**dict(file), "attention": np.ones_like(file["attention"])})
    assert "2 times that or more" in report(folder).text
