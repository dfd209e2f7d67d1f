"""Features as a file: what was saved comes back, and nothing damaged or foreign is taken for features."""

import json
from pathlib import Path

import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.statistics.features import Features, read_features, save_features

CARD = {"encoder": {"sha256": "ab" * 32}, "spacing": [2.0, 2.0, 2.0], "crop_size": [64, 64, 64], "window": [-175, 250]}


def table(**changes) -> Features:
    """Five lesions of three patients."""
    rng = np.random.default_rng(0)
    values = {
        "vectors": {
            "cls": rng.normal(size=(5, 4)),
            "pooled": rng.normal(size=(5, 8)),
            "stages": rng.normal(size=(5, 9)),
        },
        "rows": np.array([0, 1, 2, 4, 7]),
        "patients": np.array(["p1", "p1", "p22", "p3", "p3"]),
        "sizes": np.array([8.0, 12.5, np.nan, 20.0, 9.0]),
        "labels": np.array([0, 1, 0, 1, 1]),
        "card": CARD,
    }
    return Features(**{**values, **changes})


@pytest.mark.parametrize("labels", [np.array([0, 1, 0, 1, 1]), None])
@pytest.mark.parametrize("kinds", [("cls", "pooled", "stages"), ("cls", "pooled"), ("cls",), ("pooled",), ("stages",)])
def test_what_was_saved_comes_back(tmp_path, kinds, labels):
    given = table(labels=labels, vectors={kind: table().vectors[kind] for kind in kinds})
    save_features(tmp_path / "new folder" / "features.npz", given)
    found = read_features(tmp_path / "new folder" / "features.npz")
    assert set(found.vectors) == set(kinds) and found.card == CARD and len(found) == 5
    for kind in kinds:
        assert found.vectors[kind].dtype == np.float32
        np.testing.assert_array_equal(found.vectors[kind], given.vectors[kind])
    for name in ("rows", "patients", "sizes", "labels"):
        np.testing.assert_array_equal(getattr(found, name), getattr(given, name))
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["features.npz"]


def test_the_file_is_as_documented_and_the_same_every_time(tmp_path):
    for name in ("a.npz", "b.npz"):
        save_features(tmp_path / name, table())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert set(file.files) == {"cls", "pooled", "stages", "row", "patient", "size_mm", "label", "card"}
        assert json.loads(str(file["card"])) == CARD


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vectors": {}}, "not known"),
        ({"vectors": {"tokens": np.ones((5, 2))}}, "not known"),
        ({"vectors": {"cls": np.ones((4, 2))}}, "wrong shape"),
        ({"vectors": {"cls": np.ones(5)}}, "wrong shape"),
        ({"vectors": {"cls": np.ones((5, 0))}}, "wrong shape"),
        ({"vectors": {"cls": np.array([[1.0], [np.nan], [np.inf], [0], [0]])}}, "2 of 5 rows"),
        ({"rows": np.arange(4)}, "differ in length"),
        ({"rows": np.array([0, 1, 2, 3, 3])}, "rows: values cannot be"),
        ({"rows": np.array([0, 1, 2, 3, -1])}, "rows: values cannot be"),
        ({"rows": np.array([0, 1, 2, 3, 4.5])}, "rows: are no whole numbers"),
        ({"patients": np.array(["a", "b", "c", "d", ""])}, "patients"),
        ({"sizes": np.array([1.0, 2, 3, 4, 0])}, "sizes"),
        ({"labels": np.array([0, 1, 2, 0, 1])}, "labels"),
        ({"labels": np.array([0, 1])}, "differ in length"),
    ],
)
def test_what_no_probe_could_use_is_refused(changes, says):
    with pytest.raises(InputError, match=says):
        table(**changes)


def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path):
    """Either the file is refused, or (a bit of the zip's bookkeeping) the content is the same."""
    path, rng = tmp_path / "features.npz", np.random.default_rng(1)
    save_features(path, table())
    whole = path.read_bytes()
    damaged = [whole[: rng.integers(len(whole))] for _ in range(60)]
    for _ in range(240):
        content = bytearray(whole)
        content[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        damaged.append(bytes(content))
    refused = 0
    for content in damaged:
        path.write_bytes(content)
        try:
            found = read_features(path)
        except InputError as error:
            refused += 1
            assert str(path) in str(error)
        else:
            np.testing.assert_array_equal(found.vectors["cls"], table().vectors["cls"])
            np.testing.assert_array_equal(found.rows, table().rows)
            assert found.card == CARD
    assert refused > 200


def write_foreign(path: Path, kind: str) -> None:
    arrays = {"cls": np.ones((2, 3)), "row": np.arange(2), "patient": np.array(["a", "b"]), "size_mm": np.ones(2)}
    if kind == "text":
        path.write_text("patient,label\n")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "one array":
        with path.open("wb") as file:
            np.save(file, np.ones((2, 3)))
    elif kind == "other arrays":
        np.savez(path, x=np.ones((2, 3)), organ=np.array(["liver", "lung"]))
    elif kind == "pickle":
        np.savez(path, **{**arrays, "patient": np.array([{"a": 1}, None]), "card": np.array("{}")})
    elif kind == "card is no JSON":
        np.savez(path, **arrays, card=np.array("encoder: x"))
    elif kind == "card is a list":
        np.savez(path, **arrays, card=np.array("[1]"))
    elif kind == "text for numbers":
        np.savez(path, **{**arrays, "size_mm": np.array(["big", "small"])}, card=np.array("{}"))
    elif kind == "too few rows":
        np.savez(path, **{**arrays, "row": np.arange(3)}, card=np.array("{}"))
    elif kind == "no features":
        np.savez(path, **{name: arrays[name] for name in ("row", "patient", "size_mm")}, card=np.array("{}"))


@pytest.mark.parametrize(
    "kind",
    [
        "text",
        "empty",
        "one array",
        "other arrays",
        "pickle",
        "card is no JSON",
        "card is a list",
        "text for numbers",
        "too few rows",
        "no features",
    ],
)
def test_foreign_files_are_refused_by_name(tmp_path, kind):
    path = tmp_path / "features.npz"
    write_foreign(path, kind)
    with pytest.raises(InputError, match=r"features\.npz: is"):
        read_features(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_features(tmp_path / "features.npz")
