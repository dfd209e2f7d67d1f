"""The page of a table: our numbers, the published ones, verdicts; tables of which nothing has run say so."""

import pytest

from smart_nets.tables.page import tables_html
from smart_nets.tables.rows import TABLES
from smart_nets.tables.verdicts import table_summary


def run(ratio: float, seed: int) -> dict:
    clusters = {"cls": {"ratio": ratio + 0.01 * seed, "umap": {"ratio": {"mean": 3 * ratio, "sd": 0.1}}}}
    return {
        "feature": "cls",
        "clusters": clusters,
        "knn": {"cls": 0.6, "pooled": 0.7},
        "auc": 0.7,
        "curve": {"roughness": 0.4},
    }


def found(*names: str) -> dict:
    results = {row.name: {s: run(1 + 0.1 * k, s) for s in (1, 2, 3)} for k, row in enumerate(TABLES["1"].rows)}
    return {
        "tables": {name: table_summary(TABLES[name], results if name == "1" else {}) for name in names},
        "floors": {"raw voxels": {"knn": 0.6, "logistic": 0.6}}, "command": "python benchmarks/paper_tables.py",
        "settings": {"preset": "tiny", "scans": "phantoms"}, "versions": {"torch": "2"}, "date": "2026-01-01",
    }  # fmt: skip


def test_the_page_has_every_row_and_verdict(tmp_path, page_of):
    (tmp_path / "tables.html").write_text(tables_html(found("1")))
    text = page_of(tmp_path / "tables.html").text
    assert "not for diagnostic use" in text
    for row in TABLES["1"].rows:
        assert row.words in text
    assert "SMART less SMIT, Swin, between / within:" in text and "reproduced" in text
    assert "4.63" in text, "5.93 / 1.28 was published"


@pytest.mark.parametrize("name", ["4a", "drop"])
def test_a_table_of_which_nothing_has_run(name, tmp_path, page_of):
    (tmp_path / "tables.html").write_text(tables_html(found(name)))
    assert "No run of this table has ended." in page_of(tmp_path / "tables.html").text
