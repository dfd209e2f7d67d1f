"""The bundle as its users run it: where does a model look in a scan, whatever its format and the order of its axes."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from monai.bundle import ConfigParser, create_workflow, run, verify_net_in_out

from smart_nets.errors import cause
from smart_nets.localize.marking import Marked, Marking
from smart_nets.localize.scan_attention import ScanAttention
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.phantom import make_dataset, write_dicom
from smart_nets.scans.dicom.masks import read_masks
from smart_nets.scans.read import read_checked
from smart_nets.statistics.overlap import dice
from smart_nets.weights.build import load_encoder
from smart_nets.weights.default_model import shipped_model
from smart_nets.weights.io import read_card

BUNDLE = Path(__file__).parents[2] / "bundles" / "smart_zeroshot_seg"
CONFIGS = BUNDLE / "configs"
CARD = {"crop_size": [32, 32, 32], "spacing": [8.0, 8.0, 8.0], "hu_window": [-1000, 400]}  # of `chest_model`

Show = Callable[..., Path]


@pytest.fixture(scope="session")
def series(chest, tmp_path_factory) -> Path:
    """The same scan as DICOM, in a folder that tells no name."""
    return write_dicom(chest, tmp_path_factory.mktemp("dicom")).rename(tmp_path_factory.mktemp("ct") / "series")


@pytest.fixture
def show(chest_model, tmp_path) -> Show:
    """Run the inference into tmp_path/<to>; returns that folder. Nothing else is touched."""

    def show(source: Path | None, to: str = "out", **options: Any) -> Path:
        before = set(BUNDLE.rglob("*"))
        given = {"dataset_dir": str(source) if source else None, "model_path": str(chest_model), **options}
        run(config_file=str(CONFIGS / "inference.json"), output_dir=str(tmp_path / to), **given)
        assert set(BUNDLE.rglob("*")) == before
        return tmp_path / to

    return show


def by_hand(weights: Path, source: Path, rule: Marking, **settings: Any) -> tuple[np.ndarray, Marked]:
    """Map and mask from the network itself."""
    scan = read_checked(source)
    which = {name: settings.pop(name) for name in ("head", "block") if name in settings}
    net = AttentionNet(load_encoder(weights), **which)
    score = ScanAttention(net, **{**CARD, **settings})(scan)
    assert score.std() > 0.005  # else nothing would be proven
    return score, rule.mark(score, scan)


@pytest.fixture(scope="module")
def shown(chest_model, chest_file, tmp_path_factory) -> Path:
    """What the inference leaves of the scan with its own settings; not to be changed."""
    folder = tmp_path_factory.mktemp("shown")
    run(config_file=str(CONFIGS / "inference.json"), output_dir=str(folder), dataset_dir=str(chest_file),
        model_path=str(chest_model))  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def expected(chest_model, chest_file) -> tuple[np.ndarray, Marked]:
    """The same from the network itself."""
    return by_hand(chest_model, chest_file, Marking())


def written(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Map and mask of a scan as they were saved."""
    score, mask = (nib.load(folder / f"{name}_{kind}.nii.gz") for kind in ("attention", "mask"))
    assert (score.get_data_dtype(), mask.get_data_dtype()) == (np.float32, np.uint8)
    np.testing.assert_allclose(score.affine, mask.affine)
    return np.asarray(score.dataobj), np.asarray(mask.dataobj) > 0


@pytest.mark.parametrize("where", ["repository", "bundle", "elsewhere"])
@pytest.mark.parametrize("config", ["evaluate.json", "inference.json"])
def test_the_bundle_finds_its_folder_from_anywhere(where, config, tmp_path, monkeypatch):
    monkeypatch.chdir({"repository": BUNDLE.parents[1], "bundle": BUNDLE, "elsewhere": tmp_path}[where])
    monkeypatch.setattr(sys, "path", [str(BUNDLE), *sys.path])  # as `run` does
    parser = ConfigParser()
    parser.read_config(str(CONFIGS / config))
    assert Path(parser.get_parsed_content("bundle_root")).resolve() == BUNDLE.resolve()


def test_monai_finds_every_property_of_inference(chest_file):
    workflow = create_workflow(
        config_file=str(CONFIGS / "inference.json"), workflow_type="infer", bundle_root=str(BUNDLE),
        dataset_dir=str(chest_file),
    )  # fmt: skip
    assert workflow.check_properties() == []


def test_the_network_agrees_with_its_metadata(monkeypatch):
    monkeypatch.chdir(BUNDLE)
    verify_net_in_out(net_id="network_def", meta_file="configs/metadata.json", config_file="configs/inference.json")


def test_a_scan_gives_what_python_gives(shown, expected):
    folder = shown
    assert {path.name for path in folder.iterdir()} == {
        "scan_attention.nii.gz", "scan_mask.nii.gz", "scan.png", "attention.json", "report.html", "names.csv",
    }  # fmt: skip
    score, marked = expected
    found, mask = written(folder, "scan")
    np.testing.assert_allclose(found, score, atol=1e-5)
    np.testing.assert_array_equal(mask, marked.mask)
    record = json.loads((folder / "attention.json").read_text())
    [entry] = record["scans"]
    assert entry["maps"][0]["marked_ml"] == pytest.approx(marked.mask.sum() * 7 * 8 * 9 / 1000)
    assert (entry["settings"]["spacing"], entry["settings"]["crop_size"]) == (CARD["spacing"], CARD["crop_size"])
    page = (folder / "report.html").read_text()
    assert "One scan, as one model sees it: smart_zeroshot_seg." in page and "not for diagnostic use" in page.lower()
    assert "http" not in page.replace("http-equiv", "") and "<script" not in page


def test_a_scan_that_is_damaged_is_left_out_of_a_folder_and_told(show, chest_file, tmp_path, capfd):
    folder = tmp_path / "scans"
    folder.mkdir()
    scan = nib.load(chest_file)
    nib.save(scan, folder / "b.nii")
    share = np.clip((scan.get_fdata() + 1000) / 2000, 0, 1)  # no HU any more: the header does not tell
    nib.save(nib.Nifti1Image(share.astype(np.float32), scan.affine), folder / "a.nii")
    with pytest.raises(RuntimeError) as caught:  # MONAI's; the command shows the sentence behind it
        show(folder)
    assert "1 of 2 scans were left out, the others are done" in str(cause(caught.value))
    told = capfd.readouterr()
    assert "a.nii: not in HU" in told.out + told.err
    assert (tmp_path / "out" / "b_mask.nii.gz").exists()
    entries = json.loads((tmp_path / "out" / "attention.json").read_text())["scans"]
    assert [entry["name"] for entry in entries] == ["b"]


def test_every_setting_reaches_the_maps(show, chest_model, chest_file):
    network = {"crop_size": [64, 32, 32], "spacing": [6.0, 9.0, 9.0], "hu_window": [-500, 200], "overlap": 0.25}
    folder = show(chest_file, percentile=80, region="lungs", components=2, smallest_ml=5, head=1, block=0, **network)
    score, marked = by_hand(chest_model, chest_file, Marking(80, "lungs", 2, 5), head=1, block=0, **network)
    found, mask = written(folder, "scan")
    np.testing.assert_allclose(found, score, atol=1e-5)
    np.testing.assert_array_equal(mask, marked.mask)
    assert 0 < mask.sum() < 0.2 * marked.region.sum()


def tilted(source: nib.Nifti1Image) -> nib.Nifti1Image:
    """The patient lies 15 degrees askew."""
    c, s = np.cos(np.radians(15)), np.sin(np.radians(15))
    turn = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    return nib.Nifti1Image(np.asarray(source.dataobj), turn @ source.affine)


@pytest.mark.parametrize(
    ("turn", "same"),
    [
        (lambda source: source.as_reoriented(np.array([[0, -1], [1, -1], [2, 1]])), True),
        (lambda source: source.as_reoriented(np.array([[2, 1], [0, -1], [1, -1]])), True),
        (lambda source: source.as_reoriented(np.array([[1, -1], [2, -1], [0, 1]])), True),
        (tilted, False),
    ],
)
def test_the_order_of_the_files_axes_changes_nothing(show, chest_model, chest_file, expected, tmp_path, turn, same):
    source = turn(nib.load(chest_file))
    nib.save(source, tmp_path / "turned.nii.gz")
    folder = show(tmp_path / "turned.nii.gz")
    found = nib.load(folder / "turned_attention.nii.gz")
    assert found.shape == source.shape
    np.testing.assert_allclose(found.affine, source.affine, atol=1e-4)
    score, mask = written(folder, "turned")
    by_python, marked = by_hand(chest_model, tmp_path / "turned.nii.gz", Marking())
    np.testing.assert_allclose(score, by_python, atol=1e-5)
    np.testing.assert_array_equal(mask, marked.mask)
    if same:
        upright = nib.as_closest_canonical(found).get_fdata()
        np.testing.assert_allclose(upright, expected[0], atol=1e-4)


def test_dicom_gives_what_nifti_gives_and_a_seg_and_no_name(show, series, shown, capfd):
    capfd.readouterr()
    dicom = show(series, "dicom")
    said = "".join(capfd.readouterr())
    (name,) = (path.stem for path in dicom.glob("*.png"))
    assert {path.name for path in dicom.iterdir()} == {
        f"{name}_attention.nii.gz", f"{name}_mask.nii.gz", f"{name}.png", f"{name}_seg.dcm", "attention.json", "report.html",
        "names.csv",
    }  # fmt: skip
    (ours, our_mask), (theirs, their_mask) = written(shown, "scan"), written(dicom, name)
    # a DICOM series has its axes towards Left and Posterior, and positions of six digits
    np.testing.assert_allclose(theirs[::-1, ::-1], ours, atol=2e-3)
    assert dice(their_mask[::-1, ::-1], our_mask) > 0.99
    masks = read_masks(dicom / f"{name}_seg.dcm", read_checked(series)).masks
    assert list(masks) == ["attention"]
    np.testing.assert_array_equal(masks["attention"], their_mask)
    left = [path for path in dicom.iterdir() if path.suffix not in (".dcm", ".csv")]  # the table of names holds paths
    told = said.encode() + b"".join(
        gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes() for p in left
    )
    assert "1 scans; report.html lies beside the maps" in said
    assert all(secret not in told for secret in (b"PHANTOM^", b"phantom-"))


def test_scans_of_one_name_have_results_of_their_own(show, chest_file, series, tmp_path):
    for place in ("a", "b"):
        (tmp_path / "scans" / place).mkdir(parents=True)
        shutil.copy(chest_file, tmp_path / "scans" / place)
    shutil.copytree(series, tmp_path / "scans" / "c")
    folder = show(tmp_path / "scans", region="image")
    entries = json.loads((folder / "attention.json").read_text())["scans"]
    first, second, third = (entry["name"] for entry in entries)
    assert first != second and first.startswith("scan_") and second.startswith("scan_") and third.startswith("series_")
    np.testing.assert_array_equal(written(folder, first)[0], written(folder, second)[0])
    assert (folder / f"{third}_seg.dcm").is_file() and (folder / f"{third}_mask.nii.gz").is_file()
    assert "3 scans, as one model sees it" in (folder / "report.html").read_text()


def test_a_classifier_shows_where_its_encoder_looks(show, uneven, chest_file, tmp_path):
    path = uneven(tmp_path / "classifier.pt", feature="cls", classes=["benign", "malignant"])
    found, _ = written(show(chest_file, model_path=str(path), region="image"), "scan")
    np.testing.assert_allclose(found, by_hand(path, chest_file, Marking(90, "image"))[0], atol=1e-5)


def test_without_own_weights_the_shipped_encoder_looks(chest_file, tmp_path):
    """As in a fresh checkout, whose bundles lie beside each other; with its own spacing, crop and window."""
    weights = shipped_model()
    shutil.copytree(weights.parent, tmp_path / "smart_pretrain" / "models")
    run(
        config_file=str(CONFIGS / "inference.json"), bundle_root=str(tmp_path / "smart_zeroshot_seg"),
        dataset_dir=str(chest_file), output_dir=str(tmp_path / "out"), overlap=0.0, region="image",
    )  # fmt: skip
    card = read_card(weights)
    settings = {name: card[name] for name in ("crop_size", "spacing", "hu_window")}
    score, marked = by_hand(weights, chest_file, Marking(90, "image"), overlap=0.0, **settings)
    found, mask = written(tmp_path / "out", "scan")
    np.testing.assert_allclose(found, score, atol=1e-5)
    np.testing.assert_array_equal(mask, marked.mask)


def test_without_scans_a_phantom_is_shown(show, monkeypatch):
    asked = []

    def coarse(folder: str, count: int, **settings: Any) -> list[dict[str, Any]]:
        asked.append((Path(folder).name, count, settings))
        return make_dataset(folder, count, spacing=(7.0, 8.0, 9.0), **settings)

    monkeypatch.setattr("smart_nets.phantom.make_dataset", coarse)
    folder = show(None)
    assert asked == [("phantoms", 1, {"seed": 3, "region": "chest", "task": "response"})]
    assert (folder / "phantom-30000_mask.nii.gz").is_file() and (folder / "report.html").is_file()
