"""Search by looks as its users run it: the own patient never answers, pictures come from scans, other encoders are refused."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from fixtures.small import SAVED
from ignite.engine import Engine

from smart_nets import cli
from smart_nets.errors import SmartError
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.organs.feature_writer import FeatureWriter
from smart_nets.organs.features_file import OrganFeatures, save_organ_features
from smart_nets.organs.samples import find_samples
from smart_nets.scans.window import window_hu
from smart_nets.similar.crops import RowCrops
from smart_nets.similar.gallery import read_gallery
from smart_nets.statistics.features import read_features, save_features
from smart_nets.weights.io import save_weights

FED = {"crop_size": [32] * 3, "spacing": [1.0] * 3, "hu_window": [-175, 250]}
CARD = {"architecture": {"name": "SmartEncoder", **SAVED}, **FED}
PATIENTS = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Six scans of noise with a lesion of either label each, weights of two encoders, and features of the first."""
    folder = tmp_path_factory.mktemp("similar")
    lines = ["patient_id,image,label,x,y,z,diameter_mm"]
    for patient in range(PATIENTS):
        noise = np.random.default_rng(patient).normal(0, 40, (36, 36, 36)).astype(np.int16)
        noise[:2] = -1000
        noise[10 + patient : 20 + patient, 14:20] += 90
        nib.save(nib.Nifti1Image(noise, np.eye(4)), folder / f"john-doe-{patient}.nii.gz")
        lines += [
            f"Doe{patient},john-doe-{patient}.nii.gz,{label},{16 + 3 * label},18,18,{5 + label}" for label in (0, 1)
        ]
    (folder / "lesions.csv").write_text("\n".join(lines))
    for name in ("model", "other"):
        save_weights(SmartEncoder(**SAVED), folder / f"{name}.pt", CARD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "excepthook", sys.excepthook)
        for output, more in (("features", ["--places"]), ("bare", [])):
            words = [
                "features",
                folder / "lesions.csv",
                "--model",
                folder / "model.pt",
                "--output",
                folder / f"{output}.npz",
            ]
            patch.setattr(sys, "argv", ["smart_nets", *map(str, words), *more])
            cli.main()
    return folder


@pytest.fixture
def verb(monkeypatch, capsys):
    """Run `smart-nets similar <arguments>` in this process; returns what it printed."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["smart_nets", "similar", *map(str, arguments)])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # `main` sets its own
        cli.main()
        return capsys.readouterr().out

    return run


def test_a_place_finds_what_its_row_finds(verb, data, tmp_path, page_of):
    """The place of a row is cut and encoded as the row was, so both questions have one answer."""
    where = ("--in", data / "features.npz", "--count", 4, "--output_dir")
    said = verb(*where, tmp_path / "row", "--row", 3)
    assert "precision at 1: " in said and "report: " in said
    verb(data / "john-doe-1.nii.gz", "--at", "19,18,18", "--model", data / "model.pt", *where, tmp_path / "place")
    row, place = (json.loads((tmp_path / name / "similar.json").read_text()) for name in ("row", "place"))
    assert [one["row"] for one in row["neighbours"]] == [one["row"] for one in place["neighbours"]]
    np.testing.assert_allclose(*([one["distance"] for one in told["neighbours"]] for told in (row, place)), atol=1e-4)
    assert row["query"]["row"] == 3 and place["query"] == {"centre_mm": [19, 18, 18]}
    assert not {2, 3} & {one["row"] for one in place["neighbours"]}  # both are of this patient
    assert place["searched"] == {"crops": 12, "patients": 6, "of other patients": 10}
    assert set(place["precision"]["at"]["5"]) == {"features", "raw voxels", "size alone", "chance"}
    # of the ten others half bear each label; the ruler finds 5 and 6 mm apart
    assert place["precision"]["at"]["5"]["chance"]["value"] == pytest.approx(0.5)
    assert place["precision"]["at"]["5"]["size alone"]["value"] == 1
    page = page_of(tmp_path / "place" / "similar.html")
    assert len(page.images) == 5 * 6 and "label 1" in page.text and "not for diagnostic use" in page.text
    for text in (page.text, (tmp_path / "place" / "similar.json").read_text()):
        assert "john" not in text and "Doe" not in text and str(data) not in text


def test_lps_and_several_files(verb, data, tmp_path):
    verb(data / "john-doe-1.nii.gz", "--at=-19,-18,18", "--coordinates", "LPS", "--model", data / "model.pt", "--in",
         data / "features.npz", "--output_dir", tmp_path / "lps")  # fmt: skip
    assert json.loads((tmp_path / "lps" / "similar.json").read_text())["query"]["centre_mm"] == [19, 18, 18]
    both = read_gallery([data / "features.npz", data / "features.npz"])
    assert len(both) == 24 and both.rows.tolist() == list(range(24)) and both.feature == "pooled"
    assert both.places is not None and both.places.item(14)["centre_mm"] == [16, 18, 18]


def test_a_patient_whom_neither_scan_nor_file_tells(verb, data, tmp_path):
    (tmp_path / "copy.nii.gz").write_bytes((data / "john-doe-1.nii.gz").read_bytes())
    given = (tmp_path / "copy.nii.gz", "--at", "19,18,18", "--model", data / "model.pt", "--in", data / "features.npz")
    verb(*given, "--count", 1, "--output_dir", tmp_path / "a")
    found = json.loads((tmp_path / "a" / "similar.json").read_text())
    assert found["neighbours"][0]["row"] == 3 and "the same scan" in " ".join(found["notes"])
    verb(*given, "--count", 12, "--output_dir", tmp_path / "b", "--patient", "Doe1")
    found = json.loads((tmp_path / "b" / "similar.json").read_text())
    assert len(found["neighbours"]) == 10 and "only 10 crops are of other patients" in " ".join(found["notes"])


def test_a_scan_of_the_file_is_left_out_by_its_mark_alone(verb, data, tmp_path):
    """A file without paths: the query's own crops would be its nearest."""
    verb(data / "john-doe-1.nii.gz", "--at", "19,18,18", "--model", data / "model.pt", "--in", data / "bare.npz",
         "--count", 12, "--output_dir", tmp_path)  # fmt: skip
    found = json.loads((tmp_path / "similar.json").read_text())
    assert {2, 3}.isdisjoint(one["row"] for one in found["neighbours"]) and len(found["neighbours"]) == 10
    assert (
        b"john" not in (data / "bare.npz").read_bytes() and str(data).encode() not in (data / "bare.npz").read_bytes()
    )


def test_without_places_or_scans_the_page_says_so(verb, data, tmp_path, page_of):
    verb("--in", data / "bare.npz", "--row", 0, "--output_dir", tmp_path / "bare")
    page = page_of(tmp_path / "bare" / "similar.html")
    assert (
        not page.images and "does not tell where its crops lie" in page.text and "Raw voxels are left out" in page.text
    )
    table = read_features(data / "features.npz")
    gone = [{**one, "image": one["image"] + ".gone"} for one in table.places.images]
    save_features(tmp_path / "gone.npz", replace(table, places=replace(table.places, images=tuple(gone))))
    verb("--in", tmp_path / "gone.npz", "--row", 0, "--output_dir", tmp_path / "gone")
    page = page_of(tmp_path / "gone" / "similar.html")
    assert not page.images and "11 crops have no picture" in page.text


def test_crops_that_the_window_leaves_empty_are_known(data, tmp_path):
    crops = RowCrops(read_gallery([data / "features.npz"]), tmp_path)
    lung = np.full((32, 32, 32), -700, np.int16)
    assert crops.is_empty(lung) and not crops.is_empty(None)
    lung[:5, :5, :5] = 40
    assert not crops.is_empty(lung)


def test_organ_features_are_searched_by_row(verb, data, tmp_path):
    vectors = {"pooled": np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)}
    organs, scans = np.array([*"lslsls"]), np.array(["Doe^John", "Doe^John", *"bbcc"])
    save_organ_features(tmp_path / "o.npz", OrganFeatures(vectors, organs, scans, "aa"))
    verb("--in", tmp_path / "o.npz", "--row", 0, "--output_dir", tmp_path / "out")
    found = json.loads((tmp_path / "out" / "similar.json").read_text())
    assert {one["row"] for one in found["neighbours"]} == {2, 3, 4, 5} and found["neighbours"][0]["label"] in "ls"
    assert "Doe" not in (tmp_path / "out" / "similar.html").read_text()


def write_bad(data: Path, folder: Path, kind: str) -> Path:
    path, table = folder / f"{kind}.npz", read_features(data / "features.npz")
    if kind == "nan":
        arrays = dict(np.load(data / "features.npz")) | {"pooled": np.full((12, 4), np.nan, np.float32)}
        np.savez(path, **arrays)
    elif kind == "one patient":
        save_features(path, replace(table, patients=np.full(12, "a")))
    elif kind == "other encoder":
        save_features(path, replace(table, card={**table.card, "sha256": "ff" * 32}))
    elif kind == "other spacing":
        save_features(path, replace(table, card={**table.card, "spacing": [2.0] * 3}))
    elif kind in ("scans", "marked scans"):
        whole = replace(table.places, centres=np.full((12, 3), np.nan))
        save_features(path, replace(table, places=whole if kind == "scans" else whole.without_paths()))
    elif kind == "organs":
        save_organ_features(
            path, OrganFeatures(table.vectors, table.patients, table.patients, str(table.card["sha256"]))
        )
    elif kind == "text":
        path.write_text("patient,label\n")
    elif kind == "arrays":
        np.savez(path, x=np.ones(3))
    return path


PLACE = ("john-doe-1.nii.gz", "--at", "19,18,18", "--model", "model.pt")


@pytest.mark.parametrize(
    ("words", "files", "says"),
    [
        (PLACE, ["", "other encoder"], "features of different encoders are mixed"),
        (PLACE, ["", "other spacing"], "features differ in spacing"),
        ((*PLACE[:4], "other.pt"), [""], r"other.pt: another encoder made the file"),
        (PLACE, ["nan"], "features are not finite"),
        ((PLACE[0], "--at", "99,18,18", *PLACE[3:]), [""], "lies outside its scan"),
        (PLACE, ["one patient"], "there is no crop of another patient"),
        (("--row", "0"), ["one patient"], "there is no crop of another patient"),
        (PLACE, ["text"], "is damaged, or no file of features"),
        (PLACE, ["arrays"], "is no file of features"),
        (PLACE, ["none"], "there is no such file"),
        (PLACE, ["scans"], "rows are means over whole scans"),
        (PLACE, ["marked scans"], "rows are means over whole scans"),
        (PLACE, ["organs"], "does not tell how its crops were cut"),
        ((*PLACE, "--count", "0"), [""], "count"),
        (("--row", "12"), [""], "row: there is no such row"),
        (("--row", "1", PLACE[0]), [""], "is not one question"),
        ((), [""], "is not one question"),
        ((PLACE[0],), [""], "is not one question"),
        ((*PLACE, "--row", "1"), [""], "is not one question"),
        ((PLACE[0], "--at", "19,18"), [""], "--at: is no point"),
        ((PLACE[0], "--at", "nan,0,0"), [""], "at: is no point"),
        (("none.nii", *PLACE[1:]), [""], "none.nii: does not exist"),
        ((*PLACE, "--series", "1.2"), [""], "is not one scan"),
        ((*PLACE, "model.pt"), [""], "more values than arguments"),
        ((*PLACE, "--feature", "cls"), ["organs only pooled"], "no such file"),
    ],
)
def test_refusals_are_one_sentence_before_anything_is_written(verb, data, tmp_path, monkeypatch, words, files, says):
    monkeypatch.chdir(data)
    paths = [data / "features.npz" if not kind else write_bad(data, tmp_path, kind) for kind in files]
    with pytest.raises(SmartError, match=says):
        verb(*words, "--in", ",".join(map(str, paths)), "--output_dir", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_organ_crops_are_cut_again_as_they_were(tmp_path):
    """Label maps and plain volumes: the file tells where, to the voxel, and how."""
    for name in ("p", "q"):
        noise = np.random.default_rng(ord(name)).normal(0, 60, (20, 20, 20)).astype(np.int16)
        noise[0] = -1000
        mask = np.zeros(noise.shape, np.uint8)
        mask[8:14, 9:12, 7:13] = 1
        (tmp_path / "maps" / name / "segmentations").mkdir(parents=True)
        (tmp_path / "plain").mkdir(exist_ok=True)
        affine = np.diag([-2.0, 2, 2, 1])  # stored from the right
        nib.save(nib.Nifti1Image(mask, affine), tmp_path / "maps" / name / "segmentations" / "liver.nii.gz")
        for path in (tmp_path / "maps" / name / "ct.nii.gz", tmp_path / "plain" / f"{name}.nii.gz"):
            nib.save(nib.Nifti1Image(noise, affine), path)
    for source in ("maps", "plain"):
        grid = {"size": [8] * 3, "spacing": [2.0] * 3, "window": [-175, 250]}
        crops = find_samples(tmp_path / source, **grid)
        writer = FeatureWriter(tmp_path / f"{source}.npz", "aa", grid, crops, paths=True)
        writer.rows = [({"pooled": torch.eye(2)}, crops.organs, crops.patients)]
        writer.write(Engine(lambda *_: None))
        again = RowCrops(read_gallery([tmp_path / f"{source}.npz"]), tmp_path / "cache")
        for number, crop in enumerate(crops.crops[:, 0]):
            np.testing.assert_allclose(window_hu(again.get(number), -175, 250), crop, atol=1e-5)
        writer.rows = [({"pooled": torch.eye(2)}, crops.organs, crops.patients[::-1])]  # of another order
        writer.write(Engine(lambda *_: None))
        assert read_gallery([tmp_path / f"{source}.npz"]).places is None
