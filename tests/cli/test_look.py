"""The verbs attend and heads, as a user types them."""

from __future__ import annotations

import gzip
import json
import logging
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from fixtures.small import SAVED

from smart_nets import cli
from smart_nets.localize.figures import measure
from smart_nets.localize.floors import random_attention
from smart_nets.localize.marking import Marked, Marking
from smart_nets.localize.scan_attention import ScanAttention
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.phantom import ORGANS, Phantom, make_phantom, write_dicom
from smart_nets.phantom.write import write_image
from smart_nets.scans.dicom.masks import read_masks
from smart_nets.scans.read import read_checked
from smart_nets.scans.volume import Volume
from smart_nets.statistics.overlap import dice
from smart_nets.weights.build import build_classifier, load_encoder
from smart_nets.weights.default_model import shipped_model
from smart_nets.weights.io import read_card, save_weights

FED = {"crop_size": [32] * 3, "spacing": [8.0] * 3, "hu_window": [-1000, 400]}
CARD = {"architecture": {"name": "SmartEncoder", **SAVED}, **FED}
OVERLAPS = {"dice", "dice_readers", "oracle", "pointing", "pointing_mm", "recall", "found", "hd95"}
LOCALISATION = OVERLAPS | {"contrast", "contrast_ratio", "tumour_ml", "marked_ml", "tumour_share", "tumour_inside"}


@pytest.fixture
def verb(monkeypatch, capsys):
    """Run `python -m smart_nets <arguments>` in this process; returns what it printed."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["smart_nets", *map(str, arguments)])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # `main` sets its own
        cli.main()
        said = capsys.readouterr()
        return said.out + said.err

    return run


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    """A chest of coarse voxels with one tumour."""
    return make_phantom(0, (7.0, 8.0, 9.0), region="chest", task="response")


def uneven(path: Path, card: dict[str, Any] = CARD, seed: int = 0) -> Path:
    """Weights and card; fresh weights are made larger, so that attention is not even."""
    torch.manual_seed(seed)
    network = build_classifier(card) if "classes" in card else SmartEncoder(**SAVED)
    for weight in network.parameters():
        weight.data *= 4
    save_weights(network, path, card)
    return path


@pytest.fixture
def data(tmp_path, phantom, monkeypatch) -> Path:
    """A scan, its tumour, a mask without one, and a model; it becomes the working folder."""
    tumour = (phantom.labels == ORGANS["nodule"]).astype("uint8")
    for name, voxels in (("scan", phantom.image), ("tumour", tumour), ("empty", 0 * tumour)):
        write_image(voxels, phantom.affine, tmp_path / f"{name}.nii.gz")
    uneven(tmp_path / "model.pt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def series(data, phantom) -> Path:
    """The same scan as DICOM, in a folder that tells no name."""
    return write_dicom(phantom, data).rename(data / "ct")


def looking(path: Path, crop: int = 32, step: float = 8.0, overlap: float = 0.5, **which: int) -> ScanAttention:
    net = AttentionNet(load_encoder(path), **which)
    return ScanAttention(net, [crop] * 3, [step] * 3, CARD["hu_window"], overlap)


def voxels(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def mask_of(path: Path) -> np.ndarray:
    return voxels(path) > 0


def marked_by(rule: Marking, score: np.ndarray, scan: Volume) -> Marked:
    marked = rule.mark(score, scan)
    assert marked.mask.any()
    return marked


def maps_of(folder: Path) -> dict[str, dict[str, Any]]:
    [entry] = json.loads((folder / "attention.json").read_text())["scans"]
    return {one["model"]: one for one in entry["maps"]}


def test_two_models_and_a_random_one_against_a_tumour(verb, data):
    uneven(data / "other" / "models" / "model.pt", seed=1)
    models = "random,mine=model.pt,other/models/model.pt"
    where = ("--tumour", "tumour.nii.gz", "--output_dir", data / "out")
    said = verb("attend", "scan.nii.gz", "--model", models, *where)
    assert said == f"maps:   {data / 'out'}\nreport: {data / 'out' / 'report.html'}\n"
    names = ("random", "mine", "other")
    assert {path.name for path in (data / "out").iterdir()} == {
        "scan.png",
        "attention.json",
        "report.html",
        "names.csv",
        *(f"scan_{name}_{kind}.nii.gz" for name in names for kind in ("attention", "mask")),
    }
    scan, tumour = read_checked(data / "scan.nii.gz"), mask_of(data / "tumour.nii.gz")
    mine = looking(data / "model.pt")
    ways = {
        "random": random_attention(mine, CARD["architecture"]),
        "mine": mine,
        "other": looking(data / "other/models/model.pt"),
    }
    maps = maps_of(data / "out")
    assert list(maps) == list(names)  # in the order in which they were given
    for name, way in ways.items():
        score = way(scan)
        marked = marked_by(Marking(), score, scan)
        np.testing.assert_allclose(voxels(data / "out" / f"scan_{name}_attention.nii.gz"), score, atol=1e-6)
        np.testing.assert_array_equal(mask_of(data / "out" / f"scan_{name}_mask.nii.gz"), marked.mask)
        assert marked.mask.sum() == pytest.approx(0.1 * marked.region.sum(), rel=0.01)
        figures = measure(score, marked.mask, [tumour], marked.region, scan.spacing)
        assert set(figures) == LOCALISATION
        assert maps[name]["figures"] == pytest.approx(figures)
    page = (data / "out" / "report.html").read_text()
    assert "One scan, as 3 models see it: random, mine, other." in page and "How well it localises" in page
    assert "http" not in page.replace("http-equiv", "") and "<script" not in page


def test_maps_lie_on_the_scans_own_grid(verb, data):
    """However its axes run."""
    source = nib.load(data / "scan.nii.gz")
    turned = source.as_reoriented(np.array([[2, 1], [0, -1], [1, -1]]))
    nib.save(turned, data / "turned.nii.gz")
    verb("attend", "turned.nii.gz", "--model", "run=model.pt", "--output_dir", "out")
    for kind, dtype in (("attention", np.float32), ("mask", np.uint8)):
        image = nib.load(data / "out" / f"turned_{kind}.nii.gz")  # of one model, named after the scan alone
        assert image.shape == turned.shape != source.shape and image.get_data_dtype() == dtype
        np.testing.assert_allclose(image.affine, turned.affine, atol=1e-5)
        assert image.header.get_xyzt_units()[0] == "mm"
    score = nib.as_closest_canonical(nib.load(data / "out" / "turned_attention.nii.gz")).get_fdata()
    np.testing.assert_allclose(score, looking(data / "model.pt")(read_checked(data / "scan.nii.gz")), atol=1e-4)
    assert list(maps_of(data / "out")) == ["run"]


def test_every_setting_reaches_the_maps(verb, data):
    settings = {"percentile": 80, "region": "image", "components": 2, "smallest_ml": 5}
    settings |= {"overlap": 0.25, "head": 1, "block": 0}
    options = {"model": "model.pt", "output_dir": "out", "spacing": 6, "crop": 64, **settings}
    verb("attend", "scan.nii.gz", *(text for name, value in options.items() for text in (f"--{name}", str(value))))
    scan = read_checked(data / "scan.nii.gz")
    score = looking(data / "model.pt", 64, 6.0, 0.25, head=1, block=0)(scan)
    np.testing.assert_allclose(voxels(data / "out" / "scan_attention.nii.gz"), score, atol=1e-6)
    marked = marked_by(Marking(80, "image", 2, 5), score, scan)
    np.testing.assert_array_equal(mask_of(data / "out" / "scan_mask.nii.gz"), marked.mask)
    [scan] = json.loads((data / "out" / "attention.json").read_text())["scans"]
    assert scan["settings"] == {**settings, "spacing": [6, 6, 6], "crop_size": [64, 64, 64]}


def test_several_readers_are_measured_together(verb, data, phantom):
    smaller = mask_of(data / "tumour.nii.gz")
    smaller[:, : np.argwhere(smaller)[:, 1].mean().astype(int)] = False
    write_image(smaller.astype("uint8"), phantom.affine, data / "second.nii.gz")
    verb(
        "attend", "scan.nii.gz", "--model", "model.pt", "--tumour", "tumour.nii.gz,second.nii.gz", "--output_dir", "out"
    )
    [one] = maps_of(data / "out").values()
    ml = smaller.sum() * 7 * 8 * 9 / 1000  # two readers agree on what both drew
    assert one["figures"]["tumour_ml"] == pytest.approx(ml)
    assert 0 < smaller.sum() < mask_of(data / "tumour.nii.gz").sum()


def test_row_46_an_empty_tumour_mask_has_no_figures(verb, data):
    verb("attend", "scan.nii.gz", "--model", "model.pt", "--tumour", "empty.nii.gz", "--output_dir", "out")
    [one] = maps_of(data / "out").values()
    assert "figures" not in one
    page = (data / "out" / "report.html").read_text()
    assert "How well it localises" not in page and "mask is empty, or its readers agree on no voxel" in page


def test_a_tumour_outside_the_region_is_told_and_not_measured(verb, data, phantom):
    """Half a tumour and less in the lungs tells nothing of maps that may mark the lungs only."""
    apart = np.zeros(phantom.labels.shape, "uint8")
    apart[tuple(np.argwhere(phantom.labels == ORGANS["heart"])[0])] = 1
    write_image(apart, phantom.affine, data / "far.nii.gz")
    where = ("--tumour", "far.nii.gz", "--output_dir", "out")
    verb("attend", "scan.nii.gz", "--model", "model.pt", "--region", "lungs", *where)
    [one] = maps_of(data / "out").values()
    assert "figures" not in one and "air-filled tissue" in one["region_how"]
    page = (data / "out" / "report.html").read_text()
    assert "0% of the tumour lies in the region lungs: nothing is measured" in page
    assert f"The region has {one['region_ml']:,.0f} ml: air-filled" in page


def test_a_classifier_shows_where_its_encoder_looks(verb, data):
    uneven(data / "classifier.pt", {**CARD, "feature": "cls", "classes": ["benign", "malignant"]})
    verb("attend", "scan.nii.gz", "--model", "classifier.pt", "--output_dir", "out")
    expected = looking(data / "classifier.pt")(read_checked(data / "scan.nii.gz"))
    assert expected.std() > 0.01
    np.testing.assert_allclose(voxels(data / "out" / "scan_attention.nii.gz"), expected, atol=1e-6)


def test_without_a_model_the_shipped_encoder_looks(verb, data):
    weights = shipped_model()
    card = read_card(weights)
    verb("attend", "scan.nii.gz", "--region", "image", "--spacing", "8", "--overlap", "0", "--output_dir", "out")
    assert list(maps_of(data / "out")) == ["small"]
    look = ScanAttention(AttentionNet(load_encoder(weights)), card["crop_size"], [8.0] * 3, card["hu_window"], 0.0)
    expected = look(read_checked(data / "scan.nii.gz"))
    assert expected.std() > 0.005
    np.testing.assert_allclose(voxels(data / "out" / "scan_attention.nii.gz"), expected, atol=1e-6)
    verb("heads", "scan.nii.gz", "--output_dir", "heads")
    verb("heads", "scan.nii.gz", "--model", f"named={weights}", "--output_dir", "named")
    shipped, named = (json.loads((data / name / "heads.json").read_text()) for name in ("heads", "named"))
    assert (shipped["spacing"], shipped["crop_size"]) == (card["spacing"], card["crop_size"])
    assert list(shipped["models"]) == ["small"] and shipped["models"]["small"] == named["models"]["named"]


def test_a_dicom_series_gives_what_its_nifti_gives_and_a_seg(verb, data, series, caplog):
    caplog.set_level(logging.DEBUG)
    said = verb("attend", "ct", "--model", "model.pt", "--tumour", "tumour.nii.gz", "--output_dir", "dicom")
    verb("attend", "scan.nii.gz", "--model", "model.pt", "--tumour", "tumour.nii.gz", "--output_dir", "nifti")
    (name,) = (path.stem for path in (data / "dicom").glob("*.png"))
    assert name.startswith("series_") and len(name) == 19
    assert {path.name for path in (data / "dicom").iterdir()} == {
        f"{name}.png",
        f"{name}_attention.nii.gz",
        f"{name}_mask.nii.gz",
        f"{name}_seg.dcm",
        "attention.json",
        "report.html",
        "names.csv",
    }
    masks = read_masks(data / "dicom" / f"{name}_seg.dcm", read_checked(series)).masks
    mask = mask_of(data / "dicom" / f"{name}_mask.nii.gz")
    assert list(masks) == ["attention"]
    np.testing.assert_array_equal(masks["attention"], mask)
    # the axes of the series run to Left and Posterior; its positions have six digits
    assert dice(mask[::-1, ::-1], mask_of(data / "nifti" / "scan_mask.nii.gz")) > 0.99
    [ours], [theirs] = (maps_of(data / kind).values() for kind in ("dicom", "nifti"))
    assert ours["peak_mm"] == pytest.approx(theirs["peak_mm"], abs=0.11)
    assert ours["figures"]["contrast"] == pytest.approx(theirs["figures"]["contrast"], abs=0.01)
    left = b"".join(unpacked(path) for path in (data / "dicom").iterdir() if path.suffix not in (".dcm", ".csv"))
    told = left + (said + caplog.text).encode()
    header = pydicom.dcmread(series / "0001.dcm", stop_before_pixels=True)
    assert (header.PatientName, header.PatientID) == ("PHANTOM^0000", "phantom-0000")
    assert all(secret not in told for secret in (b"PHANTOM^", b"phantom-", header.StudyInstanceUID.encode()))


def unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_a_series_that_no_seg_can_refer_to_is_shown_all_the_same(verb, data, series, caplog):
    """As series are whose identifiers were removed."""
    for path in series.iterdir():
        dataset = pydicom.dcmread(path)
        del dataset.StudyInstanceUID
        dataset.save_as(path)
    verb("attend", "ct", "--model", "model.pt", "--region", "image", "--output_dir", "out")
    assert sorted(path.suffix for path in (data / "out").iterdir()) == [".csv", ".gz", ".gz", ".html", ".json", ".png"]
    [told] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert told == (
        "no DICOM SEG is written: the series lost the identifiers that a SEG refers to; export the series again with them"
    )


def test_heads_of_two_models(verb, data):
    uneven(data / "other" / "model.pt", seed=1)
    said = verb("heads", "scan.nii.gz", "--model", "mine=model.pt,other/model.pt", "--output_dir", data / "out")
    assert said == f"report: {data / 'out' / 'heads.html'}\n"
    assert sorted(path.name for path in (data / "out").iterdir()) == [
        "heads.html",
        "heads.json",
    ]  # no voxels of patients
    found = json.loads((data / "out" / "heads.json").read_text())
    assert (found["crops"], found["spacing"], found["crop_size"]) == (1, CARD["spacing"], CARD["crop_size"])
    assert list(found["models"]) == ["mine", "other"] and found["models"]["mine"] != found["models"]["other"]
    stages = [stage["stage"] for stage in found["models"]["mine"]["stages"]]
    assert stages == [1, 2, 3, 4, "SA"]
    page = (data / "out" / "heads.html").read_text()
    assert "on 1 crop of 32 × 32 × 32 voxels of 8 × 8 × 8 mm" in page


def test_heads_of_as_many_scans_as_asked_for(verb, data, phantom):
    for number in range(3):
        write_image(phantom.image, phantom.affine, data / "scans" / f"{number}.nii.gz")
    verb("heads", "scans", "--model", "model.pt", "--scans", "2", "--output_dir", "two")
    verb("heads", "scan.nii.gz", "--model", "model.pt", "--scans", "2", "--output_dir", "one")
    two, one = (json.loads((data / name / "heads.json").read_text()) for name in ("two", "one"))
    assert (two["crops"], one["crops"]) == (2, 1)
    assert two["models"] == one["models"]  # the same scan


def test_of_models_that_see_differently_no_crop_is_told(verb, data):
    uneven(data / "fine.pt", {**CARD, "spacing": [6.0] * 3})
    verb("heads", "scan.nii.gz", "--model", "coarse=model.pt,fine=fine.pt", "--output_dir", "out")
    found = json.loads((data / "out" / "heads.json").read_text())
    assert "spacing" not in found and found["crop_size"] == [32, 32, 32]
    ours, theirs = (found["models"][name]["stages"][0]["distance_mm"]["mean"] for name in ("coarse", "fine"))
    assert 0.5 < theirs / ours < 0.9
