"""Two folders side by side: images, and label maps of the same names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smart_nets.errors import InputError
from smart_nets.files import is_litter
from smart_nets.scans.read import FILES

PAIRS = tuple(
    (image, label)
    for image in ("images", "image", "imagesTr", "scans", "ct")
    for label in ("labels", "label", "labelsTr", "masks", "mask", "nodule_mask", "segmentations")
)


def is_paired(folder: Path) -> bool:
    """Whether a folder has a folder of images and one of label maps."""
    return _folders(folder) is not None


def paired_cases(folder: Path) -> list[dict[str, Any]]:
    """Cases of both folders by name.

    Raises:
        InputError: an image without label or the other way round, or no image.
    """
    found = _folders(folder)
    assert found is not None  # `is_paired` has seen them
    images, labels = (_by_stem(one) for one in found)
    alone = sorted(images.keys() ^ labels.keys())
    if alone:
        what = "image has no label" if alone[0] in images else "label has no image"
        where = images.get(alone[0]) or labels[alone[0]]
        told = f"{len(alone)} files without the other"
        raise InputError(
            what, where=where, expected="the same names in both folders", found=told, remedy="add or remove it"
        )
    if not images:
        raise InputError("holds no images", where=found[0], expected=", ".join(FILES))
    return [{"image": str(images[name]), "label": str(labels[name])} for name in sorted(images)]


def _folders(folder: Path) -> tuple[Path, Path] | None:
    return next(((folder / a, folder / b) for a, b in PAIRS if (folder / a).is_dir() and (folder / b).is_dir()), None)


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        ending = next((one for one in FILES if path.name.lower().endswith(one)), None)
        if ending is None or is_litter(path.name):
            continue
        stem = path.name[: -len(ending)].removesuffix("_0000")
        first = found.setdefault(stem, path)
        if first != path:
            raise InputError("two files have the same name", where=path, expected="one of each", found=first.name,
                             remedy="remove one")  # fmt: skip
    return found
