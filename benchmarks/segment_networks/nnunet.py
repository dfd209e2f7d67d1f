"""nnU-Net with its own planner on the cases of a fold of smart_segment, in as many minutes; called by benchmarks/segment.py.

    python benchmarks/segment_networks/nnunet.py --output_dir FOLDER [--minutes 6 | --max_epochs 4] [--fold 0] [any setting
        of smart_segment that says which cases are learned from: --dataset_dir, --labels, --folds, --train_fraction, ...]

Wants `pip install nnunetv2`. Cases, folds and judgement are those of the bundle's train.json; fingerprint, plan (3d_fullres),
augmentations, training and sliding window are nnU-Net's own. What is set: as many steps as fit into the minutes (the others
make whole epochs), or as many as the others' epochs have, along nnU-Net's falling learning rate in 10 parts; as many
processes that augment as the others have; no test-time mirroring, as the others have none.
"""

from __future__ import annotations

import ast
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.bundle import ConfigParser
from numpy.typing import NDArray

from smart_nets.errors import show_one_sentence
from smart_nets.files import write_json
from smart_nets.scans.read import read_options, read_volume
from smart_nets.scans.volume import Volume
from smart_nets.segment.cases.target import read_target
from smart_nets.segment.results import SegmentResults
from smart_nets.training.run_record import hardware, versions

TRAIN = Path(__file__).parents[2] / "bundles" / "smart_segment" / "configs" / "train.json"
DATASET, PLANS, CONFIGURATION = "Dataset001_cases", "nnUNetPlans", "3d_fullres"
ROUNDS = 10  # of nnU-Net, through which its learning rate falls


def told(words: list[str]) -> dict[str, Any]:
    """{"fold": 0, ...} of --fold 0 ..., values as Python reads them, else as text."""
    found: dict[str, Any] = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        try:
            found[name.removeprefix("--")] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name.removeprefix("--")] = value
    return found


def write_raw(items: list[dict[str, Any]], values: dict[str, Any], others: Any, folder: Path) -> None:
    """Cases as nnU-Net wants them: scans in HU and channels, both in RAS, and dataset.json."""
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, item in enumerate(items):
        scan = read_volume(item["image"], **read_options(item)).to_ras()
        target = read_target(item, scan, values, others)
        nib.save(
            nib.Nifti1Image(scan.array.astype(np.float32), scan.affine), folder / f"imagesTr/{number:04d}_0000.nii.gz"
        )
        nib.save(nib.Nifti1Image(target.astype(np.uint8), scan.affine), folder / f"labelsTr/{number:04d}.nii.gz")
    labels = {"background": 0} | {name: channel for channel, name in enumerate(values, start=1)}
    write_json(folder / "dataset.json", {
        "channel_names": {"0": "CT"}, "labels": labels, "numTraining": len(items), "file_ending": ".nii.gz"
    })  # fmt: skip


def trained(minutes: float | None, steps: int, workers: int) -> Any:
    """nnU-Net's trainer after fingerprint, plan, preprocessing and training on all cases of the raw folder.

    Args:
        minutes: of training, or None. steps: instead of minutes. workers: processes that augment; 0 does it in this one.
    """
    from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess
    from nnunetv2.run.run_training import get_trainer_from_args
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    threads = torch.get_num_threads()
    os.environ.update(nnUNet_n_proc_DA="1", nnUNet_compile="false")  # the planner wants one process
    extract_fingerprints([1], num_processes=1)
    plan_experiments([1])
    preprocess([1], PLANS, configurations=[CONFIGURATION], num_processes=[1])
    torch.set_num_threads(threads)
    os.environ.update(nnUNet_n_proc_DA=str(workers))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    asked = get_trainer_from_args(DATASET, CONFIGURATION, "all", plans_identifier=PLANS, device=device)
    asked.num_epochs, asked.num_val_iterations_per_epoch = ROUNDS, 1
    begin = nnUNetTrainer.on_train_start

    def measured() -> None:
        begin(asked)
        asked.train_step(next(asked.dataloader_train))  # the first takes longer
        start = time.perf_counter()
        asked.train_step(next(asked.dataloader_train))
        asked.train_step(next(asked.dataloader_train))
        second = (time.perf_counter() - start) / 2
        count = steps if minutes is None else minutes * 60 / second
        asked.num_iterations_per_epoch = max(1, round(count / ROUNDS))
        print(f"{second:.2f} s a step here: {ROUNDS} epochs of {asked.num_iterations_per_epoch} steps", flush=True)

    asked.on_train_start = measured
    asked.run_training()
    return asked


def outliner(trainer: Any) -> Any:
    """A scan in RAS -> channels (X, Y, Z) and the share of foreground, 0 or 1, by nnU-Net's sliding window."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(use_mirroring=False, device=trainer.device, allow_tqdm=False)
    trainer.set_deep_supervision_enabled(False)
    trainer.network.eval()
    plans, weights = (trainer.plans_manager, trainer.configuration_manager), [trainer.network.state_dict()]
    predictor.manual_initialization(trainer.network, *plans, weights, trainer.dataset_json, "", None)

    def outline(scan: Volume) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        image = scan.array.astype(np.float32).transpose(2, 1, 0)[None]  # (X, Y, Z) -> (1, Z, Y, X), as SimpleITK reads
        found = predictor.predict_single_npy_array(image, {"spacing": [float(step) for step in scan.spacing[::-1]]})
        chosen = np.ascontiguousarray(found.transpose(2, 1, 0)).astype(np.uint8)  # (Z, Y, X) -> (X, Y, Z)
        return chosen, (chosen > 0).astype(np.float32)

    return outline


def main() -> None:
    show_one_sentence()
    asked = told(sys.argv[1:])
    folder = Path(asked["output_dir"]).resolve()
    places = {
        "nnUNet_raw": folder / "raw",
        "nnUNet_preprocessed": folder / "prepared",
        "nnUNet_results": folder / "results",
    }
    os.environ.update({name: str(path) for name, path in places.items()})
    for path in places.values():  # of a run that did not end, with other cases
        shutil.rmtree(path, ignore_errors=True)
    minutes, epochs = asked.pop("minutes", None), asked.pop("max_epochs", 4)
    parser = ConfigParser()
    parser.read_config(TRAIN)
    parser.update(asked)
    values, others = parser.get_parsed_content("values"), parser.get_parsed_content("other_labels")
    items, held = parser.get_parsed_content("training_items"), parser.get_parsed_content("held_out_items")
    write_raw(items, values, others, places["nnUNet_raw"] / DATASET)
    start = time.perf_counter()
    length, workers = parser.get_parsed_content("steps_per_epoch"), parser.get_parsed_content("num_workers")
    trainer = trained(minutes, epochs * length, workers)
    (folder / "eval").mkdir(exist_ok=True)
    segment = {
        "name": "nnU-Net",
        **{name: parser.get_parsed_content(name) for name in ("train_fraction", "fold", "subset_seed")},
    }
    back = trainer.plans_manager.transpose_backward  # nnU-Net may have turned its axes; then (Z, Y, X) -> (X, Y, Z)
    plan = {
        "crop_size": [int(trainer.configuration_manager.patch_size[axis]) for axis in back][::-1],
        "spacing": [float(trainer.configuration_manager.spacing[axis]) for axis in back][::-1],
        "steps": ROUNDS * trainer.num_iterations_per_epoch,
        "parameters": sum(weight.numel() for weight in trainer.network.parameters()),
    }
    about = {"title": "Segmentation", "segment": segment, "settings": plan, "seconds": time.perf_counter() - start}
    write_json(folder / "eval" / "run.json", {**about, "versions": versions(), "hardware": hardware()})
    floor = parser.get_parsed_content("floor")
    SegmentResults(
        held, outliner(trainer), values, folder / "eval", segment["fold"], others=others, floor=floor
    ).write()


if __name__ == "__main__":
    main()
