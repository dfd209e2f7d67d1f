"""LIDC annotations: drawings grouped into nodules, ratings into labels by a rule that is written down."""

from pathlib import Path

import numpy as np
import pytest

from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.lidc.annotation_xml import read_lidc_xml, xml_series
from smart_nets.lists.lidc.readings import Reading, group_readings, label_nodules, malignancy_label

PIXELS = np.diag([0.7, 0.7, 1, 1])  # of 0.7 mm, and nothing moved
SERIES = "<ResponseHeader><SeriesInstanceUid>1.2.3</SeriesInstanceUid></ResponseHeader>"


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
    path.write_text(
        f'<?xml version="1.0"?><LidcReadMessage xmlns="http://www.nih.gov">{SERIES}{body}</LidcReadMessage>'
    )
    return path


def test_drawings_of_one_nodule_are_grouped_whatever_they_are_called(tmp_path):
    path = annotation(
        tmp_path,
        nodule("A", 100, 100, -50, "4") + nodule("B", 300, 200, -80, "2"),
        nodule("1", 102, 99, -52.5, "5"),
        nodule("x", 99, 101, -50, "4") + nodule("y", 301, 201, -80, "1"),
        nodule("IL1", 100, 102, -50, "3"),
    )
    readings = read_lidc_xml(path, PIXELS)
    assert readings[0].centre == (70.0, 70.0, -50.0) and readings[0].reach == 3.5
    groups = group_readings(readings)
    assert sorted(sorted(reading.nodule for reading in group) for group in groups) == [
        ["1", "A", "IL1", "x"],
        ["B", "y"],
    ]
    labelled, without = label_nodules(groups)
    assert [label for label, _ in labelled] == [1]  # 3 4 4 5: median 4
    assert without == {"fewer than 3 readers": 1}


def test_drawings_lie_where_the_series_lies(tmp_path):
    to_ras = np.array([[-0.5, 0, 0, 100], [0, -0.8, 0.1, 200], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    (reading,) = read_lidc_xml(annotation(tmp_path, nodule("A", 10, 20, -50, "4")), to_ras)
    # x: 100 - 0.5 * 10; y: 200 - 0.8 * 20 - 0.1 * 50; half extent in y: 0.8 * 5 + 0.1 * 2.5 at opposite corners
    np.testing.assert_allclose(reading.centre, [95, 179, -50])
    assert reading.reach == pytest.approx(4.25)


def drawing(reader: int | None, x: float, reach: float = 4.0) -> Reading:
    return Reading(reader, "n", 3, (x, 0.0, 0.0), reach)


@pytest.mark.parametrize(
    ("drawings", "sizes"),
    [
        ([drawing(1, 0), drawing(2, 3.9)], [2]),
        ([drawing(1, 0), drawing(2, 4.1)], [1, 1]),
        ([drawing(1, 0), drawing(1, 2)], [1, 1]),  # nobody draws one nodule twice
        ([drawing(1, 0, 1.0), drawing(2, 2.9, 0.5)], [2]),  # small ones are one up to 3 mm
        ([drawing(None, x / 10) for x in range(4)], [4]),
        ([drawing(None, x / 10) for x in range(6)], [4, 2]),  # readers unknown, but there were four
        ([drawing(None, 0), drawing(None, 9), drawing(None, 1)], [2, 1]),
        ([], []),
    ],
)
def test_what_is_one_nodule(drawings, sizes):
    assert [len(group) for group in group_readings(drawings)] == sizes


def test_the_series_an_annotation_is_of(tmp_path):
    assert xml_series(annotation(tmp_path, nodule("A", 9, 9, 9, "3"))) == "1.2.3"
    radiograph = tmp_path / "070.xml"
    radiograph.write_text(f'<IdriReadMessage xmlns="http://www.nih.gov/idri">{SERIES}</IdriReadMessage>')
    assert xml_series(radiograph) is None
    radiograph.write_text("<LidcReadMessage><readingSession/></LidcReadMessage>")
    assert xml_series(radiograph) is None


def test_points_of_small_nodules_are_no_drawings(tmp_path):
    point = "<roi><imageZposition>1</imageZposition><edgeMap><xCoord>5</xCoord><yCoord>5</yCoord></edgeMap></roi>"
    path = annotation(tmp_path, f"<unblindedReadNodule><noduleID>p</noduleID>{point}</unblindedReadNodule>")
    assert read_lidc_xml(path, PIXELS) == []


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
        read_lidc_xml(annotation(tmp_path, nodule("A", 9, 9, 9, rating)), PIXELS)


@pytest.mark.parametrize(("text", "message"), [("<a", "is no XML"), ("<a/>", "is no LIDC annotation")])
def test_other_files(tmp_path, text, message):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_lidc_xml(tmp_path / "a.xml", PIXELS)


@pytest.mark.parametrize("text", ["", "<LidcReadMessage><a", None])
def test_a_damaged_annotation_has_no_series(tmp_path, text):
    if text is not None:
        (tmp_path / "a.xml").write_text(text)
    with pytest.raises(InputError, match=r"a.xml: is no XML"):
        xml_series(tmp_path / "a.xml")


@pytest.mark.parametrize("text", ["", "here", "nan"])
def test_an_outline_without_a_place(tmp_path, text):
    path = annotation(tmp_path, nodule("A", 9, 9, 9, "3"))
    path.write_text(path.read_text().replace("<xCoord>4</xCoord>", f"<xCoord>{text}</xCoord>"))
    with pytest.raises(InputError, match=r"069.xml, nodule A: outline has a point that is no place"):
        read_lidc_xml(path, PIXELS)
