"""What pretraining buys on real lung nodules: scratch, linear probe and fine-tuning on three folds of LIDC-IDRI crops.

An encoder is pretrained on the real CTs and the unlabelled crops; then `smart_lidc_classify` trains every model of every
fold on 25, 50 and 100 % of the labels, and all are compared on the same held-out patients, with what size alone gives.
The crops are those of 582 nodules of 332 patients (LIDC-IDRI, CC BY 3.0), each with an image and a mask.

The encoder saw the images of held-out patients too, never their labels.

python benchmarks/lidc.py DATA --work WORK [--parallel 2]
    DATA holds lidc_vois/ and chest_2mm/; writes benchmarks/results/lidc.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from smart_nets.classify.compare import compare
from smart_nets.classify.lesions.crops import LesionCrops
from smart_nets.classify.lesions.lists import lesion_list
from smart_nets.classify.report.compare_page import write_compare_report
from smart_nets.files import write_json
from smart_nets.training.run_record import hardware, versions

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "lidc.json"
PRETRAIN, CLASSIFY = (ROOT / "bundles" / name / "configs" for name in ("smart_pretrain", "smart_lidc_classify"))
SPACING, FOLDS = 1.25, 3
VISITS_PER_CT = 24  # crops of a whole chest for one of a nodule
PRETRAIN_MINUTES = 20.0
FRACTIONS = (1.0, 0.5, 0.25)
PROBE_EPOCHS, MOST_LONGER = 20, 1.5  # with fewer labels: more epochs, up to half as many again
MODELS = {"from scratch": ["from_scratch.json"], "fine-tuned": [], "linear probe": ["linear_probe.json"]}


def pretraining_data(data: Path, work: Path) -> Path:
    """Datalist of the whole chests and of the crops in cubes of 50 mm, without their labels."""
    folder = work / "unlabelled"
    folder.mkdir(parents=True, exist_ok=True)
    items = lesion_list(data / "lidc_vois")
    crops = LesionCrops(work / "cubes", [40] * 3, [SPACING] * 3)
    entries = []
    for item in crops.prepare(items):
        cube = crops.get(item)
        path = folder / f"{item['row']:04d}.nii.gz"
        nib.save(nib.Nifti1Image(np.asarray(cube.array), cube.affine), path)
        entries.append({"image": str(path), "patient_id": item["patient_id"]})
    for path in sorted((data / "chest_2mm").glob("*.nii.gz")):
        if "__" not in path.name:  # what follows two underscores is a mask
            entries += [{"image": str(path), "patient_id": path.name.split(".")[0]}] * VISITS_PER_CT
    (work / "unlabelled.json").write_text(json.dumps(entries))
    return work / "unlabelled.json"


def bundle(configs: Sequence[Path | str], log: Path, **options: Any) -> None:
    """Run a bundle as a user does, on one thread; RuntimeError with the end of its log when it fails."""
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str([str(one) for one in configs]), *flags]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    with log.open("w") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{log}: " + " ".join(log.read_text().splitlines()[-3:]))


def pretrain(data: Path, work: Path, minutes: float) -> Path:
    """The encoder; made once."""
    weights = work / "encoder" / "models" / "model.pt"
    if not weights.is_file():
        overlay = work / "pretrain.json"
        changes = {
            "volume_cache#foreground": -2000.0,  # keep whole cubes: most of them is lung
            "architecture#input_mean": 0.25, "architecture#input_std": 0.3,
        }  # fmt: skip
        overlay.write_text(json.dumps(changes))
        # size and density tell malignancy: views keep their size and nearly their HU; a cube has room for one place
        options = {
            "preset": "small", "dataset_dir": pretraining_data(data, work), "output_dir": work / "encoder",
            "spacing": [SPACING] * 3, "hu_window": [-1000, 400], "visits_per_epoch": 1, "minutes": minutes,
            "batch_size": 24, "places": 1, "tissue": 0.0, "zoom": [1.0, 1.0], "hu_gain": 0.05, "hu_offset": 20.0,
        }  # fmt: skip
        bundle([PRETRAIN / "train.json", overlay], work / "pretrain.log", **options)
    return weights


def jobs(weights: Path, work: Path, fractions: Sequence[float]) -> Iterator[tuple[Path, list[Path], dict[str, Any]]]:
    """(output folder, configs, options) of every model to train; the long ones first."""
    for fraction in fractions:
        for fold in range(FOLDS):
            for name, overlays in MODELS.items():
                folder = work / f"{name.replace(' ', '_')}_{round(100 * fraction)}_fold{fold}"
                configs = [CLASSIFY / one for one in ["train.json", *overlays]]
                options: dict[str, Any] = {"fold": fold, "train_fraction": fraction}
                if name != "from scratch":
                    options["pretrained"] = weights
                yield folder, configs, options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="for the encoder, the models and their reports")
    parser.add_argument("--parallel", type=int, default=1, help="models trained at once")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--fractions", type=float, nargs="+", default=FRACTIONS, help="of the labels")
    parser.add_argument("--minutes", type=float, default=PRETRAIN_MINUTES, help="of pretraining")
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    weights = pretrain(args.data, args.work, args.minutes)
    todo = list(jobs(weights, args.work, args.fractions))

    def train(job: tuple[Path, list[Path], dict[str, Any]]) -> None:
        folder, configs, options = job
        if not (folder / "eval" / "metrics.json").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            epochs = round(args.epochs * min(1 / options["train_fraction"], MOST_LONGER))
            epochs = PROBE_EPOCHS if "linear" in folder.name else epochs
            bundle(configs, folder / "log.txt", preset="tiny", dataset_dir=args.data / "lidc_vois", output_dir=folder,
                   cache_dir=args.work / "cache", spacing=[SPACING] * 3, max_epochs=epochs, **options)  # fmt: skip
            print(f"{time.perf_counter() - start:6.0f} s  {folder.name}", flush=True)

    with ThreadPoolExecutor(args.parallel) as pool:
        list(pool.map(train, todo))
    found = compare([folder for folder, _, _ in todo])
    write_json(args.work / "compare.json", found)
    write_compare_report(args.work / "compare.json")
    for evaluations in found["models"].values():
        for one in evaluations.values():
            del one["curves"]  # drawn in the report; the numbers are what is kept here
    encoder = json.loads((args.work / "encoder" / "eval" / "run.json").read_text())
    write_json(args.output, {
        "command": "python benchmarks/lidc.py DATA --work WORK", "date": str(date.today()), "hardware": hardware(),
        "versions": versions(), "epochs": args.epochs, "fractions": list(args.fractions),
        "pretraining_minutes": round(encoder["seconds"] / 60, 1), "encoder_parameters": encoder["model"]["parameters"], **found,
    })  # fmt: skip


if __name__ == "__main__":
    main()
