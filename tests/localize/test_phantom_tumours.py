"""Tumours of the response task: one per patient, as large as stated, and told apart by their inside alone; and chests with
such a tumour and its mask as files.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from smart_nets.classify.lesions.phantoms import SEEDS
from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.outlines.tumours import read_tumours
from smart_nets.localize import phantom_tumours as module
from smart_nets.localize.phantom_tumours import SEED, find_tumours, phantom_tumours
from smart_nets.phantom import ORGANS, TASKS, Lesion, make_phantom
from smart_nets.phantom.body.tumours import CLEARANCE_MM, DIAMETERS_MM, draw_tumour, paint_tumour
from smart_nets.phantom.canvas import Canvas
from smart_nets.phantom.lattice import Warp
from smart_nets.phantom.patient import REGIONS, draw_patient
from smart_nets.phantom.placement import place_lesions
from smart_nets.scans.read import read_checked

LUNG_HU = -870.0


def drawn_alone(label: int, seed: int, diameter: float = 28.0, contrast: float = 0.5) -> Canvas:
    """A tumour in a cube of plain lung, 72 mm wide, in voxels of 2 mm."""
    axis = np.arange(-35.0, 36.0, 2.0, dtype=np.float32)
    canvas = Canvas((axis, axis, axis), Warp(seed, (1.0, 1.0, 1.0)))
    canvas.image[...] = LUNG_HU
    paint_tumour(canvas, Lesion(label, (0.0, 0.0, 0.0), diameter, "lung_right"), contrast)
    return canvas


def depths(labels: np.ndarray) -> np.ndarray:
    """How far inside the tumour each voxel of 2 mm is, in mm."""
    return ndimage.distance_transform_edt(labels == ORGANS["nodule"], sampling=2.0)


def test_labels_are_balanced_and_size_tells_nothing_about_them():
    labels, diameters = zip(*(draw_tumour(seed) for seed in range(2000)), strict=True)
    assert np.mean(labels) == 0.5
    assert roc_auc_score(labels, diameters) == pytest.approx(0.5, abs=0.03)
    assert DIAMETERS_MM[0] <= min(diameters) < 20.1 and 35.9 < max(diameters) <= DIAMETERS_MM[1]
    assert draw_tumour(8)[0] == 0 and draw_tumour(9)[0] == 1


def test_every_patient_has_room_even_for_the_largest_tumour():
    for seed in range(30):
        kinds = [(0, DIAMETERS_MM[1])]
        assert place_lesions(draw_patient(seed).warp, seed, kinds, REGIONS["chest"], CLEARANCE_MM), seed


def test_every_patient_gets_one_tumour_in_the_lung():
    for seed in range(4):
        phantom = make_phantom(seed, spacing=(8.0, 8.0, 8.0), region="chest", task="response")
        (tumour,) = phantom.lesions
        assert (tumour.label, tumour.diameter_mm) == draw_tumour(seed)
        i, j, k = np.rint(np.linalg.solve(phantom.affine, [*tumour.centre_mm, 1.0])[:3]).astype(int)
        assert phantom.labels[i, j, k] == ORGANS["nodule"]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_tumour_is_where_and_as_large_as_stated(seed):
    phantom = make_phantom(seed, spacing=(2.0, 2.0, 2.0), region="chest", task="response")
    (tumour,) = phantom.lesions
    inside = phantom.labels == ORGANS["nodule"]
    world = np.argwhere(inside) @ phantom.affine[:3, :3].T + phantom.affine[:3, 3]
    assert np.abs(world.mean(axis=0) - tumour.centre_mm).max() < 4.0  # an uneven outline, two voxels
    diameter = (inside.sum() * 8.0 * 6 / np.pi) ** (1 / 3)  # of the sphere of that volume
    assert diameter == pytest.approx(tumour.diameter_mm, abs=1.0)
    depth = depths(phantom.labels)
    core, rim = phantom.image[depth > 5.5], phantom.image[(depth > 2.1) & (depth < 3.2)]
    assert (np.median(core) < 30 and np.median(core) < np.median(rim)) == (tumour.label == 0)  # seen at 2 mm


def test_the_label_changes_the_core_alone():
    for seed in range(6):
        necrotic, even = drawn_alone(0, seed), drawn_alone(1, seed)
        np.testing.assert_array_equal(necrotic.labels, even.labels)
        changed = np.abs(necrotic.image - even.image) > 1
        assert depths(even.labels)[changed].min() > 0
        assert not changed[depths(even.labels) == 0].any()  # spicules and lung are the same
        assert changed[depths(even.labels) > 6].mean() > 0.95


@pytest.mark.parametrize("diameter", DIAMETERS_MM)
@pytest.mark.parametrize("contrast", [0.0, 1.0])
def test_a_necrotic_core_is_darker_than_its_rim_and_an_even_tumour_is_not(diameter, contrast):
    for seed in range(4):
        gap = {}
        for label in (0, 1):
            canvas = drawn_alone(label, seed, diameter, contrast)
            depth = depths(canvas.labels)
            core, rim = canvas.image[depth > 0.3 * diameter], canvas.image[(depth > 1.9) & (depth < 2.9)]
            gap[label] = np.median(rim) - np.median(core)
        assert gap[0] > 20 > gap[1], seed


def test_living_tissue_takes_up_contrast_and_dead_tissue_does_not():
    for label, rise in ((0, 0.0), (1, 42.0)):
        native, enhanced = (drawn_alone(label, 3, contrast=contrast) for contrast in (0.0, 1.0))
        deep = depths(native.labels) > 8
        assert enhanced.image[deep].mean() - native.image[deep].mean() == pytest.approx(rise, abs=1.0)


def test_the_rest_of_the_patient_is_the_same_for_both_tasks():
    settings = {"spacing": (6.0, 6.0, 6.0), "region": "chest"}
    tumour, nothing = make_phantom(5, task="response", **settings), make_phantom(5, nodules=0, **settings)
    assert (tumour.task, nothing.task) == ("response", "malignancy") and set(TASKS) == {"response", "malignancy"}
    np.testing.assert_array_equal(tumour.affine, nothing.affine)
    far = ndimage.distance_transform_edt(tumour.labels != ORGANS["nodule"], sampling=6.0) > 20
    np.testing.assert_array_equal(tumour.labels[far], nothing.labels[far])
    np.testing.assert_array_equal(tumour.image[far], nothing.image[far])
    assert make_phantom(5, nodules=1, task="response", **settings).lesions == tumour.lesions


def test_a_view_without_room_has_no_tumour():
    view = {"spacing": (8.0, 8.0, 8.0), "region": "abdomen", "size_mm": (60.0, 60.0, 60.0)}
    assert make_phantom(0, task="response", **view).lesions == ()


@pytest.mark.parametrize(
    "settings, field", [({"task": "survival"}, "task"), ({"nodules": 2}, "nodules"), ({"nodules": 0}, "nodules")]
)
def test_bad_settings_are_named(settings, field):
    with pytest.raises(ConfigError, match=field):
        make_phantom(**{"seed": 0, "task": "response", **settings})


@pytest.fixture
def coarse(monkeypatch) -> None:
    """Files of 8 mm voxels instead of 2 mm."""
    monkeypatch.setattr("smart_nets.localize.phantom_tumours.SPACING_MM", (8.0, 8.0, 8.0))


def times(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_chests_and_the_masks_of_their_tumours(tmp_path, coarse):
    [item] = phantom_tumours(tmp_path, 1)
    assert item.keys() == {"image", "patient_id", "readers"} and item["patient_id"] == "phantom-30000"
    scan = read_checked(item["image"])
    [[mask]] = read_tumours(item, scan).values()
    drawn = make_phantom(30_000, (8.0, 8.0, 8.0), region="chest", task="response")
    np.testing.assert_array_equal(scan.array, drawn.image)
    np.testing.assert_array_equal(mask, drawn.labels == ORGANS["nodule"])
    assert mask.any()


def test_chests_are_made_once(tmp_path, coarse):
    first = phantom_tumours(tmp_path, 2)
    before = times(tmp_path)
    assert phantom_tumours(tmp_path, 2) == first and times(tmp_path) == before
    mask = Path(first[0]["readers"]["tumour"][0]["file"])
    mask.unlink()
    os.utime(first[1]["readers"]["tumour"][0]["file"], (0, 0))  # older than its scan
    assert phantom_tumours(tmp_path, 2) == first
    remade = {name for name, time in times(tmp_path).items() if time > before[name]}
    assert remade == {f"masks/{item['patient_id']}.nii.gz" for item in first}


def test_other_patients_than_in_pretraining_and_classification():
    assert SEED not in {0, *SEEDS.values()}  # pretraining takes `make_dataset` as it is, with seed 0


def test_a_folder_with_something_else_is_left_alone(tmp_path, coarse):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="files that are not phantoms"):
        phantom_tumours(tmp_path, 1)
    assert (tmp_path / "scans" / "thesis.txt").exists()


@pytest.mark.parametrize("patients", [0, -1, 1.5, 10_001])
def test_no_such_number_of_patients(tmp_path, patients):
    with pytest.raises(ConfigError, match="count: cannot make that many phantoms"):
        phantom_tumours(tmp_path, patients)


def test_without_a_source_there_are_phantoms(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "phantom_tumours", lambda *given: given)
    monkeypatch.setattr(module, "tumour_list", lambda *given: given)
    assert find_tumours(None, tmp_path, 2, "gtv", "vis") == (tmp_path, 2)
    assert find_tumours("my/scans", tmp_path, 2, "gtv", "vis") == ("my/scans", "gtv", "vis")
