"""Which orderings of the paper come out again: each row against the table's reference, over the same seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from smart_nets.optional import needed
from smart_nets.tables.rows import PaperTable

REPRODUCED, REVERSED, UNDECIDED = "reproduced", "the other way round", "undecided"
HIGHER, LOWER = "higher", "lower"  # where nothing is published
MEASURES = ("ratio", "umap_ratio", "knn", "knn_pooled", "auc")  # the higher the better, all of them
Result = Mapping[str, Any]


def measured(result: Result, measure: str) -> float | None:
    """One measure of a run by the feature that the paper takes of it: [CLS], or pooled without semantic attention."""
    feature = result["feature"]
    if measure == "auc":
        return None if result["auc"] is None else float(result["auc"])
    if measure == "knn":
        return float(result["knn"][feature])
    if measure == "knn_pooled":  # of every row the same feature, so that rows with and without [CLS] compare
        return float(result["knn"]["pooled"])
    row = result["clusters"][feature]
    if measure == "umap_ratio":
        return float(row["umap"]["ratio"]["mean"]) if "umap" in row else None
    return float(row["ratio"])


def over_seeds(values: Sequence[float]) -> dict[str, float | None]:
    """Mean with its 95 % interval by Student's t; no interval of one seed."""
    n, mean = len(values), sum(values) / len(values)
    if n < 2:
        return {"value": mean, "low": None, "high": None, "seeds": n}
    sd = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    reach = float(needed("scipy.stats", "intervals").t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
    return {"value": mean, "low": mean - reach, "high": mean + reach, "seeds": n}


def table_summary(table: PaperTable, results: Mapping[str, Mapping[int, Result]]) -> dict[str, Any]:
    """Numbers of every row over its seeds, and of each against the reference, with a verdict where the paper has both.

    Args:
        results: row -> seed -> result.json.
    """
    rows, orderings = {}, []
    measures = [
        one for one in MEASURES if all(measured(r, one) is not None for s in results.values() for r in s.values())
    ]
    for row in table.rows:
        runs = results.get(row.name, {})
        told = {one: over_seeds([measured(run, one) or 0.0 for run in runs.values()]) for one in measures if runs}
        rough = [run["curve"]["roughness"] for run in runs.values() if run["curve"]["roughness"] is not None]
        rows[row.name] = {
            "words": row.words, "published": dict(row.published), "ours": told, "seeds": sorted(runs),
            "roughness": over_seeds(rough) if rough else None,
        }  # fmt: skip
    for row in table.rows:
        if row.name != table.reference:
            orderings += [_ordering(table, row.name, one, results) for one in measures]
    return {"title": table.title, "measure": table.measure, "reference": table.reference, "rows": rows,
            "orderings": [one for one in orderings if one]}  # fmt: skip


def _ordering(
    table: PaperTable, name: str, measure: str, results: Mapping[str, Mapping[int, Result]]
) -> dict[str, Any] | None:
    """Reference less a row, paired by seed."""
    published = {row.name: row.published for row in table.rows}
    ours, theirs = results.get(name, {}), results.get(table.reference, {})
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        return None
    gains = over_seeds([(measured(theirs[s], measure) or 0.0) - (measured(ours[s], measure) or 0.0) for s in seeds])
    key = "auc" if measure == "auc" else "ratio"
    known = key in published[name] and key in published[table.reference]
    paper = published[table.reference][key] - published[name][key] if known else None
    return {"row": name, "measure": measure, "difference": gains, "published": paper, "verdict": _verdict(gains, paper)}


def _verdict(gain: Mapping[str, float | None], paper: float | None) -> str:
    if gain["low"] is None or gain["high"] is None or gain["low"] <= 0 <= gain["high"]:
        return UNDECIDED
    if paper is None:
        return HIGHER if gain["low"] > 0 else LOWER
    return REPRODUCED if (gain["low"] > 0) == (paper > 0) else REVERSED
