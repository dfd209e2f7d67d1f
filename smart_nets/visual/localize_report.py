"""How well attention localises tumours, as one self-contained HTML page, from localize.json and the pictures beside it."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from PIL import Image

from smart_nets.errors import InputError
from smart_nets.evaluation.floors import DENSE_HU
from smart_nets.evaluation.localize import RING_MM, oracle_dice
from smart_nets.evaluation.localize_scans import COMPARED, ENCODER
from smart_nets.visual import page
from smart_nets.visual.classify_curves import GUIDE, GUIDE_KEY
from smart_nets.visual.classify_folder import read_json
from smart_nets.visual.classify_results import Measure
from smart_nets.visual.classify_words import FEW
from smart_nets.visual.curves import empty_chart, inline_svg
from smart_nets.visual.heads_report import MARKERS
from smart_nets.visual.run_metrics import count
from smart_nets.visual.style import PALETTE

NONE = 0.5  # the contrast of a map that tells nothing
LEAST = 6  # patients: with fewer, even if all agree, a sign test does not reach two-sided p < 0.05
SHOWN = 6  # pictures
COLOURS = ("amip", "ampd", "aitd", "gitd", "plain")
FIGURES = {  # figure: its name, what it is
    "contrast": ("contrast", "tumour against its ring: 0.5 none, 1 perfect"),
    "contrast_ratio": ("contrast ratio", "mean score of the tumour / of its ring"),
    "pointing": ("pointing game", "the highest score lies in a tumour"),
    "pointing_mm": ("distance of the peak, mm", "from the highest score to a tumour"),
    "dice": ("Dice (consensus)", "with what most readers drew"),
    "dice_readers": ("Dice (mean of readers)", "with what each reader drew"),
    "oracle": ("best Dice possible", "the oracle, with as many voxels marked"),
    "recall": ("recall", "share of the tumour that is marked"),
    "found": ("found", "a tenth of the tumour or more is marked"),
    "hd95": ("HD95, mm", "marked and tumour, 95th percentile of distances"),
    "marked_ml": ("marked, ml", "volume"),
}
PERCENT, AMOUNTS = ("pointing", "recall", "found"), ("pointing_mm", "hd95", "marked_ml")


@dataclass(frozen=True)
class Tumour:
    """A tumour on the page: number of its scan in the order of the file, and figures by method, NaN where not defined."""

    scan: int
    remark: str
    picture: Path
    patient: Any
    ml: float
    figures: Mapping[str, Mapping[str, float]]

    def of(self, method: str, key: str) -> float:
        return self.figures.get(method, {}).get(key, math.nan)


@dataclass(frozen=True)
class Found:
    """Content of localize.json, and its tumours."""

    content: Mapping[str, Any]
    tumours: list[Tumour]

    @property
    def methods(self) -> list[str]:
        return list(self.content["methods"])

    def mean(self, method: str, key: str) -> Measure:
        return _measure(self.content["methods"][method]["summary"][key], "mean")

    def patients(self, method: str) -> int:
        return len({tumour.patient for tumour in self.tumours if method in tumour.figures})


def write_localize_report(folder: str | Path) -> Path:
    """Turn localize.json and overlays/<scan>.png of a folder into report.html; no name of a file or patient is in it.

    Raises:
        InputError: the record is missing, damaged or of another form, a picture is damaged, or the report cannot be written.
    """
    folder = Path(folder)
    source = folder / "localize.json"
    content = read_json(source)
    try:
        html = _render(Found(content, list(_tumours(content["methods"], folder / "overlays"))))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError("is no record of localisation", where=source, found=repr(error),
                         remedy="evaluate again") from error  # fmt: skip
    return page.save(html, folder / "report.html")


def _tumours(methods: Mapping[str, Any], overlays: Path) -> Iterator[Tumour]:
    rows = {name: {(row["scan"], row["tumour"]): row for row in one["rows"]} for name, one in methods.items()}
    scans = [scan for scan, _ in rows[ENCODER]]
    numbers = {scan: number for number, scan in enumerate(dict.fromkeys(scans), start=1)}
    for place, (scan, row) in enumerate(zip(scans, rows[ENCODER].values(), strict=True)):
        several = f"tumour {scans[: place + 1].count(scan)}, " if scans.count(scan) > 1 else ""
        key = (scan, row["tumour"])
        figures = {name: {figure: _number(found[key][figure]) for figure in FIGURES}
                   for name, found in rows.items() if key in found}  # fmt: skip
        yield Tumour(numbers[scan], several + count(row["readers"], "reader"), overlays / f"{scan}.png", row["patient"],
                     _number(row["tumour_ml"]), figures)  # fmt: skip


def _number(value: float | None) -> float:
    return math.nan if value is None else 1.0 * value  # a text is a TypeError


def _measure(part: Mapping[str, Any], value: str) -> Measure:
    return Measure(*(_number(part[name]) for name in (value, "low", "high")))


def _render(found: Found) -> str:
    charts = f'<div class="charts wide">{_contrast_chart(found)}{_dice_chart(found)}</div>'
    settings = {**found.content["settings"], **found.content["versions"]}
    sections = [
        ("pictures", "Where it looks", _pictures(found)),
        ("methods", "All methods", _methods(found) + _differences(found)),
        ("tumours", "Tumour by tumour", charts + _table(found)),
        ("reading", "How to read it", "".join(map(page.paragraph, _reading(found)))),
        ("settings", "Do it again", page.table(settings.items())),
    ]
    kicker = "Zero-shot localisation · not for diagnostic use"
    return page.page("How well attention localises tumours", kicker, _summary(found), sections)


def _summary(found: Found) -> str:
    contrast = found.mean(ENCODER, "contrast")
    scans, patients = len({tumour.scan for tumour in found.tumours}), found.patients(ENCODER)
    doubt = "" if not contrast.known or contrast.low > NONE else ", not clearly better than none"
    lead = (f"{count(len(found.tumours), 'tumour')} in {count(scans, 'scan')} of {count(patients, 'patient')}, and an "
            "encoder that was never told what a tumour is. Its attention tells tumours from what surrounds them with a "
            f"contrast of {contrast.text()}{doubt}; 0.5 is none, 1 perfect.")  # fmt: skip
    empty, airless = found.content["empty_masks"], found.content["scans_without_lungs"]
    notes = {
        f"Left out: {count(empty, 'tumour')} of which no voxel is drawn, or none that most readers agree on.": empty,
        f"{count(airless, 'scan')} without lungs: nothing can be told there of the HU in the lungs.": airless,
        f"Only {count(patients, 'patient')}: means and their intervals are rough.": patients < FEW,
    }
    return (
        page.paragraph(lead, "lead")
        + page.verdict(*_verdict(found))
        + page.tiles(_tiles(found))
        + page.notes(text for text, is_true in notes.items() if is_true)
    )


def _verdict(found: Found) -> tuple[str, str]:
    """Good: better in contrast than all others. Bad: worse than one. Else, or with very few patients, watch."""
    gains = {one["b"]: _measure(one, "difference") for one in found.content["differences"] if one["key"] == "contrast"}
    gains = {name: gain for name, gain in gains.items() if gain.known}
    if not gains:
        return "quiet", "There is nothing to compare the encoder with."
    words = ["better" if gain.low > 0 else "worse" if gain.high < 0 else "not clearly better" for gain in gains.values()]
    parts = [f"{word} than the {name} (contrast {_signed(gain)})" for word, (name, gain) in zip(words, gains.items())]
    told = f"the encoder localises {' and '.join(parts)}."
    patients = min(map(found.patients, gains))
    if patients < LEAST:
        return "watch", f"{count(patients, 'patient')} can prove nothing. In what there is, {told}"
    good = set(words) == {"better"} and found.mean(ENCODER, "contrast").low > NONE
    return "bad" if "worse" in words else "good" if good else "watch", told.capitalize()


def _tiles(found: Found) -> Iterator[tuple[str, str, str, str]]:
    others = [name for name in found.methods if name != ENCODER]
    for key in ("contrast", "dice", "pointing", "found"):
        beside = "; ".join(f"{name} {_text(key, found.mean(name, key).value)}" for name in others)
        if key == "dice":
            beside = f"of at most {found.mean(ENCODER, 'oracle').number()} with so much marked"
        yield FIGURES[key][0], _text(key, found.mean(ENCODER, key).value), beside, ""


def _pictures(found: Found) -> str:
    scans: dict[int, list[Tumour]] = {}
    for tumour in found.tumours:
        scans.setdefault(tumour.scan, []).append(tumour)
    contrast = {number: _mean(tumours, ENCODER, "contrast") for number, tumours in scans.items()}
    ranked = sorted((n for n in scans if not math.isnan(contrast[n])), key=lambda n: -contrast[n])
    last = len(ranked) - 1
    middle = last // 2
    places = set(range(last + 1))
    if len(places) > SHOWN:
        places = {0, 1, middle, middle + 1, last - 1, last}
    names = {middle: "median", last: "worst", 0: "best"}
    films = (_film(scans[ranked[place]], f"{names.get(place, f'number {place + 1}')} of {last + 1}", found.methods)
             for place in sorted(places))  # fmt: skip
    told = ("From the scan with the best contrast of the encoder to the one with the worst, in the planes through the tumour. "
            "Red surrounds the tumour, blue what is marked; colour grows from the region's median to its top half per "
            "cent, for each method on its own.")  # fmt: skip
    return page.paragraph(told) + "".join(films)


def _film(tumours: Sequence[Tumour], rank: str, methods: Sequence[str]) -> str:
    size = " and ".join(page.number(tumour.ml) for tumour in tumours)
    head = f'<p class="head"><b>Scan {tumours[0].scan}: {rank}</b>, tumour of {size} ml</p>'
    facts = "; ".join(
        f"{method}: contrast {_text('contrast', _mean(tumours, method, 'contrast'))}, "
        f"Dice {_text('dice', _mean(tumours, method, 'dice'))} of at most {_text('oracle', _mean(tumours, method, 'oracle'))}"
        for method in methods
    )
    return f'<div class="film">{head}{_picture(tumours[0].picture, facts)}</div>'


def _picture(path: Path, caption: str) -> str:
    """The overlay as JPEG, which takes a fifth of the PNG's room."""
    stream = io.BytesIO()
    try:
        with Image.open(path) as image:
            image.convert("RGB").save(stream, "JPEG", quality=90, subsampling=0)
    except FileNotFoundError:
        return page.paragraph(f"No picture was drawn. {caption}", "head")
    except (OSError, SyntaxError) as error:  # Pillow calls a broken PNG an error of syntax
        raise InputError("is no picture", where=path, expected="a whole PNG", remedy="evaluate again") from error
    return page.picture(f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}", caption)


def _methods(found: Found) -> str:
    rows: list[list[str | tuple[str, str]]] = []
    for key, told in FIGURES.items():
        rows.append([told, *(_cell(key, found.content["methods"][name]) for name in found.methods)])
    text = "Means over the tumours, below them 95% intervals over patients; a dash where a figure is not defined."
    return page.paragraph(text) + page.grid(["figure", *found.methods], rows)


def _cell(key: str, method: Mapping[str, Any]) -> tuple[str, str]:
    mean, n = _measure(method["summary"][key], "mean"), method["summary"][key]["n"]
    remarks = [f"{_text(key, mean.low)}–{_text(key, mean.high)}"] if mean.interval() else []
    remarks += [count(n, "tumour")] if n < len(method["rows"]) else []
    return _text(key, mean.value), "; ".join(remarks)


def _differences(found: Found) -> str:
    told = {(one["key"], one["b"]): _difference(one) for one in found.content["differences"]}
    others = list(dict.fromkeys(other for _, other in told))
    if not others:
        return ""
    rows = [[FIGURES[key][0], *(told[key, other] for other in others)] for key in COMPARED]
    head = ["on the same tumours", *(f"{ENCODER} − {other}" for other in others)]
    return "<h3>Paired differences</h3>" + page.grid(head, rows)


def _difference(one: Mapping[str, Any]) -> tuple[str, str]:
    gain = _measure(one, "difference")
    interval = "the same in all" if gain.low == gain.high else gain.interval()
    return _signed(gain), "; ".join(filter(None, [interval, f"greater in {one['better']} of {one['n']}"]))


def _table(found: Found) -> str:
    rows = [
        [(f"scan {one.scan}", one.remark), page.number(one.ml),
         *((_text("contrast", one.of(name, "contrast")),
            f"Dice {_text('dice', one.of(name, 'dice'))} of {_text('oracle', one.of(name, 'oracle'))}")
           for name in found.methods)]
        for one in found.tumours
    ]  # fmt: skip
    text = "Contrast, and below it Dice with the best one possible."
    return page.paragraph(text) + page.grid(["tumour", "ml", *found.methods], rows)


def _contrast_chart(found: Found) -> str:
    figure, axes = empty_chart(wide=True, height=3.4, left=0.6)
    axes.axhline(NONE, **GUIDE)
    for one in found.tumours:
        known = [value for name in found.methods if not math.isnan(value := one.of(name, "contrast"))]
        axes.plot([one.ml] * len(known), known, color=PALETTE["muted"][0], linewidth=0.7, alpha=0.5)
    for number, name in enumerate(found.methods):
        axes.plot([one.ml for one in found.tumours], [one.of(name, "contrast") for one in found.tumours], **_dot(number))
    volumes = [one.ml for one in found.tumours]
    if max(volumes) > 6 * min(volumes):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(volumes) < 100 * min(volumes) else (1,)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.margins(x=0.05)
    axes.set_xlabel("volume of the tumour in ml", loc="right", labelpad=1)
    axes.set_ylabel("contrast", loc="top", labelpad=2, color=PALETTE["muted"][0], fontsize=8.5)
    svg = inline_svg(figure, "localize-contrast", "Contrast of every tumour over its volume")
    return page.chart(svg, "Contrast of every tumour", "a line joins the dots of one tumour", keys=_keys(found, "none"))


def _dice_chart(found: Found) -> str:
    figure, axes = empty_chart(wide=True, height=3.4, left=0.6)
    best = {name: [one.of(name, "oracle") for one in found.tumours] for name in found.methods}
    top = max((value for values in best.values() for value in values if not math.isnan(value)), default=1) or 1
    axes.plot([0, top], [0, top], **GUIDE)
    for number, name in enumerate(found.methods):
        axes.plot(best[name], [one.of(name, "dice") for one in found.tumours], **_dot(number))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set(xlim=(-0.03 * top, 1.05 * top), ylim=(-0.03 * top, 1.05 * top))
    axes.set_xlabel("best Dice possible", loc="right", labelpad=1)
    axes.set_ylabel("Dice", loc="top", labelpad=2, color=PALETTE["muted"][0], fontsize=8.5)
    svg = inline_svg(figure, "localize-dice", "Dice of every tumour over the best one possible")
    return page.chart(svg, "Dice against the oracle", "as good as possible is on the line",
                      keys=_keys(found, "best possible"))  # fmt: skip


def _dot(number: int) -> dict[str, Any]:
    return {"linestyle": "", "marker": MARKERS[number % len(MARKERS)][0], "markersize": 4.6, "alpha": 0.75,
            "color": PALETTE[COLOURS[number % len(COLOURS)]][0], "markeredgewidth": 0}  # fmt: skip


def _keys(found: Found, guide: str) -> str:
    dots = "".join(
        f'<span><svg viewBox="0 0 26 10"><path d="{MARKERS[number % len(MARKERS)][1]}" '
        f'style="fill:var(--{COLOURS[number % len(COLOURS)]})"/></svg>{escape(name)}</span>'
        for number, name in enumerate(found.methods)
    )
    return page.keys([(guide, *GUIDE_KEY)]).replace('<div class="keys">', f'<div class="keys">{dots}', 1)


def _reading(found: Found) -> Iterator[str]:
    settings = found.content["settings"]
    percentile = settings["percentile"]
    share = (100 - percentile) / 100
    near, far = RING_MM
    filled = found.mean(ENCODER, "tumour_share")
    yield (f"Contrast is the chance that a voxel of the tumour scores higher than one of its ring, {near:g} to {far:g} mm "
           f"away: {NONE:g} is none, 1 perfect; below {NONE:g} the surroundings score higher. It needs no threshold, so "
           "methods compare by it.")  # fmt: skip
    yield (f"Dice is bounded. Percentile {percentile:g} marks {share:.3g} of the region whatever lies in it, so that a "
           f"tumour that fills the share f of it has a Dice of at most 2 min(f, {share:.3g}) / (f + {share:.3g}): "
           + ", ".join(f"{oracle_dice(f, f, share):.2f} for {f:.1%}" for f in (0.001, 0.01, 0.05))
           + f". Here a tumour fills {filled.number(percent=True)} on average.")  # fmt: skip
    yield ("SMART was published with 0.62 ± 0.32 at percentile 90. That needs tumours of 4.5 to 22% of what was looked at, "
           "as in tight crops around them, and does not compare with whole scans.")  # fmt: skip
