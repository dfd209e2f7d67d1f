"""One run of a table: a pretraining by its bundle, as a user does it, and what its frozen encoder knows afterwards."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smart_nets.classify.probe.extract import features_of
from smart_nets.classify.probe.run import probe_features
from smart_nets.errors import InputError
from smart_nets.files import write_json
from smart_nets.organs.clustering import cluster_organs
from smart_nets.organs.fields import Fields, cut
from smart_nets.organs.judge import FieldJudge
from smart_nets.organs.probe import OrganCrops
from smart_nets.statistics.features import save_features
from smart_nets.tables.plan import Job, read_result
from smart_nets.weights.build import load_encoder
from smart_nets.weights.io import read_card

TRAINED = "trained.json"
TRIES = 2  # a UMAP plane is drawn from this many seeds in every run


@dataclass(frozen=True)
class Yardstick:
    """What all runs are judged on: fields around organs, and lesions with labels where there are some."""

    fields: Fields
    lesions: Path | None = None


def train_run(job: Job, configs: Path, settings: Mapping[str, Any], threads: int) -> float:
    """Pretrain, unless it has been done; returns wall seconds.

    Raises:
        InputError: the run failed; the sentence ends its log.
    """
    done = job.folder / TRAINED
    if done.is_file():
        return float(read_result(done)["seconds"])
    job.folder.mkdir(parents=True, exist_ok=True)
    files = [configs / "train.json"] + ([configs / "methods" / job.row.overlay] if job.row.overlay else [])
    given = {**settings, **job.options, "seed": job.seed, "output_dir": str(job.folder)}
    flags = [part for name, value in given.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str([str(one) for one in files]), *flags]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    log, start = job.folder / "log.txt", time.perf_counter()
    with log.open("w") as file:
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=environment, check=False).returncode
    if code:
        last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-1:]
        raise InputError("run failed", where=log, found=" ".join(last) or f"exit code {code}", remedy="read the log")
    write_json(done, {"seconds": round(time.perf_counter() - start, 1)})
    return time.perf_counter() - start


def judge_run(job: Job, yardstick: Yardstick, seconds: float) -> dict[str, Any]:
    """Organs by neighbours and as clusters, malignancy by a linear probe, how training went; written as result.json."""
    weights = job.folder / "models" / "model.pt"
    card, encoder = read_card(weights), load_encoder(weights)
    side, window = min(card["crop_size"]), (float(card["hu_window"][0]), float(card["hu_window"][1]))
    crops = cut(yardstick.fields, min(side, 32))
    judged = FieldJudge(crops, window, 0)
    rights = judged.encoder(encoder)
    feature = next(iter(rights))  # [CLS], or pooled without semantic attention, as the paper takes them
    samples = OrganCrops(judged.images, crops.organs.tolist(), crops.scans.tolist())
    clusters = cluster_organs(encoder, card, samples, job.folder / "clusters.json", encoders=0, seeds=TRIES)
    found = {
        "row": job.row.name, "seed": job.seed, "seconds": round(seconds, 1), "feature": feature,
        "crop_size": card["crop_size"], "parameters": sum(p.numel() for p in encoder.parameters()),
        "knn": {name: float(right["knn"].mean()) for name, right in rights.items()},
        "logistic": {name: float(right["logistic"].mean()) for name, right in rights.items()},
        "clusters": clusters["features"], **_probe(job, yardstick.lesions, feature), "curve": _curve(job.folder),
    }  # fmt: skip
    write_json(job.result, found)
    return found


def _probe(job: Job, lesions: Path | None, feature: str) -> dict[str, float | None]:
    """AUC of a linear probe of malignancy, folds by patient, and of the lesions' diameter alone, which needs no network."""
    if lesions is None:
        return {"auc": None, "auc_of_size": None}
    table = features_of(lesions, job.folder / "models" / "model.pt", job.folder.parents[1] / "lesions")
    path = job.folder / "features.npz"
    save_features(path, table)
    found = probe_features(path, job.folder / "probe", feature=feature)
    size = found["size_only"]["auc"]["value"] if found["size_only"] else None
    return {"auc": found["metrics"]["auc"]["value"], "auc_of_size": size}


def _curve(folder: Path) -> dict[str, Any]:
    """AMPD of every step and how unsteady it is (Fig. 11): the SD of its changes over the SD of its values."""
    lines = (folder / "eval" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    values = [one["ampd"] for one in map(json.loads, lines) if "ampd" in one]
    return {"ampd": [round(value, 4) for value in values], "roughness": roughness(values)}


def roughness(values: Sequence[float]) -> float | None:
    """SD of the changes from step to step over the SD of the values after the first tenth: 1.41 is noise, 0 a smooth curve."""
    rest = list(values)[len(values) // 10 :]
    if len(rest) < 3:
        return None
    changes = [b - a for a, b in itertools.pairwise(rest)]
    spread = _sd(rest)
    return _sd(changes) / spread if spread else None


def _sd(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
