"""Intervals over seeds by hand, and what counts as reproduced."""

import pytest

from smart_nets.tables.rows import TABLES
from smart_nets.tables.run import roughness
from smart_nets.tables.verdicts import over_seeds, table_summary


def run(ratio: float, knn: float = 0.5, auc: float | None = None) -> dict:
    clusters = {"cls": {"ratio": ratio, "umap": {"ratio": {"mean": ratio, "sd": 0.0}}}}
    return {
        "feature": "cls",
        "clusters": clusters,
        "knn": {"cls": knn, "pooled": knn},
        "auc": auc,
        "curve": {"roughness": 0.5},
    }


def test_three_seeds_by_hand():
    # mean 2, SD 1, t(0.975, 2) = 4.302653: 2 +- 4.302653 / sqrt(3)
    found = over_seeds([1.0, 2.0, 3.0])
    assert found["value"] == 2 and found["low"] == pytest.approx(2 - 2.484138, abs=1e-5)
    assert over_seeds([0.4]) == {"value": 0.4, "low": None, "high": None, "seeds": 1}


def orderings(results, table="1", measure="ratio"):
    found = table_summary(TABLES[table], results)["orderings"]
    return {one["row"]: one["verdict"] for one in found if one["measure"] == measure}


def test_verdicts():
    smart = {1: run(2.0), 2: run(2.1), 3: run(2.05)}
    results = {
        "smart": smart,
        "smit": {seed: run(one["clusters"]["cls"]["ratio"] - 1 + 0.01 * seed) for seed, one in smart.items()},
        "ibot_vit": {seed: run(one["clusters"]["cls"]["ratio"] + 1 + 0.01 * seed) for seed, one in smart.items()},
        "mst_vit": {1: run(1.0), 2: run(3.0), 3: run(2.0)},
        "without_noise": {1: run(0.1)},
    }
    assert orderings(results) == {
        "smit": "reproduced", "ibot_vit": "the other way round", "mst_vit": "undecided", "without_noise": "undecided",
    }  # fmt: skip


def test_rows_that_did_not_run_have_no_verdict():
    found = table_summary(TABLES["4a"], {"smart": {1: run(2.0, auc=0.7)}})
    assert found["orderings"] == [] and found["rows"]["smit"]["ours"] == {}
    assert found["rows"]["smart"]["ours"]["auc"]["value"] == 0.7


def test_without_lesions_there_is_no_auc():
    found = table_summary(TABLES["4a"], {"smart": {1: run(2.0)}, "smit": {1: run(1.0)}})
    assert "auc" not in found["rows"]["smart"]["ours"] and {one["measure"] for one in found["orderings"]} == {
        "ratio", "umap_ratio", "knn", "knn_pooled",
    }  # fmt: skip


def test_what_nobody_published_is_higher_or_lower_or_open():
    smart = {seed: run(2.0, auc=0.8 + 0.001 * seed) for seed in (1, 2, 3)}
    worse = {seed: run(2.0, auc=0.7) for seed in (1, 2, 3)}
    found = {
        one["measure"]: one["verdict"]
        for one in table_summary(TABLES["drop"], {"patch_drop_07": smart, "patch_drop_00": worse})["orderings"]
    }
    assert found["auc"] == "higher" and found["knn"] == "undecided"


def test_roughness_by_hand():
    assert roughness([float(k) for k in range(20)]) == pytest.approx(0.0)  # every change is 1
    assert roughness([0.0, 1.0] * 20) == pytest.approx(2.0, abs=0.05)  # changes of 1 and -1, values of 0 and 1
    assert roughness([1.0, 2.0]) is None and roughness([1.0] * 10) is None
