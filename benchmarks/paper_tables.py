"""The paper's tables in small: every row trained by its overlay over several seeds, judged, and set beside what was published.

    python benchmarks/paper_tables.py --tables 1 4a --work RUNS [--preset small] [--epochs 20] [--seeds 3] [--budget 6h]
        [--data SCANS] [--fields organ_fields.npz --spacing 2 --orientation RAS] [--lesions LIDC] [--parallel 2]
        [--set "--batch_size 4"]

First says what it will cost; `--plan` stops there. A run that has ended is never done again: the same command goes on. Writes
tables.json and tables.html in RUNS, and benchmarks/results/paper_tables.json. Without --data and --fields, phantoms.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import torch

from smart_nets.errors import ConfigError, InputError, SmartError, show_one_sentence
from smart_nets.files import check_output, write_json
from smart_nets.lists.cache import VolumeCache
from smart_nets.lists.manifest import datalist
from smart_nets.organs.clustering import cluster_organs
from smart_nets.organs.fields import Fields, cut, phantom_fields, read_fields
from smart_nets.organs.judge import FieldJudge
from smart_nets.organs.probe import OrganCrops
from smart_nets.pages.page import duration, save
from smart_nets.phantom import make_dataset
from smart_nets.pretrain.report.snapshots import probe_crops
from smart_nets.scans.window import WINDOW, window_hu
from smart_nets.settings import FROM_1
from smart_nets.tables.figures import sections
from smart_nets.tables.page import tables_html
from smart_nets.tables.plan import Job, jobs_of, known_seconds, read_result, same_plan, seconds_of, told_plan
from smart_nets.tables.rows import SMART, TABLES
from smart_nets.tables.run import Yardstick, judge_run, train_run
from smart_nets.tables.verdicts import table_summary
from smart_nets.training.run_record import hardware, versions
from smart_nets.weights.build import load_encoder
from smart_nets.weights.io import read_card

ROOT = Path(__file__).parents[1]
CONFIGS, RESULTS = (
    ROOT / "bundles" / "smart_pretrain" / "configs",
    ROOT / "benchmarks" / "results" / "paper_tables.json",
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", default=["1"], help=", ".join(TABLES))
    parser.add_argument("--work", type=Path, required=True, help="for the runs and their results")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--epochs", type=int, help="of every run; default the preset's")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", help="such as 6h: no run starts that would not end within it")
    parser.add_argument("--plan", action="store_true", help="say what it will cost, and stop")
    parser.add_argument("--data", help="scans to pretrain on, as dataset_dir")
    parser.add_argument("--fields", type=Path, help=".npz of fields around organs to judge on")
    parser.add_argument("--spacing", type=float, default=2.0, help="mm of a voxel of the fields")
    parser.add_argument("--orientation", default="RAS")
    parser.add_argument("--patients", type=int, default=8, help="phantoms to judge on, without --fields")
    parser.add_argument("--lesions", type=Path, help="labelled lesions, for the linear probe of malignancy")
    parser.add_argument("--parallel", type=int, default=1, help="runs at once")
    parser.add_argument("--set", default="", help="further settings of every run")
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()
    args.work = args.work.resolve()  # lists below it name their scans from wherever they are read
    return args


def phantoms(work: Path) -> Path:
    """A datalist of eight phantoms, tagged in turn so that rows of some scans only can run."""
    items = make_dataset(work / "phantoms", 8)
    tagged = [{**item, "tag": ("lung", "other")[number % 2]} for number, item in enumerate(items)]
    write_json(work / "phantoms.json", {"training": tagged})
    return work.resolve() / "phantoms.json"


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """What every run is given. ConfigError: `--set` is no list of settings, or sets what the command itself does."""
    try:
        words = shlex.split(args.set)
    except ValueError as error:
        raise ConfigError(f"cannot be read ({error})", where="--set", found=args.set) from error
    names = [word.removeprefix("--") for word in words[::2]]
    if len(words) % 2 or not all(word.startswith("--") for word in words[::2]):
        raise ConfigError("is no list of settings", where="--set", expected="'--name value ...'", found=args.set)
    taken = sorted({"preset", "max_epochs", "seed", "dataset_dir", "output_dir", "cache_dir"} & set(names))
    if taken:
        remedy = "give --preset, --epochs, --seeds, --data and --work"
        raise ConfigError("is set by the command itself", where="--set", found=", ".join(taken), remedy=remedy)
    more = dict(zip(names, words[1::2], strict=True))
    given = {
        "preset": args.preset,
        "dataset_dir": args.data or (args.work / "phantoms.json" if args.plan else phantoms(args.work)),
        "max_epochs": args.epochs,
        **more,
    }
    cache = {"cache_dir": str(args.work.resolve() / "cache")}  # the prepared voxels are the same for all
    return {name: value for name, value in given.items() if value is not None} | cache


def yardstick_of(args: argparse.Namespace) -> dict[str, Any]:
    """What all runs of a work folder are judged by."""
    fields = (
        {"fields": args.fields.resolve(), "orientation": args.orientation}
        if args.fields
        else {"patients": args.patients}
    )
    return {**fields, "spacing": args.spacing, "lesions": args.lesions.resolve() if args.lesions else None}


def first_cost(jobs: list[Job], settings: dict[str, Any], yardstick: Yardstick, threads: int) -> float:
    """Seconds of a run: of those that have ended, or of one that is done now."""
    known = sorted(known_seconds(jobs))
    if known:
        return known[len(known) // 2]
    for job in jobs:
        print(f"no run has ended yet: {job.row.name} is done first, to know what one costs", flush=True)
        if ended(job, settings, yardstick, threads):
            return next(known_seconds(jobs))
    raise InputError("not one run ended", where="all rows", remedy="see the sentences above")


def ended(job: Job, settings: dict[str, Any], yardstick: Yardstick, threads: int) -> bool:
    """Run and judge; a row that fails is told and must not cost the others."""
    try:
        seconds = train_run(job, CONFIGS, settings, threads)
        found = judge_run(job, yardstick, seconds)
    except SmartError as error:
        print(f"{job.row.name}, seed {job.seed} failed: {error}", flush=True)
        return False
    ratio, right = found["clusters"][found["feature"]]["ratio"], found["knn"][found["feature"]]
    print(f"{job.row.name}, seed {job.seed}: {duration(seconds)}, ratio {ratio:.2f}, 3-NN {right:.3f}", flush=True)
    return True


def run_all(jobs: list[Job], settings: dict[str, Any], yardstick: Yardstick, args: argparse.Namespace) -> None:
    """All that are left, within the budget."""
    threads = max(1, (os.cpu_count() or 1) // args.parallel)
    start, budget = time.perf_counter(), seconds_of(args.budget) if args.budget else None
    if args.plan and not list(known_seconds(jobs)):
        print(f"{len(jobs)} runs; what one costs is not known before one has ended")
        return
    each = first_cost(jobs, settings, yardstick, threads)
    print("\n".join(told_plan(jobs, each, args.parallel, budget)), flush=True)
    if args.plan:
        return

    def one(job: Job) -> None:
        if not job.done and (budget is None or time.perf_counter() - start + each <= budget):
            ended(job, settings, yardstick, threads)

    with ThreadPoolExecutor(args.parallel) as pool:
        list(pool.map(one, jobs))


def told(word: str) -> str:
    """A word of the command line without the folders of its paths, which are the user's own."""
    return re.sub(r"[^=\s]*/", "", word)


def collected(jobs: list[Job], args: argparse.Namespace, fields: Fields) -> dict[str, Any]:
    """tables.json: every table over the runs that have ended, and the floors."""
    known = {job.folder: read_result(job.result) for job in jobs if job.done}
    tables = {}
    for name in args.tables:
        results: dict[str, dict[int, Any]] = defaultdict(dict)
        for job in jobs_of([name], args.seeds, args.work):
            if job.folder in known:
                results[job.row.name][job.seed] = known[job.folder]
        tables[name] = table_summary(TABLES[name], results)
    done = sorted((job for job in jobs if job.done), key=lambda job: job.row.name != SMART)[
        0
    ]  # whose fresh weights are a floor
    card = read_card(done.folder / "models" / "model.pt")
    judged = FieldJudge(cut(fields, 32), (float(card["hu_window"][0]), float(card["hu_window"][1])), 3)
    floors = {**judged.plain_floors(), **judged.random_floors(card["architecture"])}
    samples = OrganCrops(judged.images, judged.crops.organs.tolist(), judged.crops.scans.tolist())
    encoder = load_encoder(done.folder / "models" / "model.pt")
    ratios = cluster_organs(encoder, card, samples, args.work / "floors.json", seeds=0)["floors"]
    size = read_result(done.result).get("auc_of_size")
    words = [told(word) for word in sys.argv[1:]]
    return {
        "command": shlex.join(["python", "benchmarks/paper_tables.py", *words]), "date": str(date.today()),
        "hardware": hardware(), "versions": versions(),
        "settings": {"preset": args.preset, "epochs": args.epochs, "seeds": args.seeds, "more": told(args.set),
                     "scans": Path(args.data).name if args.data else "phantoms",
                     "judged on": args.fields.name if args.fields else f"{args.patients} phantoms",
                     "lesions": args.lesions.name if args.lesions else "none", "runs": len(known)},
        "floors": {name: {kind: float(right[kind].mean()) for kind in right} | {"ratio": ratios.get(name, {}).get("ratio")}
                   for name, right in floors.items()} | ({} if size is None else {"lesion size": {"auc": size}}),
        "tables": tables,
    }  # fmt: skip


def example(args: argparse.Namespace) -> torch.Tensor:
    """The crop that pictures show, (1, 1, 64, 64, 64) in [0, 1]: the middle of the first scan, or of a phantom's liver."""
    if args.data:
        cache = VolumeCache(args.work / "cache" / "volumes", [args.spacing] * 3)
        return probe_crops(datalist(args.data)[:1], cache, [64] * 3, WINDOW, 1)
    hu = phantom_fields(2, args.spacing, 64, 0.0).hu[0]
    return window_hu(torch.from_numpy(hu).float(), *WINDOW)[None, None]  # (D, H, W) -> (1, 1, D, H, W)


def main() -> None:
    show_one_sentence()
    args = arguments()
    FROM_1.check("parallel", args.parallel)
    check_output(args.work)
    jobs, settings = jobs_of(args.tables, args.seeds, args.work), settings_of(args)
    plan = {**settings, **yardstick_of(args)}
    if not args.plan:
        same_plan(args.work, {name: str(value) for name, value in plan.items() if name != "cache_dir"})
    fields = (
        read_fields(args.fields, args.spacing, args.orientation)
        if args.fields
        else phantom_fields(args.patients, args.spacing)
    )
    run_all(jobs, settings, Yardstick(fields, args.lesions), args)
    if args.plan or not any(job.done for job in jobs):
        return
    found = collected(jobs, args, fields)
    write_json(args.work / "tables.json", found)
    write_json(args.output, found)
    figures = sections(args.work, args.tables, example(args), args.spacing)
    page = save(tables_html(found, figures), args.work / "tables.html")
    print(f"page: {page}")


if __name__ == "__main__":
    main()
