"""Maps are the files that nibabel would have written, voxel for voxel and header for header."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.localize.report.map_files import write_map
from smart_nets.scans.read import read_stored

AFFINE = np.array([[-0.7, 0, 0, 90], [0, 0.7, 0.1, -80], [0, 0, 1.25, 30], [0, 0, 0, 1]])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_as_nibabel_writes_it(tmp_path: Path, kind: type, order: str) -> None:
    voxels = np.asarray(100 * np.random.default_rng(0).random((7, 5, 37)), kind, order=order)
    write_map(tmp_path / "map.nii.gz", voxels, AFFINE)
    image = nib.Nifti1Image(voxels, AFFINE)
    image.header.set_xyzt_units("mm")
    nib.save(image, tmp_path / "other.nii.gz")
    ours, theirs = nib.load(tmp_path / "map.nii.gz"), nib.load(tmp_path / "other.nii.gz")
    assert ours.header == theirs.header and ours.get_data_dtype() == kind
    np.testing.assert_array_equal(np.asarray(ours.dataobj), voxels)
    np.testing.assert_array_equal(read_stored(tmp_path / "map.nii.gz").array, voxels)
    np.testing.assert_allclose(ours.affine, AFFINE, atol=1e-6)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_map(tmp_path / "file" / "map.nii.gz", np.zeros((2, 2, 2), np.float32), AFFINE)
