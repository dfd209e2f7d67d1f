"""How well attention localises tumours, as one self-contained HTML page, from localize.json and the pictures beside it."""

from __future__ import annotations

import base64
import io
import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from smart_nets.errors import InputError
from smart_nets.localize.figures import LEAST_OVERLAP, RING_MM, oracle_dice
from smart_nets.localize.floors import DENSE_HU
from smart_nets.localize.report.again import localise_again
from smart_nets.localize.report.charts import charts
from smart_nets.localize.report.record import NONE, Localised, Tumour, mean_of, table_measure, tumours_of
from smart_nets.localize.scans import COMPARED, DENSE, ENCODER
from smart_nets.optional import needed
from smart_nets.pages import page
from smart_nets.pages.measures import Measure
from smart_nets.pages.record import read_json
from smart_nets.pages.words import FEW, count

logger = logging.getLogger(__name__)
LEAST = 6  # patients: with fewer, even if all agree, a sign test does not reach two-sided p < 0.05
# which scans are shown, by the share of scans with a better contrast; of few scans the later names win
SHOWN = {"upper quartile": 0.25, "lower quartile": 0.75, "median": 0.5, "worst": 1, "best": 0}
FIGURES = {  # figure: its name, what it is
    "contrast": ("contrast", "tumour against its ring: 0.5 none, 1 perfect"),
    "contrast_ratio": ("contrast ratio", "mean score of the tumour / of its ring"),
    "pointing": ("pointing game", "the highest score lies in a tumour"),
    "pointing_mm": ("distance of the peak, mm", "from the highest score to the nearest tumour"),
    "dice": ("Dice (consensus)", "with what most readers drew"),
    "dice_readers": ("Dice (mean of readers)", "with what each reader drew"),
    "oracle": ("best Dice possible", "oracle with as many voxels marked"),
    "recall": ("recall", "share of the tumour that is marked"),
    "found": ("found", f"{LEAST_OVERLAP:.0%} of the tumour or more is marked"),
    "hd95": ("HD95, mm", "between marked and tumour"),
}
PERCENT, LENGTHS = ("pointing", "recall", "found"), ("pointing_mm", "hd95")
Row = list[str | tuple[str, str]]  # of a table


def write_localize_report(folder: str | Path) -> Path:
    """Turn localize.json and overlays/<scan>.png of a folder into report.html; no name of a file or patient is in it.

    Raises:
        InputError: the record is missing, damaged or of another form, a picture is damaged, or the report cannot be written.
    """
    folder = Path(folder)
    path = folder / "localize.json"
    content = read_json(path)
    try:
        html = _render(Localised(folder, content, list(tumours_of(content["methods"]))))
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        found = repr(error)
        raise InputError("is no record of localisation", where=path, found=found, remedy="evaluate again") from error
    report = page.save(html, folder / "report.html")
    logger.info("report: %s", report)
    return report


def _render(found: Localised) -> str:
    settings = page.command(localise_again(found.content))
    of = [
        (f"{name}, {part}", value)
        for name in ("data", "encoder")
        for part, value in found.content.get(name, {}).items()
        if isinstance(value, (str, int))
    ]
    settings += page.table([*found.content["settings"].items(), *of, *found.content["versions"].items()])
    sections = [
        ("pictures", "Where it looks", _pictures(found)),
        ("methods", "All methods", _methods(found) + _differences(found)),
        ("tumours", "Tumour by tumour", page.box("charts wide", charts(found)) + _table(found)),
        ("reading", "How to read it", "".join(map(page.paragraph, _reading(found)))),
        ("settings", "Do it again", settings),
    ]
    title, kicker = "How well attention localises tumours", "Zero-shot localisation · not for diagnostic use"
    return page.page(title, kicker, _summary(found), sections)


def _summary(found: Localised) -> str:
    contrast, patients = found.mean(ENCODER, "contrast"), found.patients(ENCODER)
    doubt = "" if not contrast.known or contrast.low > NONE else ", not clearly better than none"
    lead = (
        f"{count(len(found.tumours), 'tumour')} in {count(max(one.scan for one in found.tumours), 'scan')} of "
        f"{count(patients, 'patient')}, and an encoder that was never told of tumours. Its attention tells them from what "
        f"is near with a contrast (95% interval) of {contrast.text()}{doubt}; {NONE:g} is none, 1 perfect."
    )
    empty, airless, lost = (found.content[key] for key in ("empty_masks", "scans_without_lungs", "left_out"))
    outside = Counter(one["method"] for one in found.content.get("outside_region", []))
    partly = sum(one.rows[ENCODER].get("tumour_inside", 1) < 1 for one in found.tumours)
    notes = {
        f"Left out: {count(outside[ENCODER], 'tumour')} outside the region {found.content['settings'].get('region')}; "
        "localize.json names them.": outside[ENCODER],
        f"{count(outside[DENSE], 'tumour')} outside the lungs: left out of what is said about the HU there.": outside[
            DENSE
        ],
        f"{count(partly, 'tumour')} partly outside the region: what lies there counts and cannot be marked.": partly,
        f"Left out: {count(len(lost), 'scan')} that cannot be used; localize.json tells why.": bool(lost),
        f"Left out: {count(empty, 'tumour')} without a voxel that most readers agree on.": empty,
        f"{count(airless, 'scan')} without lungs: left out of what is said about the HU in the lungs.": airless,
        f"Only {count(patients, 'patient')}: means and intervals are rough.": patients < FEW,
        **{str(sentence): True for sentence in found.content.get("outside_card", [])},
    }
    warnings = page.notes(note for note, is_true in notes.items() if is_true)
    return page.paragraph(lead, "lead") + page.verdict(*_verdict(found)) + page.tiles(_tiles(found)) + warnings


def _verdict(found: Localised) -> tuple[str, str]:
    """Good: better in contrast than all others. Bad: worse than one. Else, and for very few patients, watch."""
    every = {
        one["b"]: table_measure(one, "difference") for one in found.content["differences"] if one["key"] == "contrast"
    }
    gains = {name: gain for name, gain in every.items() if gain.known}
    if not gains:
        return "quiet", "There is nothing to compare the encoder with."
    words = {
        name: "better" if gain.low > 0 else "worse" if gain.high < 0 else "not clearly better"
        for name, gain in gains.items()
    }
    parts = [f"{words[name]} than the {name}, contrast {_signed(gain)}" for name, gain in gains.items()]
    told = f"he encoder localises {', and '.join(parts)}."
    if (patients := min(map(found.patients, gains))) < LEAST:
        return "watch", f"{count(patients, 'patient')} can prove nothing. On these, t{told}"
    good = set(words.values()) == {"better"} and found.mean(ENCODER, "contrast").low > NONE
    return "bad" if "worse" in words.values() else "good" if good else "watch", f"T{told}"


def _tiles(found: Localised) -> Iterator[tuple[str, str, str, str]]:
    others = [name for name in found.methods if name != ENCODER]
    for key in ("contrast", "dice", "pointing", "found"):
        beside = "; ".join(f"{name} {_text(key, found.mean(name, key).value)}" for name in others)
        if key == "dice":
            beside = f"at most {_text(key, found.mean(ENCODER, 'oracle').value)} with as much marked"
        yield FIGURES[key][0].capitalize(), _text(key, found.mean(ENCODER, key).value), beside, ""


def _pictures(found: Localised) -> str:
    scans: dict[int, list[Tumour]] = {}
    for one in found.tumours:
        scans.setdefault(one.scan, []).append(one)
    contrast = {scan: mean_of(tumours, ENCODER, "contrast") for scan, tumours in scans.items()}
    ranked = sorted((scan for scan in scans if not math.isnan(contrast[scan])), key=lambda scan: -contrast[scan])
    places = {round(share * (len(ranked) - 1)): name for name, share in SHOWN.items()} if ranked else {}
    films = (_film(scans[ranked[place]], f"{name} of {len(ranked)}", found) for place, name in sorted(places.items()))
    told = (
        "From the encoder's best contrast to its worst, in the planes through the tumour. Red surrounds the tumour, blue "
        "what is marked; colour grows by one scale for all maps of a picture, from the lowest of their medians to the "
        "highest of their top half per cents."
    )
    return page.paragraph(told) + "".join(films)


def _film(tumours: Sequence[Tumour], rank: str, found: Localised) -> str:
    """A scan's overlay as JPEG, which takes a fraction of the PNG's room."""
    keys, methods = ("contrast", "dice", "oracle"), [name for name in found.methods if name in tumours[0].rows]
    told = [(name, *(_text(key, mean_of(tumours, name, key)) for key in keys)) for name in methods]
    caption = "; ".join(f"{name}: contrast {auc}, Dice {dice} of at most {best}" for name, auc, dice, best in told)
    path, stream = found.folder / "overlays" / f"{tumours[0].rows[ENCODER]['scan']}.png", io.BytesIO()
    try:
        with needed("PIL.Image", "report").open(path) as image:
            image.convert("RGB").save(stream, "JPEG", quality=90, subsampling=0)
        shown = page.picture(f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}", caption)
    except FileNotFoundError:
        shown = page.paragraph(f"No picture was drawn. {caption}", "head")
    except (OSError, SyntaxError) as error:  # Pillow calls a broken PNG an error of syntax
        raise InputError("is no picture", where=path, expected="a whole PNG", remedy="evaluate again") from error
    volumes = " and ".join(page.number(one.ml) for one in tumours)
    return page.film(f"Scan {tumours[0].scan}", f": {rank}, {volumes} ml", shown)


def _methods(found: Localised) -> str:
    methods = found.content["methods"]
    rows: list[Row] = [[told, *(_cell(key, method) for method in methods.values())] for key, told in FIGURES.items()]
    text = "Means over the tumours, below them 95% intervals over patients; a dash where a figure is not defined."
    return page.paragraph(text) + page.grid(["figure", *methods], rows)


def _cell(key: str, method: Mapping[str, Any]) -> tuple[str, str]:
    mean, n = table_measure(method["summary"][key], "mean"), method["summary"][key]["n"]
    remarks = [f"{_text(key, mean.low)}–{_text(key, mean.high)}"] if mean.interval() else []
    remarks += [count(n, "tumour")] if n < len(method["rows"]) else []
    return _text(key, mean.value), "; ".join(remarks)


def _differences(found: Localised) -> str:
    cells = {
        (one["key"], one["b"]): (_signed(table_measure(one, "difference")), f"greater in {one['better']} of {one['n']}")
        for one in found.content["differences"]
    }
    others = list(dict.fromkeys(other for _, other in cells))
    rows: list[Row] = [[FIGURES[key][0], *(cells[key, other] for other in others)] for key in COMPARED]
    head = ["on the same tumours", *(f"{ENCODER} − {other}" for other in others)]
    return page.heading("Paired differences") + page.grid(head, rows) if others else ""


def _table(found: Localised) -> str:
    rows: list[Row] = []
    names = found.methods
    for one in found.tumours:
        figures = [(_text("contrast", one.of(name, "contrast")), _text("dice", one.of(name, "dice"))) for name in names]
        readers = count(one.rows[ENCODER]["readers"], "reader")
        rows.append([(f"scan {one.scan}", readers), page.number(one.ml), *figures])
    return page.paragraph("Contrast, and below it Dice.") + page.grid(["tumour", "ml", *names], rows)


def _reading(found: Localised) -> Iterator[str]:
    percentile = found.content["settings"]["percentile"]
    share = (100 - percentile) / 100
    bounds = ", ".join(f"{oracle_dice(f, f, share):.2f} for {100 * f:g}%" for f in (0.001, 0.01, 0.05))
    yield (
        f"Contrast is the chance that a voxel of the tumour scores higher than one of its ring, {RING_MM[0]:g} to "
        f"{RING_MM[1]:g} mm away: {NONE:g} is none, below it the surroundings score higher. It needs no threshold, so "
        "that methods compare by it. All methods have the same ring, in the region where the encoder may mark."
    )
    yield (
        f"Dice is bounded. Percentile {percentile:g} marks {100 * share:.3g}% of the region whatever lies in it, and a "
        f"tumour that fills its share f reaches at most 2 min(f, {share:.3g}) / (f + {share:.3g}): {bounds}. Here a tumour "
        f"fills {100 * found.mean(ENCODER, 'tumour_share').value:.2g}% on average. The 0.62 ± 0.32 published for SMART at "
        "percentile 90 needs tumours of 4.5 to 22% of what is looked at, as in crops cut close around them."
    )
    yield (
        "Marks at random hit as large a share of a tumour as of the region: compare with the random encoder"
        f"{_how_many(found)}. HU in the lungs marks all that is denser than {DENSE_HU:g} HU, also vessels and walls."
    )


def _how_many(found: Localised) -> str:
    count = found.content["settings"].get("random_encoders", 1)
    return f", the mean of {count}" if count > 1 else ""


def _text(key: str, value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.0%}" if key in PERCENT else f"{value:.0f}" if key in LENGTHS else f"{value:.3f}"


def _signed(gain: Measure) -> str:
    alike = math.isclose(gain.low, gain.high, abs_tol=1e-6)  # no spread at all tells nothing of other tumours
    return ("+" if gain.value >= 0 else "") + (gain.number() if alike else gain.text())
