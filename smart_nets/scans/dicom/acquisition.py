"""Whether slices that stack evenly are one acquisition of one patient, and what about them a reader should be told."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from smart_nets.errors import GeometryError, InputError

if TYPE_CHECKING:
    from pydicom import Dataset

PHASE = ("AcquisitionNumber", "TemporalPositionIdentifier", "TemporalPositionIndex", "ContrastBolusAgent")
UNLIKE = 300.0  # HU by which the mean of a slice may differ from both its neighbours


def check_one_acquisition(slices: Sequence[Dataset], where: str) -> None:
    """Refuse slices, in order of their places, that come from several patients, studies or interleaved phases.

    Raises:
        InputError: several patients or studies. GeometryError: phases that interleave.
    """
    for tag, what in (("PatientID", "patients"), ("StudyInstanceUID", "studies")):
        told = {str(header.get(tag) or "") for header in slices} - {""}
        if len(told) > 1:
            remedy = "split the folder"
            raise InputError(
                f"holds slices of several {what}", where=where, expected="one", found=len(told), remedy=remedy
            )
    phases = [tuple(str(header.get(tag) or "") for tag in PHASE) for header in slices]
    changes = sum(one != other for one, other in itertools.pairwise(phases))
    if changes > 2 * len(set(phases)):  # blocks of axial slices follow one another, phases alternate
        what, found = "slices of several acquisitions interleave", f"{len(set(phases))} of {len(slices)} slices"
        remedy = "split the series into its phases"
        raise GeometryError(what, where=where, expected="one acquisition", found=found, remedy=remedy)


def oddities(slices: Sequence[Dataset], pixels: np.ndarray, step: float) -> list[str]:
    """Notes: slices that may be missing or foreign by the header's own words, and a slice unlike both its neighbours.

    Args:
        slices: in order of their places.
        pixels: their HU (Z, rows, columns).
        step: mm between them.
    """
    notes = []
    told = slices[0].get("SpacingBetweenSlices")
    try:
        ratio = step / abs(float(told)) if told else 1.0
    except (TypeError, ValueError, ZeroDivisionError):
        ratio = 1.0
    if ratio > 1.5:
        notes.append(f"slices lie {step:g} mm apart, the header says {abs(float(told)):g}: some may be missing")
    numbers = [str(header.get("InstanceNumber") or "") for header in slices]
    if len(set(numbers)) == len(numbers) and all(number.isdigit() for number in numbers):
        ways = np.sign(np.diff([int(number) for number in numbers]))
        if (ways[1:] != ways[:-1]).mean() > 0.5:
            notes.append("numbers of slices go to and fro along the stack: two acquisitions may lie in one series")
    means = np.array([float(one[::4, ::4].mean()) for one in pixels])
    before, after = means[1:-1] - means[:-2], means[1:-1] - means[2:]
    odd = np.flatnonzero((np.minimum(abs(before), abs(after)) > UNLIKE) & (before * after > 0)) + 1
    if len(odd):
        notes.append(f"slice {odd[0] + 1} of {len(means)} is unlike both its neighbours ({len(odd)} such slices)")
    return notes
