"""The page is made from encoders.json alone, and says of a damaged one what it is."""

import json

import pytest

from smart_nets.errors import InputError
from smart_nets.tables.encoders.page import write_encoders_report

GAP = {"a": "ours", "b": "theirs", "measure": "knn"}
MODEL = {"kind": "ours", "model": "model.pt", "feature": "cls", "parameters": 12345, "sha256": "ab" * 32,
         "spacing": [2, 2, 2], "crop_size": [32] * 3, "hu_window": [-1000, 400]}  # fmt: skip
FOUND = {
    "models": {"ours": MODEL, "theirs": {**MODEL, "kind": "theirs", "model": "hf:video", "read": {"feature": "tensor"}}},
    "organs": {
        "protocol": {"crops": 48, "scans": 4, "organs": 2, "chance": 0.5},
        "rows": {
            "ours": {"knn": {"value": 0.8, "low": 0.7, "high": 0.9}},
            "theirs": {"knn": {"value": 0.6, "low": None, "high": None}},
        },
        "differences": [{**GAP, "value": 0.2, "low": 0.1, "high": 0.3}],
    },
    "lesions": None,
    "attention": {
        "protocol": {"tumours": 3, "scans": 3, "patients": 3},
        "rows": {"ours": {"contrast": {"value": 0.7, "low": 0.6, "high": 0.8}}, "theirs": None},
        "differences": [],
    },
    "settings": {"organs": "boxes.npz", "lesions": None},
    "versions": {"torch": "2.13.0"},
}  # fmt: skip


def test_the_page_says_who_is_better_and_who_has_no_attention(tmp_path, page_of):
    (tmp_path / "encoders.json").write_text(json.dumps(FOUND))
    page = page_of(write_encoders_report(tmp_path / "encoders.json"))
    assert "ours above theirs organs, 3-NN: ours less theirs +0.200 (+0.100 to +0.300)." in page.text
    assert "no attention" in page.text and "hf:video" in page.text and "12,345" in page.text and "tensor" in page.text
    assert "48 crops, 2 organs, 4 scans" in page.text and "3 tumours" in page.text


@pytest.mark.parametrize(
    ("gap", "says"),
    [
        ({"value": -0.2, "low": -0.3, "high": -0.1}, "theirs above ours"),
        ({"value": 0.2, "low": -0.1, "high": 0.4}, "not shown"),
    ],
)
def test_verdicts(tmp_path, page_of, gap, says):
    content = {**FOUND, "organs": {**FOUND["organs"], "differences": [{**GAP, **gap}]}}
    (tmp_path / "encoders.json").write_text(json.dumps(content))
    assert says in page_of(write_encoders_report(tmp_path / "encoders.json")).text


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"models": {}, "organs": 5}'])
def test_a_damaged_file(tmp_path, text):
    (tmp_path / "encoders.json").write_text(text)
    with pytest.raises(InputError, match=r"encoders\.json"):
        write_encoders_report(tmp_path / "encoders.json")
