"""Nodule crops and their masks as cases of smart_segment: padded with air, since they are cut closer than its windows are.

    python benchmarks/lidc_outlines.py LIDC_VOIS OUTPUT [--least_mm 8] [--side_mm 40]
    python benchmarks/segment.py OUTPUT/cases.csv --work WORK --labels "{'nodule': 1}" --epochs 4 --fractions 0.25

LIDC_VOIS is a folder with image/, nodule_mask/ and metadata.csv. Nodules from `least_mm` are taken.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import nibabel as nib
import numpy as np

AIR = -1024


def padded(image: nib.Nifti1Image, value: int, side_mm: float) -> nib.Nifti1Image:
    """The image with `value` around it, so that it is `side_mm` or longer along each axis; voxels stay where they are."""
    voxels = np.asarray(image.dataobj).astype(np.int16)
    sides = np.ceil(side_mm / np.array(image.header.get_zooms()[:3])).astype(int)
    lack = np.maximum(0, sides - voxels.shape)
    before = lack // 2
    affine = image.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ before
    grown = np.pad(voxels, [*zip(before, lack - before, strict=True)], constant_values=value)
    found = nib.Nifti1Image(grown, affine)
    found.header.set_xyzt_units("mm")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lidc_vois", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--least_mm", type=float, default=8.0)
    parser.add_argument("--side_mm", type=float, default=40.0)
    args = parser.parse_args()
    with (args.lidc_vois / "metadata.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if float(row["diameter_mm"]) >= args.least_mm]
    lines = ["patient_id,image,label"]
    for row in rows:
        name = f"{row['patient_id']}_R_{row['nodule_id']}.nii.gz"
        for part, value in (("image", AIR), ("nodule_mask", 0)):
            (args.output / part).mkdir(parents=True, exist_ok=True)
            nib.save(padded(nib.load(args.lidc_vois / part / name), value, args.side_mm), args.output / part / name)
        lines.append(f"{row['patient_id']},image/{name},nodule_mask/{name}")
    (args.output / "cases.csv").write_text("\n".join(lines) + "\n")
    print(f"{len(rows)} nodules of {len({row['patient_id'] for row in rows})} patients: {args.output / 'cases.csv'}")


if __name__ == "__main__":
    main()
