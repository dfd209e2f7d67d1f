"""Frozen features of organ crops in one .npz: arrays "cls", "pooled", "stages" (n, C), "organ", "scan" and "encoder" (n,).

"encoder" is the SHA-256 of the weights that made each row, so that rows of two encoders are never compared as if one had
made them. Nothing in the file is pickled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.files import whole
from smart_nets.organs.npz import Names, read_arrays_of
from smart_nets.statistics.features import KINDS

FORMAT = f"one or more of {', '.join(KINDS)}, each (n, C), and organ, scan, encoder (n,): what inference.json writes"


@dataclass(frozen=True, eq=False)
class OrganFeatures:
    """Features of n crops by kind, each (n, C), with the organ and scan of each, and the encoder of all."""

    vectors: Mapping[str, NDArray[np.float32]]
    organs: Names
    scans: Names
    encoder: str


def save_organ_features(path: str | Path, features: OrganFeatures) -> None:
    """Write the .npz, so that a reader never sees half of it."""
    arrays: dict[str, Any] = {**features.vectors, "organ": features.organs, "scan": features.scans}
    arrays["encoder"] = np.full(len(features.organs), features.encoder)
    with whole(path) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)


def read_organ_features(paths: Sequence[str | Path]) -> OrganFeatures:
    """Rows of one file or several, joined.

    Raises:
        InputError: a file is missing, damaged or of another form, a feature is no finite number, or the rows are of more than
            one encoder.
    """
    if not paths:
        raise InputError(
            "there is no file to read", where="features", expected="one or more", remedy="give features.npz"
        )
    parts = [_read(Path(path)) for path in paths]
    encoders = sorted({str(name) for part in parts for name in part["encoder"]})
    where = ", ".join(str(path) for path in paths)
    if len(encoders) > 1:
        shown, remedy = ", ".join(name[:12] for name in encoders[:4]), "make the features again with one model"
        what = "features of different encoders are mixed"
        raise InputError(what, where=where, expected="one encoder", found=shown, remedy=remedy)
    kinds = [kind for kind in KINDS if all(kind in part for part in parts)]
    widths = {kind: {part[kind].shape[1] for part in parts} for kind in kinds}
    if not kinds or any(len(found) > 1 for found in widths.values()):
        raise InputError("files hold other features", where=where, expected="the same kinds and widths", found=widths)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in (*kinds, "organ", "scan")}
    return OrganFeatures({kind: joined[kind] for kind in kinds}, joined["organ"], joined["scan"], encoders[0])


def _read(path: Path) -> dict[str, NDArray[Any]]:
    arrays = read_arrays_of(path, FORMAT)
    kinds = [kind for kind in KINDS if kind in arrays]
    n = len(arrays["organ"]) if "organ" in arrays and arrays["organ"].ndim == 1 else -1
    texts = {"organ", "scan", "encoder"} <= arrays.keys() and all(
        arrays[name].shape == (n,) and arrays[name].dtype.kind == "U" for name in ("organ", "scan", "encoder")
    )
    good = all(arrays[kind].ndim == 2 and len(arrays[kind]) == n and arrays[kind].dtype.kind == "f" for kind in kinds)
    if not kinds or n < 1 or not texts or not good:
        found = ", ".join(f"{name} {value.shape}" for name, value in arrays.items())[:200] or "nothing"
        raise InputError("is no file of organ features", where=path, expected=FORMAT, found=found)
    for kind in kinds:
        broken = int((~np.isfinite(arrays[kind])).any(1).sum())
        if broken:
            what, remedy = "features are not finite", "look at the encoder's weights"
            raise InputError(what, where=path, found=f"{kind}: {broken} of {n} rows", remedy=remedy)
    return arrays
