"""What looking at a scan leaves behind: the facts by hand, the pictures, the DICOM SEG, and no name in any of it."""

from __future__ import annotations

import importlib.util
import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from PIL import Image

from smart_nets.errors import InputError
from smart_nets.localize.marking import Marked
from smart_nets.localize.report.outputs import (
    AttentionWriter,
    OverlayWriter,
    describe,
    save_picture,
    save_record,
    save_seg,
)
from smart_nets.localize.report.picture import Shown
from smart_nets.phantom import make_phantom, write_dicom
from smart_nets.scans.dicom.masks import read_masks
from smart_nets.scans.read import read_checked
from smart_nets.scans.volume import Volume

PageOf = Callable[[Path], Any]
SHAPE = (10, 8, 6)
# a file of a patient, its axes to Posterior, Inferior and Right; voxel (i, j, k) lies at (5 + 4 k, 7 - 2 i, -9 - 3 j)
WHERE = "/data/MUELLER^HANS.nii.gz"
AFFINE = np.array([[0.0, 0, 4, 5], [-2, 0, 0, 7], [0, -3, 0, -9], [0, 0, 0, 1]])


@pytest.fixture
def scan() -> Volume:
    return Volume(np.linspace(-100, 100, 480, dtype=np.float32).reshape(SHAPE), AFFINE, WHERE)


@pytest.fixture
def shown() -> Shown:
    """The highest score lies outside the region, the second highest in voxel (3, 2, 1)."""
    region = np.zeros(SHAPE, bool)
    region[1:6, 1:5, 0:4] = True  # 80 voxels of 0.024 ml
    score = np.ones(SHAPE, np.float32)
    score[3, 2, 1] = 3
    score[9, 7, 5] = 4
    return Shown("SMART", score, Marked(region & (score > 1), region, 1.0, "a box"))


def test_the_facts_of_a_map(scan, shown):
    """The 99.5th percentile of 79 ones and a three lies 0.605 of the way from the last but one to the last."""
    facts = describe(scan, shown)
    scores = {"median": 1.0, "top": pytest.approx(1 + 2 * (0.995 * 79 - 78)), "largest": 3.0, "threshold": 1.0}
    volumes = {"marked_ml": pytest.approx(0.024), "region_ml": pytest.approx(80 * 0.024)}
    scores["region_how"] = "a box"
    assert facts == {"model": "SMART", **scores, **volumes, "peak_mm": [9.0, 1.0, -15.0]}
    assert json.loads(json.dumps(facts)) == facts


def test_a_picture_and_its_entry_name_no_patient(scan, shown, tmp_path):
    entry = save_picture(tmp_path / "deep" / "out", "scan 7", scan, [shown, shown])
    grid = {"shape": [10, 8, 6], "spacing_mm": [2.0, 3.0, 4.0]}
    maps = [describe(scan, shown)] * 2
    assert entry == {"name": "scan 7", "picture": "scan 7.png", **grid, "maps": maps}
    data = (tmp_path / "deep" / "out" / "scan 7.png").read_bytes()
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size[0] > 500
        told = json.dumps(entry) + str(picture.info)
    assert "MUELLER" not in told and b"MUELLER" not in data


def test_a_tumour_is_outlined(scan, shown, tmp_path):
    """In its own colour, red above blue."""
    drawn = []
    for tumour in (None, shown.marked.region):
        save_picture(tmp_path, "scan", scan, [shown], tumour)
        with Image.open(tmp_path / "scan.png") as picture:
            colours = np.asarray(picture.convert("RGB")).reshape(-1, 3)
        drawn.append(int((colours == (0xFF, 0x5A, 0x36)).all(axis=1).sum()))
    assert drawn[0] == 0 < drawn[1]


@pytest.fixture(scope="module")
def series(tmp_path_factory) -> Path:
    """A DICOM series of 80 mm a side in a folder that tells no name."""
    phantom = make_phantom(0, (8.0, 8.0, 8.0), 0, "chest", (80.0, 80.0, 80.0))
    return write_dicom(phantom, tmp_path_factory.mktemp("dicom")).rename(tmp_path_factory.mktemp("ct") / "series")


def looked_at(volume: Volume) -> Shown:
    score = np.zeros(volume.array.shape, np.float32)
    score[2, 3, 4] = score[5, 3, 1] = 1
    return Shown("SMART", score, Marked(score > 0, np.ones(score.shape, bool), 0.5))


def test_the_seg_of_a_series_holds_what_is_marked(series, tmp_path):
    volume = read_checked(series)
    save_seg(tmp_path, "scan", looked_at(volume).marked.mask, series, None)
    assert [path.name for path in tmp_path.iterdir()] == ["scan_seg.dcm"]
    masks = read_masks(tmp_path / "scan_seg.dcm", volume).masks
    np.testing.assert_array_equal(masks["attention"], looked_at(volume).marked.mask)


def test_a_file_has_no_seg(scan, shown, tmp_path, caplog):
    (tmp_path / "scan.nii.gz").write_bytes(b"")
    save_seg(tmp_path, "scan", shown.marked.mask, tmp_path / "scan.nii.gz", None)
    assert [path.name for path in tmp_path.iterdir()] == ["scan.nii.gz"] and not caplog.text


@pytest.mark.parametrize(
    ("installed", "marked", "says"),
    [(True, False, "nothing is marked"), (False, True, "pip install highdicom for it")],
)
def test_why_there_is_no_seg_is_told(series, tmp_path, caplog, monkeypatch, installed, marked, says):
    if not installed:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    volume = read_checked(series)
    one = looked_at(volume)
    empty = Shown("SMART", one.score, Marked(one.marked.mask & marked, one.marked.region, 0.5))
    with caplog.at_level(logging.WARNING):
        save_seg(tmp_path, "scan", empty.marked.mask, series, None)
    assert [record.getMessage() for record in caplog.records] == [f"no DICOM SEG is written: {says}"]
    assert not list(tmp_path.iterdir())


def test_the_overlays_of_an_evaluation(scan, shown, tmp_path):
    draw = OverlayWriter(tmp_path / "overlays")
    found = {"encoder": (shown.score, shown.marked), "random encoder": (shown.score, shown.marked)}
    draw("a", scan, found, shown.marked.mask)
    draw("b", scan, {"encoder": found["encoder"]}, shown.marked.mask)
    assert sorted(path.name for path in (tmp_path / "overlays").iterdir()) == ["a.png", "b.png"]
    (wide, high), (plain, _) = (Image.open(tmp_path / "overlays" / f"{name}.png").size for name in "ab")
    assert wide > 2.5 * 3.4 * 110 and plain != wide and high > 110  # the scan and two maps, 3.4 inches each


def batch_of(name: str, volume: Volume, shown: Shown, **more: Any) -> tuple[list[Any], list[Any]]:
    """Batch and output of an evaluator, as its transforms leave them."""
    voxels, affine = torch.from_numpy(volume.array.astype(np.float32))[None], torch.from_numpy(volume.affine)
    image = MetaTensor(voxels, affine=affine, meta={"filename_or_obj": volume.where})
    output = {"attention": MetaTensor(torch.from_numpy(shown.score)[None]), "marked": shown.marked}
    return [{"name": name, "scan": image, **more}], [output]


def run(writer: AttentionWriter, *batches: tuple[list[Any], list[Any]]) -> None:
    """An engine whose batches and outputs are given."""
    outputs = [output for _, output in batches]
    engine = Engine(lambda engine, batch: outputs[engine.state.iteration - 1])
    writer.attach(engine)
    engine.run([batch for batch, _ in batches])


def test_the_handler_writes_record_pictures_segs_and_report(scan, shown, series, tmp_path, page_of, caplog):
    volume = read_checked(series)
    uid = next(iter(series.glob("*.dcm")))
    writer = AttentionWriter(tmp_path / "out", "smart_zeroshot_seg", {"percentile": 90})
    with caplog.at_level(logging.INFO):
        run(writer, batch_of("one", scan, shown), batch_of("two", volume, looked_at(volume), series=series_uid(uid)))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"one.png", "two.png", "two_seg.dcm", "attention.json", "report.html"}
    record = json.loads((tmp_path / "out" / "attention.json").read_text())
    assert set(record) == {"scans", "versions"}
    assert [entry["name"] for entry in record["scans"]] == ["one", "two"]
    assert [entry["settings"] for entry in record["scans"]] == [{"percentile": 90}] * 2
    assert record["scans"][0]["maps"] == [{**describe(scan, shown), "model": "smart_zeroshot_seg"}]
    assert "2 scans, as one model sees it: smart_zeroshot_seg." in page_of(tmp_path / "out" / "report.html").text
    html = (tmp_path / "out" / "report.html").read_text()
    assert all(secret not in html + caplog.text + json.dumps(record) for secret in ("MUELLER", "PHANTOM", "phantom-"))
    assert "2 scans; report.html lies beside the maps" in caplog.text


def series_uid(path: Path) -> str:
    import pydicom

    return str(pydicom.dcmread(path, stop_before_pixels=True).SeriesInstanceUID)


def test_scans_of_earlier_runs_stay_in_the_record_and_the_report(scan, shown, tmp_path, page_of):
    for name, percentile in (("one", 80), ("two", 90), ("one", 95)):
        run(AttentionWriter(tmp_path, "SMART", {"percentile": percentile}), batch_of(name, scan, shown))
    entries = json.loads((tmp_path / "attention.json").read_text())["scans"]
    assert [(entry["name"], entry["settings"]["percentile"]) for entry in entries] == [("two", 90), ("one", 95)]
    text = page_of(tmp_path / "report.html").text
    assert "2 scans" in text and "percentile scan 1: 90, scan 2: 95" in text


@pytest.mark.parametrize("content", ["{", "[]", '{"scans": {}}', '{"scans": [1]}', '{"scans": [{}]}'])
def test_a_damaged_record_is_told_before_time_is_spent(content, scan, shown, tmp_path):
    (tmp_path / "attention.json").write_text(content)
    with pytest.raises(InputError, match=r"attention\.json"):
        run(AttentionWriter(tmp_path, "SMART", {}), batch_of("one", scan, shown))
    assert [path.name for path in tmp_path.iterdir()] == ["attention.json"]


def test_the_record_goes_with_its_report(scan, shown, tmp_path, page_of):
    entry = save_picture(tmp_path, "scan", scan, [shown])
    assert save_record(str(tmp_path), [entry], {"percentile": 90}) == tmp_path / "report.html"
    record = json.loads((tmp_path / "attention.json").read_text())
    assert (
        record["scans"] == [{**entry, "settings": {"percentile": 90}}]
        and {"torch", "monai"} <= record["versions"].keys()
    )
    assert "percentile 90" in page_of(tmp_path / "report.html").text


@pytest.mark.parametrize(
    ("maps", "says"), [([], "there is no map to show"), ([np.ones((10, 8, 5), np.float32)], "differ in shape")]
)
def test_what_cannot_be_drawn_is_refused(scan, shown, tmp_path, maps, says):
    with pytest.raises(InputError, match=says):
        save_picture(tmp_path, "scan", scan, [Shown("SMART", score, shown.marked) for score in maps])
    assert not list(tmp_path.iterdir())
