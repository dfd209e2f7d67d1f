"""The papers' figures from the runs of a folder: UMAP planes, AMPD curves, where each place looks, how heads differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smart_nets.organs.page import legend, plane_svg
from smart_nets.pages import page
from smart_nets.pages.curves import Line, empty_chart, inline_svg, line_chart
from smart_nets.pages.metrics_log import LoggedSeries
from smart_nets.pages.panels import Crop
from smart_nets.pages.style import PALETTE
from smart_nets.pretrain.attention_heads.figures import head_diversity
from smart_nets.statistics.features import KINDS
from smart_nets.tables.plan import folder_of
from smart_nets.tables.rows import TABLES, PaperTable
from smart_nets.weights.build import load_encoder
from smart_nets.weights.io import read_card

Section = tuple[str, str, str]
HEADS = ("smit", "without_noise", "without_attention", "smart")


def sections(work: Path, names: Sequence[str], crop: Any, spacing: float) -> list[Section]:
    """What the finished runs of seed 1 can show; `crop` is (1, 1, D, H, W) in [0, 1], large enough for every row."""
    found = [
        _planes(work, TABLES[name], f"umap-{name}") for name in names if name in ("1", "drop")
    ]  # Figures 3, 9 and 10
    found += [_curves(work), _attention(work, crop, spacing), _heads(work, crop, spacing)]
    return [one for one in found if one is not None]


def _runs(work: Path, table: PaperTable) -> dict[str, Path]:
    """Words -> folder of the first seed, of rows that have ended."""
    folders = {row.words: folder_of(work, row, table.options, 1) for row in table.rows}
    return {words: folder for words, folder in folders.items() if (folder / "result.json").is_file()}


def _planes(work: Path, table: PaperTable, name: str) -> Section | None:
    charts, organs = [], np.array([])
    for number, (words, folder) in enumerate(_runs(work, table).items()):
        found = json.loads((folder / "clusters.json").read_text(encoding="utf-8"))
        feature = next(kind for kind in KINDS if kind in found["planes"]) if found["planes"] else None
        if feature is None:
            return None
        organs = np.array(found["organ"])
        svg = plane_svg(np.array(found["planes"][feature]), organs, f"{name}-{number}")
        charts.append(page.chart(svg, words, f"between / within {found['features'][feature]['ratio']:.2f}"))
    if not charts:
        return None
    text = "UMAP planes of the same crops by each model (seed 1); colours are organs, and no label was used to place a dot."
    html = page.paragraph(text) + page.box("charts", charts) + page.box("", legend(np.unique(organs)))
    return name, f"Organs in planes: {table.title.partition(':')[0]}", html


def _curves(work: Path) -> Section | None:
    """Figure 11: AMPD with and without a noisy teacher."""
    rows = {row.name: row for row in TABLES["1"].rows if row.name in ("smart", "without_noise")}
    runs = {name: folder_of(work, row, {}, 1) / "result.json" for name, row in rows.items()}
    if not all(path.is_file() for path in runs.values()):
        return None
    curves = {name: json.loads(path.read_text(encoding="utf-8"))["curve"] for name, path in runs.items()}
    colours = {"smart": "blue", "without_noise": "orange"}
    lines = [
        Line(LoggedSeries(np.arange(1, len(one["ampd"]) + 1), np.array(one["ampd"], np.float64)), colours[name], number)
        for number, (name, one) in enumerate(curves.items())
    ]
    words = {name: f"{rows[name].words}: roughness {one['roughness']:.2f}" for name, one in curves.items()}
    svg = line_chart("ampd-noise", lines, label="AMPD with and without noise", wide=True)
    dashes = ("none", "8 3")
    keys = page.keys([(words[name], colours[name], dashes[number]) for number, name in enumerate(curves)])
    text = "The paper's Figure 11 shows a smoother AMPD with a noisy teacher. Roughness is the SD of the changes from step to "
    text += "step over the SD of the values: 1.41 is pure noise, 0 a smooth curve."
    chart = page.chart(svg, "AMPD by step", "", keys=keys)
    return "ampd", "Is training smoother with a noisy teacher?", page.paragraph(text) + page.box("charts wide", chart)


def _attention(work: Path, crop: torch.Tensor, spacing: float) -> Section | None:
    """Figure 7: where semantic attention looks when it sits after stage 1, 2, 3, 4."""
    runs = _runs(work, TABLES["5"])
    if not runs:
        return None
    image = crop[0, 0].numpy()
    drawn = Crop(image, np.full(3, spacing))
    index = image.shape[1] // 2
    maps = {words: _cells(folder / "models" / "model.pt", crop) for words, folder in runs.items()}
    top = max(float(cells.max()) for cells in maps.values())
    pictures = [page.picture(drawn.plain("coronal", index), "the crop")]
    for words, cells in maps.items():
        uri = drawn.looked_at(cells, "coronal", index, max(top, 1.01))
        pictures.append(page.picture(uri, f"{words}, peak {cells.max():.2f} x even"))
    text = (
        "Attention of [CLS] on one crop, by the stage it follows: the later, the larger its cells. One scale for all "
    )
    text += f"pictures, from an even share (clear) to {top:.2f} times that."
    return "attention", "Where it looks, by stage", page.paragraph(text) + page.box("charts", pictures)


def _cells(weights: Path, crop: torch.Tensor) -> Any:
    """Attention (g, g, g), 1 where it is even."""
    with torch.no_grad():
        encoding = load_encoder(weights)(crop)
    return (encoding.satt * encoding.satt.shape[1]).reshape(encoding.grid).numpy()  # (1, N) -> (g, g, g)


def _heads(work: Path, crop: torch.Tensor, spacing: float) -> Section | None:
    """DAGMaN Figure 4a: entropy of every head by stage."""
    rows = {row.name: row for table in ("1", "4a") for row in TABLES[table].rows if row.name in HEADS}
    folders = {name: folder_of(work, rows[name], {}, 1) for name in HEADS if name in rows}
    weights = {name: path / "models" / "model.pt" for name, path in folders.items() if (path / "result.json").is_file()}
    if not weights:
        return None
    found: dict[str, Any] = {}
    for name, path in weights.items():
        side = read_card(path)["crop_size"][0]
        found[rows[name].words] = head_diversity(load_encoder(path), crop[..., :side, :side, :side], [spacing] * 3)
    charts = [page.chart(_entropy(found), "Entropy of attention, by stage", "nats; a dot is a head")]
    text = "The published figure exceeds what a window of 64 tokens can have (ln 64 = 4.16 nats), so only the trend compares."
    keys = page.keys([(words, colour, "none") for words, colour in zip(found, COLOURS, strict=False)])
    return "heads", "How differently heads look", page.paragraph(text) + page.box("charts wide", charts) + keys


COLOURS = ("orange", "green", "pink", "blue")


def _entropy(found: Mapping[str, Any]) -> str:
    figure, axes = empty_chart(wide=True, height=2.4)
    stages = [1, 2, 3, 4, "SA"]
    for number, (_, result) in enumerate(found.items()):
        for block in result["blocks"]:
            x = stages.index(block["stage"]) + (number - (len(found) - 1) / 2) * 0.18
            dots: dict[str, Any] = {
                "color": PALETTE[COLOURS[number]][0],
                "markeredgewidth": 0,
                "alpha": 0.75,
                "markersize": 5,
            }
            axes.plot([x] * len(block["entropy"]), block["entropy"], "o", **dots)
    axes.set_xticks(range(len(stages)), [f"stage {one}" if one != "SA" else "SA [CLS]" for one in stages])
    axes.set_xlim(-0.5, len(stages) - 0.5)
    axes.grid(axis="x", visible=False)
    return inline_svg(figure, "entropy", "Entropy of attention of every head by stage")
