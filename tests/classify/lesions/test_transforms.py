"""The transforms around a lesion: cubes for training, cubes for inference, and maps back onto the scan."""

import numpy as np
import torch
from monai.data import MetaTensor

from smart_nets.classify.lesions.crops import LesionCrops, overview_spacing
from smart_nets.classify.lesions.phantoms import phantom_lesions
from smart_nets.classify.lesions.transforms import CropLesiond, LoadLesiond, ToScanGridd

SIZE, SPACING = (24, 24, 24), (2.0, 2.0, 2.0)
AFFINE = np.array([[-1.5, 0, 0, 60], [0, -1.5, 0, 50], [0, 0, 3, -40], [0, 0, 0, 1.0]])  # axes L, P, S


def scan() -> MetaTensor:
    voxels = torch.randn(1, 60, 50, 30, generator=torch.Generator().manual_seed(0)) * 100
    return MetaTensor(voxels, affine=torch.from_numpy(AFFINE), meta={"filename_or_obj": "scan.nii"})


def test_training_and_inference_cut_the_same_cube(tmp_path):
    import nibabel as nib

    item = {"image": str(tmp_path / "scan.nii.gz"), "patient_id": "a", "label": 0, "centre_mm": [12.0, 8.0, 3.0]}
    voxels = np.rint(scan()[0].numpy()).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, AFFINE), item["image"])
    crops = LesionCrops(tmp_path / "cache", SIZE, SPACING)
    trained = LoadLesiond("image", crops)(crops.prepare([item])[0])["image"]
    loaded = MetaTensor(torch.from_numpy(voxels.astype(np.float32))[None], affine=torch.from_numpy(AFFINE))
    inferred = CropLesiond("image", SIZE, SPACING)({**item, "image": loaded})["image"]
    assert trained.shape == inferred.shape == (1, *SIZE)
    assert (trained - inferred).abs().max() <= 0.51  # the cache rounds to whole HU
    np.testing.assert_allclose(trained.affine, inferred.affine)


def test_a_map_comes_back_onto_the_voxels_of_the_scan():
    # the map is x + 10 z in mm, so that every voxel of the scan inside the cube can be told by hand
    item = CropLesiond("image", SIZE, SPACING)({"image": scan(), "centre_mm": [12.0, 8.0, 3.0], "name": "1.2.3"})
    place = np.indices(SIZE).reshape(3, -1)
    mm = (item["image"].affine.numpy() @ np.vstack([place, np.ones(place.shape[1])]))[:3]
    item["attention"] = torch.from_numpy((mm[0] + 10 * mm[2]).reshape(1, *SIZE).astype(np.float32))
    back = ToScanGridd("attention")(item)["attention"]
    assert back.shape == (1, 60, 50, 30)
    np.testing.assert_allclose(back.affine, AFFINE)
    for voxel in ((30, 28, 14), (34, 25, 12), (25, 33, 18)):
        x, _, z, _ = AFFINE @ [*voxel, 1]
        assert abs(back[0][voxel] - (x + 10 * z)) < 1e-3
    assert back[0, 0, 0, 0] == 0 and back.meta["filename_or_obj"] == "1.2.3.nii.gz"


def test_phantom_lesions_are_balanced_and_lie_where_the_table_says(tmp_path):
    items = phantom_lesions(tmp_path / "phantoms", 2)
    assert len(items) == 16 and sum(item["label"] for item in items) == 8
    crops = LesionCrops(tmp_path / "cache", (9, 9, 9), (1.5, 1.5, 1.5))
    for item in crops.prepare(items):
        assert crops.get(item).array[4, 4, 4] > -150  # tissue, where lung has -800 HU


def test_the_larger_field_has_the_cube_in_its_middle():
    item = CropLesiond("image", SIZE, SPACING, overview="wide")({"image": scan(), "centre_mm": [12.0, 8.0, 3.0]})
    assert item["wide"].shape == (1, 64, 64, 64)
    np.testing.assert_allclose(np.diag(item["wide"].affine), [2.25, 2.25, 2.25, 1])  # 144 mm, three times 48
    middles = [one.affine.numpy() @ [*((np.array(one.shape[1:]) - 1) / 2), 1] for one in (item["image"], item["wide"])]
    np.testing.assert_allclose(*middles)
    assert "wide" not in CropLesiond("image", SIZE, SPACING)({"image": scan(), "centre_mm": [12.0, 8.0, 3.0]})


def test_a_field_is_no_wider_than_a_body_but_wider_than_the_cube():
    assert overview_spacing((64, 64, 64), (1.0, 2.0, 4.0)) == (3.0, 6.0, 6.25)  # 192, 384 and not 768 but 400 mm
    assert overview_spacing((128, 128, 128), (4.0, 4.0, 4.0)) == (12.0, 12.0, 12.0)  # 1.5 times 512 mm
