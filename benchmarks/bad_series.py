"""DICOM as it should not be: rows 24 and 26 to 40 of the table of bad inputs, and what users met."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from bad_scans import AFFINE, CT, EITHER, READ, REFUSE, SHAPE, STEP, BadScan, Edit, dicom, little_ct
from pydicom.uid import HEVCMP51, EnhancedCTImageStorage, RLELossless


def put(**tags: Any) -> Edit:
    return lambda one, number: [setattr(one, tag, value) for tag, value in tags.items()] and None


def drop(*tags: str, only: int | None = None) -> Edit:
    return lambda one, number: [delattr(one, tag) for tag in tags if only in (None, number)] and None


def height(place: Callable[[int], float]) -> Edit:
    return lambda one, number: setattr(one, "ImagePositionPatient", [-141, -117, place(number)])


def series(edit: Edit = lambda one, number: None, **options: Any) -> Callable[[Path], Path]:
    return lambda folder: dicom(folder / "series", edit, **options)


def signed_bits(one: pydicom.Dataset, number: int) -> None:
    one.PixelData = (np.frombuffer(one.PixelData, "<i2") & 0xFFF).astype("<u2").tobytes()
    one.BitsStored, one.HighBit = 12, 11


def overlay(one: pydicom.Dataset, number: int) -> None:
    pixels = np.frombuffer(one.PixelData, "<u2").reshape(SHAPE[1], SHAPE[0]).copy()
    pixels[10:15, 10:20] |= 0x1000
    one.PixelData = pixels.tobytes()


def lean(one: pydicom.Dataset, number: int) -> None:
    one.ImagePositionPatient = [-141, -117 + STEP * number * np.tan(np.radians(20)), -105 + STEP * number]


def shrink(one: pydicom.Dataset, number: int) -> None:
    if number == 4:
        one.Rows, one.Columns, one.PixelData = 6, 7, b"\0" * 84


def no_syntax(one: pydicom.Dataset, number: int) -> None:
    one.file_meta.TransferSyntaxUID = HEVCMP51
    one.PixelData = pydicom.encaps.encapsulate([b"\0" * 20])
    one["PixelData"].is_undefined_length = True


def pad(one: pydicom.Dataset, number: int) -> None:
    pixels = np.frombuffer(one.PixelData, "<i2").reshape(SHAPE[1], SHAPE[0]).copy()
    pixels[:3], one.PixelPaddingValue = -2000, -2000
    one.PixelData = pixels.tobytes()


def backwards(one: pydicom.Dataset, number: int) -> None:
    one.SpacingBetweenSlices, one.SliceThickness, one.PatientPosition = -STEP, 0, "FFS"
    one.InstanceNumber = SHAPE[2] - number


def two(folder: Path) -> Path:
    dicom(folder / "series", uid="1.2.3", array=little_ct(1))
    for path in (folder / "series").iterdir():
        path.rename(path.with_name(f"b{path.name}"))
    return dicom(folder / "series")


def truncated(folder: Path) -> Path:
    path = dicom(folder / "series") / "0005.dcm"
    path.write_bytes(path.read_bytes()[:-150])
    return path.parent


def copied(folder: Path) -> Path:
    made = dicom(folder / "series")
    (made / "copy.dcm").write_bytes((made / "0004.dcm").read_bytes())
    return made


def rounded(step: float) -> BadScan:
    places = np.round(np.arange(SHAPE[2]) * step - 10, 1)
    affine = AFFINE.copy()
    affine[2, 2:] = step, places[0]
    made = series(height(lambda number: float(places[number])))
    return BadScan(f"positions rounded to 0.1 mm, slices every {step:g} mm", READ, made, right=(CT, affine))


def _refused() -> dict[str, tuple[int, Callable[[Path], Path]]]:
    """Name -> row and maker of series that nobody can read right."""
    return {
        "MR series": (24, series(put(Modality="MR"))),
        "one slice missing": (26, series(lambda one, number: number != 4)),
        "three slices missing": (27, series(lambda one, number: number not in (4, 5, 6))),
        "two slices at one position": (28, series(height(lambda number: -105 + STEP * (number - (number == 4))))),
        "varying slice distance": (29, series(height(lambda number: -105 + number**1.3))),
        "a jump of 0.6 mm": (29, series(height(lambda number: -105 + 1.25 * number + 0.6 * (number > 20)))),
        "no ImagePositionPatient": (31, series(drop("ImagePositionPatient"))),
        "PixelSpacing of 0": (32, series(put(PixelSpacing=[0, 0]))),
        "no PixelSpacing": (32, series(drop("PixelSpacing"))),
        "no rescale tags": (33, series(drop("RescaleSlope", "RescaleIntercept"))),
        "a slice without PixelData": (34, series(drop("PixelData", only=4))),
        "one truncated slice": (35, truncated),
        "two matrix sizes": (36, series(shrink)),
        "two series in a folder": (37, two),
        "all slices at one position": (38, series(height(lambda number: -105.0))),
        "transfer syntax that nobody reads": (40, series(no_syntax)),
    }


def series_rows() -> Iterator[BadScan]:
    """All of them."""
    tilt, padded = AFFINE.copy(), CT.copy()
    tilt[1, 2], padded[:, -3:] = -STEP * np.tan(np.radians(20)), -1024
    for name, (row, make) in _refused().items():
        yield BadScan(f"DICOM: {name}", REFUSE, make, row, None)
    read: dict[str, tuple[int, str, Callable[[Path], Path]]] = {
        "an exact copy of a slice": (28, READ, copied),
        "MONOCHROME1": (39, EITHER, series(put(PhotometricInterpretation="MONOCHROME1"))),
        "12 bits, signed": (0, READ, series(signed_bits, signed=True, array=np.clip(CT, -2048, 2047))),
        "overlay in an unused bit": (0, READ, series(overlay)),
        "RLE": (0, READ, series(lambda one, number: one.compress(RLELossless))),
        "SpacingBetweenSlices below 0": (0, READ, series(backwards)),
        "without preamble and meta": (0, READ, bare),
        "Enhanced CT, all slices in one file": (0, EITHER, enhanced),
    }
    for name, (row, wanted, make) in read.items():
        yield BadScan(f"DICOM: {name}", wanted, make, row)
    yield BadScan("DICOM: gantry tilt of 20 degrees", EITHER, series(lean), 30, (CT, tilt))
    yield BadScan("DICOM: padding of -2000 and its tag", READ, series(pad, signed=True), right=(padded, AFFINE))
    yield from (rounded(step) for step in (0.625, 1.25, 3.27))
    yield BadScan("DICOM: a series over two folders", EITHER, spread, is_source=True)
    yield BadScan("DICOM: forks of a Mac beside it", READ, forked, is_source=True)


def bare(folder: Path) -> Path:
    """As planning systems export: data sets only."""
    target = folder / "series"
    target.mkdir()

    def save(one: pydicom.Dataset, number: int) -> bool:
        plain = pydicom.Dataset()
        plain.update({element.tag: element for element in one})
        pydicom.dcmwrite(target / f"{number:04d}.dcm", plain, implicit_vr=True, little_endian=True)
        return False

    dicom(folder / "none", save)
    (folder / "none").rmdir()
    return target


def enhanced(folder: Path) -> Path:
    """The slices as frames, in the functional groups of the standard."""
    frames: list[pydicom.Dataset] = []
    dicom(folder / "none", lambda one, number: frames.append(one) or False)
    (folder / "none").rmdir()
    one = frames[0]
    one.NumberOfFrames, one.SOPClassUID = len(frames), EnhancedCTImageStorage
    one.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    one.PixelData = b"".join(frame.PixelData for frame in frames)
    one.PerFrameFunctionalGroupsSequence = [_frame(number) for number in range(len(frames))]
    shared = pydicom.Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [pydicom.Dataset()], [pydicom.Dataset()]
    shared.PixelMeasuresSequence[0].PixelSpacing, shared.PixelMeasuresSequence[0].SliceThickness = [STEP, STEP], STEP
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelValueTransformationSequence = [pydicom.Dataset()]
    values = shared.PixelValueTransformationSequence[0]
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = "1", "-1024", "HU"
    one.SharedFunctionalGroupsSequence = [shared]
    for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(one, tag)
    (folder / "series").mkdir()
    one.save_as(folder / "series" / "IM0", enforce_file_format=True)
    return folder / "series"


def _frame(number: int) -> pydicom.Dataset:
    group, place = pydicom.Dataset(), pydicom.Dataset()
    place.ImagePositionPatient = [-141, -117, -105 + STEP * number]
    group.PlanePositionSequence = [place]
    return group


def spread(folder: Path) -> Path:
    """The halves of a series in two folders, as CDs have them."""
    dicom(folder / "IMAGES" / "SE1")
    (folder / "IMAGES" / "SE2").mkdir()
    for number, path in enumerate(sorted((folder / "IMAGES" / "SE1").iterdir())):
        if number >= SHAPE[2] // 2:
            path.rename(folder / "IMAGES" / "SE2" / path.name)
    return folder / "IMAGES"


def forked(folder: Path) -> Path:
    """A zip that was made on a Mac."""
    made = dicom(folder / "in" / "P1")
    twins = folder / "in" / "__MACOSX" / "P1"
    twins.mkdir(parents=True)
    for path in made.iterdir():
        (twins / f"._{path.name}").write_bytes(b"\0\x05\x16\x07\0\x02\0\0Mac OS X        " + b"\0" * 100)
    return folder / "in"
