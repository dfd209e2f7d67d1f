"""The page about where models look: what it tells, what it never tells, and what it refuses."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from smart_nets.errors import InputError
from smart_nets.localize.report.attention_page import FIGURES, write_attention_report

PageOf = Callable[[Path], Any]
Make = Callable[..., Any]
NAME = "MUELLER^HANS"  # a file may be called so; no page may tell it


def a_map(model: str = "SMART", **changed: Any) -> dict[str, Any]:
    scores = {"median": 1.0, "top": 1.2345, "largest": 1.5, "threshold": 1.1}
    volumes = {"marked_ml": 345.6, "region_ml": 12345.6}
    return {"model": model, **scores, **volumes, "peak_mm": [10.0, -20.5, 3.0], **changed}


def a_scan(*maps: dict[str, Any], **changed: Any) -> dict[str, Any]:
    grid = {"shape": [60, 40, 32], "spacing_mm": [6.0, 7.125, 8.0]}
    settings = {"percentile": 90, "region": "body", "smallest_ml": 0.5, "head": None}
    shown = {"picture": f"{NAME}.png", "maps": list(maps or [a_map()]), "settings": settings}
    return {"name": NAME, **grid, **shown, **changed}


def record(*scans: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {"scans": list(scans or [a_scan()]), "versions": {"torch": "2.13.0"}, **changed}


@pytest.fixture
def picture(tmp_path: Path) -> bytes:
    """The picture of every scan."""
    stream = io.BytesIO()
    Image.effect_noise((40, 20), 50).save(stream, "PNG")
    (tmp_path / f"{NAME}.png").write_bytes(stream.getvalue())
    return stream.getvalue()


@pytest.fixture
def report(tmp_path: Path, page_of: PageOf, picture: bytes) -> Make:
    """A function that writes attention.json and reads the page made of it."""

    def make(content: Any) -> Any:
        (tmp_path / "attention.json").write_text(json.dumps(content))
        assert write_attention_report(tmp_path) == tmp_path / "report.html"
        return page_of(tmp_path / "report.html")

    return make


def test_one_scan_and_one_model(report: Make, picture: bytes, tmp_path: Path) -> None:
    page = report(record())
    for told in (
        "One scan, as one model sees it: SMART.",
        "The scan",
        "60 x 40 x 32 voxels of 6 x 7.125 x 8 mm",
        "SMART 1.234 346 of 12,346 ml 10, -20.5, 3",
        "not for diagnostic use",
        "not what is ill",
        "percentile 90 region body smallest_ml 0.5 head – torch 2.13.0",
    ):
        assert told in page.text
    assert "Scan 1" not in page.text and "How well it localises" not in page.text
    assert page.images == [f"data:image/png;base64,{base64.b64encode(picture).decode()}"]
    first = (tmp_path / "report.html").read_bytes()
    report(record())
    assert (tmp_path / "report.html").read_bytes() == first, "the same record gives the same page"
    assert {path.name for path in tmp_path.iterdir()} == {"attention.json", f"{NAME}.png", "report.html"}


def test_several_scans_and_models(report: Make, tmp_path: Path) -> None:
    both = a_scan(a_map("SMART"), a_map("random"))
    page = report(record(both, both, both))
    assert "3 scans, as 2 models see it: SMART, random." in page.text
    assert all(f"Scan {number}" in page.text for number in (1, 2, 3)) and len(page.images) == 3
    html = (tmp_path / "report.html").read_text()
    assert "<script" not in html and "http" not in html.replace("http-equiv", "")
    assert all(source.startswith("data:") for source in re.findall(r'(?:src|href)="([^"#][^"]*)"', html))
    assert "MUELLER" not in html and str(tmp_path) not in html, "no file is named"


def test_names_of_models_are_escaped(report: Make, tmp_path: Path) -> None:
    flat = a_map("<script>alert('x')</script> & co", top=1.0)
    assert (
        "<script>alert('x')</script> & co"
        in report(record(a_scan({**flat, "figures": dict.fromkeys(FIGURES, 0.5)}))).text
    )
    html = (tmp_path / "report.html").read_text()
    assert (
        "<script" not in html and html.count("&lt;script&gt;") == 6
    )  # lead, warning, both tables, and twice in the command


@pytest.mark.parametrize(
    ("tops", "told"),
    [
        ([1.05], None),
        ([1.049], "“SMART” is nearly even: its top is 4.9% above its median"),
        ([1.0], "its top is 0.0% above its median"),
        ([1.01, 1.03], "its top is 3.0% above its median"),  # the least even of its scans
        ([1.01, 1.30], None),
    ],
)
def test_a_map_that_is_nearly_even_is_told(report: Make, tops: list[float], told: str | None) -> None:
    text = report(record(*(a_scan(a_map(top=2 * top, median=2.0), a_map("other")) for top in tops))).text
    assert ("nearly even" in text) is (told is not None)
    assert told is None or (told in text and "do not read much into them" in text)
    assert "“other”" not in text


def test_a_map_of_zeros_is_nearly_even(report: Make) -> None:
    assert "its top is 0.0% above its median" in report(record(a_scan(a_map(top=0.0, median=0.0)))).text


def test_notes_of_a_scan_are_told(report: Make, tmp_path: Path) -> None:
    text = report(record(a_scan(notes=["2 voxels <repaired>"]), a_scan(notes=[]), a_scan())).text
    assert "⚠ 2 voxels <repaired>" in text
    assert "2 voxels &lt;repaired&gt;" in (tmp_path / "report.html").read_text()


def test_how_well_it_localises_is_told_where_readers_drew_a_tumour(report: Make) -> None:
    figures = {"contrast": 0.71234, "dice": 0.012, "oracle": 0.2, "pointing": 0.0, "pointing_mm": None, "recall": 1.0}
    measured = a_map("SMART", figures=figures)
    text = report(record(a_scan(measured, a_map("random", figures={**figures, "contrast": 0.5})))).text
    assert "against the readers SMART random inside against ring (0.5 = none) 0.712 0.5 Dice 0.012 0.012" in text
    assert "from the peak to the tumour, mm – –" in text
    assert set(figures) == set(FIGURES)


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        None,
        3,
        {"scans": []},
        record(scans=[1]),
        record(scans={"a": 1}),
        record(a_scan(settings=[])),
        record(versions=None),
        record(a_scan(maps=None)),
        record(a_scan({"model": "SMART"})),
        record(a_scan(a_map(top="high"))),
        record(a_scan(a_map(marked_ml="much"))),
        record(a_scan(a_map(peak_mm=3.0))),
        record(a_scan(a_map(figures={"dice": 0.2}))),
        record(a_scan(shape=None)),
        record(a_scan(spacing_mm=["wide"])),
        record(a_scan(picture=None)),
    ],
)
def test_another_form_is_refused(report: Make, tmp_path: Path, content: Any) -> None:
    with pytest.raises(InputError, match=r"attention.json: is no record of attention maps .*; make it again\.$"):
        report(content)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("text", "says"), [(None, "cannot be read"), ("{", "is not valid JSON"), ("", "is not valid JSON")]
)
def test_a_damaged_record_is_refused(tmp_path: Path, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / "attention.json").write_text(text)
    with pytest.raises(InputError, match=rf"attention.json: {says}"):
        write_attention_report(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"IDAT", b"IDAX")),
        lambda path: path.write_text("no picture"),
        lambda path: path.write_bytes(b""),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_a_missing_or_damaged_picture_is_refused(report: Make, tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    damage(tmp_path / f"{NAME}.png")
    with pytest.raises(
        InputError, match=rf"{re.escape(NAME)}.png: picture cannot be read .*; look at the scan again\.$"
    ):
        report(record())
    assert not (tmp_path / "report.html").exists()


def test_a_page_that_cannot_be_written(report: Make, tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InputError, match=r"report.html: cannot be written"):
        report(record())
