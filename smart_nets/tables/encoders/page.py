"""The table of encoders as one self-contained HTML page, from encoders.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smart_nets.pages import page
from smart_nets.pages.curves import knn_chart
from smart_nets.pages.record import read_json, record_of
from smart_nets.pages.words import count
from smart_nets.statistics.features import IN_WORDS
from smart_nets.tables.encoders.run import WORDS

TITLES = {"organs": "Organs by their neighbours", "lesions": "Lesions by a linear probe",
          "attention": "Attention on tumours, without training"}  # fmt: skip
READING = {
    "organs": "The same cubes of tissue for all, each whole scan left out in turn. An encoder sees them at the spacing and in "
    "the window of its card; where its crop is larger, the rest is air.",
    "lesions": "Logistic regression on frozen features, in the same folds of patients; each encoder sees the crop of its card. "
    "Size alone is the diameter as score: what is not above it may only measure.",
    "attention": "Contrast is the probability that a voxel of the tumour scores higher than one of its ring; 0.5 is chance.",
}
KINDS = {"ours": "of this project", "theirs": "of others", "random": "fresh weights, the floor of the architecture",
         "raw": "voxels, no network"}  # fmt: skip


def write_encoders_report(path: str | Path) -> Path:
    """Turn encoders.json into an HTML file of the same name beside it.

    Raises:
        InputError: the file is missing, damaged or of another form, or the page cannot be written.
    """
    source = Path(path)
    content = read_json(source)
    with record_of("a comparison of encoders", source):
        html = encoders_html(content)
    return page.save(html, source.with_suffix(".html"))


def encoders_html(found: Mapping[str, Any]) -> str:
    """The page as HTML."""
    shown = [kind for kind in TITLES if found[kind] is not None]
    sections = [("table", "The table", _table(found, shown))]
    sections += [(kind, TITLES[kind], _section(kind, found[kind])) for kind in shown]
    sections += [("encoders", "What was compared", _encoders(found["models"]))]
    facts = [(name.replace("_", " "), value) for name, value in found["settings"].items() if value is not None]
    named = [("Settings", page.table(facts)), ("Versions", page.table(sorted(found["versions"].items())))]
    sections += [("reproduce", "How it was made", page.tables(named))]
    kicker = "Comparison of frozen encoders · not for diagnostic use"
    return page.page("Which encoder?", kicker, _summary(found, shown), sections)


def _summary(found: Mapping[str, Any], shown: list[str]) -> str:
    first = next(iter(found["models"]))
    text = page.paragraph("Intervals are of 95%, over patients, paired where encoders are compared.", "lead")
    for kind in shown:
        table = found[kind]
        measure = next(one for row in table["rows"].values() if row for one in row)
        for one in table["differences"]:
            if first in (one["a"], one["b"]) and one["measure"] == measure:
                text += _verdict(kind, one)
    return text


def _verdict(kind: str, one: Mapping[str, Any]) -> str:
    clear = one["low"] is not None and (one["low"] > 0 or one["high"] < 0)
    better, worse = (one["a"], one["b"]) if (one["value"] or 0) >= 0 else (one["b"], one["a"])
    what = f"{kind}, {WORDS[one['measure']]}: {one['a']} less {one['b']} {_told(one, '+')}"
    if not clear:
        return page.verdict("quiet", f"{what}.", "not shown to differ")
    return page.verdict("good" if better == one["a"] else "watch", f"{what}.", f"{better} above {worse}")


def _table(found: Mapping[str, Any], shown: list[str]) -> str:
    columns = [(kind, key) for kind in shown for key in next(row for row in found[kind]["rows"].values() if row)]
    names = list(dict.fromkeys(name for kind in shown for name in found[kind]["rows"]))
    rows: list[list[str | tuple[str, str]]] = []
    for name in [*found["models"], *(one for one in names if one not in found["models"])]:
        about = KINDS[found["models"][name]["kind"]] if name in found["models"] else "of lesions, no network"
        cells = [_cell(found[kind]["rows"], name, key) for kind, key in columns]
        rows.append([(name, about), *cells])
    head = ["encoder", *(f"{kind}: {WORDS[key]}" for kind, key in columns)]
    return page.grid(head, rows)


def _cell(rows: Mapping[str, Any], name: str, key: str) -> str | tuple[str, str]:
    if name not in rows:
        return "–"
    if rows[name] is None:
        return "no attention"
    one = rows[name][key]
    return ("–" if one["value"] is None else f"{one['value']:.3f}", _between(one))


def _section(kind: str, table: Mapping[str, Any]) -> str:
    about = table["protocol"]
    counted = {"crops": "crop", "organs": "organ", "scans": "scan", "cases": "lesion", "tumours": "tumour",
               "patients": "patient"}  # fmt: skip
    text = ", ".join(count(about[name], word) for name, word in counted.items() if name in about)
    rows: list[list[str | tuple[str, str]]]
    rows = [[f"{one['a']} − {one['b']}", WORDS[one["measure"]], _gain(one)] for one in table["differences"]]
    chart = _bars(table) if kind == "organs" else ""
    differences = page.grid(("encoders", "by", "difference"), rows) if rows else ""
    return page.paragraph(f"{text}. {READING[kind]}") + chart + differences


def _gain(one: Mapping[str, Any]) -> tuple[str, str]:
    return "–" if one["value"] is None else _signed(one["value"]), _between(one, "+")


def _bars(table: Mapping[str, Any]) -> str:
    bars = [(name, one["value"], one["low"], one["high"]) for name, row in table["rows"].items()
            for one in [row["knn"]] if one["low"] is not None]  # fmt: skip
    if not bars:
        return ""
    label = "3-NN accuracy of organs by encoder: " + ", ".join(f"{name} {value:.2f}" for name, value, *_ in bars)
    chart = knn_chart(bars[::-1], table["protocol"]["chance"], label)
    return page.box("charts wide", page.chart(chart, "Organs named rightly by 3 neighbours in other scans"))


def _encoders(models: Mapping[str, Any]) -> str:
    rows: list[list[str | tuple[str, str]]] = []
    for name, one in models.items():
        read = one.get("read")
        feature = read["feature"] if read else IN_WORDS[one["feature"]]
        sees = " x ".join(f"{side:g}" for side in one["spacing"]) + " mm"
        window = " to ".join(f"{end:g}" for end in one["hu_window"]) + " HU"
        feature = "averages on a grid of 12 x 12 x 12" if one["kind"] == "raw" else feature
        rows.append([(name, one["model"]), KINDS[one["kind"]], f"{one['parameters']:,}", (sees, window), feature,
                     (one["sha256"] or "–")[:12]])  # fmt: skip
    return page.grid(("encoder", "what", "weights", "voxels and window", "feature", "SHA-256"), rows)


def _told(one: Mapping[str, Any], sign: str = "") -> str:
    return f"{_signed(one['value'])} ({_between(one, sign)})" if one["value"] is not None else "no number"


def _between(one: Mapping[str, Any], sign: str = "") -> str:
    if one["low"] is None:
        return "no interval"
    return f"{one['low']:{sign}.3f} to {one['high']:{sign}.3f}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
