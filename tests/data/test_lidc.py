"""LIDC annotations: drawings grouped into nodules, ratings into labels by a rule that is written down."""

from pathlib import Path

import pytest

from smart_nets.data.adapters.lidc import group_readings, label_nodules, malignancy_label, read_lidc_xml
from smart_nets.errors import ConfigError, InputError


def nodule(name: str, x: int, y: int, z: float, rating: str | None, size: int = 5) -> str:
    """A square outline around (x, y) on two slices; without a rating there are no characteristics at all."""
    edges = "".join(
        f"<edgeMap><xCoord>{x + dx}</xCoord><yCoord>{y + dy}</yCoord></edgeMap>"
        for dx in (-size, size)
        for dy in (-size, size)
    )
    rois = "".join(f"<roi><imageZposition>{z + dz}</imageZposition>{edges}</roi>" for dz in (-2.5, 2.5))
    about = f"<characteristics><malignancy>{rating}</malignancy></characteristics>" if rating is not None else ""
    return f"<unblindedReadNodule><noduleID>{name}</noduleID>{about}{rois}</unblindedReadNodule>"


def annotation(folder: Path, *sessions: str) -> Path:
    body = "".join(f"<readingSession>{session}</readingSession>" for session in sessions)
    path = folder / "069.xml"
    path.write_text(f'<?xml version="1.0"?><LidcReadMessage xmlns="http://www.nih.gov">{body}</LidcReadMessage>')
    return path


def test_drawings_of_one_nodule_are_grouped_whatever_they_are_called(tmp_path):
    path = annotation(
        tmp_path,
        nodule("A", 100, 100, -50, "4") + nodule("B", 300, 200, -80, "2"),
        nodule("1", 102, 99, -52.5, "5"),
        nodule("x", 99, 101, -50, "4") + nodule("y", 301, 201, -80, "1"),
        nodule("IL1", 100, 102, -50, "3"),
    )
    readings = read_lidc_xml(path, (0.7, 0.7))
    assert readings[0].centre == (70.0, 70.0, -50.0) and readings[0].reach == 3.5
    groups = group_readings(readings)
    assert sorted(sorted(reading.nodule for reading in group) for group in groups) == [
        ["1", "A", "IL1", "x"],
        ["B", "y"],
    ]
    labelled, without = label_nodules(groups)
    assert [label for label, _ in labelled] == [1]  # 3 4 4 5: median 4
    assert without == {"fewer than 3 readers": 1}


def test_points_of_small_nodules_are_no_drawings(tmp_path):
    point = "<roi><imageZposition>1</imageZposition><edgeMap><xCoord>5</xCoord><yCoord>5</yCoord></edgeMap></roi>"
    path = annotation(tmp_path, f"<unblindedReadNodule><noduleID>p</noduleID>{point}</unblindedReadNodule>")
    assert read_lidc_xml(path, (1, 1)) == []


@pytest.mark.parametrize(
    ("ratings", "rule", "label", "reason"),
    [
        ([1, 2, 2, 5], "median", 0, ""),
        ([3, 3, 4, 4], "median", 1, ""),  # the tie 3.5 is malignant
        ([3, 3, 3], "median", 0, ""),
        ([3, 3, 3], "drop 3", None, "indeterminate"),
        ([2, 2, 3, 5, 5], "mean", 1, ""),
        ([1, 3, 3, 5], "mean", 0, ""),
        ([5, 5], "median", None, "fewer than 3 readers"),
        ([5, 5, None, None], "median", None, "fewer than 3 readers"),
        ([None, None], "median", None, "no rating"),
        ([], "median", None, "no rating"),
    ],
)
def test_the_rule_of_the_label(ratings, rule, label, reason):
    assert malignancy_label(ratings, rule) == (label, reason)


def test_unknown_rule():
    with pytest.raises(ConfigError, match="median or mean or drop 3"):
        malignancy_label([3, 3, 3], "mode")


@pytest.mark.parametrize("rating", ["0", "6", "high"])
def test_a_rating_out_of_range(tmp_path, rating):
    with pytest.raises(InputError, match=r"069.xml, nodule A: rating is out of range"):
        read_lidc_xml(annotation(tmp_path, nodule("A", 9, 9, 9, rating)), (1, 1))


@pytest.mark.parametrize(("text", "message"), [("<a", "is no XML"), ("<a/>", "is no LIDC annotation")])
def test_other_files(tmp_path, text, message):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_lidc_xml(tmp_path / "a.xml", (1, 1))
