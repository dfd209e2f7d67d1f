"""Tumours and organs outlined by networks that had the same cases, the same folds and the same minutes.

    python benchmarks/segment.py [DATA] --work WORK [--labels "{'tumour': 1}"] [--minutes 6] [--epochs 4] [--fractions 1.0 0.25]
        [--folds 4] [--methods ours scratch frozen frozen_random swin_unetr dynunet nnunet] [--set "--phantoms 24"]
        [--chest SCAN] [--output FILE]

DATA is what smart_segment takes as dataset_dir; without it, phantoms. A run that has ended is never done again: the
same command goes on. Each run is the bundle's own train.json; MONAI's networks are overlays in
benchmarks/segment_networks, nnU-Net (`pip install nnunetv2`) is a program there. On a busy machine equal minutes are not
equal work: --epochs gives all the same steps.
Prints a table, writes it with intervals over patients and paired differences to benchmarks/results/segment.json, and a page to
WORK. With --chest, what outlining one scan costs with the first model that was trained.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from smart_nets.errors import InputError, show_one_sentence
from smart_nets.files import write_json
from smart_nets.pages.measures import measure_of
from smart_nets.pages.record import read_json
from smart_nets.segment.compare import compare_segmentations
from smart_nets.segment.report.compare_page import write_segment_comparison
from smart_nets.training.run_record import hardware, versions

ROOT = Path(__file__).parents[1]
CONFIGS, NETWORKS = ROOT / "bundles" / "smart_segment" / "configs", ROOT / "benchmarks" / "segment_networks"
OVERLAYS = {
    "ours": [],
    "scratch": [CONFIGS / "from_scratch.json"],
    "frozen": [CONFIGS / "frozen.json"],
    "frozen_random": [CONFIGS / "from_scratch.json", CONFIGS / "frozen.json"],
    "swin_unetr": [NETWORKS / "swin_unetr.json"],
    "dynunet": [NETWORKS / "dynunet.json"],
}
NNUNET = "nnunet"  # with its own planner and training, where nnunetv2 is installed


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--labels", help="names and values, as smart_segment takes them")
    parser.add_argument("--minutes", type=float, default=6.0, help="of training, each")
    parser.add_argument("--epochs", type=int, help="instead of minutes")
    parser.add_argument("--fractions", type=float, nargs="+", default=[1.0])
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--only_folds", type=int, nargs="+", help="some of them")
    parser.add_argument("--methods", nargs="+", default=["ours", "scratch", "dynunet"], choices=[*OVERLAYS, NNUNET])
    parser.add_argument("--set", default="", help="further settings of every run")
    parser.add_argument("--chest", type=Path, help="a scan whose outlines are timed")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "segment.json")
    return parser.parse_args()


def train(args: argparse.Namespace, method: str, fraction: float, fold: int) -> Path:
    """One run by its bundle, unless it has ended; returns its folder. InputError: it failed; its log tells why."""
    folder = args.work / f"{method}_{fraction:g}" / f"fold_{fold}"
    done, asked = folder / "eval" / "metrics.json", folder / "asked.json"
    length = {"max_epochs": args.epochs} if args.epochs else {"minutes": args.minutes}
    wanted = {**length, "folds": args.folds, "data": args.data, "labels": args.labels, "set": args.set}
    if done.is_file():
        if read_json(asked) != wanted:
            what, remedy = "holds a run of another command", "give another --work"
            raise InputError(what, where=folder, expected=wanted, found=read_json(asked), remedy=remedy)
        return Path(folder)
    write_json(asked, wanted)
    options = {
        "fold": fold, "folds": args.folds, "train_fraction": fraction, **length, "output_dir": folder,
        "cache_dir": args.work / "cache",
        **({"dataset_dir": args.data} if args.data else {}), **({"labels": args.labels} if args.labels else {}),
    }  # fmt: skip
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))] + shlex.split(args.set)
    if method == NNUNET:
        program = [str(NETWORKS / "nnunet.py")]
    else:
        files = [str(one) for one in (CONFIGS / "train.json", *OVERLAYS[method])]
        program = ["-m", "monai.bundle", "run", "--config_file", str(files), "--resume", "false"]
    command = [sys.executable, *program, *flags]
    log, start = folder / "log.txt", time.perf_counter()
    with log.open("w") as file:
        environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=environment, check=False).returncode
    if code or not done.is_file():
        last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-1:]
        raise InputError("run failed", where=log, found=" ".join(last) or f"exit code {code}", remedy="read the log")
    dice = measure_of(read_json(done)["mean_dice"]).number()
    print(
        f"{method}, {fraction:.0%}, fold {fold}: {time.perf_counter() - start:.0f} s in all, mean Dice {dice}",
        flush=True,
    )
    return Path(folder)


def table_of(args: argparse.Namespace, fraction: float) -> dict[str, Any]:
    """All methods at one share of the training patients: their summaries, and differences from the first."""
    folds = args.only_folds or list(range(args.folds))
    runs = [train(args, method, fraction, fold) for fold in folds for method in args.methods]
    found = compare_segmentations(runs)
    for name, one in found["models"].items():
        each = ", ".join(f"{label} {measure_of(told['dice']).number()}" for label, told in one["classes"].items())
        print(f"{fraction:.0%} | {name} | {measure_of(one['mean_dice']).text()} | {each}", flush=True)
    if "place" in found:
        print(f"{fraction:.0%} | place alone | {measure_of(found['place']['mean_dice']).text()}", flush=True)
    path = args.work / f"compare_{fraction:g}.json"
    write_json(path, found)
    print(f"page: {write_segment_comparison(path)}")
    return found


def cost(scan: Path, model: Path) -> dict[str, Any]:
    """Seconds for reading and outlining one scan, and the largest memory of a process of its own, in GB."""
    code = (
        "import json, resource, sys, time\n"
        "from smart_nets.scans.read import read_checked\n"
        "from smart_nets.segment.predict import ScanSegmenter\n"
        "from smart_nets.weights.build import build_segmenter\n"
        "from smart_nets.weights.io import load_weights, read_card\n"
        "card = read_card(sys.argv[2]); network = build_segmenter(card)\n"
        "load_weights(network, sys.argv[2], left_out=('coarse.',)); begin = time.perf_counter()\n"
        "scan = read_checked(sys.argv[1])\n"
        "ScanSegmenter(network, card['crop_size'], card['spacing'], card['hu_window'])(scan)\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20\n"
        "print(json.dumps({'voxels': scan.array.shape, 'spacing': card['spacing'], 'seconds': time.perf_counter() - begin,"
        " 'peak_gb': peak}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(scan), str(model)], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"one chest: {found['seconds']:.0f} s, {found['peak_gb']:.1f} GB", flush=True)
    return found


def main() -> None:
    show_one_sentence()
    args = arguments()
    args.work = args.work.resolve()
    tables = {f"{fraction:g}": table_of(args, fraction) for fraction in args.fractions}
    model = (
        args.work
        / f"{args.methods[0]}_{args.fractions[0]:g}"
        / f"fold_{(args.only_folds or [0])[0]}"
        / "models"
        / "model.pt"
    )
    chest = cost(args.chest, model) if args.chest else None
    words = [re.sub(r"[^=\s]*/", "", word) for word in sys.argv[1:]]  # folders are the user's own
    write_json(args.output, {
        "command": shlex.join(["python", "benchmarks/segment.py", *words]), "date": str(date.today()),
        "hardware": hardware(), "versions": versions(), "minutes": None if args.epochs else args.minutes, "epochs": args.epochs,
        "folds": args.folds, "one_chest": chest, "tables": tables,
    })  # fmt: skip


if __name__ == "__main__":
    main()
