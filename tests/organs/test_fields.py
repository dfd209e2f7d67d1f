"""Crops lie where their seed puts them inside their fields; fields that cannot be judged on are refused by name."""

import numpy as np
import pytest

from smart_nets.errors import ConfigError, InputError
from smart_nets.organs import fields as module
from smart_nets.organs.fields import Fields, cut, find_fields, phantom_fields, reach, read_fields


def arrays(**changes) -> dict[str, np.ndarray]:
    """Four fields of 12^3 voxels: two organs of two scans."""
    x = np.arange(4 * 12**3, dtype=np.int16).reshape(4, 12, 12, 12) - 1000
    names = {"scan": np.array(["p", "p", "q", "q"]), "organ": np.array(["liver", "lung"] * 2)}
    given = {"x": x, **names, "spacing": 2.0, "orientation": "RAS", **changes}
    return {name: value for name, value in given.items() if value is not None}


def fields(spacing: float = 2.0, **changes) -> Fields:
    given = arrays(**changes)
    return Fields(given["x"], given["organ"], given["scan"], spacing)


def test_what_a_file_holds_comes_back(tmp_path):
    np.savez(tmp_path / "fields.npz", **arrays())
    found = read_fields(tmp_path / "fields.npz", 2)
    np.testing.assert_array_equal(found.hu, arrays()["x"])
    assert found.organs.tolist() == ["liver", "lung"] * 2 and found.scans.tolist() == ["p", "p", "q", "q"]


def test_crops_are_moved_by_up_to_the_shift_and_no_further():
    found = cut(fields(), side=4, crops=200, shift=8.0)  # 8 mm of 2 mm voxels: the crop of 4 reaches every voxel of 12
    assert found.hu.shape == (800, 4, 4, 4)
    assert found.organs.tolist() == ["liver"] * 200 + ["lung"] * 200 + ["liver"] * 200 + ["lung"] * 200
    corners = (
        found.hu[:200, 0, 0, 0] + 1000
    )  # of the field 0, whose voxels count up from 0: 144, 12 and 1 along the axes
    for corner in (corners // 144, corners // 12 % 12, corners % 12):
        assert (corner.min(), corner.max()) == (0, 8)
    first = found.hu[0]
    np.testing.assert_array_equal(first - first[0, 0, 0], arrays()["x"][0, :4, :4, :4] + 1000)


def test_without_a_shift_the_crop_is_the_middle():
    found = cut(fields(), side=4, crops=1, shift=0.0)
    np.testing.assert_array_equal(found.hu, arrays()["x"][:, 4:8, 4:8, 4:8])


def test_the_seed_decides():
    one, again, other = (cut(fields(), 4, 6, 8.0, seed).hu for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_images_are_in_the_window():
    images = cut(fields(), side=4, crops=1, shift=0.0).images((-300.0, 5000.0))
    assert images.shape == (4, 1, 4, 4, 4) and (images.min(), images.max()) == (0, 1)
    hu = arrays()["x"][0, 4:8, 4:8, 4:8]
    np.testing.assert_allclose(images[0, 0], np.clip((hu + 300) / 5300, 0, 1), atol=1e-6)


def test_shifts_are_whole_voxels():
    assert (reach(2.0, 12.0), reach(4.0, 12.0), reach(1.5, 12.0)) == (6, 3, 8)


def test_fields_of_phantoms_have_room_for_the_shift():
    found = phantom_fields(2, 8.0, side=32, shift=12.0)
    assert found.hu.shape == (22, 36, 36, 36)  # 12 mm are 2 voxels to either side
    assert len(set(found.organs.tolist())) == 11 and set(found.scans.tolist()) == {"phantom-9000", "phantom-9001"}
    assert cut(found, 32).hu.shape == (132, 32, 32, 32)


NAN = arrays()["x"].astype(np.float32)
NAN[2, 0, 0, 0] = np.nan


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"x": None}, "lacks arrays .expected x .n, D, H, W. in HU, .*found scan, organ"),
        ({"spacing": None, "orientation": None}, "does not tell its axes .*found no orientation"),
        ({"organ": None, "label": np.arange(4)}, "lacks arrays"),
        ({"x": arrays()["x"][0]}, "do not match"),
        ({"x": arrays()["x"][:0], "scan": np.array([]), "organ": np.array([])}, "do not match"),
        ({"organ": np.array(["liver"])}, "do not match"),
        ({"scan": np.array([["p"], ["p"], ["q"], ["q"]])}, "do not match"),
        ({"x": np.full((4, 12, 12, 12), "a")}, "are no numbers"),
        ({"x": NAN}, "voxels are not finite .expected HU, found 1 of 4 boxes"),
        ({"scan": np.array(["p"] * 4)}, "fields of one scan judge nothing, .*found p"),
        (
            {"organ": np.array(["liver"] * 4)},
            "scan p: without this scan there is one organ only .expected 2 .*found liver",
        ),
        ({"organ": np.array(["liver", "lung", "liver", "liver"])}, "scan p: without this scan there is one organ only"),
    ],
)
def test_fields_that_cannot_be_judged_on(tmp_path, changes, says):
    np.savez(tmp_path / "fields.npz", **arrays(**changes))
    with pytest.raises(InputError, match=rf"fields\.npz(: |, ).*{says}"):
        read_fields(tmp_path / "fields.npz", 2.0)


@pytest.mark.parametrize("content", [b"", b"x, scan, organ\n", b"PK\x03\x04 cut"])
def test_a_file_of_something_else(tmp_path, content):
    (tmp_path / "fields.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"fields\.npz: is damaged, or no .npz of organs"):
        read_fields(tmp_path / "fields.npz", 2.0)
    with pytest.raises(InputError, match=r"none\.npz: there is no such file"):
        read_fields(tmp_path / "none.npz", 2.0)


def test_pickled_names_are_never_loaded(tmp_path):
    np.savez(tmp_path / "fields.npz", **arrays(organ=np.array(["liver", None, "lung", "lung"], dtype=object)))
    with pytest.raises(InputError, match=r"is damaged, or no \.npz of organs"):
        read_fields(tmp_path / "fields.npz", 2.0)


@pytest.mark.parametrize("spacing", [0, -2, float("nan"), "two", None, True])
def test_a_spacing_that_is_no_length(spacing):
    with pytest.raises(ConfigError, match="fields_spacing: is no length"):
        fields(spacing)
    with pytest.raises(ConfigError, match="fields_spacing: is no length"):
        phantom_fields(2, spacing)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        (
            {"side": 4, "shift": 10.0},
            InputError,
            r"expected 14 voxels a side or more .4, and 10 mm.*found 12 x 12 x 12",
        ),
        ({"side": 32}, InputError, "smaller than a crop that has been moved"),
        ({"side": 0}, ConfigError, "fields_side: is no count"),
        ({"side": 4.5}, ConfigError, "fields_side: is no count"),
        ({"side": 4, "crops": 0}, ConfigError, "crops: is no count"),
    ],
)
def test_crops_that_cannot_be_cut(options, error, says):
    with pytest.raises(error, match=says):
        cut(fields(), **options)


def test_phantoms_must_be_counted():
    with pytest.raises(ConfigError, match="organ_patients: is no count"):
        phantom_fields(0, 8.0)


def test_without_a_file_there_are_fields_of_phantoms(tmp_path, monkeypatch):
    np.savez(tmp_path / "fields.npz", **arrays())
    assert np.array_equal(find_fields(tmp_path / "fields.npz", 2, 2.0).hu, arrays()["x"])
    monkeypatch.setattr(module, "phantom_fields", lambda *given: given)
    assert find_fields(None, 2, 4.0, 8) == (2, 4.0, 8)
