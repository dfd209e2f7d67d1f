"""Crops of nodules become cases: padded with air where they are, and the rule that needs no network judged on them."""

import csv
import runpy
import sys
from pathlib import Path

import nibabel as nib
import numpy as np

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "lidc_outlines.py"
STEP = (1.0, 1.0, 2.0)  # mm
SIZES = {"1": 6.5, "2": 12.0}  # mm: the first is below the least


def crops(folder: Path) -> None:
    """Two balls of soft tissue in the middle of lung, with their outlines, as crops of 16 mm."""
    shape, affine = (16, 16, 8), np.diag([*STEP, 1.0])
    axes = np.meshgrid(
        *[(np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, STEP, strict=True)], indexing="ij"
    )
    far = np.sqrt(sum(axis**2 for axis in axes))
    for nodule, size in SIZES.items():
        ball = far < size / 2
        for part, voxels in (("image", np.where(ball, 40, -850)), ("nodule_mask", ball)):
            (folder / part).mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(voxels.astype(np.int16), affine), folder / part / f"P1_R_{nodule}.nii.gz")
    with (folder / "metadata.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["patient_id", "nodule_id", "diameter_mm"])
        table.writerows(["P1", nodule, size] for nodule, size in SIZES.items())


def test_nodules_from_a_size_become_cases_with_air_around_them(tmp_path, monkeypatch, capsys):
    crops(tmp_path / "lidc")
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path / "lidc"), str(tmp_path / "out")])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    cases = (tmp_path / "out" / "cases.csv").read_text().splitlines()
    assert cases == ["patient_id,image,label", "P1,image/P1_R_2.nii.gz,nodule_mask/P1_R_2.nii.gz"]
    image, before = (nib.load(folder / "image" / "P1_R_2.nii.gz") for folder in (tmp_path / "out", tmp_path / "lidc"))
    assert image.shape == (40, 40, 20)
    assert image.get_fdata()[0, 0, 0] == -1024
    lack = np.array([12, 12, 6])  # (40 - 16) / 2 voxels of 1 mm, (20 - 8) / 2 of 2 mm
    np.testing.assert_allclose(image.affine @ [*lack, 1], before.affine @ [0, 0, 0, 1])  # the crop lies where it lay
    told = capsys.readouterr().out
    assert "1 nodules of 1 patients" in told
    # at the edge of the ball, smoothing leaves about (40 - 850) / 2 HU: above the lowest HU of the rule everywhere within 6 mm
    assert "above -600 HU within 6 mm of the middle: mean Dice 1.000" in told
