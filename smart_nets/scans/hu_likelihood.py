"""What values look like that are no HU: shifted, turned around, stretched, or nothing a CT shows.

Tissues lie at known HU, so a histogram fits them best where it is: if it fits clearly better when shifted or turned around,
it was. Limits come from 33 whole scans and 582 crops of nodules of nine sources, as they are and spoiled in twelve ways:
shifted by 500, 1000 or 1024, turned around, every spoiled scan fits better elsewhere by 0.09 nats a voxel or more,
and no sound one does.
"""

from __future__ import annotations

import numpy as np

STEP = 10  # HU of a bin
LOWEST, HIGHEST = -1200, 3100  # HU that the bins span
# share, mean and sd in HU: air, lung, fat, soft tissue, what is denser (vessels with contrast, marrow)
TISSUES = ((0.14, -1000, 35), (0.18, -850, 110), (0.15, -100, 45), (0.33, 45, 45), (0.08, 200, 150))
ANYTHING = 0.12  # share of bone and all else, spread evenly
FAR_OUT = 2e-6  # density beyond the bins
SHIFTS = (1024, *(shift for shift in range(-3000, 3001, 100) if abs(shift) >= 500))
WHOLE = 150.0  # mm; what is larger on every axis holds air beside the body or within it
MARGIN_WHOLE, MARGIN_CROP = 0.05, 0.6  # nats a voxel; crops show few tissues, so less can be said of them
WORST_FIT, WORST_WHOLE = -9.3, -8.0  # nats; the worst crop has -9.0, the worst whole scan -7.6


def without_padding(sample: np.ndarray) -> np.ndarray:
    """Values (n,) without the one around the scanner's circle, or the one a clip piled up."""
    values, counts = np.unique(sample, return_counts=True)
    aside = {values[counts.argmax()]} if counts.max() > 0.1 * len(sample) else set()
    aside |= {values[0]} if counts[0] > 0.01 * len(sample) else set()
    kept = sample[~np.isin(sample, list(aside))]
    return kept if len(kept) > 0.1 * len(sample) else sample


def looks_like(values: np.ndarray, eight_bit: bool, extent: float) -> str:
    """What values look like that are no HU, in words; empty if they can be.

    Args:
        values: a sample of the finite voxels, (n,).
        eight_bit: whether they are, or were, signed bytes.
        extent: shortest side of the volume in mm.
    """
    if eight_bit:
        return "rescaled to 8 bits"
    sample = without_padding(values)
    low = float(np.percentile(sample, 0.1))
    air = bool((values < -900).any() and values.min() > -1100)  # be it one value that was set aside
    return _misplaced(sample, low, extent) or _impossible(sample, low, air, extent)


def _misplaced(sample: np.ndarray, low: float, extent: float) -> str:
    """A shift or an inversion under which the values fit the tissues clearly better."""
    here = _fit(sample)
    margin = MARGIN_WHOLE if extent >= WHOLE else MARGIN_CROP
    far_below = (sample < -1100).mean() > 0.1  # else a lung alone would look like soft tissue shifted down
    fits = {shift: _fit(sample - shift) for shift in SHIFTS if shift > 0 or far_below}
    shift = max(fits, key=fits.__getitem__)
    if fits[shift] < WORST_WHOLE or (low >= -10 and not 950 <= shift <= 1100):  # no CT either when shifted
        fits[shift] = here
    inverted = _fit(-sample)
    if inverted > here + margin and inverted > fits[shift]:
        return "air is bright and bone dark, the sign is turned around"
    if fits[shift] > here + margin and (low >= -10 or extent >= WHOLE or fits[shift] > here + MARGIN_CROP):
        shift = 1024 if 950 <= shift <= 1100 else shift
        soft = sample[(sample > shift - 20) & (sample < shift + 100)]
        place = f"{np.median(soft):,.0f}" if len(soft) else f"{shift:,}"
        return f"soft tissue lies at {place}, values look like HU {shift:+,}; give hu_offset={-shift} if that is so"
    return ""


def _impossible(sample: np.ndarray, low: float, air: bool, extent: float) -> str:
    """What no CT shows, whatever the patient."""
    dark, bright = float((sample < -300).mean()), float((sample > 300).mean())
    if low >= -10 and not air:
        return "no voxel below water, perhaps MR"
    upside_down = (sample < -1035).mean() > 0.15 and (sample > 150).mean() < 1e-4  # much below air, and no bone
    if (sample < -1200).mean() > 0.05 or upside_down:
        return f"values go on below air down to {low:,.0f}, a wrong slope"
    if not air and bright > 0.25 and (sample < -60).mean() < 0.01:
        return "most is brighter than 300 and nothing is fat or air, perhaps MR"
    if extent >= WHOLE and dark > 0.1 and np.percentile(sample[sample < -300], 5) > -700:
        return f"air lies at {np.median(sample[sample < -300]):,.0f}, a wrong slope"
    clipped = (sample == sample.max()).mean() > 2e-4
    if not air and extent >= WHOLE and dark < 1e-3 and bright < 1e-4 and not clipped:
        return "so large a volume without air and bone, a wrong slope"
    return "neither air nor tissue lies where a CT has them" if _fit(sample) < WORST_FIT else ""


def _fit(values: np.ndarray) -> float:
    """Mean log likelihood of values under the tissues, in nats a voxel."""
    places = np.clip((values - np.float64(LOWEST)) / STEP + 1, 0, len(_LOG) - 1)  # 0 and the last: beyond the bins
    return float(_LOG[places.astype(np.intp)].mean())


def _log_density() -> np.ndarray:
    middle = np.arange(LOWEST, HIGHEST, STEP) + STEP / 2
    bells = [
        share * bell / bell.sum()
        for share, mean, sd in TISSUES
        for bell in [np.exp(-(((middle - mean) / sd) ** 2) / 2)]
    ]
    density = np.sum(bells, axis=0) + ANYTHING / len(middle)
    return np.log(np.concatenate([[FAR_OUT], density / density.sum() / STEP, [FAR_OUT]]))


_LOG = _log_density()
