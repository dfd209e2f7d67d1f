"""How well attention localises tumours that nobody told it of, beside two floors; and what a whole chest costs.

python benchmarks/localize.py DATA --model MODEL --work WORK

DATA holds the folders `chest_2mm` and `sts` (scans with masks of tumours beside them) and `lidc0001_slab_dicom.zip` with
`lidc0001_slab_nodules.nii.gz`; MODEL is the encoder of `make pretrain`. The table goes to results/localize.json, pictures
and reports to WORK.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import time
import zipfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import torch

from smart_nets.files import write_json
from smart_nets.lists.outlines.tumours import tumour_list
from smart_nets.lists.scan_names import with_names
from smart_nets.localize.marking import Marking
from smart_nets.localize.phantom_tumours import phantom_tumours
from smart_nets.localize.report.outputs import OverlayWriter
from smart_nets.localize.report.page import write_localize_report
from smart_nets.localize.scan_attention import ScanAttention
from smart_nets.localize.scans import LocalizeScans
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.scans.read import read_checked
from smart_nets.training.run_record import hardware, versions
from smart_nets.weights.build import load_encoder
from smart_nets.weights.io import read_card

RESULTS = Path(__file__).parent / "results" / "localize.json"
PHANTOMS = 20
FINE = [2.0, 2.0, 2.0]
SLAB_SIZE = [32, 32, 32]  # 64 mm at 2 mm: the slab is 40 mm high


def real_tumours(data: Path, work: Path) -> list[dict[str, Any]]:
    """Lung tumours of 67 ml and 1.4 ml, four sarcomas, and a nodule of 24 mm as DICOM."""
    slab = work / "slab"
    with zipfile.ZipFile(data / "lidc0001_slab_dicom.zip") as archive:
        archive.extractall(slab)
    (folder,) = {path.parent for path in slab.rglob("*.dcm")}
    entry = {"image": str(folder), "label": str(data / "lidc0001_slab_nodules.nii.gz"), "patient_id": "lidc0001"}
    (work / "slab.json").write_text(json.dumps({"training": [entry]}))
    sources = (data / "chest_2mm", data / "sts", work / "slab.json")
    return with_names([item for source in sources for item in tumour_list(source)])


def cost(attention: ScanAttention, marking: Marking, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Seconds for reading, looking at and marking one chest, and the largest memory of this process so far."""
    start = time.perf_counter()
    scan = read_checked(items[0]["image"])
    marking.mark(attention(scan), scan)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"voxels": list(scan.array.shape), "spacing": scan.spacing.tolist(), "seconds": round(seconds, 1),
            "peak_gb": round(peak, 2), "threads": torch.get_num_threads()}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--phantoms", type=int, default=PHANTOMS)
    args = parser.parse_args()
    args.data = args.data.resolve()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    args.work.mkdir(parents=True, exist_ok=True)
    card = read_card(args.model)
    net = AttentionNet(load_encoder(args.model))
    native = ScanAttention(net, card["crop_size"], card["spacing"], card["hu_window"])
    fine = ScanAttention(net, SLAB_SIZE, FINE, card["hu_window"])
    phantoms, real = (
        with_names(phantom_tumours(args.work / "phantoms", args.phantoms)),
        real_tumours(args.data, args.work),
    )
    whole = [item for item in real if item["patient_id"] != "lidc0001"]
    body, lungs = Marking(90, "body"), Marking(90, "lungs")
    chests = [item for item in real if "chest_2mm" in item["image"]]
    price = cost(native, body, phantoms)

    def table(
        name: str, items: list[dict[str, Any]], look: ScanAttention, marking: Marking, fresh: int
    ) -> Mapping[str, Any]:
        folder = args.work / name.replace(" ", "_").replace(",", "")
        start = time.perf_counter()
        found = LocalizeScans(
            items, look, card["architecture"], marking, fresh, OverlayWriter(folder / "overlays")
        ).write(folder / "localize.json")
        write_localize_report(folder)
        contrast = {method: one["summary"]["contrast"]["mean"] for method, one in found["methods"].items()}
        print(f"{name}: contrast {contrast}, {time.perf_counter() - start:.0f} s", flush=True)
        return found

    tables = {
        "phantoms": table("phantoms", phantoms, native, body, 3),
        "phantoms, marked in the lungs": table("phantoms, marked in the lungs", phantoms, native, lungs, 3),
        "real": table("real", whole, native, body, 3),
        "real, 2 mm": table("real, 2 mm", real, fine, body, 1),
        "real lungs, 2 mm, marked in the lungs": table("real lungs, 2 mm, marked in the lungs", chests, fine, lungs, 1),
    }
    write_json(RESULTS, {
        "command": "python benchmarks/localize.py DATA --model MODEL --work WORK", "date": str(date.today()),
        "hardware": hardware(), "versions": versions(), "encoder_sha256": card.get("sha256"), "whole_chest": price,
        "tables": tables,
    })  # fmt: skip


if __name__ == "__main__":
    main()
