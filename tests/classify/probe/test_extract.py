"""Frozen features of lesions and of scans: those of the encoder called by hand, with labels and pseudonyms beside them."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from fixtures.foreign import write_card
from fixtures.small import SAVED

from smart_nets.classify.lesions.crops import crop_lesion
from smart_nets.classify.probe.extract import chosen_feature, features_of, scan_windows
from smart_nets.errors import CheckpointError, ConfigError, InputError
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.networks.classifier import Classifier
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.scans.read import read_volume
from smart_nets.scans.window import window_hu
from smart_nets.weights.io import save_weights, sha256_of

CARD = {
    "architecture": {"name": "SmartEncoder", **SAVED},
    "crop_size": [32, 32, 32],
    "spacing": [1.5, 1.5, 1.5],
    "hu_window": [-1000, 400],
}
CENTRES = [[20.0, 18.0, 22.0], [24.0, 22.0, 18.0], [20.0, 20.0, 20.0]]


@pytest.fixture
def scans(tmp_path) -> Path:
    """Two scans; the table beside them has two lesions of the first and one of the second."""
    for name in "ab":
        noise = np.random.default_rng(ord(name)).normal(-300, 200, (44, 40, 40)).astype(np.int16)
        noise[:2] = -1000
        (tmp_path / "scans").mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(noise, np.eye(4)), tmp_path / "scans" / f"{name}.nii.gz")
    rows = zip(["Ann", "Ann", "Bob"], ["a", "a", "b"], [1, 0, 0], CENTRES, ["", 6.5, ""], strict=True)
    lines = [f"{who},{image}.nii.gz,{label},{x},{y},{z},{mm}" for who, image, label, (x, y, z), mm in rows]
    text = "\n".join(["patient_id,image,label,x,y,z,diameter_mm", *lines])
    (tmp_path / "scans" / "lesions.csv").write_text(text)
    return tmp_path / "scans"


@pytest.fixture
def model(tmp_path) -> Path:
    save_weights(SmartEncoder(**SAVED), tmp_path / "model.pt", CARD)
    return tmp_path / "model.pt"


def by_hand(model: Path, images: torch.Tensor) -> dict[str, np.ndarray]:
    """ "cls", "pooled" and "stages" of images (n, 1, D, H, W) in [0, 1]."""
    encoder = SmartEncoder(**SAVED).eval()
    encoder.load_state_dict(torch.load(model, weights_only=True))
    with torch.no_grad():
        found = encoder(images)
    return {"cls": found.cls.numpy(), "pooled": found.pooled.numpy(), "stages": found.stages.numpy()}


def cubes(scans: Path, size: int, spacing: float) -> torch.Tensor:
    parts = [
        crop_lesion(read_volume(scans / f"{name}.nii.gz"), centre, [size] * 3, [spacing] * 3).array
        for name, centre in zip("aab", CENTRES, strict=True)
    ]
    return window_hu(np.stack(parts), -1000, 400)[:, None]


def test_lesions_have_the_features_of_the_cubes_around_them(scans, model, tmp_path):
    found = features_of(scans / "lesions.csv", model, tmp_path / "cache")
    expected = by_hand(model, cubes(scans, 32, 1.5))
    for name in ("cls", "pooled", "stages"):
        np.testing.assert_allclose(found.vectors[name], expected[name], atol=2e-3)  # the cache keeps whole HU
    assert found.rows.tolist() == [0, 1, 2] and found.labels.tolist() == [1, 0, 0]
    assert found.patients.tolist() == [pseudonym("Ann"), pseudonym("Ann"), pseudonym("Bob")]
    assert np.isnan(found.sizes[[0, 2]]).all() and found.sizes[1] == 6.5
    assert found.card == {
        "model": "model.pt",
        "sha256": sha256_of(model),
        "spacing": [1.5] * 3,
        "crop_size": [32] * 3,
        "hu_window": (-1000.0, 400.0),
        "places": "3 by x, y, z (RAS mm)",
    }


def test_another_crop_and_spacing_than_the_cards(scans, model, tmp_path):
    found = features_of(scans / "lesions.csv", model, tmp_path / "cache", spacing=[1.0] * 3, crop_size=[64, 64, 64])
    np.testing.assert_allclose(found.vectors["cls"], by_hand(model, cubes(scans, 64, 1.0))["cls"], atol=2e-3)
    assert (found.card["spacing"], found.card["crop_size"]) == ([1.0] * 3, [64] * 3)


def test_a_classifier_gives_the_features_of_its_encoder(scans, model, tmp_path):
    encoder = SmartEncoder(**SAVED)
    encoder.load_state_dict(torch.load(model, weights_only=True))
    card = {**CARD, "feature": "cls", "classes": ["benign", "malignant"]}
    save_weights(Classifier(encoder), tmp_path / "classifier.pt", card)
    ours, theirs = (
        features_of(scans / "lesions.csv", one, tmp_path / "cache") for one in (model, tmp_path / "classifier.pt")
    )
    np.testing.assert_array_equal(ours.vectors["cls"], theirs.vectors["cls"])


def test_scans_have_the_mean_over_windows_and_no_labels(scans, model, tmp_path, caplog):
    (scans / "lesions.csv").unlink()
    found = features_of(scans, model, tmp_path / "cache", spacing=[2.0] * 3)
    assert "with voxels of 1.5 x 1.5 x 1.5 mm and is used with 2 x 2 x 2 mm" in caplog.text
    assert found.labels is None and found.rows.tolist() == [0, 1] and np.isnan(found.sizes).all()
    assert {name: value.shape for name, value in found.vectors.items()} == {
        "cls": (2, 48),
        "pooled": (2, 192),
        "stages": (2, 12 * 46),  # means of 1 + 2 + 4 + 8 + 16 times 12, spreads without 16
    }
    assert not np.allclose(found.vectors["cls"][0], found.vectors["cls"][1])


def test_an_encoder_without_attention_has_no_cls(scans, tmp_path):
    plain = {**SAVED, "sa_stage": None}
    save_weights(
        SmartEncoder(**plain), tmp_path / "plain.pt", {**CARD, "architecture": {"name": "SmartEncoder", **plain}}
    )
    found = features_of(scans / "lesions.csv", tmp_path / "plain.pt", tmp_path / "cache")
    assert set(found.vectors) == {"pooled", "stages"}
    assert chosen_feature(found, None) == "pooled"
    with pytest.raises(ConfigError, match=r"feature: is not known .expected pooled or stages, found cls"):
        chosen_feature(found, "cls")
    with pytest.raises(ConfigError, match=r"feature: there is no \[CLS\] in an encoder without semantic attention"):
        features_of(scans / "lesions.csv", tmp_path / "plain.pt", tmp_path / "cache", feature="cls")


@pytest.mark.parametrize("feature", ["cls", "pooled", "stages"])
def test_one_feature_alone(scans, model, tmp_path, feature):
    every = features_of(scans / "lesions.csv", model, tmp_path / "cache")
    one = features_of(scans / "lesions.csv", model, tmp_path / "cache", feature=feature)
    assert set(every.vectors) == {"cls", "pooled", "stages"} and set(one.vectors) == {feature}
    np.testing.assert_array_equal(one.vectors[feature], every.vectors[feature])
    assert chosen_feature(one, None) == feature


def test_windows_cover_a_scan_and_overlap_by_half():
    scan = np.arange(48 * 32 * 20, dtype=np.int16).reshape(48, 32, 20) % 300
    windows = scan_windows(scan, [32, 32, 32], (0.0, 300.0))
    assert windows.shape == (2, 1, 32, 32, 32)  # 48 long: from 0 and from 16; 20 high: 6 of air on either side
    torch.testing.assert_close(windows[0, 0, :, :, 6:26], torch.from_numpy(scan[:32] / 300).float())
    torch.testing.assert_close(windows[1, 0, :, :, 6:26], torch.from_numpy(scan[16:] / 300).float())
    assert windows[:, :, :, :, :6].max() == 0 and windows[:, :, :, :, 26:].max() == 0


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"data": "none.csv"}, InputError, "none.csv: does not exist"),
        ({"model": "none.pt"}, CheckpointError, "none.pt: there are no weights here"),
        ({"crop_size": [40, 32, 32]}, ConfigError, "multiples of 32, such as 32 or 64"),
        ({"feature": "mean"}, ConfigError, "feature: is not known .expected cls or pooled or stages, found mean"),
        ({"spacing": [0.0, 1.0, 1.0]}, ConfigError, "three spacings above 0"),
    ],
)
def test_what_cannot_be_used_is_refused(scans, model, tmp_path, change, error, says):
    given = {"data": scans / "lesions.csv", "model": model, "cache_dir": tmp_path / "cache", **change}
    given |= {name: tmp_path / given[name] for name in ("data", "model")}
    with pytest.raises(error, match=says):
        features_of(**given)


def test_an_encoder_of_others_is_fed_as_its_card_says(scans, script, tmp_path):
    write_card(tmp_path / "means.json", spacing=[1.5] * 3, input_range=[-1, 1])
    found = features_of(scans / "lesions.csv", script, tmp_path / "cache")
    halves = cubes(scans, 32, 1.5).reshape(3, 2, -1).mean(2)
    np.testing.assert_allclose(found.vectors["pooled"], 2 * halves - 1, atol=2e-3)
    assert list(found.vectors) == ["pooled"] and found.card["read"]["input_range"] == (-1.0, 1.0)
    for feature, says in (("cls", "there is no .CLS."), ("stages", "feature: is not known .expected pooled")):
        with pytest.raises(ConfigError, match=says):
            features_of(scans / "lesions.csv", script, tmp_path / "cache", feature=feature)
    with pytest.raises(ConfigError, match="cannot take these crops"):
        features_of(scans / "lesions.csv", script, tmp_path / "cache", crop_size=[64, 32, 32])
