"""Where the crops of a features file were cut: source scan and middle, so that a row can be shown again.

In the .npz: "images", a JSON list of what tells one scan from another ({"image", "series", "reading"}); "image" (n,), a number
in that list; "centre_mm" (n, 3) in RAS mm, NaN for a whole scan. Paths and series may name patients: unless they are asked
for, "image" is a mark of both, by which a scan that one has is known again, and no more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError

ARRAYS = ("images", "image", "centre_mm")
TOLD = ("image", "series", "reading")  # of a scan
MARK = "sha256:"
NOWHERE = (float("nan"),) * 3


@dataclass(frozen=True, eq=False)
class CropPlaces:
    """Source and middle of n crops.

    Attributes:
        images: scans, {"image": path, "series", "reading"} as datalists have them, or {"image": mark, "reading"}.
        image: (n,) number of each crop's scan in `images`.
        centres: (n, 3) RAS mm; NaN where a row is of a whole scan.

    Raises:
        InputError: shapes differ, a number is of no scan, or a scan has no path.
    """

    images: tuple[Mapping[str, Any], ...]
    image: NDArray[np.int64]
    centres: NDArray[np.float64]

    def __post_init__(self) -> None:
        image, centres = np.asarray(self.image), np.asarray(self.centres)
        good = image.ndim == 1 and image.dtype.kind in "iu" and centres.dtype.kind == "f"
        if not good or centres.shape != (len(image), 3) or np.isinf(centres).any():
            found = f"image {image.dtype} {image.shape}, centre_mm {centres.dtype} {centres.shape}"
            raise InputError("places are no places", expected="image (n,), centre_mm (n, 3)", found=found)
        if image.size and not 0 <= image.min() <= image.max() < len(self.images):
            found = f"{image.min()} to {image.max()}"
            raise InputError("places name no scan", expected=f"numbers below {len(self.images)}", found=found)
        for one in self.images:
            if not isinstance(one, Mapping) or not isinstance(one.get("image"), str) or set(one) - set(TOLD):
                raise InputError("a scan of the places is none", expected=", ".join(TOLD), found=one)
        object.__setattr__(self, "image", image.astype(np.int64))
        object.__setattr__(self, "centres", centres.astype(np.float64))

    def __len__(self) -> int:
        return len(self.image)

    @property
    def marked(self) -> bool:
        """Whether a scan is told by a mark alone, so that nothing can be cut from it."""
        return any(one["image"].startswith(MARK) for one in self.images)

    def without_paths(self) -> CropPlaces:
        """The same with marks in place of paths and series."""
        kept = ({key: one[key] for key in ("reading",) if key in one} for one in self.images)
        marks = (scan_mark(one["image"], one.get("series")) for one in self.images)
        return replace(self, images=tuple({"image": mark, **more} for mark, more in zip(marks, kept, strict=True)))

    def of_scan(self, image: str | Path, series: str | None) -> NDArray[np.bool_]:
        """(n,): which crops lie in a scan."""
        path, mark = Path(image).expanduser().resolve(), scan_mark(image, series)
        same = [
            one["image"] == mark
            if one["image"].startswith(MARK)
            else Path(one["image"]).expanduser().resolve() == path
            and (not series or one.get("series") in (None, series))
            for one in self.images
        ]
        return np.asarray(same, bool)[self.image]

    def item(self, position: int) -> dict[str, Any]:
        """{"image", "series", "reading", "centre_mm" (x, y, z)} of a crop; "centre_mm" is None for a whole scan."""
        centre: list[float] = self.centres[position].tolist()
        return {**self.images[self.image[position]], "centre_mm": None if np.isnan(centre).any() else centre}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the .npz holds of them."""
        images = np.array(json.dumps([dict(one) for one in self.images]))
        return {"images": images, "image": self.image, "centre_mm": self.centres}


def scan_mark(image: str | Path, series: str | None) -> str:
    """A number of a scan's path and series, from which neither can be read."""
    told = f"{Path(image).expanduser().resolve()}\n{series or ''}"
    return MARK + hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def crop_places(items: Iterable[Mapping[str, Any]], centres: Sequence[Sequence[float]] | None = None) -> CropPlaces:
    """Places of a datalist's items.

    Args:
        items: with "image" and, where known, "series", "reading" and "centre_mm".
        centres: (n, 3) in RAS mm, where the items do not tell them.
    """
    numbers: dict[str, int] = {}
    images: list[dict[str, Any]] = []
    image, found = [], []
    for item in items:
        told = {name: item[name] for name in TOLD if item.get(name)}
        key = json.dumps(told, sort_keys=True)
        if key not in numbers:
            numbers[key] = len(images)
            images.append(told)
        image.append(numbers[key])
        found.append(NOWHERE if item.get("centre_mm") is None else item["centre_mm"])
    middles = np.array(found if centres is None else centres, np.float64).reshape(len(image), 3)  # (n, 3) if empty, too
    return CropPlaces(tuple(images), np.array(image, np.int64), middles)


def read_places(arrays: Mapping[str, NDArray[Any]], count: int) -> CropPlaces | None:
    """Places from the arrays of a .npz with `count` rows; None where it holds none, as older files.

    Raises:
        InputError: see `CropPlaces`, or there are more or fewer than rows.
    """
    if not set(ARRAYS) <= arrays.keys():
        return None
    try:
        images = json.loads(str(arrays["images"]))
    except (ValueError, RecursionError) as error:
        raise InputError("scans of the places are no JSON", where="images", found=error) from error
    if not isinstance(images, list):
        raise InputError("scans of the places are no list", where="images", found=type(images).__name__)
    places = CropPlaces(tuple(images), arrays["image"], arrays["centre_mm"])
    if len(places) != count:
        raise InputError("places are not one for each row", expected=count, found=len(places))
    return places


def joined_places(parts: Sequence[CropPlaces | None]) -> CropPlaces | None:
    """Of several files one after the other; None if any has none."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or not known:
        return None
    starts = np.cumsum([0, *(len(part.images) for part in known)])
    image = np.concatenate([part.image + start for part, start in zip(known, starts[:-1], strict=True)])
    images = tuple(one for part in known for one in part.images)
    return CropPlaces(images, image, np.concatenate([part.centres for part in known]))
