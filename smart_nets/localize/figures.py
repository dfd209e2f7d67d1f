"""How well a map of scores finds a tumour without any training: the attention of a frozen encoder, or a floor such as the HU.

A threshold at the 90th percentile marks a tenth of the region whatever lies in it, so that no Dice coefficient stands alone:
beside it is the best one that so many voxels could reach. Contrast and pointing need no threshold.

The figures that `measure` gives:
"dice": of marked and tumour.
"dice_readers": mean over the readers, of marked and what that reader drew.
"oracle": the best "dice" of any mask of as many voxels inside the region.
"pointing": 1 if the highest score of the region lies in this tumour or one of `others`, 0 if not; the share
    of the highest ones that do if several are equal.
"pointing_mm": from the highest score to the nearest voxel of any tumour, 0 inside; the mean if several are equal.
"contrast": probability that a voxel of the tumour scores higher than one of the ring, ties half (the AUC): 0.5
    is none, 1 perfect. It is free of scale, so that attention and HU compare. The ring is what of `around` lies
    4 to 20 mm from the tumour.
"contrast_ratio": mean score of the tumour / that of the ring; NaN if any score of the map is below 0.
"recall": share of the tumour that is marked.
"found": 1 if that is half or more, else 0.
"hd95": 95th percentile of the Hausdorff distance of marked and tumour in mm; NaN if nothing is marked.
"tumour_ml", "marked_ml": volumes.
"tumour_share": of the region, f in `oracle_dice`.
"tumour_inside": share of the tumour that lies in the region; below `LEAST_INSIDE` the other figures tell of the region.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.optional import needed
from smart_nets.statistics.metrics import Floats, Ranking, roc_auc
from smart_nets.statistics.overlap import Mask, box_around, check_masks, consensus, dice, hd95, voxel_count

RING_MM = (4.0, 20.0)  # nearer, readers disagree on the border and a coarse map blurs; farther, it is another organ
LEAST_OVERLAP = 0.5  # share of a tumour; marking a tenth of everything reaches a tenth by chance
LEAST_INSIDE = 0.5  # share of a tumour in the region; of one that lies elsewhere no map of the region can tell
MOST_PEAKS = 100_000  # tied peaks whose distance is measured, drawn at random: a flat map has millions


def oracle_dice(tumour_voxels_in_region: float, tumour_voxels: float, marked_voxels: float) -> float:
    """The best Dice coefficient of any mask of so many voxels inside the region, NaN if there is nothing to mark.

    With the paper's 90th percentile, where a tenth is marked, and a tumour that fills the share f of the region, it is
    2 min(f, 0.1) / (f + 0.1). The counts may be shares of the region as well.

    Raises:
        InputError: a count is below 0, or more of the tumour lies in the region than there is.
    """
    if not (0 <= tumour_voxels_in_region <= tumour_voxels and marked_voxels >= 0):
        wanted = "0 <= tumour in region <= tumour and 0 <= marked"
        found = f"{tumour_voxels_in_region}, {tumour_voxels} and {marked_voxels}"
        raise InputError("counts of voxels make no sense", expected=wanted, found=found)
    total = tumour_voxels + marked_voxels
    return 2 * min(tumour_voxels_in_region, marked_voxels) / total if total else np.nan


def inside_share(tumour: Mask, region: Mask) -> float:
    """Share of a tumour (X, Y, Z) that lies in the region, NaN if it is empty."""
    voxels = voxel_count(tumour)
    return voxel_count(tumour & region) / voxels if voxels else np.nan


def measure(
    score: NDArray[Any],
    marked: Mask,
    readers: Sequence[Mask],
    region: Mask,
    spacing: Sequence[float] | Floats,
    others: Mask | None = None,
    around: Mask | None = None,
) -> dict[str, float]:
    """All figures of one tumour, NaN where they are not defined. The tumour is the `consensus` of its readers.

    All of the tumour counts, also what lies outside the region and so cannot be marked. Distances are from centre to
    centre of voxels.

    Args:
        score: (X, Y, Z) finite numbers, higher means rather tumour.
        marked: (X, Y, Z) what was marked for it, inside the region.
        readers: one mask (X, Y, Z) of the tumour for each reader.
        region: (X, Y, Z) where marking was allowed.
        spacing: (3,) of the voxels in mm.
        others: (X, Y, Z) further tumours of the scan. They are not in the ring, and a peak in one of them is a hit. What is
            marked in them counts against "dice".
        around: (X, Y, Z) where the ring may lie, so that maps of different regions have the same; the region if None.

    Returns:
        the figures of the module's first lines.

    Raises:
        InputError: shapes differ, the score is not finite, the spacing is not three lengths, the consensus or the region
            is empty, or something outside the region is marked.
    """
    tumour = consensus(readers)
    elsewhere = np.zeros_like(tumour) if others is None else others
    nearby = region if around is None else around
    check_masks({"marked": marked, "region": region, "others": elsewhere, "around": nearby}, tumour.shape)
    size = np.asarray(spacing, dtype=np.float64)
    _check_content(score, marked, tumour, region, size)
    voxels, inside, chosen = map(voxel_count, (tumour, tumour & region, marked))
    recall = voxel_count(tumour & marked) / voxels
    voxel_ml = float(size.prod()) / 1000
    return {
        "dice": dice(marked, tumour),
        "dice_readers": float(np.nanmean([dice(marked, reader) for reader in readers])),
        "oracle": oracle_dice(inside, voxels, chosen),
        **_pointing(score, region, tumour | elsewhere, size),
        **_contrast(score, tumour, nearby & ~elsewhere, size),
        "recall": recall,
        "found": float(recall >= LEAST_OVERLAP),
        "hd95": hd95(marked, tumour, size) if chosen else np.nan,
        "tumour_ml": voxels * voxel_ml,
        "marked_ml": chosen * voxel_ml,
        "tumour_share": inside / voxel_count(region),
        "tumour_inside": inside / voxels,
    }


def _pointing(score: NDArray[Any], region: Mask, tumours: Mask, spacing: Floats) -> dict[str, float]:
    peaks = region & (score == score[region].max())
    hits = voxel_count(peaks & tumours) / voxel_count(peaks)
    at = np.flatnonzero(peaks)
    if len(at) > MOST_PEAKS:
        at = at[np.random.default_rng(0).integers(len(at), size=MOST_PEAKS)]
    points = np.stack(np.unravel_index(at, peaks.shape), axis=1)  # (n,) -> (n, 3)
    distances, _ = (
        needed("scipy.spatial", "localisation").cKDTree(np.argwhere(tumours) * spacing).query(points * spacing)
    )
    return {"pointing": hits, "pointing_mm": float(distances.mean())}


def _contrast(score: NDArray[Any], tumour: Mask, allowed: Mask, spacing: Floats) -> dict[str, float]:
    """Tumour against its ring, which is cut from `allowed`."""
    box = box_around(tumour, margin=np.ceil(RING_MM[1] / spacing).astype(int).tolist())
    distance = needed("scipy.ndimage", "localisation").distance_transform_edt(~tumour[box], sampling=spacing)  # mm
    ring = allowed[box] & (distance >= RING_MM[0]) & (distance <= RING_MM[1])
    within, around = (score[box][mask].astype(np.float64) for mask in (tumour[box], ring))  # (n,), (m,)
    ranking = Ranking(np.repeat([1, 0], [len(within), len(around)]), np.concatenate([within, around]))
    auc = roc_auc(*ranking.counts(np.ones((1, len(within) + len(around))))).item()
    comparable = score.min() >= 0 and (around > 0).any()
    return {"contrast": auc, "contrast_ratio": float(within.mean() / around.mean()) if comparable else np.nan}


def _check_content(score: NDArray[Any], marked: Mask, tumour: Mask, region: Mask, spacing: Floats) -> None:
    if score.shape != tumour.shape or score.ndim != 3 or score.dtype.kind not in "iuf":
        wanted, found = f"3-D numbers {tumour.shape}", f"{score.dtype} {score.shape}"
        raise InputError("is no map of the scan", where="score", expected=wanted, found=found, remedy="resample it")
    if spacing.shape != (3,) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise InputError("is no size of a voxel", where="spacing", expected="3 lengths above 0 mm", found=spacing)
    if not tumour.any():
        raise InputError("agree on no voxel", where="readers", remedy="leave the case out, its Dice is undefined")
    if not np.isfinite([score.min(), score.max()]).all():  # NaN goes through both
        raise InputError("holds NaN or Inf", where="score", expected="finite numbers")
    if not region.any():
        raise InputError("is empty", where="region", expected="voxels that may be marked")
    if outside := voxel_count(marked & ~region):
        found = f"{outside:,} others"
        raise InputError("goes beyond the region", where="marked", expected="its voxels", found=found, remedy="cut it")
