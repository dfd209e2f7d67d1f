from __future__ import annotations

import base64
import io
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from smart_nets.errors import InputError
from smart_nets.localize.marking import Marking
from smart_nets.localize.report.outputs import OverlayWriter
from smart_nets.localize.report.page import FIGURES, write_localize_report
from smart_nets.localize.scans import COMPARED, DENSE, ENCODER, RANDOM, LocalizeScans
from smart_nets.localize.summary import paired_difference, summarise

PageOf = Callable[[Path], Any]
Make = Callable[..., Any]
NAME, TUMOUR = "MUELLER^HANS_{}", "GTV of Hans"  # of files and regions: no page may tell them
SETTINGS = {"percentile": 90, "region": "body", "crop_size": [128, 128, 128], "head": None}


def row(scan: int, contrast: float | None, patients: int = 10, **changed: Any) -> dict[str, Any]:
    """One tumour as `LocalizeScans` writes it, of scan + 10 ml; what is not told is 0.25."""
    place = {"scan": NAME.format(scan), "patient": 1 + scan % patients, "tumour": TUMOUR, "readers": 5}
    told = {"contrast": contrast, "dice": 0.02, "oracle": 0.08, "found": 1.0, "pointing_mm": 80.0, "hd95": 120.0}
    sizes = {"tumour_ml": 10.0 + scan, "tumour_share": 0.004}
    return {**dict.fromkeys(FIGURES, 0.25), **place, **told, **sizes, **changed}


def record(rows: dict[str, list[dict[str, Any]]], **parts: Any) -> dict[str, Any]:
    """localize.json; a method with fewer rows than the encoder lacks the last ones."""
    plain = {"scan", "patient", "tumour", "readers"}
    told = {name: [{key: one[key] for key in one if key not in plain} for one in ones] for name, ones in rows.items()}
    people = {name: [str(one["patient"]) for one in ones] for name, ones in rows.items()}
    methods = {name: {"summary": summarise(told[name], people[name]), "rows": rows[name]} for name in rows}
    differences = []
    for name, key in itertools.product([name for name in rows if name != ENCODER], COMPARED):
        found = paired_difference(told[ENCODER][: len(told[name])], told[name], key, people[name])
        differences.append({"a": ENCODER, "b": name, "key": key, **found})
    left_out = {"empty_masks": 0, "left_out": [], "scans_without_lungs": 0}
    made = {"settings": SETTINGS, "versions": {"torch": "2.13.0"}}
    return {"methods": methods, "differences": differences, **left_out, **made, **parts}


def scans(middle: float, count: int = 10, **changed: Any) -> list[dict[str, Any]]:
    """Contrasts 0.02 apart, around a mean."""
    return [row(i, middle + 0.02 * (i - (count - 1) / 2), **changed) for i in range(count)]


@pytest.fixture
def report(tmp_path: Path, page_of: PageOf) -> Make:
    """A function that writes localize.json, with a picture as grey as 10 times its number for each scan, and reads the page."""

    def make(content: Any, pictures: bool = True) -> Any:
        (tmp_path / "localize.json").write_text(json.dumps(content))
        (tmp_path / "overlays").mkdir(exist_ok=True)
        for i in range(20 if pictures else 0):
            Image.new("RGBA", (16, 8), (10 * i, 10 * i, 10 * i, 255)).save(
                tmp_path / "overlays" / f"{NAME.format(i)}.png"
            )
        assert write_localize_report(tmp_path) == tmp_path / "report.html"
        return page_of(tmp_path / "report.html")

    return make


def three(**parts: Any) -> dict[str, Any]:
    """The encoder 0.2 better than random, whose contrasts go the other way; the HU lack two scans and are 0.1 behind."""
    rows = {ENCODER: scans(0.75), RANDOM: scans(0.55)[::-1], DENSE: [row(i, 0.56 + 0.02 * i) for i in range(8)]}
    for i, one in enumerate(rows[RANDOM]):
        one |= {"scan": NAME.format(i), "patient": 1 + i, "tumour_ml": 10.0 + i}
    return record(rows, **parts)


def test_tumours_outside_the_region_are_told(report: Make) -> None:
    lost = [
        {"scan": NAME.format(1), "tumour": "t", "method": method, "inside": 0.1} for method in (ENCODER, DENSE, DENSE)
    ]
    content = three(outside_region=lost)
    content["methods"][ENCODER]["rows"][0]["tumour_inside"] = 0.9
    text = report(content).text
    assert "Left out: 1 tumour outside the region body" in text and "2 tumours outside the lungs" in text
    assert "1 tumour partly outside the region" in text


def test_a_whole_comparison(report: Make, tmp_path: Path) -> None:
    """Counts, figures with what must be beaten, intervals, and what was left out. The bound of Dice is
    2 min(f, 0.1) / (f + 0.1): 0.002 / 0.101, 0.02 / 0.11, 0.1 / 0.15."""
    text = report(three(empty_masks=1, scans_without_lungs=2)).text
    for told in (
        "10 tumours in 10 scans of 10 patients",
        "1 tumour without a voxel that most readers agree on",
        "2 scans without lungs",
        "Only 10 patients",
        "Contrast 0.750 random encoder 0.550; HU in the lungs 0.630",
        "Dice (consensus) 0.020 at most 0.080",
        "Found 100% random encoder 100%; HU in the lungs 100%",
        "the nearest tumour 80 80–80 80",
        "greater in 8 of 8",
        "scan 3 5 readers 12.0 0.700 0.020 0.600 0.020 0.600 0.020",
        "scan 9 5 readers 18.0 0.820 0.020 0.480 0.020 – –",
        "percentile 90 region body crop_size 128, 128, 128 head – torch 2.13.0",
        "0.02 for 0.1%, 0.18 for 1%, 0.67 for 5%. Here a tumour fills 0.4% on average.",
        "tumours of 4.5 to 22%",
    ):
        assert told in text
    assert re.search(r"0\.750 \(0\.7\d\d–0\.7\d\d\); 0\.5 is none", text)
    better = r"better than the random encoder, contrast \+0\.200 \(0\.1\d\d–0\.2\d\d\), and better than the HU in"
    assert re.search(better, text) and "greater in 9 of 10" not in text
    assert dots(tmp_path) == [10, 10], "one for every tumour"


def test_another_percentile_bounds_dice_otherwise_and_nobody_is_named(report: Make, tmp_path: Path) -> None:
    """At percentile 95: 0.002 / 0.051 and so on."""
    text = report(three(settings={**SETTINGS, "percentile": 95, "region": "<script>x</script>"})).text
    assert "Percentile 95 marks 5% of the region" in text
    assert "(f + 0.05): 0.04 for 0.1%, 0.33 for 1%, 1.00 for 5%" in text
    html = (tmp_path / "report.html").read_text()
    assert "MUELLER" not in html and "Hans" not in html and str(tmp_path) not in html
    assert "<script" not in html and "http" not in html.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("encoder", "others", "kind", "sentence"),
    [
        (scans(0.75), {RANDOM: 0.6}, "good", "The encoder localises better than the random encoder, contrast +0.150."),
        (
            scans(0.75),
            {RANDOM: 0.6, DENSE: 0.95},
            "bad",
            "encoder, contrast +0.150, and worse than the HU in the lungs, contr",
        ),
        (scans(0.75), {RANDOM: 0.75}, "watch", "not clearly better than the random encoder, contrast +0.000."),
        (scans(0.5), {RANDOM: 0.4}, "watch", "better than the random encoder, contrast +0.100."),
        (
            scans(0.75, 5),
            {RANDOM: 0.6},
            "watch",
            "5 patients can prove nothing. On these, the encoder localises better than",
        ),
        (
            scans(0.75, patients=1),
            {RANDOM: 0.6},
            "watch",
            "1 patient can prove nothing. On these, the encoder localises not",
        ),
        (scans(0.75), {}, "quiet", "There is nothing to compare the encoder with."),
    ],
)
def test_verdicts(
    report: Make, tmp_path: Path, encoder: list[Any], others: dict[str, float], kind: str, sentence: str
) -> None:
    below = 0.5 if encoder[0]["contrast"] < 0.5 else 0.75
    rows = {
        name: [{**one, "contrast": one["contrast"] + middle - below} for one in encoder]
        for name, middle in others.items()
    }
    assert sentence in report(record({ENCODER: encoder, **rows})).text
    assert f'class="verdict {kind}"' in (tmp_path / "report.html").read_text()


def test_no_better_than_none_is_told(report: Make) -> None:
    assert ", not clearly better than none; 0.5 is none" in report(record({ENCODER: scans(0.5)})).text
    assert "not clearly better than none" not in report(record({ENCODER: scans(0.75)})).text
    assert "better than none" not in report(record({ENCODER: [row(0, None), row(1, None)]})).text


def test_best_median_and_worst_are_shown(report: Make) -> None:
    """Of 20 scans that grow better with their number, places 0, 4.75, 9.5, 14.25 and 19 from the best."""
    page = report(record({ENCODER: scans(0.5, 20)}))
    found = re.findall(r"Scan (\d+) : (\w+(?: quartile)?) of 20, ([\d.]+) ml", page.text)
    upper, lower = ("15", "upper quartile", "24.0"), ("6", "lower quartile", "15.0")
    assert found == [("20", "best", "29.0"), upper, ("10", "median", "19.0"), lower, ("1", "worst", "10.0")]
    greys = [Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).getpixel((5, 5))[0] for uri in page.images]
    assert greys == pytest.approx([190, 140, 90, 50, 0], abs=2)
    assert "encoder: contrast 0.690, Dice 0.020 of at most 0.080" in page.text


@pytest.mark.parametrize(
    ("count", "names"),
    [
        (1, ["best"]),
        (2, ["best", "worst"]),
        (3, ["best", "median", "worst"]),
        (4, ["best", "upper quartile", "median", "worst"]),
    ],
)
def test_few_scans(report: Make, count: int, names: list[str]) -> None:
    page = report(record({ENCODER: scans(0.5, count)}))
    assert re.findall(rf": (\w+(?: quartile)?) of {count}", page.text) == names and len(page.images) == len(names)


def test_tumours_of_one_scan_share_a_picture(report: Make) -> None:
    rows = [row(0, 0.6), row(0, 0.8, tumour="second", tumour_ml=5.0, readers=1), row(1, 0.75)]
    page = report(record({ENCODER: rows}))
    assert "3 tumours in 2 scans of 2 patients" in page.text
    assert "Scan 2 : best of 2, 11.0 ml" in page.text and "Scan 1 : worst of 2, 10.0 and 5.00 ml" in page.text
    assert "encoder: contrast 0.700" in page.text and "scan 1 1 reader 5.00 0.800" in page.text


def test_a_figure_that_is_not_defined_is_a_dash(report: Make, tmp_path: Path) -> None:
    rows = [row(0, 0.6), row(1, None, hd95=None), row(2, 0.8)]
    page = report(record({ENCODER: rows}))
    assert "scan 2 5 readers 11.0 – 0.020" in page.text and "2 tumours" in page.text
    assert len(page.images) == 2
    assert dots(tmp_path) == [2, 3]


def dots(folder: Path) -> list[int]:
    """How many of the encoder each chart has."""
    charts = re.findall(
        r'<svg viewBox="[^"]+" role="img".*?</svg>', (folder / "report.html").read_text(), flags=re.DOTALL
    )
    assert not any(re.search(r"#[0-9a-f]{6}", chart.lower()) for chart in charts)
    return [len(re.findall(r"<use [^>]*fill: var\(--blue\)", chart)) for chart in charts]


def test_scans_without_pictures(report: Make) -> None:
    page = report(three(), pictures=False)
    assert page.text.count("No picture was drawn.") == 5 and page.images == []


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: b"no picture", lambda data: data[:-30]])
def test_a_damaged_picture_is_refused(report: Make, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    report(three())
    path = tmp_path / "overlays" / f"{NAME.format(0)}.png"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match="is no picture"):
        write_localize_report(tmp_path)


class Bright:
    """Attends to what is bright; in place of an encoder."""

    network = SimpleNamespace(head=None, block=-1)
    crop_size, spacing, hu_window, overlap = (8, 8, 8), (2.0, 2.0, 2.0), (-175.0, 250.0), 0.5

    def __call__(self, scan: Any) -> np.ndarray:
        return scan.array.astype(np.float32) + 1000


def test_what_an_evaluation_writes_is_understood(tmp_path: Path, page_of: PageOf) -> None:
    """Cubes of tissue in air, no lungs, each with a denser cube of 8 voxels a side: 512 x 8 mm3 = 4.1 ml."""
    items = []
    for i in range(2):
        array, drawn = np.full((40, 40, 40), -1000, np.int16), np.zeros((40, 40, 40), np.uint8)
        array[4:36, 4:36, 4:36], array[16:24, 16:24, 16:24], drawn[16:24, 16:24, 16:24] = 0, 100, 1
        for name, values in (("scan", array), ("mask", drawn)):
            nib.save(nib.Nifti1Image(values, np.diag([2.0, 2.0, 2.0, 1.0])), tmp_path / f"{name}{i}.nii.gz")
        readers = {TUMOUR: [{"file": str(tmp_path / f"mask{i}.nii.gz"), "region": None}]}
        image = str(tmp_path / f"scan{i}.nii.gz")
        items.append({"image": image, "name": NAME.format(i), "patient_id": str(i), "readers": readers})
    attention: Any = Bright()
    draw = OverlayWriter(tmp_path / "overlays")
    results = LocalizeScans(items, attention, {}, Marking(region="image"), random_encoders=0, draw=draw)
    results.write(tmp_path / "localize.json")
    page = page_of(write_localize_report(tmp_path))
    assert "2 tumours in 2 scans of 2 patients" in page.text and "of 1.000" in page.text
    assert "There is nothing to compare the encoder with." in page.text and "2 scans without lungs" in page.text
    assert "scan 2 1 reader 4.10 1.000 " in page.text and len(page.images) == 2


def changed(**parts: Any) -> dict[str, Any]:
    return {**record({ENCODER: scans(0.75)}), **parts}


def of_encoder(**parts: Any) -> dict[str, Any]:
    return changed(methods={ENCODER: {**record({ENCODER: scans(0.75)})["methods"][ENCODER], **parts}})


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        "text",
        changed(methods={}),
        changed(methods=[1]),
        changed(methods={RANDOM: record({ENCODER: scans(0.75)})["methods"][ENCODER]}),
        of_encoder(rows=[]),
        of_encoder(rows=None),
        of_encoder(rows=[1]),
        of_encoder(rows=[row(0, "high")]),
        of_encoder(rows=[{"scan": "a", "tumour": "b"}]),
        of_encoder(rows=[row(0, 0.5, readers="five")]),
        of_encoder(summary={}),
        of_encoder(summary={"contrast": 0.5}),
        changed(differences=None),
        changed(differences=[{"b": RANDOM, "key": "contrast"}]),
        changed(differences=[{"b": RANDOM, "key": "contrast", "difference": "0.1", "low": None, "high": None}]),
        changed(settings={}),
        changed(settings={**SETTINGS, "percentile": None}),
        changed(versions=None),
        changed(empty_masks="none"),
    ],
)
def test_another_form_is_refused(report: Make, tmp_path: Path, content: Any) -> None:
    with pytest.raises(InputError, match=r"localize\.json: is no record of localisation"):
        report(content)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(("text", "message"), [(None, "cannot be read"), ("{", "not valid JSON")])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "localize.json").write_text(text)
    with pytest.raises(InputError, match=message):
        write_localize_report(tmp_path)
    assert not (tmp_path / "report.html").exists()
