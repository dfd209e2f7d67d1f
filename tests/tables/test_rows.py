"""Rows and overlays: each differs from SMART in what its name says, and trains an epoch; published numbers are the paper's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from monai.bundle import ConfigParser, run

from smart_nets.phantom import make_dataset
from smart_nets.tables.rows import SMART, TABLES
from smart_nets.weights.io import read_card

CONFIGS = Path(__file__).parents[2] / "bundles" / "smart_pretrain" / "configs"
METHODS = sorted(path.stem for path in (CONFIGS / "methods").glob("*.json"))
NAMED = {"architecture": "ViT"}  # besides the settings, what an overlay may replace
QUICK = {
    "preset": "tiny", "max_epochs": 1, "visits_per_epoch": 2, "batch_size": 2, "places": 1, "organ_patients": 2,
    "out_dim": 32, "num_workers": 0, "presets#small#vit": {"patch_size": 8, "dim": 24, "depth": 1, "num_heads": 2},
}  # fmt: skip
OFF = {"attention": {"sa_stage": 0, "mask_mode": "random", "weight_aitd": 0.0}, "noise": {"patch_drop_ratio": 0.0}}
SAYS = {
    "without_attention": OFF["attention"],
    "without_noise": OFF["noise"],
    "without_both": OFF["attention"] | OFF["noise"],
    "smit": OFF["attention"] | OFF["noise"],
    "clean_attention": {"attention_input": "clean"},
    "fixed_mask_grid": {"mask_grid": "16vox"},
    "losses_1111": {},
    "losses_1011": {"weight_ampd": 0.0},
    "losses_0111": {"weight_amip": 0.0},
    "losses_1110": {"weight_gitd": 0.0},
    "losses_1100": {"weight_aitd": 0.0, "weight_gitd": 0.0},
    "losses_1000": {"weight_ampd": 0.0, "weight_aitd": 0.0, "weight_gitd": 0.0},
    **{f"sa_stage_{stage}": {"sa_stage": stage} for stage in (1, 2, 3, 4)},
    **{f"patch_drop_0{tenth}": {"patch_drop_ratio": tenth / 10} for tenth in (0, 1, 3, 5, 7, 9)},
    "lung_only": {"data_tag": "lung"},
    "other_than_lung": {"data_tag": "other"},
    "smart_vit": {},
}


def overlay(name: str) -> dict:
    """What a row changes, without its comment."""
    content = json.loads((CONFIGS / "methods" / f"{name}.json").read_text())
    return {key: value for key, value in content.items() if not key.startswith("_")}


def test_every_row_of_every_table_has_its_overlay():
    rows = {row.name for table in TABLES.values() for row in table.rows}
    assert rows - {SMART} <= set(METHODS)
    assert set(METHODS) - rows == {"losses_1111", "without_both"}, "which are SMART and SMIT by other names"
    assert overlay("without_both") == overlay("smit") and overlay("losses_1111") == {}
    assert all(table.reference in {row.name for row in table.rows} for table in TABLES.values())


@pytest.mark.parametrize("name", METHODS)
def test_an_overlay_is_short_and_changes_keys_of_train_json_only(name):
    path = CONFIGS / "methods" / f"{name}.json"
    assert len(path.read_text().splitlines()) <= 20
    assert set(overlay(name)) <= set(json.loads((CONFIGS / "train.json").read_text()))


@pytest.mark.parametrize("name", METHODS)
def test_a_row_differs_from_smart_in_what_its_name_says(name):
    """On the merged configuration, after references are joined."""
    merged, smart = ({}, {})
    for content, files in ((smart, []), (merged, [f"methods/{name}.json"])):
        parser = ConfigParser()
        parser.read_config([str(CONFIGS / one) for one in ("train.json", *files)])
        content |= parser.config
    changed = {key: value for key, value in merged.items() if smart.get(key) != value and not key.startswith("_")}
    architecture = changed.pop("architecture", None)
    assert (architecture is not None) == name.endswith("_vit")
    if name in SAYS:
        assert changed == SAYS[name]
    if architecture:
        assert architecture["name"] == "ViTEncoder"


def test_published_numbers():
    table = {row.name: row.published for row in TABLES["1"].rows}
    assert table[SMART]["ratio"] == pytest.approx(5.93 / 1.28) and table["smit"]["inter"] == 3.73
    assert {row.name: row.published["auc"] for row in TABLES["4a"].rows} == {
        "smit": 0.859, "without_attention": 0.882, "without_noise": 0.875, SMART: 0.895,
    }  # fmt: skip


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> Path:
    """Two phantoms, one tagged lung and one other, and where their prepared voxels are kept."""
    folder = tmp_path_factory.mktemp("scans")
    items = make_dataset(folder, 2, spacing=(4.0, 4.0, 4.0))
    tagged = [{**item, "tag": tag} for item, tag in zip(items, ("lung", "other"), strict=True)]
    (folder / "list.json").write_text(json.dumps({"training": tagged}))
    return folder


@pytest.mark.parametrize("name", [SMART, *METHODS])
def test_every_row_trains_an_epoch(name, scans, tmp_path):
    files = [CONFIGS / "train.json"] + ([] if name == SMART else [CONFIGS / "methods" / f"{name}.json"])
    side = 64 if name == "sa_stage_4" else 32
    batch = 1 if name in ("lung_only", "other_than_lung") else 2  # one scan is left
    run(
        config_file=[str(one) for one in files], dataset_dir=str(scans / "list.json"), crop_size=[side] * 3,
        output_dir=str(tmp_path), cache_dir=str(scans / "cache"), **QUICK | {"batch_size": batch},
    )  # fmt: skip
    card = read_card(tmp_path / "models" / "model.pt")
    assert card["architecture"]["name"] == ("ViTEncoder" if name.endswith("_vit") else "SmartEncoder")
    step = json.loads((tmp_path / "eval" / "metrics.jsonl").read_text().splitlines()[0])
    without = (
        {key for key, value in overlay(name).items() if key.startswith("weight_") and not value}
        if name != SMART
        else set()
    )
    trained = {one for one in ("amip", "ampd", "aitd", "gitd") if one in step}
    assert trained == {"amip", "ampd", "aitd", "gitd"} - {one.removeprefix("weight_") for one in without}


def test_identical_seeds_give_identical_results(scans, tmp_path):
    sums = []
    for number in range(2):
        run(
            config_file=[str(CONFIGS / "train.json"), str(CONFIGS / "methods" / "without_noise.json")], seed=7,
            dataset_dir=str(scans / "list.json"), crop_size=[32] * 3, output_dir=str(tmp_path / str(number)),
            cache_dir=str(scans / "cache"), **QUICK,
        )  # fmt: skip
        sums.append(read_card(tmp_path / str(number) / "models" / "model.pt")["sha256"])
    assert sums[0] == sums[1]
