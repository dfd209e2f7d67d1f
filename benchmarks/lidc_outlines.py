"""Nodule crops and their masks as cases of smart_segment: padded with air, since they are cut closer than its windows are.

    python benchmarks/lidc_outlines.py LIDC_VOIS OUTPUT [--least_mm 8] [--side_mm 40]
    python benchmarks/segment.py OUTPUT/cases.csv --work WORK --labels "{'nodule': 1}" --epochs 4 --fractions 0.25

LIDC_VOIS is a folder with image/, nodule_mask/ and metadata.csv. Nodules from `least_mm` are taken. Prints the floor of a
rule without a network, too: smoothed by 1 mm, brighter than some HU, within some mm of the middle; the best of some, on these
very cases.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from smart_nets.statistics.overlap import dice

AIR = -1024
HU, MM = (-600, -500, -400, -300, -200, -100, 0), (6, 8, 10, 12, 15, 20)  # that the rule may choose from


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


def rule_dice(image: nib.Nifti1Image, mask: nib.Nifti1Image) -> dict[tuple[int, int], float]:
    """Dice of a case by (HU, mm) of the rule."""
    steps, drawn = image.header.get_zooms()[:3], np.asarray(mask.dataobj) > 0
    smooth = ndimage.gaussian_filter(np.asarray(image.dataobj).astype(float), [1 / step for step in steps])
    axes = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(drawn.shape, steps, strict=True)]
    far = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")))  # (X, Y, Z), mm from the middle
    return {(hu, mm): dice((smooth > hu) & (far < mm), drawn) for hu in HU for mm in MM}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lidc_vois", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--least_mm", type=float, default=8.0)
    parser.add_argument("--side_mm", type=float, default=40.0)
    args = parser.parse_args()
    with (args.lidc_vois / "metadata.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if float(row["diameter_mm"]) >= args.least_mm]
    lines, rules = ["patient_id,image,label"], []
    for row in rows:
        name = f"{row['patient_id']}_R_{row['nodule_id']}.nii.gz"
        for part, value in (("image", AIR), ("nodule_mask", 0)):
            (args.output / part).mkdir(parents=True, exist_ok=True)
            nib.save(padded(nib.load(args.lidc_vois / part / name), value, args.side_mm), args.output / part / name)
        rules.append(rule_dice(*(nib.load(args.output / part / name) for part in ("image", "nodule_mask"))))
        lines.append(f"{row['patient_id']},image/{name},nodule_mask/{name}")
    (args.output / "cases.csv").write_text("\n".join(lines) + "\n")
    print(f"{len(rows)} nodules of {len({row['patient_id'] for row in rows})} patients: {args.output / 'cases.csv'}")
    means = {rule: np.mean([one[rule] for one in rules]) for rule in rules[0]}
    hu, mm = max(means, key=means.__getitem__)
    print(f"above {hu} HU within {mm} mm of the middle: mean Dice {means[hu, mm]:.3f}")


if __name__ == "__main__":
    main()
