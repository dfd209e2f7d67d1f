"""Which feature of an encoder the kNN test of organ crops shows, and that its record holds all of them."""

import json

import numpy as np
import pytest
import torch
from fixtures.small import SAVED

from smart_nets.errors import ConfigError
from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.organs import probe
from smart_nets.organs.probe import OrganCrops, choose_feature, evaluate_organs, find_organ_crops
from smart_nets.statistics.knn import extract_features


def crops(n: int = 6) -> OrganCrops:
    generator = torch.Generator().manual_seed(3)
    return OrganCrops(torch.rand(n, 1, 32, 32, 32, generator=generator), ["a", "b"] * (n // 2), [*"ppqqrr"][:n])


@pytest.mark.parametrize(
    ("has_attention", "asked", "given"),
    [
        *((True, name, name) for name in ("cls", "pooled", "stages")),
        *((False, asked, given) for asked, given in (("cls", "pooled"), ("pooled", "pooled"), ("stages", "stages"))),
    ],
)
def test_the_feature_asked_for(has_attention, asked, given):
    assert choose_feature(SmartEncoder(**{**SAVED, "sa_stage": 2 if has_attention else None}), asked) == given


def test_an_unknown_feature_is_refused():
    with pytest.raises(
        ConfigError, match=r"probe_feature: is not known .expected cls or pooled or stages, found patch"
    ):
        choose_feature(SmartEncoder(**SAVED), "patch")


def test_features_of_many_batches_are_those_of_the_encoding():
    encoder = SmartEncoder(**SAVED)
    found = extract_features(encoder, crops().crops, batch_size=4)
    assert encoder.training and list(found) == ["cls", "pooled", "stages"]
    with torch.no_grad():
        whole = encoder.eval()(crops().crops)
    for name, value in found.items():
        np.testing.assert_allclose(value, getattr(whole, name).numpy(), atol=1e-5)


def test_of_a_vit_all_stages_are_its_last():
    encoder = ViTEncoder(img_size=32, dim=24, depth=1, num_heads=2)
    found = extract_features(encoder, crops().crops)
    np.testing.assert_allclose(found["stages"], found["pooled"], atol=1e-5)


def test_the_record_tells_every_feature_by_name(tmp_path, caplog):
    caplog.set_level("INFO")
    found = evaluate_organs(SmartEncoder(**SAVED), crops(), tmp_path / "knn.json", "stages")
    written = json.loads((tmp_path / "knn.json").read_text())
    assert written["feature"] == "stages" and set(written) == {"feature", "cls", "pooled", "stages"}
    assert written["stages"]["accuracy"] == found["stages"].accuracy
    told = [record.getMessage().split(":")[0] for record in caplog.records]
    assert told == ["kNN of cls", "kNN of pooled", "kNN of stages"]


def test_without_a_file_there_are_crops_of_phantoms(tmp_path, monkeypatch):
    told = {"spacing": 4, "orientation": "RAS"}
    np.savez(tmp_path / "crops.npz", x=np.full((2, 4, 4, 4), -100), organ=[*"ab"], scan=[*"pq"], **told)
    assert find_organ_crops(tmp_path / "crops.npz", 3, (8, 8, 8), (2.0, 2.0, 2.0), (-175, 250)).organs == ["a", "b"]
    monkeypatch.setattr(probe, "phantom_organ_crops", lambda *given: given)
    assert find_organ_crops(None, 3, (8, 8, 8), (2.0, 2.0, 2.0), (-175, 250)) == (3, (8,) * 3, (2.0,) * 3, (-175, 250))
