"""Attention heads of one or several encoders as one self-contained HTML page, from heads.json alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from smart_nets.errors import InputError
from smart_nets.pages import page
from smart_nets.pages.curves import empty_chart, inline_svg
from smart_nets.pages.record import read_json
from smart_nets.pages.style import GUIDE, GUIDE_KEY, PALETTE
from smart_nets.pretrain.attention_heads.figures import BINS, MEASURES

STAGES: tuple[int | str, ...] = (1, 2, 3, 4, "SA")
TITLES = {  # measure: title, remark, unit
    "entropy": ("Entropy of attention", "0: a head looks at one token; dashed: at all tokens alike", "nats"),
    "distance_mm": ("Attention distance", "how far from itself a token looks; [CLS]: how far it spreads", "mm"),
    "distance_entropy": ("Entropy of the distances", "0: a head looks equally far from everywhere", "nats"),
    "divergence": ("Divergence between heads", "one dot per block; 0: all its heads look alike", "nats"),
}
PER_HEAD = MEASURES[:3]
COLOURS = ("blue", "orange", "green", "pink", "plain")
GOLDEN = (5**0.5 - 1) / 2  # its multiples, modulo 1, never come close to each other: even places without chance
MARKERS = (("o", "M19 1a4 4 0 1 0 .1 0z"), ("D", "M19 0L24 5L19 10L14 5z"), ("^", "M19 0L24.5 9.5H13.5z"))
"""Shape of a dot for every round through the colours: matplotlib's name, and its outline in a legend."""
AGAIN = "measure the heads again"
READING = (
    "Each dot is one attention head of one block, the bar its stage's mean ± SD. Heads that look alike do the same work "
    "several times. Stages 1 to 4 are Swin's: a token looks within its window only, and tokens double in side from stage "
    "to stage, so distances double too. SA is the row of [CLS] over the whole crop, of semantic attention or of a ViT.",
    "Every second block shifts its windows. At the border of a crop a shifted window holds fewer tokens that belong "
    "together; the lower of two dashed lines is the most entropy such a block can have. That makes part of the SD within "
    "a stage, the more the smaller the crop.",
    "[CLS] has no place. Its distance is how far the cells it looks at lie from their own centre, so compare it between "
    f"encoders and not with the stages beside it. Distances are counted in {BINS} bins, so their entropy is at most "
    f"{math.log(BINS):.2f} nats.",
    "The values published in Fig. 4a of DAGMaN reach 7.5 in stages 1 and 2. A window of 64 tokens cannot have more than "
    f"ln 64 = {math.log(64):.2f} nats (6 bits), so only trends compare with it: from stage to stage, and from encoder to "
    "encoder.",
)


@dataclass(frozen=True)
class Model:
    """An encoder's result of `head_diversity`, and its number on the page, which tells its colour."""

    name: str
    blocks: list[dict[str, Any]]
    stages: dict[int | str, dict[str, Any]]
    number: int

    @property
    def colour(self) -> str:
        return COLOURS[self.number % len(COLOURS)]

    @property
    def shape(self) -> tuple[str, str]:
        return MARKERS[self.number // len(COLOURS) % len(MARKERS)]

    def of(self, stage: int | str) -> list[dict[str, Any]]:
        return [block for block in self.blocks if block["stage"] == stage]

    def values(self, measure: str, stage: int | str) -> list[float]:
        """One value per head of a stage; of divergence one per block that has any."""
        found = [block[measure] for block in self.of(stage)]
        if measure in PER_HEAD:
            return [value for values in found for value in values]
        return [value for value in found if value is not None]


def write_heads_report(path: str | Path) -> Path:
    """Turn heads.json into an HTML file of the same name beside it.

    Args:
        path: of {"models": {name: result of `head_diversity`}, "crops": number of crops, "spacing": mm, "crop_size": voxels};
            only "models" has to be there.

    Raises:
        InputError: the file is missing, damaged or of another form, or the report cannot be written.
    """
    source = Path(path)
    content = read_json(source)
    models = _read(content, source)
    charts = "".join(_chart(measure, models) for measure in MEASURES)
    sections = [
        ("heads", "Every head by stage", page.box("charts wide", charts)),
        ("reading", "How to read it", "".join(page.paragraph(text) for text in READING[1:])),
        ("numbers", "Mean ± SD by stage", "".join(_table(model) for model in models)),
    ]
    kicker = "Attention heads · not for diagnostic use"
    html = page.page("How differently the attention heads look", kicker, _summary(content, models), sections)
    return page.save(html, source.with_suffix(".html"))


def _read(content: Any, where: Path) -> list[Model]:
    given = content.get("models") if isinstance(content, Mapping) else None
    if not isinstance(given, Mapping) or not given:
        raise InputError("holds no attention heads", where=where, expected='"models" by name', found=given)
    models = []
    for number, (name, result) in enumerate(given.items()):
        at = f"{where}, {name}"
        blocks, stages = _parts(result, "blocks", _is_block, at), _parts(result, "stages", _is_stage, at)
        model = Model(name, blocks, {stage["stage"]: stage for stage in stages}, number)
        own, told = {block["stage"] for block in blocks}, set(model.stages)
        if own != told:
            what = "has blocks and stages that do not belong together"
            raise InputError(what, where=at, expected=own, found=told, remedy=AGAIN)
        models.append(model)
    return models


def _parts(result: Any, kind: str, is_good: Callable[[Mapping[str, Any]], bool], where: str) -> list[dict[str, Any]]:
    parts = result.get(kind) if isinstance(result, Mapping) else None
    if not isinstance(parts, list) or not parts:
        raise InputError(f"has no {kind}", where=where, found=parts, remedy=AGAIN)
    for part in parts:
        if not isinstance(part, Mapping) or part.get("stage") not in STAGES or not is_good(part):
            raise InputError(f"has {kind} of another form", where=where, found=part, remedy=AGAIN)
    return parts


def _is_block(block: Mapping[str, Any]) -> bool:
    lists = [block.get(measure) for measure in PER_HEAD]
    return (
        all(isinstance(values, list) and values and all(map(_is_number, values)) for values in lists)
        and _is_number(block.get("largest_entropy"))
        and (block.get("divergence") is None or _is_number(block["divergence"]))
    )


def _is_stage(stage: Mapping[str, Any]) -> bool:
    return all(_is_mean(stage.get(measure)) for measure in MEASURES)


def _is_mean(mean: Any) -> bool:
    return isinstance(mean, Mapping) and all(
        mean.get(part) is None or _is_number(mean[part]) for part in ("mean", "sd")
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _summary(content: Mapping[str, Any], models: Sequence[Model]) -> str:
    heads = sum(len(block["entropy"]) for model in models for block in model.blocks)
    lead = f"{_count(heads, 'attention head')} of {_count(len(models), 'encoder')}"
    facts = [content.get(name) for name in ("crops", "crop_size", "spacing")]
    if None not in facts:
        count, size, spacing = facts
        lead += f", on {_count(count, 'crop')} of {_by(size)} voxels of {_by(spacing)} mm"
    return page.paragraph(lead + ".", "lead") + page.paragraph(READING[0], "lead")


def _count(number: Any, name: str) -> str:
    return f"{page.plain(number)} {name}{'' if number == 1 else 's'}"


def _by(sides: Any) -> str:
    """(128, 128, 96) -> "128 × 128 × 96"."""
    return page.plain(sides).replace(", ", " × ")


def _chart(measure: str, models: Sequence[Model]) -> str:
    title, remark, unit = TITLES[measure]
    if not any(model.values(measure, stage) for model in models for stage in STAGES):
        return page.chart("", title, "not measured: every block has one head")
    stages = [stage for stage in STAGES if any(stage in model.stages for model in models)]
    figure, axes = empty_chart(wide=True, height=3.2, left=0.6)
    for place, stage in enumerate(stages):
        if stage == "SA":
            axes.axvspan(place - 0.5, place + 0.5, color=PALETTE["muted"][0], alpha=0.07, linewidth=0)
        if measure == "entropy":
            largest = {round(block["largest_entropy"], 4) for model in models for block in model.of(stage)}
            for level in sorted(largest):
                axes.plot([place - 0.44, place + 0.44], [level, level], **GUIDE)
        slot = 0.84 / len(models)
        for model in (one for one in models if stage in one.stages):
            _draw(axes, model, measure, stage, place + slot * (model.number - (len(models) - 1) / 2), slot)
    every = [value for model in models for stage in STAGES for value in model.values(measure, stage)]
    if min(every) > 0 and max(every) > 6 * min(every):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(every) < 100 * min(every) else (1,)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="x", visible=False)
    axes.set_xlim(-0.5, len(stages) - 0.5)
    axes.set_xticks(range(len(stages)), [_stage_name(stage) for stage in stages])
    axes.set_ylabel(unit, loc="top", labelpad=2, color=PALETTE["muted"][0], fontsize=8.5)
    each = [(model, stage) for model in models for stage in model.stages]
    label = "; ".join(f"{one.name}, {_stage_name(stage)}: {_mean(one, measure, stage)} {unit}" for one, stage in each)
    svg = inline_svg(figure, f"heads-{measure}", f"{title}. {label}")
    return page.chart(svg, title, remark, keys=_keys(measure, models))


def _draw(axes: Axes, model: Model, measure: str, stage: int | str, x: float, slot: float) -> None:
    """A stage's dots and their mean ± SD in a slot of the horizontal axis; neighbours in the list stand apart."""
    values = model.values(measure, stage)
    places = [x + (i * GOLDEN % 1 - 0.5) * 0.66 * slot for i in range(len(values))]
    colour = PALETTE[model.colour][0]
    axes.plot(places, values, model.shape[0], markersize=3.8, alpha=0.5, color=colour, markeredgewidth=0)
    mean, sd = (model.stages[stage][measure].get(part) for part in ("mean", "sd"))
    if mean is not None:
        ink = PALETTE["ink"][0]
        axes.hlines(mean, x - 0.36 * slot, x + 0.36 * slot, color=ink, linewidth=1.8)
        axes.vlines(x, mean - (sd or 0), mean + (sd or 0), color=ink, linewidth=1)


def _keys(measure: str, models: Sequence[Model]) -> str:
    """The legend: a dot per encoder, the bar, and for entropy the dashed line."""
    dots = [(model.name, model.shape[1], model.colour) for model in models]
    lines = [("mean ± SD", "ink", "none")] + ([("largest possible", *GUIDE_KEY)] if measure == "entropy" else [])
    return page.keys(lines, dots)


def _table(model: Model) -> str:
    rows: list[list[str | tuple[str, str]]] = []
    for stage in model.stages:
        blocks = model.of(stage)
        heads, largest = sum(len(block["entropy"]) for block in blocks), max(b["largest_entropy"] for b in blocks)
        entropy, *others = [_mean(model, measure, stage) for measure in MEASURES]
        name = (_stage_name(stage), f"{_count(len(blocks), 'block')}, {_count(heads, 'head')}")
        rows.append([name, (entropy, f"at most {largest:.2f}"), *others])
    head = ("stage", *(f"{title.lower()} ({unit})" for title, _, unit in TITLES.values()))
    return page.heading(model.name) + page.grid(head, rows)


def _mean(model: Model, measure: str, stage: int | str) -> str:
    mean, sd = (model.stages[stage][measure].get(part) for part in ("mean", "sd"))
    return "–" if mean is None else page.number(mean) + ("" if sd is None else f" ± {sd:#.2g}".rstrip("."))


def _stage_name(stage: int | str) -> str:
    return "SA [CLS]" if stage == "SA" else f"stage {stage}"
