"""Organ clustering as one self-contained HTML page, from clusters.json alone: the planes, the table, what beats which floor."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.optional import needed
from smart_nets.organs.clustering import RANDOM, RAW
from smart_nets.pages import page
from smart_nets.pages.curves import empty_chart, inline_svg
from smart_nets.pages.measures import measure_of
from smart_nets.pages.record import read_json, record_of
from smart_nets.pages.style import PALETTE
from smart_nets.statistics.features import IN_WORDS, KINDS

FEW = 5  # scans, below which the page warns
COMMAND = "python -m smart_nets cluster"
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#b0578d",
    "#8c6d1f",
    "#56a0d3",
    "#8172b2",
    "#c44e52",
    "#4c9a5b",
    "#7f7f7f",
    "#b8860b",
)
MARKS = "osD^vPX<>*h"
READING = (
    "Each dot is a crop, coloured by its organ; the colours were not used to place it. UMAP keeps neighbours together, "
    "but its distances between groups, and their sizes, mean little, and another seed draws another picture.",
    "Within is the mean distance of crops from the middle of their organ, between the mean distance of two organs' middles, "
    "of features of length 1. The paper does not say in which space its distances (1.28 and 5.93) are; they look like those of "
    "a UMAP plane, so those are given too, with their SD over seeds. Only their ratio can be compared, and that with care.",
    "Silhouette: +1 when every crop lies among its own organ, 0 when it might as well lie elsewhere. NMI and ARI compare "
    "k-means clusters with organs, 1 is agreement. k-NN: the share of crops that their k nearest in other scans name rightly.",
)


def write_cluster_report(path: str | Path) -> Path:
    """Turn clusters.json into an HTML file of the same name beside it.

    Raises:
        InputError: the file is missing, damaged or of another form, or the page cannot be written.
    """
    source = Path(path)
    with record_of("a clustering", source):
        html = clusters_html(read_json(source))
    return page.save(html, source.with_suffix(".html"))


def clusters_html(found: Mapping[str, Any]) -> str:
    """The page as HTML."""
    sections = [
        ("planes", "Organs as the features place them", _planes(found)),
        ("numbers", "How far apart", _table(found) + "".join(page.paragraph(text) for text in READING[1:])),
        ("floors", "Against what needs no learning", _differences(found)),
        ("reproduce", "How to reproduce", page.command(_command(found)) + _versions(found)),
    ]
    kicker = "Organ clustering · not for diagnostic use"
    return page.page("Do organs fall apart by themselves?", kicker, _summary(found), sections)


def _command(found: Mapping[str, Any]) -> str:
    """What was run, with the folders of the user's paths left out."""
    told = {name: value for name, value in found.get("settings", {}).items() if value is not None and name != "encoder"}
    places = ("dataset_dir", "features", "model_path")
    words = [
        f"--{name} {shlex.quote(_placed(value) if name in places else str(value))}" for name, value in told.items()
    ]
    return " ".join([COMMAND, *words])


def _placed(value: Any) -> str:
    """The last name of a path, or of several, behind a folder that stands for the user's."""
    return str([_placed(one) for one in value]) if isinstance(value, list) else f"/path/to/{value}"


def _first(found: Mapping[str, Any]) -> str:
    return next(kind for kind in KINDS if kind in found["features"])


def _summary(found: Mapping[str, Any]) -> str:
    about, name = found["protocol"], _first(found)
    row = found["features"][name]
    few = about["scans"] < FEW
    lead = (
        f"{about['crops']:,} crops of {len(about['organs'])} organs from {about['scans']:,} scans went through a frozen "
        f"encoder. No label was used to make or place the features; the labels below only tell how well it went."
    )
    tiles = [
        (
            f"{about['neighbours']}-NN of other scans",
            f"{row['knn']:.0%}",
            f"{IN_WORDS[name]}; chance {about['chance']:.0%}",
            "",
        ),
        ("Between over within", f"{row['ratio']:.2f}", "distances of unit features", ""),
        ("Silhouette", f"{row['silhouette']:+.2f}".replace("-", "−"), "−1 to +1", ""),
    ]
    notes = [f"Only {about['scans']} scans: an interval over so few says little."] if few else []
    return (
        page.paragraph(lead, "lead")
        + "".join(page.paragraph(text, "lead") for text in _beaten(found))
        + page.tiles(tiles)
        + page.notes(notes)
    )


def words_of(name: str) -> str:
    """A set of features in words: "[CLS]", "fresh weights, [CLS]", "raw voxels"."""
    fresh, kind = name.startswith(f"{RANDOM} "), name.removeprefix(f"{RANDOM} ")
    return f"fresh weights, {IN_WORDS.get(kind, kind)}" if fresh else IN_WORDS.get(kind, kind)


def _beaten(found: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each feature: which floors it is above, by an interval that leaves out 0; and a warning of the ratio."""
    for name, floors in found["differences"].items():
        above = [words_of(floor) for floor, one in floors.items() if (one["knn"]["low"] or 0) > 0]
        rest = [words_of(floor) for floor in floors if words_of(floor) not in above]
        words = words_of(name)[:1].upper() + words_of(name)[1:]
        if not rest:
            yield f"{words}: above {' and above '.join(above)} by neighbours; the intervals leave out 0."
        elif above:
            yield f"{words}: above {' and '.join(above)} by neighbours, but not clearly above {' and '.join(rest)}."
        else:
            yield f"{words}: not clearly above {' or '.join(rest)} by neighbours: this does not show that training helped."
    higher = _floors_of_higher_ratio(found)
    if higher:
        yield (
            f"By the ratio of distances, the papers' measure, {higher} would be better than the trained encoder. It is "
            "high, too, for features that know little but brightness: judge by neighbours and silhouette."
        )


def _floors_of_higher_ratio(found: Mapping[str, Any]) -> str:
    """The floor that is higher by the ratio of distances than a feature that is above it by neighbours; "" if there is none."""
    for name, row in found["features"].items():
        for floor, other in found["floors"].items():
            planes = [one["umap"]["ratio"]["mean"] for one in (row, other) if "umap" in one]
            more = other["ratio"] > row["ratio"] or (len(planes) == 2 and planes[1] > planes[0])
            if floor in (RAW, f"{RANDOM} {name}") and other["knn"] < row["knn"] and more:
                return words_of(floor)
    return ""


def _planes(found: Mapping[str, Any]) -> str:
    planes = found["planes"]
    if not planes:
        return page.paragraph("No UMAP planes: umap-learn was not installed.", "quiet")
    name = _first(found)
    shown = [one for one in (name, f"random {name}", RAW) if one in planes]
    organs = np.array(found["organ"])
    charts = []
    for number, one in enumerate(shown):
        title = f"{'trained, ' if one == name else ''}{words_of(one)}"
        charts.append(page.chart(plane_svg(np.array(planes[one]), organs, f"plane-{number}"), title))
    return page.paragraph(READING[0]) + page.box("charts", charts) + page.box("", legend(np.unique(organs)))


def plane_svg(points: Any, organs: Any, name: str) -> str:
    """A scatter of points (n, 2), a colour and mark for each organ in the order of their names."""
    figure, axes = empty_chart(wide=False, height=3.0, left=0.1)
    for number, organ in enumerate(np.unique(organs)):
        x, y = points[organs == organ].T
        look: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "markeredgewidth": 0, "alpha": 0.8}
        axes.plot(x, y, MARKS[number % len(MARKS)], markersize=4, **look)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(0.05)
    return inline_svg(figure, name, f"UMAP plane of {len(points)} crops of {len(np.unique(organs))} organs")


def legend(organs: Sequence[str] | NDArray[np.str_]) -> str:
    """Mark and name of every organ, as one small figure."""
    columns = 4
    rows = math.ceil(len(organs) / columns)
    figure = needed("matplotlib.figure", "charts").Figure(figsize=(8.6, 0.28 * rows + 0.1))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, columns), ylim=(rows - 0.4, -0.6))
    axes.set_axis_off()
    for number, organ in enumerate(organs):
        row, column = divmod(number, columns)
        axes.plot(column + 0.06, row, MARKS[number % len(MARKS)], color=COLOURS[number % len(COLOURS)], markersize=6)
        axes.text(column + 0.12, row, str(organ).replace("_", " "), va="center", fontsize=9.5, color=PALETTE["ink"][0])
    return inline_svg(figure, "organs", "; ".join(map(str, organs)))


def _table(found: Mapping[str, Any]) -> str:
    head = [
        "features",
        "within",
        "between",
        "ratio",
        "silhouette",
        "NMI",
        "ARI",
        f"{found['protocol']['neighbours']}-NN",
        "UMAP within",
        "UMAP between",
        "UMAP ratio",
    ]
    rows: list[list[str | tuple[str, str]]] = []
    for kind, table in (("trained", found["features"]), ("floor", found["floors"])):
        for name, row in table.items():
            remark = f"mean of {row['encoders']}; UMAP of the first" if "encoders" in row else kind
            cells: list[str | tuple[str, str]] = [(words_of(name), remark)]
            cells += [(f"{row[one]:.3f}", f"±\u00a0{row[one + '_sd']:.3f}") for one in ("intra", "inter")]
            cells += [f"{row['ratio']:.2f}", f"{row['silhouette']:+.3f}".replace("-", "−")]
            cells += [f"{row[one]:.2f}" for one in ("nmi", "ari", "knn")]
            plane = row.get("umap")
            cells += [
                (f"{plane[one]['mean']:.2f}", _spread(found, plane[one]["sd"])) if plane else "–"
                for one in ("intra", "inter", "ratio")
            ]
            rows.append(cells)
    return page.grid(head, rows)


def _spread(found: Mapping[str, Any], sd: float) -> str:
    return f"±\u00a0{sd:.2f}" if found["protocol"]["umap_seeds"] > 1 else "one seed"


def _differences(found: Mapping[str, Any]) -> str:
    if not found["differences"]:
        return page.paragraph("These features came as a file, without the crops that floors are made of.", "quiet")
    rows: list[list[str | tuple[str, str]]] = []
    for name, floors in found["differences"].items():
        for floor, one in floors.items():
            cells = [measure_of(one[number]).text() for number in ("knn", "silhouette")]
            rows.append([words_of(name), words_of(floor), *cells])
    intro = "Differences on the same crops, with 95% intervals over scans. Above 0, the features know what the floor does not."
    return page.paragraph(intro) + page.grid(("features", "less the floor", "neighbours", "silhouette"), rows)


def _versions(found: Mapping[str, Any]) -> str:
    counts = page.table(sorted(found["protocol"]["organs"].items()))
    return page.tables([("Crops by organ", counts), ("Versions", page.table(sorted(found["versions"].items())))])
