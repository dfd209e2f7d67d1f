"""DICOM as it really comes: bare, multi-frame, compressed, padded, rounded, uneven, spread over folders."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEGLSLossless, RLELossless

from smart_nets.errors import GeometryError, InputError, SmartError
from smart_nets.phantom import Phantom, write_dicom
from smart_nets.scans.dicom.folder import is_dicom
from smart_nets.scans.read import read_scan

HEIGHTS = -30.0 + 3 * np.arange(10)  # of the slices of `series`


@pytest.fixture
def series(hu: np.ndarray, affine: np.ndarray, tmp_path: Path) -> Path:
    return write_dicom(Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "p1", 0), tmp_path / "in")


def edit(folder: Path, change: Callable[[Dataset, int], None]) -> Path:
    for number, path in enumerate(sorted(folder.glob("*.dcm"))):
        dataset = pydicom.dcmread(path)
        change(dataset, number)
        dataset.save_as(path)
    return folder


def height(dataset: Dataset, z: float) -> None:
    dataset.ImagePositionPatient = [*dataset.ImagePositionPatient[:2], f"{z:.6g}"]


@pytest.mark.parametrize("ending", [".dcm", ""])
@pytest.mark.parametrize("implicit", [True, False])
def test_files_without_preamble_and_meta_are_read(series, hu, ending, implicit):
    for path in sorted(series.glob("*.dcm")):
        dataset = pydicom.dcmread(path)
        bare = Dataset()
        for element in dataset:
            bare.add(element)
        path.unlink()
        pydicom.dcmwrite(path.with_suffix(ending), bare, implicit_vr=implicit, little_endian=True)
    np.testing.assert_array_equal(read_scan(series)[0].numpy(), hu)


def no_syntax(dataset: Dataset, number: int) -> None:
    del dataset.file_meta.TransferSyntaxUID


def odd_names(dataset: Dataset, number: int) -> None:
    dataset.SpecificCharacterSet = "KLINGON_1"
    dataset.PatientName = b"\xff\xfeM\xfcller^\x1b$B"


def empty_tags(dataset: Dataset, number: int) -> None:
    for tag in ("ImageType", "RescaleType", "NumberOfFrames", "SliceThickness", "WindowCenter", "SamplesPerPixel"):
        setattr(dataset, tag, None)
    dataset.PhotometricInterpretation = ""


def no_modality(dataset: Dataset, number: int) -> None:
    del dataset.Modality


def packed(syntax: str) -> Callable[[Dataset, int], None]:
    return lambda dataset, number: dataset.compress(syntax, encoding_plugin="")


@pytest.mark.parametrize("change", [odd_names, empty_tags, no_modality, packed(RLELossless), packed(JPEGLSLossless)])
def test_what_others_read_is_read(series, hu, change):
    np.testing.assert_array_equal(read_scan(edit(series, change))[0].numpy(), hu)


def test_a_file_that_names_no_transfer_syntax(series, hu):
    for path in series.glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        content = path.read_bytes()
        assert str(dataset.file_meta.TransferSyntaxUID).encode() in content
        path.write_bytes(content.replace(str(dataset.file_meta.TransferSyntaxUID).encode(), b"\0" * 19, 1))
    np.testing.assert_array_equal(read_scan(series)[0].numpy(), hu)


@pytest.mark.parametrize(
    ("content", "yes"),
    [
        (b"\0" * 128 + b"DICM", True),
        (bytes.fromhex("0800050043530a00") + b"ISO_IR 100" + bytes.fromhex("08001600"), False),  # cut off
        (bytes.fromhex("0800050043530a00") + b"ISO_IR 100" + bytes.fromhex("0800160055490400") + b"1.2 ", True),
        (b"\0\x05\x16\x07" + b"\0" * 124 + b"DICM", False),  # a resource fork
        (b"hello, this is text", False),
        (b"", False),
    ],
)
def test_what_is_dicom(tmp_path, content, yes):
    (tmp_path / "IM0").write_bytes(content)
    assert is_dicom(tmp_path / "IM0") is yes


@pytest.mark.parametrize("content", [b"", b"<html>a proxy's page</html>", b"\0" * 400])
def test_what_is_no_dicom_says_what_lacks(series, content):
    (series / "0001.dcm").write_bytes(content)
    with pytest.raises(InputError, match=r"0001.dcm: (is no DICOM file: it lacks|has DICOM tags that cannot be read)"):
        read_scan(series)


@pytest.mark.parametrize(("value", "signed"), [(3000, 0), (63536, 1), (-2000, 1)])
def test_padding_is_air(series, hu, value, signed):
    """A corner of padding, as outside of the scanner's circle; -2000 may be written as 63536."""

    def pad(dataset: Dataset, number: int) -> None:
        pixels = np.frombuffer(dataset.PixelData, "<u2").astype(np.int32).reshape(dataset.Rows, dataset.Columns)
        pixels = pixels - 1024 * signed
        pixels[0, :] = pixels[-1, :] = value if value < 32768 else value - 65536
        dataset.PixelData = pixels.astype("<i2" if signed else "<u2").tobytes()
        dataset.PixelRepresentation, dataset.RescaleIntercept = signed, 0 if signed else -1024
        dataset.add_new("PixelPaddingValue", "US" if value > 0 else "SS", value)

    expected = hu.copy()
    expected[:, [0, -1]] = -1024
    np.testing.assert_array_equal(read_scan(edit(series, pad))[0].numpy(), expected)


def test_a_padding_value_that_is_water_is_not_believed(series, hu):
    edit(series, lambda dataset, number: dataset.add_new("PixelPaddingValue", "US", 1024))
    np.testing.assert_array_equal(read_scan(series)[0].numpy(), hu)


def enhance(series: Path, split: bool = False) -> Path:
    """The same slices as frames of one file, in reverse order, places by frame and the rest shared."""
    slices = [pydicom.dcmread(path) for path in sorted(series.glob("*.dcm"))][::-1]
    result = pydicom.dcmread(sorted(series.glob("*.dcm"))[0])
    shared, measures, orientation, values = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, orientation.ImageOrientationPatient = result.PixelSpacing, result.ImageOrientationPatient
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 1, result.RescaleIntercept, "HU"
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([orientation])
    shared.PixelValueTransformationSequence = Sequence([values])
    result.SharedFunctionalGroupsSequence, result.PerFrameFunctionalGroupsSequence = Sequence([shared]), Sequence()
    for one in slices:
        frame, place = Dataset(), Dataset()
        place.ImagePositionPatient = one.ImagePositionPatient
        frame.PlanePositionSequence = Sequence([place])
        result.PerFrameFunctionalGroupsSequence.append(frame)
    for tag in ("PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "RescaleSlope", "RescaleIntercept"):
        delattr(result, tag)
    result.NumberOfFrames, result.PixelData = len(slices), b"".join(one.PixelData for one in slices)
    result.SOPClassUID = result.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    for path in series.glob("*.dcm"):
        path.unlink()
    result.save_as(series / "IM0")
    return series / "IM0"


def test_an_enhanced_ct_is_read_from_its_file_or_folder(series, hu, affine):
    file = enhance(series)
    for source in (file, series):
        scan = read_scan(source)
        np.testing.assert_array_equal(scan[0].numpy(), hu)
        np.testing.assert_allclose(scan.affine.numpy(), affine, atol=1e-3)


def test_an_enhanced_ct_without_places_names_the_tool_to_convert_it(series):
    file = enhance(series)
    dataset = pydicom.dcmread(file)
    del dataset.PerFrameFunctionalGroupsSequence
    dataset.save_as(file)
    with pytest.raises(InputError, match=r"multi-frame .*dcm2niix"):
        read_scan(series)


@pytest.mark.parametrize("step", [0.625, 1.25, 3.27])
def test_positions_rounded_to_a_tenth_are_even(series, hu, step):
    edit(series, lambda dataset, number: height(dataset, round(step * number - 10, 1)))
    scan = read_scan(series)
    np.testing.assert_array_equal(scan[0].numpy(), hu)
    assert float(scan.affine[2, 2]) == pytest.approx(step, abs=0.1 / 9)
    assert scan.meta["notes"] == ["slice positions rounded to 0.1 mm taken as even"]


@pytest.mark.parametrize(
    "heights",
    [
        [round(1.25 * k + (0.6 if k > 5 else 0), 1) for k in range(10)],  # a jump that rounding does not explain
        [round(1.25 * k) for k in range(10)],  # whole millimetres: no header rounds so far
        [1.25 * k + 0.06 * (k % 2) for k in range(10)],  # positions with more digits are not rounded
        [round(0.625 * k, 1) for k in range(11) if k != 4],  # a slice is missing
    ],
)
def test_and_no_more(series, heights):
    edit(series, lambda dataset, number: height(dataset, heights[number]))
    with pytest.raises(GeometryError, match=r"the slice distance varies|(slice is|slices are) missing"):
        read_scan(series)


def test_uneven_slices_are_resampled_on_request(series, hu):
    """Six slices every 2 mm, then every 4 mm: the slices at 12, 16, 20 and 24 mm stay, between them lie their means."""
    heights = [0, 2, 4, 6, 8, 10, 14, 18, 22, 26]
    edit(series, lambda dataset, number: height(dataset, heights[number]))
    with pytest.raises(GeometryError, match="spacing='resample'"):
        read_scan(series)
    scan = read_scan(series, spacing="resample")
    assert scan.shape == (1, 14, 12, 14) and float(scan.affine[2, 2]) == pytest.approx(2)
    np.testing.assert_array_equal(scan[0, :, :, :6].numpy(), hu[:, :, :6])
    np.testing.assert_array_equal(scan[0, :, :, [7, 9, 11, 13]].numpy(), hu[:, :, 6:])
    np.testing.assert_allclose(scan[0, :, :, 6].numpy(), (hu[:, :, 5] + hu[:, :, 6].astype(float)) / 2)
    assert scan.meta["notes"] == ["uneven slices (2 to 4 mm) resampled to 2 mm"]


def test_a_missing_slice_is_not_invented(series):
    sorted(series.glob("*.dcm"))[4].unlink()
    with pytest.raises(SmartError, match="slices are missing: gap after slice 4"):
        read_scan(series, spacing="resample")


def test_phases_of_an_enhanced_ct_that_interleave_are_refused(series):
    file = enhance(series)
    dataset = pydicom.dcmread(file)
    for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        content = Dataset()
        content.TemporalPositionIndex = 1 + number % 2
        frame.FrameContentSequence = Sequence([content])
    dataset.save_as(file)
    with pytest.raises(SmartError, match="slices of several acquisitions interleave"):
        read_scan(file)
