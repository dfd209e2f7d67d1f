"""What a window hides of the edges of outlines, counted by hand on cubes of 4 voxels: 96 faces, 16 on each side."""

import re

import numpy as np
import pytest

from smart_nets.segment.cases.edges import hidden_edges
from smart_nets.segment.cases.volumes import CaseVolumes

WINDOW = (-175, 250)


@pytest.fixture
def case(save, tmp_path):
    """Makes a case of 32 voxels a side and 1 mm: a cube, of which the first layers along x have a second HU."""

    def make(outside: int, inside: int, other: int, layers: int) -> tuple[CaseVolumes, list[dict]]:
        image, drawn = np.full((32,) * 3, -1000, np.int16), np.zeros((32,) * 3, np.uint8)
        image[6:18, 6:18, 6:18] = outside
        image[10:14, 10:14, 10:14], image[10 : 10 + layers, 10:14, 10:14] = inside, other
        drawn[10:14, 10:14, 10:14] = 1
        scan, label = save(image, np.eye(4), "scan.nii.gz"), save(drawn, np.eye(4), "scan__label.nii.gz")
        items = [{"image": str(scan), "label": str(label), "patient_id": "1"}]
        return CaseVolumes(tmp_path / "cache", (1, 1, 1), {"nodule": [1], "cyst": [2]}), items

    return make


def test_half_of_an_edge_is_black_on_both_sides(case, caplog):
    volumes, items = case(outside=-900, inside=100, other=-300, layers=2)
    (told,) = hidden_edges(volumes, items, WINDOW)
    # hidden: one side along x, 16 faces, and 2 of 4 layers of the four others, 32: 48 of 96; what is dim there has -900 HU
    assert told == (
        "The window of -175 to 250 HU hides 50% of the edge of nodule: there both sides are black, and the network can only "
        "guess. --hu_window [-950,250] shows it."
    )
    assert caplog.messages == [told]
    assert hidden_edges(volumes, items, (-950, 250)) == [], "what is proposed shows it"


@pytest.mark.parametrize(
    ("outside", "inside", "other", "layers", "sentence"),
    [
        (-900, 40, 40, 0, ""),  # a tumour in lung: black against grey
        (40, 600, 600, 0, ""),  # bone: grey against white
        (-900, 40, -300, 1, "hides 33% of the edge"),  # 16 of one side and 4 of each of four others: 32 of 96
        (400, 900, 900, 0, "hides 100% of the edge of nodule: there both sides are white.* --hu_window \\[-175,950\\]"),
        (-900, 250, 250, 0, ""),  # the ends of the window themselves
        (-900, -175, -175, 0, "hides 100%.*black.*--hu_window \\[-950,250\\]"),
    ],
)
def test_what_is_told(case, outside, inside, other, layers, sentence):
    volumes, items = case(outside, inside, other, layers)
    told = hidden_edges(volumes, items, WINDOW)
    assert len(told) == bool(sentence) and all(re.search(sentence, one) for one in told)


def test_many_names_and_both_colours_are_one_sentence_with_one_window(monkeypatch):
    black, white = (np.full(10, -900, np.int16), np.full(10, -300, np.int16)), (np.full(10, 400), np.full(10, 700))
    found = {"rim": black, "clip": white, "a": black, "b": black, "c": black}
    monkeypatch.setattr("smart_nets.segment.cases.edges._edges", lambda volumes, items: found)
    (told,) = hidden_edges(None, [], WINDOW)
    assert "hides 100% of the edge of rim, 100% of the edge of clip, 100% of the edge of a and much of 2 others" in told
    assert "both sides are black or white" in told and told.endswith("--hu_window [-950,750] shows it.")


def test_many_cases_are_looked_at_here_and_there(case, monkeypatch):
    volumes, items = case(-900, -300, -300, 0)
    looked = []
    monkeypatch.setattr(volumes, "get", lambda item, own=volumes.get: looked.append(item["at"]) or own(item))
    hidden_edges(volumes, [items[0] | {"at": at} for at in range(100)], WINDOW)
    assert looked == [*range(0, 100, 5)]
    assert hidden_edges(volumes, [], WINDOW) == []
