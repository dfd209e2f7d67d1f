"""Organ crops cut from scans with their label maps, as TotalSegmentator and others write them."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.optional import bar
from smart_nets.organs.probe import OrganCrops, crop_around, middle_mm
from smart_nets.scans.grid import network_grid
from smart_nets.scans.labels import read_labels
from smart_nets.scans.read import read_volume
from smart_nets.scans.volume import Volume
from smart_nets.scans.window import window_hu
from smart_nets.statistics.places import crop_places

log = logging.getLogger(__name__)
MASKS, NAMES = "segmentations", "labels.json"
SCANS = ("ct.nii.gz", "ct.nii", "ct.nrrd")
ORGANS = {  # TotalSegmentator's names of the organs of OrganMNIST3D that it has
    "liver": "liver", "kidney_right": "kidney right", "kidney_left": "kidney left", "urinary_bladder": "bladder",
    "heart": "heart", "spleen": "spleen", "pancreas": "pancreas", "lung_right": "lung right", "lung_left": "lung left",
    "femur_right": "femur right", "femur_left": "femur left",
}  # fmt: skip
FORMAT = (
    f"folders of one scan each: ct.nii.gz with {MASKS}/liver.nii.gz ... (TotalSegmentator), or with one label map "
    f'segmentation.nii.gz and {NAMES}, such as {{"5": "liver"}}, in it or above'
)


def has_label_maps(folder: Path) -> bool:
    """Whether any folder below is a case as `FORMAT` says."""
    return next(_cases(folder), None) is not None


def crops_of_scans(
    folder: str | Path,
    size: Sequence[int],
    spacing: Sequence[float],
    window: tuple[float, float],
    organs: Sequence[str] | None = None,
) -> OrganCrops:
    """A crop around the middle of every organ of every case, in RAS at `spacing` mm; nothing is stretched.

    Args:
        organs: names of labels to take; default those of OrganMNIST3D that TotalSegmentator knows (`ORGANS`).

    Raises:
        InputError, GeometryError: no case, a map that does not lie on its scan, or none of the organs in two scans.
    """
    root = Path(folder)
    found: list[tuple[torch.Tensor, str, str, dict[str, Any]]] = []
    for case in bar(list(_cases(root)), "organs"):
        scan = read_volume(_scan_of(case))
        upright = network_grid(scan, spacing)
        for name, mask in _masks(case, scan.to_ras(), root):
            organ = name if organs else ORGANS.get(name)
            if organ is None or (organs and name not in organs) or not mask.any():
                continue
            centre = _middle(mask, scan.to_ras(), upright)
            crop = crop_around(upright.array, centre, (size[0], size[1], size[2]))
            low = [middle - side // 2 for middle, side in zip(centre, size, strict=True)]  # as `crop_around` cuts
            place = {"image": str(_scan_of(case)), "centre_mm": middle_mm(upright.affine, low, size)}
            found.append((window_hu(crop, *window), organ, pseudonym(str(case.relative_to(root))), place))
    counts = Counter(organ for organ, _ in {(organ, case) for _, organ, case, _ in found})  # of scans
    lacking = sorted(set(organs or ()) - set(counts))
    if lacking and counts:
        remedy = "spell it as the label maps do"
        raise InputError("no scan has this label", where=root, found=", ".join(lacking), remedy=remedy)
    single = sorted(organ for organ, count in counts.items() if count < 2)
    if single:
        log.warning("left out, for only one scan shows them: %s", ", ".join(single))
    kept = [one for one in found if one[1] not in single]
    if not kept:
        expected = ", ".join(organs or ORGANS)
        seen = ", ".join(sorted(counts)) or "none of them"
        raise InputError("no organ is in two scans", where=root, expected=expected, found=seen, remedy="name others")
    crops, names, cases, places = zip(*kept, strict=True)
    stacked = torch.stack(crops).unsqueeze(1)  # n of (D, H, W) -> (n, 1, D, H, W)
    return OrganCrops(stacked, list(names), list(cases), crop_places(places))


def _cases(root: Path) -> Iterator[Path]:
    folders = [root, *sorted(path for path in root.rglob("*") if path.is_dir() and path.name != MASKS)]
    for folder in folders:
        if _scan_of(folder, there=False).is_file() and ((folder / MASKS).is_dir() or _map_of(folder)):
            yield folder


def _scan_of(folder: Path, there: bool = True) -> Path:
    found = [folder / name for name in SCANS if (folder / name).is_file()]
    if there and not found:
        raise InputError("holds no scan", where=folder, expected=FORMAT)
    return found[0] if found else folder / SCANS[0]


def _map_of(folder: Path) -> Path | None:
    names = [folder / f"segmentation.{end}" for end in ("nii.gz", "nii", "nrrd")]
    return next((path for path in names if path.is_file()), None)


def _masks(case: Path, scan: Volume, root: Path) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Name and mask, on the scan's grid in RAS, of every label of a case."""
    if (case / MASKS).is_dir():
        for path in sorted((case / MASKS).glob("*.nii.gz")):
            yield path.name.removesuffix(".nii.gz"), read_labels(path, scan) > 0
        return
    whole = _map_of(case)
    assert whole is not None  # `_cases` has seen it
    names = _names(case, root)
    numbers = read_labels(whole, scan)
    for value, name in names.items():
        yield name, numbers == value


def _names(case: Path, root: Path) -> Mapping[int, str]:
    path = next((folder / NAMES for folder in (case, root) if (folder / NAMES).is_file()), None)
    if path is None:
        raise InputError("nobody tells what its labels are", where=case, expected=FORMAT, found=f"no {NAMES}")
    try:
        return {int(value): str(name) for value, name in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, AttributeError, RecursionError, OSError) as error:
        raise InputError("names no labels", where=path, expected='{"5": "liver"}', found=error) from error


def _middle(mask: NDArray[np.bool_], scan: Volume, upright: Volume) -> tuple[int, int, int]:
    """Voxel of `upright` at the mask's centre of mass."""
    inside = np.argwhere(mask).mean(0)  # (3,)
    place = scan.affine @ [*inside, 1]
    i, j, k = np.rint(np.linalg.inv(upright.affine) @ place)[:3].astype(int).tolist()
    return i, j, k
