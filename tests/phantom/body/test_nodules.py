"""Lung nodules of phantoms: where the table says, as large as it says, and told apart by shape alone."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from smart_nets.phantom import ORGANS, Lesion, Phantom, make_phantom
from smart_nets.phantom.body.nodules import DIAMETERS_MM, draw_kinds, paint_nodule
from smart_nets.phantom.canvas import Canvas
from smart_nets.phantom.lattice import Warp

LUNG_HU = -870.0


@pytest.fixture(scope="module", params=[0, 3])
def chest(request) -> Phantom:
    return make_phantom(request.param, spacing=(2.0, 2.0, 2.0), region="chest")


def voxels_of(phantom: Phantom, lesion: Lesion) -> np.ndarray:
    """World positions (N, 3) of the nodule voxels that are nearer to this lesion than to any other."""
    voxels = np.argwhere(phantom.labels == ORGANS["nodule"])
    world = voxels @ phantom.affine[:3, :3].T + phantom.affine[:3, 3]
    centres = np.array([other.centre_mm for other in phantom.lesions])
    nearest = np.linalg.norm(world[:, None] - centres[None], axis=2).argmin(axis=1)
    return world[nearest == phantom.lesions.index(lesion)]


def test_nodules_are_where_and_as_large_as_stated(chest):
    assert sorted(lesion.label for lesion in chest.lesions) == [0, 1]
    for lesion in chest.lesions:
        world = voxels_of(chest, lesion)
        assert np.abs(world.mean(axis=0) - lesion.centre_mm).max() < 2.0  # one voxel
        diameter = (len(world) * 8.0 * 6 / np.pi) ** (1 / 3)  # of the sphere of that volume
        assert diameter == pytest.approx(lesion.diameter_mm, abs=2.0)
        assert DIAMETERS_MM[0] <= lesion.diameter_mm <= DIAMETERS_MM[1]


def test_nodules_are_in_the_lung_and_off_the_pleura(chest):
    lung = np.isin(chest.labels, [ORGANS["lung_right"], ORGANS["lung_left"], ORGANS["nodule"]])
    depth = ndimage.distance_transform_edt(lung, sampling=chest.spacing)
    assert depth[chest.labels == ORGANS["nodule"]].min() > 3.0
    for lesion in chest.lesions:
        right = lesion.organ == "lung_right"
        spine = np.argwhere(chest.labels == ORGANS["spine"]).mean(axis=0)[0] * 2.0 + chest.affine[0, 3]
        assert right == (lesion.centre_mm[0] > spine)


def test_size_tells_nothing_about_the_label():
    kinds = [kind for seed in range(1000) for kind in draw_kinds(seed, 2)]
    labels, diameters = zip(*kinds, strict=True)
    assert np.mean(labels) == 0.5
    assert roc_auc_score(labels, diameters) == pytest.approx(0.5, abs=0.03)
    firsts = [draw_kinds(seed, 1)[0][0] for seed in range(10)]
    assert firsts == [0, 1] * 5  # one nodule per patient: patients alternate


def drawn_alone(label: int, number: int, diameter: float = 16.0) -> Canvas:
    """A nodule in a cube of plain lung, 64 mm wide."""
    axis = np.arange(-31.0, 32.0, 2.0, dtype=np.float32)
    canvas = Canvas((axis, axis, axis), Warp(11, (1.0, 1.0, 1.0)))
    canvas.image[...] = LUNG_HU
    paint_nodule(canvas, Lesion(label, (0.0, 0.0, 0.0), diameter, "lung_right"), number)
    return canvas


def strands(canvas: Canvas) -> float:
    """Share of voxels 2 to 5 mm outside of a nodule that are denser than lung."""
    distance = ndimage.distance_transform_edt(canvas.labels != ORGANS["nodule"], sampling=2.0)
    return float((canvas.image[(distance > 2) & (distance <= 5)] > LUNG_HU + 200).mean())


def test_malignant_nodules_are_spiculated_and_benign_ones_smooth():
    benign, malignant = ([strands(drawn_alone(label, number)) for number in range(6)] for label in (0, 1))
    assert max(benign) < 0.02
    assert min(malignant) > 0.05


def test_both_kinds_have_the_same_volume_and_density():
    volumes, means = np.empty((2, 8)), np.empty((2, 8))
    for label in (0, 1):
        for number in range(8):
            canvas = drawn_alone(label, number)
            inner = ndimage.binary_erosion(canvas.labels == ORGANS["nodule"])
            volumes[label, number] = (canvas.labels == ORGANS["nodule"]).sum()
            means[label, number] = canvas.image[inner].mean()
    assert volumes[0].mean() == pytest.approx(volumes[1].mean(), rel=0.05)
    assert means[0].mean() == pytest.approx(means[1].mean(), abs=12)


def test_as_many_nodules_as_asked_for():
    spacing = (5.0, 5.0, 5.0)
    assert make_phantom(2, spacing=spacing, nodules=0, region="chest").lesions == ()
    assert not (make_phantom(2, spacing=spacing, nodules=0).labels == ORGANS["nodule"]).any()
    assert len(make_phantom(2, spacing=spacing, nodules=4, region="chest").lesions) == 4
