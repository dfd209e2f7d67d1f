"""Files of organ features: what is written is read; rows of two encoders, NaN and other forms are refused."""

import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.organs.features_file import OrganFeatures, read_organ_features, save_organ_features

ROWS = {"cls": np.eye(4, 3, dtype=np.float32), "pooled": np.ones((4, 5), np.float32)}


def write(path, encoder: str = "aa", **vectors):
    save_organ_features(path, OrganFeatures(vectors or ROWS, np.array([*"llss"]), np.array([*"pqpq"]), encoder))
    return path


def test_what_is_written_is_read_and_files_are_joined(tmp_path):
    paths = [write(tmp_path / name) for name in ("a.npz", "b.npz")]
    found = read_organ_features(paths)
    assert found.vectors["cls"].shape == (8, 3) and found.encoder == "aa"
    assert found.organs.tolist() == [*"llssllss"] and found.scans.tolist() == [*"pqpqpqpq"]


def test_rows_of_two_encoders_are_refused(tmp_path):
    paths = [write(tmp_path / "a.npz"), write(tmp_path / "b.npz", "bb")]
    with pytest.raises(InputError, match=r"different encoders are mixed.*aa, bb"):
        read_organ_features(paths)
    arrays = dict(np.load(paths[0]))
    arrays["encoder"] = np.array(["aa", "aa", "aa", "bb"])
    np.savez(tmp_path / "mixed.npz", **arrays)
    with pytest.raises(InputError, match="different encoders are mixed"):
        read_organ_features([tmp_path / "mixed.npz"])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"cls": np.full((4, 3), np.nan, np.float32)}, r"not finite.*cls: 4 of 4 rows"),
        ({"organ": None}, "is no file of organ features"),
        ({"encoder": None}, "is no file of organ features"),
        ({"scan": np.arange(4)}, "is no file of organ features"),
        ({"cls": np.eye(3, dtype=np.float32)}, "is no file of organ features"),
        ({"cls": None, "pooled": None}, "is no file of organ features"),
    ],
)
def test_other_forms_are_refused(tmp_path, changed, says):
    arrays = dict(np.load(write(tmp_path / "a.npz"))) | changed
    np.savez(tmp_path / "b.npz", **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(InputError, match=says):
        read_organ_features([tmp_path / "b.npz"])


def test_files_of_other_kinds_are_not_joined(tmp_path):
    paths = [write(tmp_path / "a.npz"), write(tmp_path / "b.npz", stages=np.ones((4, 2), np.float32))]
    with pytest.raises(InputError, match="hold other features"):
        read_organ_features(paths)
