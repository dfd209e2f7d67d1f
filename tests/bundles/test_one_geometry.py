"""Every door shows one map of a scan, however the scan lies; and training sees it as upright as they do."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.bundle import run

from smart_nets.lists.cache import VolumeCache
from smart_nets.localize.attend import attend
from smart_nets.localize.marking import Marking
from smart_nets.phantom import Phantom, make_phantom
from smart_nets.scans.grid import onto_grid
from smart_nets.scans.resample import sample_on
from smart_nets.scans.volume import AIR, Volume

BUNDLES = Path(__file__).parents[2] / "bundles"
Door = Callable[[Path, Path, Path], Path]


@pytest.fixture(scope="module")
def patient() -> Phantom:
    return make_phantom(0, spacing=(6.0, 7.0, 8.0), region="chest", task="response")


def by_attend(scan: Path, weights: Path, folder: Path) -> Path:
    attend(scan, {"model": weights}, folder, Marking())
    return folder


def by_bundle(name: str) -> Door:
    def door(scan: Path, weights: Path, folder: Path) -> Path:
        config = str(BUNDLES / name / "configs" / "inference.json")
        run(config_file=config, dataset_dir=str(scan), output_dir=str(folder), model_path=str(weights))
        return folder

    return door


DOORS: dict[str, Door] = {
    "attend": by_attend, "smart_pretrain": by_bundle("smart_pretrain"), "smart_zeroshot_seg": by_bundle("smart_zeroshot_seg"),
}  # fmt: skip


def turned(
    patient: Phantom, degrees: float, order: tuple[int, ...] = (0, 1, 2), flips: tuple[int, ...] = (1, 1, 1)
) -> Volume:
    """The same patient on a grid turned about two axes, stored with its axes in another order and direction."""
    scan = Volume(patient.image.astype(np.float32), patient.affine, "phantom")
    angle = np.radians(degrees)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    middle = scan.affine[:3, :3] @ ((np.array(scan.array.shape) - 1) / 2) + scan.affine[:3, 3]
    affine = np.eye(4)
    affine[:3, :3] = turn @ scan.affine[:3, :3]
    sides = np.array(scan.array.shape) + (0 if degrees == 0 else 6)
    affine[:3, 3] = middle - affine[:3, :3] @ ((sides - 1) / 2)
    array = sample_on(scan, affine, sides.tolist(), outside=AIR)
    stored = nib.orientations.apply_orientation(array, np.stack([order, flips], axis=1))
    back = nib.orientations.inv_ornt_aff(np.stack([order, flips], axis=1), array.shape)
    return Volume(np.ascontiguousarray(stored), affine @ back, "turned")


def save(scan: Volume, path: Path) -> Path:
    image = nib.Nifti1Image(np.rint(scan.array).astype(np.int16), scan.affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(scan.affine, 1)
    nib.save(image, path)
    return path


def map_of(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    (path,) = folder.glob("*_attention.nii.gz")
    image = nib.load(path)
    return np.squeeze(np.asarray(image.dataobj)), image.affine


@pytest.mark.parametrize(
    ("degrees", "order", "flips"),
    [(0, (0, 1, 2), (1, 1, 1)), (12, (0, 1, 2), (1, 1, 1)), (30, (0, 1, 2), (1, 1, 1)), (12, (2, 0, 1), (1, -1, 1))],
    ids=["straight", "12 degrees", "30 degrees", "12 degrees, permuted, left-handed"],
)
def test_every_door_shows_the_same_map(patient, chest_model, tmp_path, degrees, order, flips):
    scan = turned(patient, degrees, order, flips)
    path = save(scan, tmp_path / "scan.nii.gz")
    maps = {}
    for name, door in DOORS.items():
        maps[name], affine = map_of(door(path, chest_model, tmp_path / name))
        np.testing.assert_allclose(affine, scan.affine, atol=1e-3)
        assert maps[name].shape == scan.array.shape and maps[name].std() > 0.005
    first = maps.pop("attend")
    for name, other in maps.items():
        assert np.corrcoef(first.ravel(), other.ravel())[0, 1] >= 0.999, name


@pytest.mark.parametrize(("degrees", "alike"), [(12, 0.97), (30, 0.95)])  # interpolated twice, with voxels of 7 mm
def test_training_sees_a_turned_patient_upright(patient, tmp_path, degrees, alike):
    cache = VolumeCache(tmp_path / "cache", (8.0, 8.0, 8.0))
    straight, oblique = (
        cache.get(save(turned(patient, angle), tmp_path / f"{angle}.nii.gz")) for angle in (0, degrees)
    )
    np.testing.assert_allclose(oblique.affine[:3, :3], np.diag([8.0, 8.0, 8.0]), atol=1e-6)
    assert np.abs(np.array(oblique.array.shape) - straight.array.shape).max() <= 2  # the same body, not its shadow
    beside = onto_grid(Volume(np.asarray(oblique.array), oblique.affine, ""), straight.affine, straight.array.shape)
    assert np.corrcoef(beside.ravel(), np.asarray(straight.array).ravel())[0, 1] > alike
