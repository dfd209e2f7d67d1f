"""The report's two sections of pictures: what the student saw and painted, and where the model looks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from smart_nets.pages import page
from smart_nets.pages.panels import Array, Crop, attention_scale, enlarge, error_scale, middle, peak
from smart_nets.pages.planes import EDGES, PLANES
from smart_nets.pretrain.report.run import Run

MOST_CROPS = 4  # a report has a few pages and a few megabytes
SIDES = {plane: (left, top) for plane, (left, _, top, _) in EDGES.items()}


def seen_section(run: Run) -> str:
    """Inner HTML of "What the student saw": one strip of pictures per probe crop."""
    shots = run.snapshots
    if not shots or "mask" not in shots:
        return page.paragraph("This run kept no pictures of probe crops (no mask in snapshots.npz).")
    names = {"dropped": "the teacher's noise", "reconstruction": "the reconstruction"}
    absent = [text for name, text in names.items() if name not in shots]
    note = page.paragraph(f"Not part of this run: {' and '.join(absent)}.", "quiet") if absent else ""
    top = _error_top(run)
    intro = (
        "The middle axial slice of each probe crop. Slate cells were not seen; shares are of the whole crop. The "
        "teacher loses cells at random. The student loses those the run's mask picks (by default what the teacher "
        "attends to most, save a few hints), has to agree with the teacher all the same, and to paint what is missing; "
        "what it saw is dimmed in the last two pictures. "
    )
    strips = "".join(_strip(run, i, top) for i in range(_crops(run)))
    scale = page.scale(error_scale(), "error 0", _in_hu(run, top)) if "reconstruction" in shots else ""
    return page.paragraph(intro + _shown(run)) + note + strips + scale


def looks_section(run: Run) -> str:
    """Inner HTML of "Where the model looks": three planes of every probe crop, before and after training."""
    shots = run.snapshots
    names: list[str] = [name for name in ("attention_before", "attention_after") if name in shots]
    if not names:
        return page.paragraph("This run kept no attention maps; an encoder without semantic attention has none.")
    top = max(2.0, math.ceil(float(np.percentile(np.stack([shots[name] for name in names]), 99.5))))
    intro = (
        "How much each part of a crop contributes to the model's summary of it ([CLS] attention, mean over heads), "
        "laid over the image. The planes run through the cell that gets most attention at the end of training, the "
        "same planes before and after. Attention shows what a summary is made of, not that a finding is present."
    )
    pairs = "".join(_maps(run, i, names, top) for i in range(_crops(run)))
    shares = " ".join(_concentration(shots[name], "Before" if name.endswith("before") else "After") for name in names)
    return (
        page.paragraph(intro)
        + page.paragraph(f"{shares} An even spread would give 10%.")
        + page.scale(attention_scale(), "an even share (clear)", f"{top:g} times that or more")
        + page.box("pairs", pairs)
    )


def hidden_error(image: Array, reconstruction: Array, mask: Array) -> tuple[float, float]:
    """Mean absolute error in the hidden cells of one crop, of the reconstruction and of the visible part's median.

    Args:
        image, reconstruction: (D, H, W).
        mask: (g, g, g) bool, True = hidden.
    """
    hidden = enlarge(mask, image.shape) > 0.5
    if not hidden.any():
        return math.nan, math.nan
    guess = float(np.median(image if hidden.all() else image[~hidden]))
    return float(np.abs(reconstruction - image)[hidden].mean()), float(np.abs(image - guess)[hidden].mean())


def _strip(run: Run, i: int, top: float) -> str:
    shots = run.snapshots
    crop, index = Crop(shots["image"][i], _spacing(run)), middle(shots["image"][i])["axial"]
    mask = shots["mask"][i]
    pictures = [page.picture(crop.plain("axial", index), "image", SIDES["axial"])]
    if "dropped" in shots:
        lost = shots["dropped"][i]
        pictures.append(page.picture(crop.covered(lost, "axial", index), f"teacher saw {1 - lost.mean():.0%}"))
    pictures.append(page.picture(crop.covered(mask, "axial", index), f"student saw {1 - mask.mean():.0%}"))
    told = ""
    if "reconstruction" in shots:
        rebuilt = shots["reconstruction"][i]
        pictures.append(page.picture(crop.rebuilt(rebuilt, mask, "axial", index), "student's painting"))
        pictures.append(page.picture(crop.missed(rebuilt, mask, "axial", index, top), "absolute error"))
        told = "\u2002" + _told(run, *hidden_error(shots["image"][i], rebuilt, mask))
    return page.film(f"Crop {i + 1}", told, page.box("strip", pictures))


def _told(run: Run, missed: float, by_grey: float) -> str:
    if math.isnan(missed):
        return "nothing was hidden from the student"
    return f"mean error in hidden cells {_in_hu(run, missed)}; one gray value everywhere would miss by {_in_hu(run, by_grey)}"


def _maps(run: Run, i: int, names: list[str], top: float) -> str:
    shots = run.snapshots
    crop = Crop(shots["image"][i], _spacing(run))
    at = peak(shots[names[-1]][i], shots["image"][i].shape)
    rows = [("image", [page.frame(crop.plain(p, at[p]), f"{p} image", SIDES[p]) for p in PLANES])]
    for name in names:
        when = name.removeprefix("attention_")
        maps = {p: crop.looked_at(shots[name][i], p, at[p], top) for p in PLANES}
        rows.append((when, [page.frame(uri, f"{p} attention {when}") for p, uri in maps.items()]))
    return page.film(f"Crop {i + 1}", "", page.planes(PLANES, rows))


def _concentration(attention: Array, when: str) -> str:
    """What the most attended tenth of the cells holds; attention (n, g, g, g)."""
    flat = np.sort(attention.reshape(len(attention), -1), axis=1)[:, ::-1]  # (n, g, g, g) -> (n, N)
    tenth = max(1, round(flat.shape[1] / 10))
    share = float((flat[:, :tenth].sum(1) / np.maximum(flat.sum(1), 1e-12)).mean())
    return f"{when} training, a tenth of the cells holds {share:.0%} of the attention."


def _error_top(run: Run) -> float:
    """End of the error's colour scale: 99th percentile over all crops, rounded up to 0.05 of the window."""
    shots = run.snapshots
    if "reconstruction" not in shots:
        return 1.0
    hidden = np.stack([enlarge(mask, shots["image"].shape[1:]) for mask in shots["mask"]]) > 0.5  # (n, D, H, W)
    error = np.abs(shots["reconstruction"] - shots["image"])[hidden]
    return max(0.05, math.ceil(float(np.percentile(error, 99)) * 20) / 20) if len(error) else 1.0


def _in_hu(run: Run, error: float) -> str:
    window: Any = run.about.get("model", {}).get("window")
    return f"{error * (window[1] - window[0]):.0f} HU" if window else f"{error:.3f}"


def _crops(run: Run) -> int:
    return min(MOST_CROPS, len(run.snapshots["image"]))


def _shown(run: Run) -> str:
    total = len(run.snapshots["image"])
    return f"The first {MOST_CROPS} of {total} crops are shown." if total > MOST_CROPS else ""


def _spacing(run: Run) -> Array:
    return run.snapshots.get("spacing", np.ones(3))
