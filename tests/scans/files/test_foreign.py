"""What only ITK reads: the same voxels at the same place, and a file it crashes over is refused and nothing else."""

import itk
import nibabel as nib
import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.scans.files import foreign
from smart_nets.scans.read import read_scan, read_stored


@pytest.fixture
def image(hu):
    """The asymmetric phantom as ITK holds it, steps 2, 1.5, 3 mm from (10, -20, -30) LPS."""
    found = itk.image_from_array(np.ascontiguousarray(hu.T))
    found.SetSpacing([2.0, 1.5, 3.0])
    found.SetOrigin([10.0, -20.0, -30.0])
    return found


@pytest.mark.parametrize("name", ["a.gipl", "a.gipl.gz", "a.vtk"])
def test_itk_reads_what_stores_no_directions_and_it_is_told(image, hu, tmp_path, name):
    itk.imwrite(image, str(tmp_path / name))
    scan = read_scan(tmp_path / name)
    assert np.array_equal(scan[0], hu[::-1, ::-1]) and scan.meta["notes"] == [foreign.AXES]
    assert np.allclose(np.diag(scan.affine), [2, 1.5, 3, 1]) and scan.affine[2, 3] == -30


def test_voxels_written_as_text_go_through_itk(image, hu, tmp_path):
    path = tmp_path / "a.nrrd"
    itk.imwrite(image, str(path))
    head = path.read_bytes()[: -hu.nbytes].decode()
    text = " ".join(str(value) for value in hu.ravel(order="F"))
    path.write_text(head.replace("encoding: raw", "encoding: ascii") + text)
    assert np.array_equal(read_stored(path).array, hu)


def test_voxels_behind_a_foreign_header_go_through_itk(image, hu, tmp_path):
    itk.imwrite(image, str(tmp_path / "a.mhd"))
    raw, head = tmp_path / "a.raw", tmp_path / "a.mhd"
    raw.write_bytes(b"0123456789abcdef" + raw.read_bytes())
    head.write_text(head.read_text().replace("ElementDataFile", "HeaderSize = 16\nElementDataFile"))
    assert np.array_equal(read_stored(head).array, hu)


@pytest.mark.parametrize("ending", [".img", ".img.gz"])
def test_a_pair_of_header_and_image(hu, affine, tmp_path, ending):
    pair = nib.Nifti1Pair(hu, affine)
    nib.save(pair, tmp_path / "a.hdr")
    if ending == ".img.gz":
        (tmp_path / "a.img").unlink()
        nib.save(pair, tmp_path / "b.img.gz")
        (tmp_path / "b.img.gz").rename(tmp_path / "a.img.gz")
    scan = read_scan(tmp_path / "a.hdr")
    assert np.array_equal(scan[0], hu) and np.allclose(scan.affine, affine)


def test_a_pair_that_is_not_whole(hu, affine, tmp_path):
    nib.save(nib.Nifti1Pair(hu, affine), tmp_path / "a.hdr")
    (tmp_path / "a.img").unlink()
    with pytest.raises(InputError, match=r"a.hdr: its voxels cannot be found \(expected a.img, found none\)"):
        read_scan(tmp_path / "a.hdr")
    nib.save(nib.AnalyzeImage(hu, affine), tmp_path / "b.hdr")
    with pytest.raises(InputError, match="is Analyze, which does not tell left from right"):
        read_scan(tmp_path / "b.hdr")


def test_what_itk_cannot_read_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.vtk").write_bytes(b"# vtk DataFile Version 3.0\nx\nBINARY\nDATASET STRUCTURED_POINTS\n")
    with pytest.raises(InputError, match=r"a.vtk: cannot be read by ITK .*; save it as NIfTI"):
        read_scan(tmp_path / "a.vtk")
    monkeypatch.setattr(
        foreign.subprocess, "run", lambda *_, **__: foreign.subprocess.CompletedProcess((), -11, "", "x")
    )
    with pytest.raises(InputError, match="found crash -11"):
        read_scan(tmp_path / "a.vtk")
    monkeypatch.setattr(foreign.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="needs itk"):
        read_scan(tmp_path / "a.vtk")
