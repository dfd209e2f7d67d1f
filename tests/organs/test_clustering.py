"""The whole table of a clustering: features beside floors, paired differences, the page; from crops or from a file."""

import json

import numpy as np
import pytest
import torch
from fixtures.small import SAVED

from smart_nets.errors import ConfigError, InputError
from smart_nets.organs.clustering import cluster_features, cluster_organs, clusters_in_words
from smart_nets.organs.features_file import OrganFeatures, save_organ_features
from smart_nets.organs.page import write_cluster_report
from smart_nets.organs.probe import OrganCrops
from smart_nets.statistics.knn import extract_features
from smart_nets.weights.build import build_encoder

ARCHITECTURE = {"name": "SmartEncoder", **SAVED}
CARD = {"architecture": ARCHITECTURE}
ORGANS, SCANS = ("liver", "lung"), ("p", "q", "r")


def crops() -> OrganCrops:
    """Two organs of three scans, twice each: grey levels tell the organ, noise the crop."""
    pairs = [(organ, scan) for organ in ORGANS for scan in SCANS for _ in range(2)]
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.rand(len(pairs), 1, 32, 32, 32, generator=generator)
    level = torch.tensor([0.2 if organ == "liver" else 0.7 for organ, _ in pairs])
    return OrganCrops(noise + level.view(-1, 1, 1, 1, 1), [o for o, _ in pairs], [s for _, s in pairs])


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clusters")
    torch.manual_seed(0)
    found = cluster_organs(build_encoder(ARCHITECTURE).eval(), CARD, crops(), folder / "clusters.json", 2, seeds=1)
    return folder / "clusters.json", found


def test_the_table_has_every_feature_and_every_floor(result):
    path, found = result
    assert json.loads(path.read_text()) == json.loads(json.dumps(found))
    assert list(found["features"]) == ["cls", "pooled", "stages"]
    assert list(found["floors"]) == ["raw voxels", "random cls", "random pooled", "random stages"]
    assert found["floors"]["random cls"]["encoders"] == 2
    assert found["protocol"]["crops"] == 12 and found["protocol"]["organs"] == {"liver": 6, "lung": 6}
    assert set(found["planes"]) == {*found["features"], *found["floors"]}
    row = found["features"]["cls"]
    assert {"intra", "inter", "ratio", "silhouette", "nmi", "ari", "knn", "umap"} <= set(row)


def test_each_feature_is_compared_with_its_own_floors(result):
    _, found = result
    assert {name: set(floors) for name, floors in found["differences"].items()} == {
        name: {"raw voxels", f"random {name}"} for name in ("cls", "pooled", "stages")
    }
    one = found["differences"]["cls"]["raw voxels"]
    expected = found["features"]["cls"]["silhouette"] - found["floors"]["raw voxels"]["silhouette"]
    assert one["silhouette"]["value"] == pytest.approx(expected, abs=1e-9)
    assert one["knn"]["value"] == pytest.approx(found["features"]["cls"]["knn"] - found["floors"]["raw voxels"]["knn"])


def test_in_words(result):
    lines = clusters_in_words(result[1])
    assert lines[0] == "12 crops of 2 organs and 3 scans; no label was used"
    assert len(lines) == 1 + 3 + 4 + 6


def test_the_page_shows_planes_floors_and_no_scan(result, page_of):
    path, _ = result
    page = page_of(write_cluster_report(path))
    assert "not for diagnostic use" in page.text and "raw voxels" in page.text
    assert "12 crops of 2 organs from 3 scans" in page.text


def test_the_same_figures_from_a_file_without_floors(result, tmp_path):
    torch.manual_seed(0)
    vectors = extract_features(build_encoder(ARCHITECTURE).eval(), crops().crops)
    organs, scans = np.array(crops().organs), np.array(crops().patients)
    save_organ_features(tmp_path / "features.npz", OrganFeatures(vectors, organs, scans, "aa"))
    found = cluster_features(str(tmp_path / "features.npz"), tmp_path / "clusters.json", seeds=0)
    assert found["floors"] == {} and found["differences"] == {} and found["planes"] == {}
    for name, row in found["features"].items():
        assert row["ratio"] == pytest.approx(result[1]["features"][name]["ratio"])
    write_cluster_report(tmp_path / "clusters.json")


@pytest.mark.parametrize("setting", [{"seeds": "two"}, {"seeds": -1}, {"encoders": 1.5}])
def test_settings_that_are_no_counts(setting, tmp_path):
    with pytest.raises(ConfigError, match="is no count"):
        cluster_organs(build_encoder(ARCHITECTURE), CARD, crops(), tmp_path / "clusters.json", **setting)


def test_rows_nobody_named_are_refused(tmp_path):
    vectors = {"cls": np.eye(4, 3, dtype=np.float32)}
    save_organ_features(
        tmp_path / "a.npz", OrganFeatures(vectors, np.array(["", "", "l", "l"]), np.array([*"pqpq"]), "aa")
    )
    with pytest.raises(InputError, match=r"have no organ.*2 of 4"):
        cluster_features(str(tmp_path / "a.npz"), tmp_path / "clusters.json", seeds=0)


def test_a_record_of_something_else_is_refused(tmp_path):
    (tmp_path / "clusters.json").write_text('{"protocol": {}}')
    with pytest.raises(InputError, match="is no record of a clustering"):
        write_cluster_report(tmp_path / "clusters.json")
