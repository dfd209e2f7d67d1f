"""Search by looks: how long 100,000 crops take, and how often the nearest crops of other patients are of a kind.

Time and memory are those of a process of its own, which reads a file of 100,000 features of 256 random numbers, asks it
once, and then judges a sample, as `smart-nets similar` does; the few seconds of the encoder are not in it. With real data,
precision at 1, 5 and 10 beside chance and raw voxels: organs in crops of 64 mm (six a field, moved by up to 12 mm, scans left
out), and lung nodules (LIDC-IDRI, patients left out), there beside a ruler too.

python benchmarks/similar.py [SMART_REAL_DATA] [--model WEIGHTS]
    prints the result, writes benchmarks/results/similar.json; SMART_REAL_DATA holds organ_fields_dev_2mm.npz and lidc_vois/
"""

from __future__ import annotations

import argparse
import json
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

CROPS, WIDTH, PATIENTS = 100_000, 256, 20_000
RESULTS = Path(__file__).parent / "results" / "similar.json"
WRITE, MEASURE = "--write", "--measure"


def write_random(path: Path) -> None:
    """Features as `smart-nets features` writes them, of random numbers."""
    from smart_nets.statistics.features import Features, save_features
    from smart_nets.statistics.places import crop_places

    rng = np.random.default_rng(0)
    vectors = {"pooled": rng.normal(size=(CROPS, WIDTH)).astype(np.float32)}
    patients = np.array([f"{number:012x}" for number in rng.integers(0, PATIENTS, CROPS)])
    places = crop_places({"image": f"/scans/{n // 5}.nii.gz", "centre_mm": [0.0, 0.0, 0.0]} for n in range(CROPS))
    card = {"sha256": "0" * 64, "spacing": [2.0] * 3, "crop_size": [32] * 3, "hu_window": [-175, 250]}
    labels, sizes = rng.integers(0, 2, CROPS), np.full(CROPS, np.nan)
    save_features(path, Features(vectors, np.arange(CROPS), patients, sizes, labels, card, places))


def measure(path: Path) -> dict[str, Any]:
    """Seconds and MB of reading and asking, then of judging; in a process that has done nothing before."""
    from smart_nets.similar.gallery import read_gallery
    from smart_nets.statistics.retrieval import by_cosine, nearest_to, retrieval_precision

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    start = time.perf_counter()
    gallery = read_gallery([path])
    read = time.perf_counter()
    nearest_to(gallery.unit, gallery.unit[0], gallery.patients != gallery.patients[0], 12)
    asked = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    found = retrieval_precision({"features": by_cosine(gallery.unit)}, gallery.labels, gallery.patients)
    return {
        "crops": CROPS, "numbers_each": WIDTH, "read_s": round(read - start, 2), "search_s": round(asked - read, 3),
        "answer_s": round(asked - start, 2), "peak_mb": round(peak), "imports_mb": round(before),
        "judge_s": round(time.perf_counter() - asked, 1), "judged": found["judged"],
        "peak_with_judging_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10),
    }  # fmt: skip


def in_a_process(what: str, path: Path) -> str:
    """What it prints; started while this process is small, for Linux counts what a parent held when it forked, too."""
    command = [sys.executable, __file__, what, str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def judged(vectors: dict[str, Any], raw: Any, labels: Any, patients: Any, sizes: Any = None) -> dict[str, Any]:
    """Precision of every feature beside raw voxels, size and chance."""
    from smart_nets.similar.find import FEATURE, RAW, SIZE
    from smart_nets.statistics.retrieval import by_cosine, by_size, retrieval_precision, unit_rows

    def alike(values: Any) -> Any:
        return by_cosine(unit_rows(values, values.mean(0, dtype=np.float64)))

    floors = {RAW: alike(raw), **({} if sizes is None else {SIZE: by_size(sizes)})}
    return {
        name: retrieval_precision({FEATURE: alike(value), **floors}, labels, patients)
        for name, value in vectors.items()
    }


def on_fields(data: Path, model: Path) -> dict[str, Any]:
    """Organs: crops cut as `organs.judge` does."""
    from smart_nets.organs.fields import cut, read_fields
    from smart_nets.organs.probe import raw_voxels
    from smart_nets.statistics.knn import extract_features
    from smart_nets.weights.build import load_encoder
    from smart_nets.weights.io import read_card

    low, high = read_card(model)["hu_window"]
    crops = cut(read_fields(data / "organ_fields_dev_2mm.npz", 2.0, "RAS"))
    images = crops.images((low, high))
    return judged(extract_features(load_encoder(model), images), raw_voxels(images), crops.organs, crops.scans)


def on_lesions(data: Path, model: Path, cache: Path) -> dict[str, Any]:
    """Malignancy of nodules, as `smart-nets features` and `similar` do."""
    from smart_nets.classify.probe.extract import features_of
    from smart_nets.similar.crops import RowCrops
    from smart_nets.similar.gallery import read_gallery
    from smart_nets.statistics.features import save_features

    found = features_of(data / "lidc_vois", model, cache)
    save_features(cache / "lidc.npz", found)
    raw = RowCrops(read_gallery([cache / "lidc.npz"]), cache).raw()
    return judged(dict(found.vectors), raw, found.labels, found.patients, found.sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--model", type=Path, default=None)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        in_a_process(WRITE, Path(folder) / "random.npz")
        speed = json.loads(in_a_process(MEASURE, Path(folder) / "random.npz"))
    from smart_nets.training.run_record import hardware, versions
    from smart_nets.weights.default_model import shipped_model

    model = args.model or shipped_model()
    told = ["python", "benchmarks/similar.py", *(["SMART_REAL_DATA"] if args.data else [])]
    record = {
        "command": shlex.join(told),
        "date": date.today().isoformat(),
        "hardware": hardware(),
        "versions": versions(),
    }
    record["speed"] = speed
    with tempfile.TemporaryDirectory() as folder:
        if args.data:
            record["model"] = model.name
            record["organs"] = on_fields(args.data, model)
            record["lesions"] = on_lesions(args.data, model, Path(folder))
    print(json.dumps(record, indent=2))
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == [WRITE]:
        write_random(Path(sys.argv[2]))
    elif sys.argv[1:2] == [MEASURE]:
        print(json.dumps(measure(Path(sys.argv[2]))))
    else:
        main()
