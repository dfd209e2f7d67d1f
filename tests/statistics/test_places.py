"""Where rows lie: what was told comes back from the arrays; others are refused."""

import json

import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.statistics.places import CropPlaces, crop_places, joined_places, read_places

ITEMS = [
    {"image": "/a.nii.gz", "centre_mm": [1.0, -2, 3], "label": 1},
    {"image": "/d", "series": "1.2", "reading": {"tilt": "correct"}, "centre_mm": [0.5, 0, 0]},
    {"image": "/a.nii.gz", "centre_mm": [4.0, 5, 6]},
    {"image": "/d", "series": "1.3"},
]


def test_scans_are_named_once_and_come_back():
    given = crop_places(ITEMS)
    assert len(given) == 4 and [one["image"] for one in given.images] == ["/a.nii.gz", "/d", "/d"]
    found = read_places(given.arrays(), 4)
    assert found.item(1) == {"image": "/d", "series": "1.2", "reading": {"tilt": "correct"}, "centre_mm": [0.5, 0, 0]}
    assert found.item(2) == {"image": "/a.nii.gz", "centre_mm": [4.0, 5.0, 6.0]}
    assert found.item(3)["centre_mm"] is None  # a whole scan


def test_centres_may_be_told_beside_the_items():
    assert crop_places([{"image": "/a"}], [[1, 2, 3]]).item(0)["centre_mm"] == [1.0, 2.0, 3.0]


def test_files_are_joined_or_none_is():
    joined = joined_places([crop_places(ITEMS[:2]), crop_places(ITEMS[1:])])
    assert [joined.item(k)["image"] for k in range(5)] == ["/a.nii.gz", "/d", "/d", "/a.nii.gz", "/d"]
    assert joined_places([crop_places(ITEMS), None]) is None


def test_older_files_tell_none():
    assert read_places({"row": np.arange(2)}, 2) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"images": np.array("{")}, "no JSON"),
        ({"images": np.array("{}")}, "no list"),
        ({"images": np.array("[1, 1, 1]")}, "a scan of the places is none"),
        ({"images": np.array(json.dumps([{"image": "/a", "name": "Doe"}] * 3))}, "a scan of the places is none"),
        ({"image": np.array([0, 1, 0, 3])}, "places name no scan"),
        ({"image": np.array([0, 1, 0, -1])}, "places name no scan"),
        ({"image": np.array([0.0, 1, 0, 2])}, "places are no places"),
        ({"centre_mm": np.zeros((4, 2))}, "places are no places"),
        ({"centre_mm": np.full((4, 3), np.inf)}, "places are no places"),
        ({"centre_mm": np.zeros((3, 3)), "image": np.zeros(3, int)}, "not one for each row"),
    ],
)
def test_what_is_no_place(change, says):
    with pytest.raises(InputError, match=says):
        read_places({**crop_places(ITEMS).arrays(), **change}, 4)


def test_places_are_checked_where_they_are_made():
    with pytest.raises(InputError, match="a scan of the places is none"):
        CropPlaces(({"series": "1"},), np.zeros(1, int), np.zeros((1, 3)))


def test_marks_know_a_scan_again_and_tell_neither_path_nor_series(tmp_path):
    items = [{**one, "image": f"{tmp_path}/doe-{one['image'][1:]}"} for one in ITEMS]
    hidden = read_places(crop_places(items).without_paths().arrays(), 4)
    told = json.dumps([dict(one) for one in hidden.images])
    assert hidden.marked and not crop_places(items).marked
    assert "doe" not in told and "1.2" not in told and str(tmp_path) not in told
    assert hidden.of_scan(tmp_path / "doe-a.nii.gz", None).tolist() == [True, False, True, False]
    assert hidden.of_scan(tmp_path / "doe-d", "1.2").tolist() == [False, True, False, False]
    assert crop_places(items).of_scan(tmp_path / "doe-d", "1.2").tolist() == [False, True, False, False]
    assert not hidden.of_scan(tmp_path / "other.nii.gz", None).any()
    assert hidden.item(1)["centre_mm"] == [0.5, 0, 0] and hidden.item(3)["centre_mm"] is None
