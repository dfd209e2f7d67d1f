"""Drawing whole patients with replacement, many draws at once.

A draw is a row of weights (n,): how often each of n lesions is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.optional import needed
from smart_nets.settings import between

Floats = NDArray[np.float64]
BATCH = 250  # draws at once: of 10,000 lesions they take 20 MB


def independent_strata(owner: NDArray[np.intp], folds: NDArray[Any]) -> list[NDArray[np.intp]]:
    """Groups of patients that have no fold in common: the folds, if each patient is of one fold.

    Patients who occur in several folds tie these into one stratum, for all lesions of a patient go with the patient.

    Args:
        owner: (n,) number of each lesion's patient, from 0 without gaps.
        folds: (n,) number of each lesion's fold.

    Returns:
        Numbers of the patients of each stratum.
    """
    patients = int(owner.max()) + 1
    numbers, fold = np.unique(folds, return_inverse=True)
    size = patients + len(numbers)
    links = needed("scipy.sparse", "bootstrap").coo_array(
        (np.ones(len(owner)), (owner, patients + fold)), shape=(size, size)
    )
    count, part = needed("scipy.sparse.csgraph", "bootstrap").connected_components(links, directed=False)
    return [np.flatnonzero(part[:patients] == number) for number in range(count)]


@dataclass(frozen=True)
class PatientBootstrap:
    """How to draw from n lesions: whole patients, within the strata of `independent_strata`.

    Args:
        patients: (n,) names.
        folds: (n,) numbers; all lesions are of one fold if None.
        rounds: number of draws.
        seed: of the draws.

    Raises:
        ConfigError: fewer than 100 rounds.
        InputError: lengths differ, or there are fewer than two patients.
    """

    patients: NDArray[Any]
    folds: NDArray[Any] | None = None
    rounds: int = 2000
    seed: int = 0
    owner: NDArray[np.intp] = field(init=False)  # (n,) number of the patient
    strata: list[NDArray[np.intp]] = field(init=False)  # of the patients' numbers

    def __post_init__(self) -> None:
        between("rounds", self.rounds, 100, remedy="fewer are too few for an interval")
        names, owner = np.unique(np.asarray(self.patients), return_inverse=True)
        folds = np.zeros(len(owner)) if self.folds is None else np.asarray(self.folds)
        if len(folds) != len(owner):
            raise InputError("patients and folds differ in number", found=f"{len(owner)} and {len(folds)}")
        if len(names) < 2:
            raise InputError("an interval needs several patients", expected="2 or more", found=len(names))
        object.__setattr__(self, "owner", owner)
        object.__setattr__(self, "strata", independent_strata(owner, folds))

    @property
    def patient_count(self) -> int:
        return sum(map(len, self.strata))

    def draws(self) -> Iterator[Floats]:
        """Weights (r, n) until `rounds` draws are through; the same every time."""
        rng = np.random.default_rng(self.seed)
        for start in range(0, self.rounds, BATCH):
            counts = np.zeros((min(BATCH, self.rounds - start), self.patient_count))
            lines = np.arange(len(counts))[:, None]
            for stratum in self.strata:
                drawn = rng.integers(len(stratum), size=(len(counts), len(stratum)))
                flat = np.bincount((lines * len(stratum) + drawn).ravel(), minlength=len(counts) * len(stratum))
                counts[:, stratum] = flat.reshape(len(counts), len(stratum))  # (r * patients) -> (r, patients)
            yield counts[:, self.owner]

    def without_one(self) -> Iterator[Floats]:
        """Weights (r, n) that leave out one patient each, in the order of the patients' numbers."""
        for start in range(0, self.patient_count, BATCH):
            left_out = np.arange(start, min(start + BATCH, self.patient_count))
            yield (self.owner != left_out[:, None]).astype(np.float64)
