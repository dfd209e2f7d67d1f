"""Draws docs/images/performance.png from the results of speed.py and step.py: how many times faster than MONAI.

python benchmarks/performance.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt

RESULTS = Path(__file__).parent / "results"
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "performance.png"
WAYS = {"as it is": "#4477aa", "jemalloc": "#66ccee", "beside a busy process": "#ee6677", "": "#228833"}


def bars() -> list[tuple[str, str, dict[str, Any]]]:
    """Label, way and row of every bar, from the top."""
    speed, step = (json.loads((RESULTS / name).read_text())["rows"] for name in ("speed.json", "step.json"))
    found = [(f"encoder, {row['pass']}, {row['crop']}³, {row['precision']}", row["way"], row) for row in speed]
    return found + [(f"step, {row['step']}, {row['precision']}", row["way"], row) for row in step]


def main() -> None:
    matplotlib.use("agg")
    labels = list(dict.fromkeys(label for label, _, _ in bars()))
    figure, axes = plt.subplots(figsize=(9, 0.62 * len(labels) + 1.6), layout="constrained")
    for label, way, row in bars():
        ways = [other for name, other, _ in bars() if name == label]
        y = labels.index(label) + (ways.index(way) - (len(ways) - 1) / 2) * 0.27
        errors = [[row["times_faster"] - row["lowest"]], [row["highest"] - row["times_faster"]]]
        axes.barh(y, row["times_faster"], 0.25, color=WAYS[way], xerr=errors, error_kw={"lw": 0.8, "capsize": 2})
        axes.text(row["highest"] + 0.05, y, f"{row['times_faster']:.1f}", va="center", fontsize=8)
    axes.axvline(1, color="black", lw=1)
    axes.text(1.02, -0.75, "MONAI", fontsize=8)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlabel("times faster than MONAI in the same run (median; lines: lowest and highest turn)")
    shown = [way for way in WAYS if way in {way for _, way, _ in bars()}]
    handles = [plt.Rectangle((0, 0), 1, 1, color=WAYS[way]) for way in shown]
    figure.legend(
        handles, [way or "GPU" for way in shown], loc="outside upper right", ncols=len(shown), fontsize=8, frameon=False
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE, dpi=120)


if __name__ == "__main__":
    main()
