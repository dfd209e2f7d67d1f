"""Segmentation runs beside each other as one HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smart_nets.pages import page
from smart_nets.pages.measures import measure_of
from smart_nets.pages.record import read_json, record_of
from smart_nets.pages.words import CLEAR, count, p_text
from smart_nets.segment.paired import LEAST
from smart_nets.segment.report.floor import MEANING


def write_segment_comparison(path: str | Path) -> Path:
    """Turn compare.json into an HTML file of the same name beside it.

    Raises:
        InputError: the file is missing, damaged or holds no comparison, or the page cannot be written.
    """
    source = Path(path)
    content = read_json(source)
    with record_of("a comparison", source):
        html = _html(content)
    return page.save(html, source.with_suffix(".html"))


def _html(content: Mapping[str, Any]) -> str:
    sections = [
        ("dice", "Dice by model", _models(content)),
        ("differences", "Which differences are real", _differences(content)),
    ]
    return page.page(
        "Which network outlines best",
        "Comparison of segmentations · not for diagnostic use",
        _summary(content),
        sections,
    )


def _summary(content: Mapping[str, Any]) -> str:
    models = content["models"]
    first = next(iter(models.values()))
    told = ", ".join(f"“{name}” {measure_of(one['mean_dice']).text()}" for name, one in models.items())
    judged = f"{count(first['cases'], 'case')} of {count(first['patients'], 'patient')}"
    lead = f"Mean Dice (95% interval) on the same {judged}: {told}."
    beside = [f"They differ in more than their weights: {one}." for one in content.get("beside") or []]
    return page.notes(beside) + page.paragraph(lead, "lead") + _above_place(content) + _verdict(content)


def _above_place(content: Mapping[str, Any]) -> str:
    """Said before any difference between models: where no model beats what nobody had to look for."""
    floor = content.get("place", {}).get("mean_dice", {}).get("value")
    found = [one["mean_dice"]["value"] for one in content["models"].values() if one["mean_dice"]["value"] is not None]
    if floor is None or not found or max(found) > floor:
        return ""
    return page.verdict(
        "watch", f"No model is above place alone ({floor:.3f}): nothing here shows that a network looked at the images."
    )


def _verdict(content: Mapping[str, Any]) -> str:
    means = [one for one in content["differences"] if one["class"] == "mean" and one["value"] is not None]
    if not means and len(content["models"]) > 1:
        return page.verdict("quiet", "No patient has a Dice of both models: there is nothing to compare.")
    if not means:
        return page.verdict("quiet", "There is only one model: nothing to compare it with.")
    one = max(means, key=lambda each: abs(each["value"]))
    better, worse = (one["a"], one["b"]) if one["value"] > 0 else (one["b"], one["a"])
    gain, p = abs(one["value"]), one["p"]
    clear = one["low"] is not None and (one["low"] > 0 or one["high"] < 0) and p is not None and p < CLEAR
    if not clear:
        few = "too few patients to tell" if one["patients"] < LEAST else "equal in every patient"
        why = few if p is None else p_text(p)
        return page.verdict(
            "watch", f"“{better}” is not shown to be better than “{worse}”: {gain:.3f} in Dice ({why})."
        )
    kind = "watch" if content.get("beside") else "good"
    return page.verdict(kind, f"“{better}” is better than “{worse}” by {gain:.3f} in Dice ({p_text(p)}).")


def _models(content: Mapping[str, Any]) -> str:
    models = content["models"]
    names = list(next(iter(models.values()))["classes"])
    rows = []
    for name, found in models.items():
        cells = [measure_of(found["mean_dice"]), *(measure_of(found["classes"][one]["dice"]) for one in names)]
        rows.append([name, *((cell.number(), cell.interval() or cell.why) for cell in cells)])
    if "place" in content:
        told = content["place"]
        cells = [measure_of(told["mean_dice"]), *(measure_of(told["classes"][one]) for one in names)]
        rows.append(["place alone", *((cell.number(), cell.interval() or cell.why) for cell in cells)])
    text = page.paragraph(MEANING, "quiet") if "place" in content else ""
    return page.grid(("model", "mean", *names), rows) + text


def _differences(content: Mapping[str, Any]) -> str:
    rows = [
        ((f"{one['a']} − {one['b']}", one["class"]), (_signed(one["value"]), _interval(one)),
         f"{one['better']} of {one['patients']}", "–" if one["p"] is None else p_text(one["p"]))
        for one in content["differences"]
    ]  # fmt: skip
    text = (
        "Difference of the Dice of the same patients with its 95% interval (bootstrap over patients), in how many of them the "
        "first is better, and two-sided p (Wilcoxon's signed ranks, from six patients on). An interval that holds 0 shows no "
        "difference; p is not corrected for the number of rows."
    )
    return page.paragraph(text) + page.grid(("models", "difference in Dice", "better in", "p"), rows)


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}".replace("-", "−")


def _interval(one: Mapping[str, Any]) -> str:
    return "" if one["low"] is None else f"{one['low']:+.3f} to {one['high']:+.3f}".replace("-", "−")
