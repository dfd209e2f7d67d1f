"""The crops that are searched: one feature of every row of features files, of lesions, organs or whole scans."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.organs.features_file import read_organ_features
from smart_nets.settings import one_of
from smart_nets.statistics.features import KINDS, read_features
from smart_nets.statistics.places import CropPlaces, joined_places
from smart_nets.statistics.retrieval import unit_rows

ORDER = ("pooled", "cls", "stages")  # the first that all files hold; benchmarks/similar.py finds [CLS] the weakest here
GRID = ("spacing", "crop_size", "hu_window")
ORGAN = ("organ", "scan", "encoder")  # arrays by which a file of organ features is known
EXPECTED = "a .npz that `smart-nets features` or smart_organ_cluster wrote"


@dataclass(frozen=True, eq=False)
class Gallery:
    """n crops with one feature each.

    Attributes:
        unit: (n, C), less `middle`, of length 1.
        middle: (C,) mean over all rows, taken from a query too: by the cosine of what all crops share, all look alike.
        feature: its name.
        rows: (n,) by which number a crop is asked for; of one file its own, of several the position.
        patients: (n,) pseudonyms.
        labels: (n,) "" where unknown.
        sizes: (n,) diameters in mm, NaN where unknown.
        card: "sha256" of the encoder and, where the file tells them, "spacing", "crop_size", "hu_window".
        places: source and middle of each, None where a file does not tell them.
    """

    unit: NDArray[np.float32]
    middle: NDArray[np.float64]
    feature: str
    rows: NDArray[np.int64]
    patients: NDArray[np.str_]
    labels: NDArray[np.str_]
    sizes: NDArray[np.float64]
    card: Mapping[str, Any]
    places: CropPlaces | None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def whole_scans(self) -> bool:
        """Whether rows are means over whole scans, to which no place compares."""
        return self.places is not None and bool(np.isnan(self.places.centres).any())

    def position(self, row: int) -> int:
        """Where the crop of this number stands. InputError if there is none."""
        found = np.flatnonzero(self.rows == row)
        if not len(found):
            expected = f"a number from {self.rows.min()} to {self.rows.max()} that the file holds"
            raise InputError("there is no such row", where="row", expected=expected, found=row)
        return int(found[0])

    def of_scan(self, image: Path, series: str | None) -> NDArray[np.bool_]:
        """(n,): which crops lie in a scan."""
        return np.zeros(len(self), bool) if self.places is None else self.places.of_scan(image, series)


@dataclass(frozen=True, eq=False)
class _Part:
    """What one file holds."""

    vectors: NDArray[np.float32]
    rows: NDArray[np.int64]
    patients: NDArray[np.str_]
    labels: NDArray[np.str_]
    sizes: NDArray[np.float64]
    card: Mapping[str, Any]
    places: CropPlaces | None


def read_gallery(paths: Sequence[str | Path], feature: str | None = None) -> Gallery:
    """One feature of all rows of one or more features files of one encoder.

    Args:
        paths: what `smart-nets features` wrote, or inference.json of smart_organ_cluster.
        feature: "cls", "pooled" or "stages"; the first of `ORDER` that all files hold if None.

    Raises:
        InputError: a file is missing, damaged, or no file of features; a feature is not finite; files are of two encoders,
            or of crops of two spacings, sizes or windows. ConfigError: a feature that they do not hold.
    """
    if not paths:
        raise InputError("there is no file to search", where="in", expected=EXPECTED, remedy="give features.npz")
    files = [Path(path).expanduser() for path in paths]
    held = [_names(path) for path in files]
    known = [kind for kind in ORDER if all(kind in names for names in held)]
    if not known:
        raise InputError(
            "files hold no feature in common", where=", ".join(map(str, files)), expected=" or ".join(KINDS)
        )
    name = known[0] if feature is None else feature
    one_of("feature", name, known, "choose one that all files hold")
    parts = [_part(path, name, set(ORGAN) <= names) for path, names in zip(files, held, strict=True)]
    _check_alike(parts, files)
    vectors = parts[0].vectors if len(parts) == 1 else np.concatenate([part.vectors for part in parts])
    middle = vectors.mean(0, dtype=np.float64)
    joined = {
        one: np.concatenate([getattr(part, one) for part in parts]) for one in ("rows", "patients", "labels", "sizes")
    }
    if len(parts) > 1:
        joined["rows"] = np.arange(len(vectors))
    places = joined_places([part.places for part in parts])
    return Gallery(unit_rows(vectors, middle), middle, name, **joined, card=parts[0].card, places=places)


def _names(path: Path) -> set[str]:
    """Of the arrays of a .npz."""
    if not path.is_file():
        remedy = "make it with smart-nets features"
        raise InputError("there is no such file", where=path, expected=EXPECTED, remedy=remedy)
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError("is damaged, or no file of features", where=path, expected=EXPECTED, found=error) from error
    if not names & set(KINDS):
        raise InputError("is no file of features", where=path, expected=EXPECTED, found=", ".join(sorted(names))[:200])
    return names


def _part(path: Path, name: str, organs: bool) -> _Part:
    if organs:
        found = read_organ_features([path], (name,))
        n = len(found.organs)
        card = {**found.card, "sha256": found.encoder}
        patients = np.array([_hidden(scan) for scan in found.scans.tolist()])
        return _Part(found.vectors[name], np.arange(n), patients, found.organs, np.full(n, np.nan), card, found.places)
    table = read_features(path, (name,))
    labels = np.full(len(table), "") if table.labels is None else table.labels.astype(np.str_)
    return _Part(table.vectors[name], table.rows, table.patients, labels, table.sizes, table.card, table.places)


def _hidden(scan: str) -> str:
    """A pseudonym; names of scans as a .npz brings them may be anything."""
    return scan if re.fullmatch(r"[0-9a-f]{12}", scan) else pseudonym(scan)


def _check_alike(parts: Sequence[_Part], files: Sequence[Path]) -> None:
    """InputError unless one encoder made all, on crops of one spacing, size and window."""
    where = ", ".join(map(str, files))
    for name in ("sha256", *GRID):
        values = [part.card.get(name) for part in parts]
        told = [list(value) if isinstance(value, (list, tuple)) else value for value in values]
        if any(one != told[0] for one in told):
            what = "features of different encoders are mixed" if name == "sha256" else f"features differ in {name}"
            other = next(one for one in told if one != told[0])
            remedy = "make all files with one model and the same settings"
            raise InputError(what, where=where, expected=told[0], found=other, remedy=remedy)
    widths = {part.vectors.shape[1] for part in parts}
    if len(widths) > 1:
        raise InputError("features have two widths", where=where, expected="one", found=sorted(widths))
