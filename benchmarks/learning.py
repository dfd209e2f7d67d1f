"""What pretraining has taught encoders, beside floors that need none: organs of phantoms and of real scans at 64 mm.

The protocol is that of `smart_nets.organs.judge`: crops of 32 voxels of 2 mm, whole scans left out in turn, and
paired intervals over scans. Phantoms are patients that no training run saw; real fields are `organ_fields_dev_2mm.npz` in the
folder that SMART_REAL_DATA names, and are left out where it is not set.

python benchmarks/learning.py --models first=runs/a/model.pt second=runs/b/model.pt
    prints a table, writes benchmarks/results/learning.json
python benchmarks/learning.py --models ... --curves runs/a/steps
    and draws docs/images/learning.png from step_000100.pt, step_000200.pt ... in that folder, each with its card
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import matplotlib.figure
import matplotlib.ticker
import torch

from smart_nets.errors import InputError
from smart_nets.files import write_json
from smart_nets.organs.fields import SIDE, Fields, cut, phantom_fields, read_fields
from smart_nets.organs.judge import FieldJudge, Right, facts, in_words
from smart_nets.statistics.features import IN_WORDS
from smart_nets.training.run_record import hardware, versions
from smart_nets.weights.build import load_encoder
from smart_nets.weights.io import read_card

ROOT = Path(__file__).parents[1]
RESULTS, PICTURE = ROOT / "benchmarks" / "results" / "learning.json", ROOT / "docs" / "images" / "learning.png"
SPACING, PATIENTS = 2.0, 8
REAL = "organ_fields_dev_2mm.npz"
DRAWN = {"cls": "#b4436c", "pooled": "#2b6cb0"}  # the features of the learning curves
RAW, BRIGHTNESS = "#8a6d1f", "#5f6b76"
Floors = dict[str, dict[str, Right]]


class Bench:
    """The judges of all sets of fields; floors are computed once for each window and architecture."""

    def __init__(self, sets: Mapping[str, Fields], device: str, encoders: int, rounds: int) -> None:
        self.crops = {name: cut(fields, SIDE) for name, fields in sets.items()}
        self.device, self.encoders, self.rounds = device, encoders, rounds
        self.judges: dict[str, FieldJudge] = {}
        self.known: Floors = {}

    def judge(self, card: Mapping[str, Any], name: str) -> tuple[FieldJudge, dict[str, Right]]:
        """The judge of a set with a model's window, and its floors."""
        low, high = card["hu_window"]
        place = f"{name} {low:g} {high:g}"
        if place not in self.judges:
            self.judges[place] = FieldJudge(self.crops[name], (low, high), self.encoders)
            self.known[place] = self.judges[place].plain_floors()
        judge, fresh = self.judges[place], f"{place} {json.dumps(card['architecture'], sort_keys=True)}"
        if fresh not in self.known:
            self.known[fresh] = judge.random_floors(card["architecture"], self.device)
        return judge, {**self.known[place], **self.known[fresh]}

    def judged(self, weights: Path) -> dict[str, dict[str, Any]]:
        """By set of fields: accuracies, floors and differences of one model."""
        card, encoder = read_card(weights), load_encoder(weights).to(self.device)
        found = {}
        for name, crops in self.crops.items():
            judge, floors = self.judge(card, name)
            found[name] = {"protocol": facts(crops), **judge.summary(judge.encoder(encoder), floors, self.rounds)}
        return found


def real_fields() -> Fields | None:
    """Those of the folder that SMART_REAL_DATA names; None, told, where there is none."""
    folder = os.environ.get("SMART_REAL_DATA")
    if not folder or not (Path(folder) / REAL).is_file():
        print(f"real fields are left out: no {REAL} in the folder that SMART_REAL_DATA names")
        return None
    return read_fields(Path(folder) / REAL, SPACING, "RAS")


def steps_of(folder: Path) -> dict[int, Path]:
    """Step -> weights, of the files step_000123.pt of a folder, in order.

    Raises:
        InputError: there are fewer than two.
    """
    names = {path: re.fullmatch(r"step_(\d+)", path.stem) for path in sorted(folder.glob("step_*.pt"))}
    found = {int(match[1]): path for path, match in names.items() if match}
    if len(found) < 2:
        raise InputError("has no learning curve", where=folder, expected="step_000000.pt, step_000100.pt ... with cards",
                         found=f"{len(found)} of them")  # fmt: skip
    return dict(sorted(found.items()))


def curves(bench: Bench, folder: Path) -> dict[str, Any]:
    """3-NN of every feature against steps, on every set, with the floors of the last step's model."""
    points = {step: bench.judged(path) for step, path in steps_of(folder).items()}
    told = {}
    for name in bench.crops:
        last = points[max(points)][name]
        told[name] = {
            "steps": list(points), "protocol": last["protocol"],
            "floors": {floor: methods["knn"] for floor, methods in last["floors"].items()},
            "features": {kind: [found[name]["features"][kind]["knn"] for found in points.values()]
                         for kind in last["features"]},
        }  # fmt: skip
    return told


def draw(told: Mapping[str, Any], path: Path) -> None:
    """A panel for each set of fields: lines of [CLS] and the mean of the last stage, floors as horizontal bands."""
    figure = matplotlib.figure.Figure(figsize=(5.6 * len(told), 4.9), layout="constrained")
    panels = figure.subplots(1, len(told), sharey=True, squeeze=False)[0]
    for axes, (name, one) in zip(panels, told.items(), strict=True):
        floors(axes, one)
        for kind, colour in DRAWN.items():
            values = one["features"].get(kind)
            if values:
                axes.plot(one["steps"], [each["accuracy"] for each in values], color=colour, linewidth=2, marker="o",
                          markersize=4, label=f"{IN_WORDS[kind]}, trained", zorder=3)  # fmt: skip
        about = one["protocol"]
        axes.set_title(f"{name}: {about['organs']} organs, {about['scans']} scans, {about['crops']} crops of 64 mm",
                       fontsize=10)  # fmt: skip
        axes.set_xlabel("optimiser steps of pretraining")
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(6, integer=True))
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1))
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(0, 1)
        axes.margins(x=0.02)
    panels[0].set_ylabel("3-NN accuracy, scan left out")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle("Does pretraining beat its floors?", fontsize=13, fontweight="bold")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def floors(axes: Any, one: Mapping[str, Any]) -> None:
    """Fresh encoders as bands of two standard deviations to either side; raw voxels, brightness and chance as lines."""
    for kind, colour in DRAWN.items():
        floor = one["floors"].get(f"random {kind}")
        if floor:
            middle, spread = floor["accuracy"], 2 * floor.get("sd", 0)
            axes.axhspan(middle - spread, middle + spread, color=colour, alpha=0.16, linewidth=0, zorder=1,
                         label=f"{IN_WORDS[kind]}, fresh weights ± 2 sd")  # fmt: skip
            axes.axhline(middle, color=colour, linewidth=0.8, alpha=0.7, zorder=1)
    for name, colour, dashes in (("raw voxels", RAW, (0, (6, 2))), ("brightness", BRIGHTNESS, (0, (2, 1.5)))):
        axes.axhline(
            one["floors"][name]["accuracy"], color=colour, linestyle=dashes, linewidth=1.4, label=name, zorder=2
        )


def models_of(pairs: Sequence[str]) -> dict[str, Path]:
    """{"first": path} of "first=path"; commas may stand between pairs.

    Raises:
        InputError: a pair without a name, or a name twice.
    """
    found: dict[str, Path] = {}
    for pair in (part for text in pairs for part in text.split(",") if part):
        name, mark, path = pair.partition("=")
        if not (name and mark and path) or name in found:
            raise InputError("is no model", where=pair, expected="name=path of weights, each name once")
        found[name] = Path(path)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=[], help="name=path of weights with a card")
    parser.add_argument("--curves", type=Path, help="folder of step_000123.pt with cards")
    parser.add_argument("--patients", type=int, default=PATIENTS, help="phantoms")
    parser.add_argument("--encoders", type=int, default=5, help="with fresh weights, as a floor")
    parser.add_argument("--rounds", type=int, default=10_000, help="of the bootstrap")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    args = parser.parse_args()
    models = models_of(args.models)
    if not models and args.curves is None:
        parser.error("give --models, --curves, or both")
    if args.curves is not None:
        steps_of(args.curves)
    real = real_fields()
    sets = {"phantoms": phantom_fields(args.patients, SPACING), **({"real scans": real} if real else {})}
    bench = Bench(sets, "cuda" if torch.cuda.is_available() else "cpu", args.encoders, args.rounds)
    tables: dict[str, Any] = {}
    for name, path in models.items():
        tables[name] = {"sha256": read_card(path).get("sha256"), "fields": bench.judged(path)}
        for place, found in tables[name]["fields"].items():
            print(f"\n{name} on {place}:", *in_words(found), sep="\n  ", flush=True)
    told = curves(bench, args.curves) if args.curves is not None else None
    if told:
        draw(told, args.picture)
        print(f"\npicture: {args.picture.name}")
    # places of files are the user's own: only their last names are kept
    words = [re.sub(r"[^=,\s]*/", "", word) for word in sys.argv[1:]]
    write_json(args.output, {
        "command": shlex.join(["python", "benchmarks/learning.py", *words]), "date": str(date.today()),
        "hardware": hardware(), "versions": versions(), "real_fields": bool(real), "spacing": SPACING, "side": SIDE,
        "models": tables, "curves": told,
    })  # fmt: skip
    print(f"results: {args.output.name}")


if __name__ == "__main__":
    main()
