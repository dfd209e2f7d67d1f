"""The bundle as its users run it: train, go on, few-shot, evaluate, outline, compare; and what it refuses before training."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from fixtures.small import SAVED
from monai.bundle import run

from smart_nets.networks.encoder import SmartEncoder
from smart_nets.phantom import make_phantom, write_dicom
from smart_nets.phantom.write import write_image
from smart_nets.segment.cases.names import PHANTOM_LABELS, PHANTOM_VALUES
from smart_nets.segment.update import SegmentUpdate
from smart_nets.weights.build import load_encoder
from smart_nets.weights.io import read_card, save_weights

CONFIGS = Path(__file__).parents[2] / "bundles" / "smart_segment" / "configs"
SPACING = (8.0, 8.0, 8.0)
NAMES = list(PHANTOM_LABELS)


@pytest.fixture(scope="session")
def outlined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An nnU-Net data set of four coarse phantoms."""
    folder = tmp_path_factory.mktemp("nnunet") / "Dataset001_Phantoms"
    for seed in range(4):
        phantom = make_phantom(seed, SPACING, task="response")
        channels = np.zeros(phantom.labels.shape, np.uint8)
        for name, value in PHANTOM_VALUES.items():
            channels[phantom.labels == value] = PHANTOM_LABELS[name][0]
        write_image(phantom.image, phantom.affine, folder / "imagesTr" / f"p{seed}_0000.nii.gz")
        write_image(channels, phantom.affine, folder / "labelsTr" / f"p{seed}.nii.gz")
    labels = {"background": 0, **{name: values[0] for name, values in PHANTOM_LABELS.items()}}
    (folder / "dataset.json").write_text(
        json.dumps({"channel_names": {"0": "CT"}, "labels": labels, "file_ending": ".nii.gz"})
    )
    return folder


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("encoder") / "model.pt"
    card = {
        "kind": "encoder", "architecture": {"name": "SmartEncoder", **SAVED}, "spacing": [8.0, 8.0, 8.0],
        "hu_window": [-175, 250], "crop_size": [32, 32, 32], "orientation": "RAS", "epochs": 1,
    }  # fmt: skip
    save_weights(SmartEncoder(**SAVED), path, card)
    return path


@pytest.fixture(scope="session")
def quick(outlined: Path, pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {
        "preset": "tiny", "dataset_dir": str(outlined), "crop_size": [64, 32, 32], "folds": 2,
        "max_epochs": 1, "steps_per_epoch": 2, "batch_size": 1, "num_workers": 0,
        "cache_dir": str(tmp_path_factory.mktemp("cache")), "own_encoder": str(pretrained),
    }  # fmt: skip


def train(quick: dict[str, Any], output: Path, *overlays: str, **options: Any) -> Path:
    files = [str(CONFIGS / name) for name in ("train.json", *overlays)]
    run(config_file=files, output_dir=str(output), **{**quick, **options})
    return output


@pytest.fixture(scope="session")
def trained(quick: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(quick, tmp_path_factory.mktemp("segmenter"))


def test_training_leaves_weights_results_and_a_report(trained, page_of):
    card = read_card(trained / "models" / "model.pt")
    assert card["kind"] == "segmenter" and list(card["labels"]) == NAMES and card["spacing"] == [8.0, 8.0, 8.0]
    with (trained / "eval" / "cases.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(NAMES) and {row["class"] for row in rows} == set(NAMES)
    metrics = json.loads((trained / "eval" / "metrics.json").read_text())
    assert metrics["cases"] == 2 and set(metrics["classes"]) == set(NAMES) == set(metrics["place"]["classes"])
    assert all(0 <= float(row["place_dice"] or 0) <= 1 for row in rows)
    page = page_of(trained / "eval" / "report.html")
    assert "not for diagnostic use" in page.text and "Do it again" in page.text and "p1_0000" not in page.text
    assert "place alone" in page.text and "not shown to be better" in page.text  # one step has taught it nothing
    assert len(page.images) == 12  # two cases, two planes: scan, drawn, marked


def test_a_segmenter_gives_its_encoder_to_other_tasks(trained, pretrained):
    encoder = load_encoder(trained / "models" / "model.pt")
    assert encoder.state_dict().keys() == load_encoder(pretrained).state_dict().keys()


def test_from_scratch_differs_in_its_weights_alone(trained, quick, tmp_path):
    train(quick, tmp_path, "from_scratch.json")
    ours, theirs = (json.loads((one / "eval" / "run.json").read_text()) for one in (trained, tmp_path))
    assert ours["settings"] == theirs["settings"] and theirs["encoder"] == "from scratch"
    assert (ours["segment"]["name"], theirs["segment"]["name"]) == ("fine-tuned", "from scratch")


def test_few_shot_with_a_frozen_encoder(quick, pretrained, tmp_path):
    train(quick, tmp_path, "few_shot.json", "frozen.json", train_fraction=0.5, deep_supervision=True)
    record = json.loads((tmp_path / "eval" / "run.json").read_text())
    assert record["cases"]["training"]["cases"] == 1 and record["segment"]["name"] == "frozen"
    before, after = (load_encoder(one).state_dict() for one in (pretrained, tmp_path / "models" / "model.pt"))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_seed_decides_and_a_stopped_run_goes_on(quick, tmp_path, monkeypatch):
    def weights(output: Path, **options: Any) -> dict[str, torch.Tensor]:
        torch.manual_seed(len(output.name))  # whatever was drawn before
        train(quick, output, max_epochs=2, save_minutes=0, **options)
        return torch.load(output / "models" / "model.pt", weights_only=True)

    whole, other = weights(tmp_path / "whole"), weights(tmp_path / "another seed", seed=124)
    assert not all(torch.equal(whole[name], other[name]) for name in whole if name.startswith("decoder"))
    step = SegmentUpdate.__call__

    def until_the_third(update: SegmentUpdate, engine: Any, batch: Any) -> Any:
        if engine.state.iteration == 3:
            raise KeyboardInterrupt
        return step(update, engine, batch)

    monkeypatch.setattr(SegmentUpdate, "__call__", until_the_third)
    with pytest.raises((RuntimeError, KeyboardInterrupt)):  # MONAI may wrap it
        weights(tmp_path / "stopped")
    monkeypatch.undo()
    (tmp_path / "stopped" / "eval" / ".running").unlink(missing_ok=True)
    again = weights(tmp_path / "stopped")
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_evaluation_finds_the_same_numbers_again(trained, quick, tmp_path):
    run(
        config_file=str(CONFIGS / "evaluate.json"), model_path=str(trained / "models" / "model.pt"), output_dir=str(tmp_path),
        dataset_dir=quick["dataset_dir"],
    )  # fmt: skip
    first, second = (json.loads((one / "metrics.json").read_text()) for one in (trained / "eval", tmp_path))
    assert first.pop("place")["mean_dice"]["value"] > 0  # of the training cases, which an evaluation does not read
    assert first == second and (tmp_path / "report.html").is_file()


def test_a_case_that_cannot_be_judged_does_not_cost_the_others(trained, outlined, tmp_path, page_of):
    folder = Path(shutil.copytree(outlined, tmp_path / "others"))
    broken = nib.load(folder / "labelsTr" / "p1.nii.gz")
    nib.save(nib.Nifti1Image(np.full(broken.shape, 77, np.uint8), broken.affine), folder / "labelsTr" / "p1.nii.gz")
    (folder / "imagesTr" / "p0_0000.nii.gz").rename(
        folder / "imagesTr" / "q0_0000.nii.gz"
    )  # other cases than those of training
    (folder / "labelsTr" / "p0.nii.gz").rename(folder / "labelsTr" / "q0.nii.gz")
    run(
        config_file=str(CONFIGS / "evaluate.json"), model_path=str(trained / "models" / "model.pt"),
        output_dir=str(tmp_path / "out"), dataset_dir=str(folder), part="all",
    )  # fmt: skip
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert found["cases"] == 3 and found["left_out"] == ["label map holds unknown values"]
    text = page_of(tmp_path / "out" / "report.html").text
    assert "1 case that cannot be used" in text and "taken for new ones" in text


def test_inference_outlines_a_scan_on_its_own_grid_with_attention_beside(trained, outlined, tmp_path):
    source = outlined / "imagesTr" / "p0_0000.nii.gz"
    run(config_file=str(CONFIGS / "inference.json"), model_path=str(trained / "models" / "model.pt"),
        dataset_dir=str(source), output_dir=str(tmp_path), attention=True)  # fmt: skip
    scan, mask = nib.load(source), nib.load(tmp_path / "p0_0000_mask.nii.gz")
    assert mask.shape == scan.shape and np.allclose(mask.affine, scan.affine)
    assert np.asarray(mask.dataobj).max() <= len(NAMES) and (tmp_path / "p0_0000.png").is_file()
    probability, attention = (
        np.asarray(nib.load(tmp_path / f"p0_0000_{kind}.nii.gz").dataobj) for kind in ("probability", "attention")
    )
    assert probability.min() >= 0 and probability.max() <= 1
    assert attention.shape == scan.shape and attention.std() > 0 and abs(attention.mean() - 1) < 0.2
    assert (tmp_path / "volumes.csv").read_text().startswith("name,tumour_ml,liver_ml")


def test_a_dicom_series_gets_a_seg_that_reads_back_equal(trained, tmp_path):
    pytest.importorskip("highdicom")
    series = write_dicom(make_phantom(0, SPACING, task="response"), tmp_path / "dicom")
    run(config_file=str(CONFIGS / "inference.json"), model_path=str(trained / "models" / "model.pt"),
        dataset_dir=str(series), output_dir=str(tmp_path / "out"))  # fmt: skip
    (mask,) = (tmp_path / "out").glob("*_mask.nii.gz")
    (seg,) = (tmp_path / "out").glob("*_seg.dcm")
    from smart_nets.scans.dicom.masks import read_masks
    from smart_nets.scans.read import read_checked

    channels = np.asarray(nib.load(mask).dataobj).astype(int)
    found = read_masks(seg, read_checked(series), None).masks
    assert set(found) == {NAMES[value - 1] for value in np.unique(channels) if value}
    for name, one in found.items():
        np.testing.assert_array_equal(one, channels == 1 + NAMES.index(name))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"labels": {"tumour": 1}}, "label map holds unknown values"),
        ({"labels": {"tumour": 255}}, "label map holds unknown values"),
        (
            {"labels": {**{name: values[0] for name, values in PHANTOM_LABELS.items()}, "pancreas": 9}},
            "is outlined nowhere",
        ),
        ({"folds": 9}, "cannot make that many folds"),
        ({"crop_size": [48, 48, 48]}, "crop sides do not fit"),
        ({"train_fraction": 0}, "train_fraction"),
        ({"decoder_learning_rate": -1}, "decoder_learning_rate"),
        ({"foreground": 67}, "foreground"),
        ({"spacing": 2}, "spacing: is no voxel size"),
        ({"steps_per_epoch": 0}, "steps_per_epoch"),
        ({"seed": -1}, "seed"),
        ({"dataset_dir": "/no/such/folder"}, "does not exist"),
        ({"phantom": 3}, "perhaps --phantoms is meant"),
    ],
)
def test_what_is_told_before_training(quick, tmp_path, options, says):
    with pytest.raises(Exception) as caught:
        train(quick, tmp_path, **options)
    told = []
    error: BaseException | None = caught.value
    while error is not None:
        told.append(str(error))
        error = error.__cause__
    assert says in " ".join(told) and not (tmp_path / "models").exists()
