"""The tables as one self-contained page: our numbers with intervals over seeds, the published ones beside them, the figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smart_nets.organs.page import words_of
from smart_nets.pages import page
from smart_nets.pages.curves import empty_chart, inline_svg
from smart_nets.pages.style import PALETTE
from smart_nets.pages.words import count
from smart_nets.tables.verdicts import REPRODUCED, REVERSED, UNDECIDED

SHORT = {
    "ratio": "between / within", "umap_ratio": "the same in UMAP planes", "knn": "3-NN", "knn_pooled": "3-NN, all pooled",
    "auc": "AUC",
}  # fmt: skip
KINDS = {REPRODUCED: "good", REVERSED: "bad", UNDECIDED: "quiet"}
READING = (
    "Between / within is the mean distance of two organs' middles over the mean distance of crops from the middle of their "
    "organ. The published numbers come from 10,412 scans, 800 epochs, OrganMNIST3D and fine-tuning on LIDC-IDRI; ours from "
    "what stands below. So numbers do not compare across, only orderings do.",
    "A verdict needs a 95% interval over seeds, paired by seed, that leaves out 0. Undecided is what a few short runs leave "
    "open, it is not a sign that two rows are alike.",
)


def tables_html(found: Mapping[str, Any], figures: Sequence[tuple[str, str, str]] = ()) -> str:
    """The page of `tables.json`; figures are (id, title, HTML)."""
    tables = found["tables"]
    sections = [(f"table-{name}", one["title"], _table(one)) for name, one in tables.items()]
    sections += list(figures)
    sections += [("floors", "What needs no learning", _floors(found["floors"]))]
    sections += [("reproduce", "How to reproduce", page.command(found["command"]) + _facts(found))]
    kicker = "The paper's tables in small · not for diagnostic use"
    return page.page("Which orderings come out again?", kicker, _summary(tables), sections)


def _summary(tables: Mapping[str, Any]) -> str:
    counts = dict.fromkeys(KINDS, 0)
    for one in tables.values():
        for ordering in one["orderings"]:
            if ordering["measure"] == _main(one) and ordering["published"] is not None:
                counts[ordering["verdict"]] += 1
    tiles = [
        (verdict.capitalize(), str(count), "orderings of the papers", KINDS[verdict])
        for verdict, count in counts.items()
    ]
    return "".join(page.paragraph(text, "lead") for text in READING) + page.tiles(tiles)


def _measures(table: Mapping[str, Any]) -> list[str]:
    return [one for one in SHORT if any(one in row["ours"] for row in table["rows"].values())]


def _main(table: Mapping[str, Any]) -> str:
    """The measure that the paper compares by; neighbours, where no lesions were given for the AUC."""
    return str(table["measure"]) if table["measure"] in _measures(table) else "knn"


def _table(table: Mapping[str, Any]) -> str:
    measures = _measures(table)
    if not measures:
        return page.paragraph("No run of this table has ended.", "quiet")
    shown = _main(table)
    remark = "dots: mean and 95% interval over seeds; diamonds: published, scaled to our range for their order"
    chart = page.chart(_dots(table, shown), SHORT[shown], remark)
    head = ["row", *(f"{SHORT[one]}, ours" for one in measures), "published"]
    rows: list[list[str | tuple[str, str]]] = []
    for row in table["rows"].values():
        seeds = count(len(row["seeds"]), "seed") if row["seeds"] else "not run"
        cells: list[str | tuple[str, str]] = [(row["words"], seeds)]
        cells += [_interval(row["ours"].get(one)) for one in measures]
        rows.append([*cells, _published(row["published"])])
    return page.box("charts wide", chart) + page.grid(head, rows) + "".join(_verdicts(table)) + _differences(table)


def _interval(one: Mapping[str, Any] | None) -> str | tuple[str, str]:
    if one is None:
        return "–"
    if one["low"] is None:
        return f"{one['value']:.3f}", "one seed"
    return f"{one['value']:.3f}", f"{one['low']:.3f} to {one['high']:.3f}".replace("-", "−")


def _published(numbers: Mapping[str, float]) -> str | tuple[str, str]:
    if not numbers:
        return "–"
    if "ratio" in numbers:
        return f"{numbers['ratio']:.2f}", f"{numbers['intra']:g} and {numbers['inter']:g}"
    return f"AUC {numbers['auc']:.3f}"


def _verdicts(table: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for every row, by the measure that the paper compares by."""
    reference = table["rows"][table["reference"]]["words"]
    for one in (one for one in table["orderings"] if one["measure"] == _main(table)):
        gain, words = one["difference"], table["rows"][one["row"]]["words"]
        between = "one seed" if gain["low"] is None else f"{gain['low']:+.3f} to {gain['high']:+.3f}".replace("-", "−")
        paper = "" if one["published"] is None else f"; published {one['published']:+.3f}".replace("-", "−")
        sentence = f"{reference} less {words}, {SHORT[one['measure']]}: {gain['value']:+.3f}".replace("-", "−")
        yield page.verdict(KINDS.get(one["verdict"], "quiet"), f"{sentence} ({between}{paper}).", one["verdict"])


def _differences(table: Mapping[str, Any]) -> str:
    """What the reference gains over each row by every measure, in one grid."""
    measures, reference = _measures(table), table["rows"][table["reference"]]["words"]
    rows: list[list[str | tuple[str, str]]] = []
    for name in dict.fromkeys(one["row"] for one in table["orderings"]):
        own = {one["measure"]: one for one in table["orderings"] if one["row"] == name}
        cells = [_gain(own[one]) if one in own else "–" for one in measures]
        rows.append([table["rows"][name]["words"], *cells])
    if not rows:
        return ""
    words = f"{reference} less each row; an interval over seeds that holds 0 leaves it open. 3-NN is of the feature the paper "
    words += "takes of a row, [CLS] or pooled; beside it stands the same of the pooled feature of all."
    return page.paragraph(words) + page.grid(["less", *(SHORT[one] for one in measures)], rows)


def _gain(one: Mapping[str, Any]) -> tuple[str, str]:
    gain = one["difference"]
    between = "one seed" if gain["low"] is None else f"{gain['low']:+.3f} to {gain['high']:+.3f}"
    return f"{gain['value']:+.3f}".replace("-", "−"), f"{between}; {one['verdict']}".replace("-", "−")


def _dots(table: Mapping[str, Any], measure: str) -> str:
    """Our means with intervals; the published ones as hollow diamonds, scaled to our range, for their order only."""
    rows = [row for row in table["rows"].values() if measure in row["ours"]]
    figure, axes = empty_chart(wide=True, height=0.6 + 0.36 * len(rows), left=2.35)
    axes.grid(axis="y", visible=False)
    ours = [row["ours"][measure] for row in rows]
    for i, one in enumerate(ours):
        axes.plot(one["value"], -i, "o", color=PALETTE["blue"][0], markersize=6, zorder=3)
        if one["low"] is not None:
            axes.plot([one["low"], one["high"]], [-i, -i], color=PALETTE["blue"][0], linewidth=1.6)
    key = "auc" if measure == "auc" or table["measure"] == "auc" else "ratio"
    known = [(i, row["published"][key]) for i, row in enumerate(rows) if key in row["published"]]
    if len(known) > 1:
        values = [one["value"] for one in ours]
        low, high = min(value for _, value in known), max(value for _, value in known)
        for i, value in known:
            place = min(values) + (value - low) / (high - low or 1) * (max(values) - min(values))
            axes.plot(place, -i, "D", color=PALETTE["orange"][0], markersize=5, markerfacecolor="none")
    axes.set(yticks=[-i for i in range(len(rows))], yticklabels=[row["words"] for row in rows])
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    axes.margins(x=0.08)
    return inline_svg(figure, f"dots-{measure}-{len(table['title'])}", f"{table['title']}: {SHORT[measure]}")


def _floors(floors: Mapping[str, Mapping[str, float | None]]) -> str:
    columns = {"knn": "3-NN", "logistic": "logistic regression", "ratio": SHORT["ratio"], "auc": "AUC, malignancy"}
    rows = [[words_of(name), *(_shown(one.get(key)) for key in columns)] for name, one in floors.items()]
    intro = (
        "The same crops, neighbours and lesions, no training: what a row must be above before it has learnt anything."
    )
    return page.paragraph(intro) + page.grid(("floor", *columns.values()), rows)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _facts(found: Mapping[str, Any]) -> str:
    facts = [(name.replace("_", " "), value) for name, value in found["settings"].items()]
    facts += [(name, found[name]) for name in ("date", "hardware") if name in found]
    return page.tables([("Runs", page.table(facts)), ("Versions", page.table(sorted(found["versions"].items())))])
