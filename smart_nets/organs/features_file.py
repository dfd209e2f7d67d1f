"""Frozen features of organ crops in one .npz: arrays "cls", "pooled", "stages" (n, C), "organ", "scan" and "encoder" (n,).

"encoder" is the SHA-256 of the weights that made each row, so that rows of two encoders are never compared as if one had
made them. "card" is a JSON object with spacing, crop size and window of the crops, and the arrays of `places` tell where they
were cut, where that is in scans; older files have neither. Nothing in the file is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.files import whole
from smart_nets.organs.npz import Names, read_arrays_of
from smart_nets.statistics.features import KINDS
from smart_nets.statistics.places import CropPlaces, joined_places, read_places

FORMAT = f"one or more of {', '.join(KINDS)}, each (n, C), and organ, scan, encoder (n,): what inference.json writes"


@dataclass(frozen=True, eq=False)
class OrganFeatures:
    """Features of n crops by kind, each (n, C), with organ, scan and place of each, and the encoder and card of all.

    The card is {} where the files do not tell one and the same, and `places` None where they do not tell them.
    """

    vectors: Mapping[str, NDArray[np.float32]]
    organs: Names
    scans: Names
    encoder: str
    card: Mapping[str, Any] = field(default_factory=dict)
    places: CropPlaces | None = None


def save_organ_features(path: str | Path, features: OrganFeatures) -> None:
    """Write the .npz, so that a reader never sees half of it."""
    arrays: dict[str, Any] = {**features.vectors, "organ": features.organs, "scan": features.scans}
    arrays["encoder"] = np.full(len(features.organs), features.encoder)
    if features.card:
        arrays["card"] = np.array(json.dumps(dict(features.card)))
    if features.places is not None:
        arrays |= features.places.arrays()
    with whole(path) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)


def read_organ_features(paths: Sequence[str | Path], wanted: Collection[str] = KINDS) -> OrganFeatures:
    """Rows of one file or several, joined.

    Args:
        wanted: kinds of features to read; the others are left on the disk.

    Raises:
        InputError: a file is missing, damaged or of another form, a feature is no finite number, or the rows are of more than
            one encoder.
    """
    if not paths:
        raise InputError(
            "there is no file to read", where="features", expected="one or more", remedy="give features.npz"
        )
    parts = [_read(Path(path), wanted) for path in paths]
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
    cards = [json.loads(str(part["card"])) if "card" in part else {} for part in parts]
    card = cards[0] if all(one == cards[0] for one in cards) else {}
    places = joined_places([read_places(part, len(part["organ"])) for part in parts])
    vectors = {kind: joined[kind] for kind in kinds}
    return OrganFeatures(vectors, joined["organ"], joined["scan"], encoders[0], card, places)


def _read(path: Path, wanted: Collection[str]) -> dict[str, NDArray[Any]]:
    arrays = read_arrays_of(path, FORMAT, set(KINDS) - set(wanted))
    kinds = [kind for kind in KINDS if kind in arrays]
    n = len(arrays["organ"]) if "organ" in arrays and arrays["organ"].ndim == 1 else -1
    texts = {"organ", "scan", "encoder"} <= arrays.keys() and all(
        arrays[name].shape == (n,) and arrays[name].dtype.kind == "U" for name in ("organ", "scan", "encoder")
    )
    good = all(arrays[kind].ndim == 2 and len(arrays[kind]) == n and arrays[kind].dtype.kind == "f" for kind in kinds)
    if not kinds or n < 1 or not texts or not good:
        found = ", ".join(f"{name} {value.shape}" for name, value in arrays.items())[:200] or "nothing"
        raise InputError("is no file of organ features", where=path, expected=FORMAT, found=found)
    try:
        told = isinstance(json.loads(str(arrays.get("card", "{}"))), dict)
        read_places(arrays, n)
    except (ValueError, RecursionError, InputError) as error:
        raise InputError("is no file of organ features", where=path, expected=FORMAT, found=error) from error
    if not told:
        raise InputError("card is no JSON object", where=path, found=str(arrays["card"])[:80])
    for kind in kinds:
        broken = int((~np.isfinite(arrays[kind])).any(1).sum())
        if broken:
            what, remedy = "features are not finite", "look at the encoder's weights"
            raise InputError(what, where=path, found=f"{kind}: {broken} of {n} rows", remedy=remedy)
    return arrays
