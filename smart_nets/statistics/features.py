"""Features of a frozen encoder, one row per lesion, kept in a .npz so that probes never need the scans again.

The file has one or more of the arrays "cls", "pooled" and "stages", each (n, C); "row" (n,), "patient" (n,) pseudonyms,
"size_mm" (n,), where known "label" (n,); "card", a JSON object that tells where the features come from; and, unless they
were left out, the arrays of `places`, which tell where each row lies. Nothing in it is pickled.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import ConfigError, InputError
from smart_nets.files import whole
from smart_nets.settings import one_of
from smart_nets.statistics.places import CropPlaces, read_places

IN_WORDS = {"cls": "[CLS]", "pooled": "mean of the last stage", "stages": "all stages"}
"""What downstream tasks may read off a frozen encoder (`Encoding`); where none is chosen, the first that there is."""
KINDS = tuple(IN_WORDS)
NEEDED = ("row", "patient", "size_mm", "card")
# what the zip and array formats raise for damaged data
FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, NotImplementedError, RuntimeError)


@dataclass(frozen=True, eq=False)
class Features:
    """Features of n lesions.

    Attributes:
        vectors: one or more of `KINDS`, each (n, C) float32.
        rows: (n,) position in the list of lesions.
        patients: (n,) pseudonyms.
        sizes: (n,) diameter in mm; NaN where unknown.
        labels: (n,) 0 or 1, or None where nobody knows them.
        card: the encoder (its file's sha256), spacing, crop size, window: what JSON can hold.
        places: source and middle of each, or None where the file does not tell them.

    Raises:
        InputError: shapes differ, there is nothing, or a value is out of range or not finite.
    """

    vectors: Mapping[str, NDArray[np.float32]]
    rows: NDArray[np.int64]
    patients: NDArray[np.str_]
    sizes: NDArray[np.float64]
    labels: NDArray[np.int64] | None
    card: Mapping[str, Any]
    places: CropPlaces | None = None

    def __post_init__(self) -> None:
        vectors = {name: np.asarray(value, np.float32) for name, value in self.vectors.items()}
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "patients", np.asarray(self.patients, np.str_))
        object.__setattr__(self, "sizes", np.asarray(self.sizes, np.float64))
        for name, values in (("rows", self.rows), ("labels", self.labels)):
            if values is not None:
                object.__setattr__(self, name, whole_numbers(name, values))
        _check(self)

    def __len__(self) -> int:
        return len(self.rows)


def whole_numbers(name: str, values: Any) -> NDArray[np.int64]:
    """Values as integers, refused when they are none; 1.0 is one, 0.5 is not."""
    given = np.asarray(values, np.float64)
    if not np.isfinite(given).all() or (given != np.floor(given)).any():
        raise InputError("are no whole numbers", where=name)
    return given.astype(np.int64)


def _check(table: Features) -> None:
    """Refuse what no probe could use."""
    if not table.vectors or set(table.vectors) - set(KINDS):
        raise InputError("kinds of features are not known", expected=" and/or ".join(KINDS), found=[*table.vectors])
    n = len(table.rows)
    columns = {"rows": table.rows, "patients": table.patients, "sizes": table.sizes}
    if table.labels is not None:
        columns["labels"] = table.labels
    shapes = {name: value.shape for name, value in columns.items()}
    if table.places is not None:
        shapes["places"] = (len(table.places),)
    if not n or any(shape != (n,) for shape in shapes.values()):
        raise InputError("columns differ in length or are empty", expected="one value per lesion", found=shapes)
    for name, value in table.vectors.items():
        if value.ndim != 2 or len(value) != n or not value.shape[1]:
            raise InputError("features have the wrong shape", where=name, expected=f"({n}, C)", found=value.shape)
        broken = int((~np.isfinite(value)).any(axis=1).sum())
        if broken:
            raise InputError("features are not finite", where=name, found=f"{broken} of {n} rows")
    for name, good, expected in (
        ("rows", (table.rows >= 0).all() and len(np.unique(table.rows)) == n, "different numbers from 0"),
        ("patients", (table.patients != "").all(), "a pseudonym for each"),
        ("sizes", (np.isnan(table.sizes) | ((table.sizes > 0) & (table.sizes < np.inf))).all(), "mm above 0, or NaN"),
        ("labels", table.labels is None or np.isin(table.labels, (0, 1)).all(), "0 or 1"),
    ):
        if not good:
            raise InputError("values cannot be", where=name, expected=expected)


def save_features(path: str | Path, features: Features) -> None:
    """Write the .npz, so that a reader never sees half of it."""
    arrays: dict[str, Any] = {**features.vectors, "card": np.array(json.dumps(dict(features.card)))}
    arrays |= {"row": features.rows, "patient": features.patients, "size_mm": features.sizes}
    if features.labels is not None:
        arrays["label"] = features.labels
    if features.places is not None:
        arrays |= features.places.arrays()
    with whole(path) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)


def read_features(path: str | Path, kinds: Collection[str] = KINDS) -> Features:
    """Read what `save_features` wrote; every array is compared with its checksum.

    Args:
        kinds: of features to read; the others are left on the disk.

    Raises:
        InputError: the file is missing, damaged, or holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("there is no such file", where=path, remedy="extract features first")
    try:
        arrays = checked_arrays(path, set(KINDS) - set(kinds))
        card = json.loads(str(arrays.get("card", "{}")))
    except FAULTS as error:
        what, remedy = "is damaged, or no file of features", "extract the features again"
        raise InputError(what, where=path, expected="a .npz of features", found=error, remedy=remedy) from error
    lacking = [name for name in NEEDED if name not in arrays]
    if lacking or not isinstance(card, dict):
        raise InputError("is no file of features", where=path, expected=", ".join(NEEDED), found=", ".join(arrays))
    vectors = {name: arrays[name] for name in KINDS if name in arrays}
    try:
        columns = (arrays["row"], arrays["patient"], arrays["size_mm"], arrays.get("label"))
        return Features(vectors, *columns, card, read_places(arrays, len(arrays["row"])))
    except (InputError, ValueError, TypeError) as error:  # TypeError: no rows; ValueError: text where numbers should be
        raise InputError("is no file of features", where=path, found=error) from error


def checked_arrays(path: Path, left_out: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz. A zip checks an entry's checksum at its end, so each is read whole before it is parsed."""
    with zipfile.ZipFile(path) as archive:
        names = {name: name.removesuffix(".npy") for name in archive.namelist()}
        return {
            short: np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
            for name, short in names.items()
            if short not in left_out
        }


def check_kind(feature: str, has_attention: bool = True, where: str = "feature") -> str:
    """The name of a feature, as it was given.

    Raises:
        ConfigError: it is none of `KINDS`, or "cls" of an encoder without semantic attention.
    """
    one_of(where, feature, KINDS)
    if feature == "cls" and not has_attention:
        what = "there is no [CLS] in an encoder without semantic attention"
        raise ConfigError(what, where=where, expected="pooled or stages", found=feature)
    return feature
