"""What a pretraining run shows in TensorBoard beside its curves: where it looks, its masks, its kNN test, its settings.

All of it lies in the run folder already; nothing is computed a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smart_nets.optional import absent
from smart_nets.pages.page import plain
from smart_nets.pages.panels import SIDE, Array, Crop, middle, pixels_of
from smart_nets.pages.planes import PLANES
from smart_nets.pages.record import read_about
from smart_nets.pretrain.report.run import TESTS, read_snapshots

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TOP = (
    4.0  # times an even share: where colour is strongest, before and after training alike, so that both can be compared
)
TOP_ERROR = 0.5  # of the window
GAP = 4  # pixels between pictures
ABOUT = (
    "attention: three planes through the middle of a crop, and over them how much each part of it contributes to its summary; "
    f"clear at an even share, strongest at {TOP:g} times that. Step 0 is before training. mask: the middle axial slice, what "
    "the teacher saw of it, what the student saw, what it painted, and how far that is off (strongest at "
    f"{TOP_ERROR:g} of the window). knn: share of organ crops named by their neighbours; raw_voxels needs no network."
)


class RunBoard:
    """What `TensorBoard` asks for more: called with its writer before the first step (step 0) and after the last one.

    A run that lacks something (no kNN test, an encoder without attention) shows the rest. Texts name settings only, and
    pictures are counted: neither holds a name of a scan.

    Args:
        run_dir: where run.json and snapshots.npz lie.
    """

    def __init__(self, run_dir: str | Path) -> None:
        self.folder = Path(run_dir)

    def __call__(self, writer: SummaryWriter, step: int) -> None:
        """Add what is new since the last call.

        Raises:
            InputError: run.json or snapshots.npz is damaged.
        """
        notes: list[str] = []
        about = read_about(self.folder / "run.json", notes)
        numbers = knn_numbers(about, "after" if step else "before")
        for name, value in numbers.items():
            writer.add_scalar(name, value, step)
        if step == 0:
            writer.add_text("about", ABOUT, step)
        self._settings(writer, about, ["loss", *numbers], step)
        if not absent("pictures in TensorBoard", "matplotlib", "PIL"):
            shots = read_snapshots(self.folder / "snapshots.npz", notes)
            for name, picture in board_pictures(shots, "after" if step else "before"):
                writer.add_image(name, picture, step, dataformats="HWC")

    def _settings(self, writer: SummaryWriter, about: Mapping[str, Any], metrics: list[str], step: int) -> None:
        """The run's line in the tab HPARAMS: `add_hparams` would make a second run for it."""
        from torch.utils.tensorboard.summary import hparams

        settings = {"preset": about.get("preset"), **dict(flat_settings(about.get("settings", {})))}
        experiment, begin, end = hparams(
            settings, dict.fromkeys(metrics, 0.0)
        )  # the scalars of these names tell the values
        assert writer.file_writer is not None
        for part in (end,) if step else (experiment, begin):
            writer.file_writer.add_summary(part)


def knn_numbers(about: Mapping[str, Any], when: str) -> dict[str, float]:
    """Name -> accuracy of all kNN tests of a run record, "before" or "after" training; the floor of raw voxels with them."""
    tests = {name.removeprefix("knn_"): about[name].get(when) for name in TESTS[1:] if name in about}
    found = {f"knn/{name}": float(test["accuracy"]) for name, test in tests.items() if test}
    return found | ({"knn/raw_voxels": float(about["knn_raw"]["accuracy"])} if found and "knn_raw" in about else {})


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, bool | int | float | str]]:
    """(name, value) of every setting, nested names joined by a dot, lists as text."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat_settings(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value if isinstance(value, (bool, int, float, str)) else plain(value)


def board_pictures(shots: Mapping[str, Array], when: str) -> Iterator[tuple[str, Array]]:
    """(name, picture uint8 (rows, columns, 3)) of every probe crop, "before" or "after" training.

    Args:
        shots: as `read_snapshots` gives them.
    """
    for number in range(len(shots.get("image", ()))):
        crop = Crop(shots["image"][number], shots.get("spacing", np.ones(3)))
        at = middle(shots["image"][number])
        if (name := f"attention_{when}") in shots:
            rows = [
                [crop.plain(plane, at[plane]) for plane in PLANES],
                [crop.looked_at(shots[name][number], plane, at[plane], TOP) for plane in PLANES],
            ]
            yield f"attention/crop_{number + 1}", _sheet(rows)
        if when == "after" and "mask" in shots:
            yield f"mask/crop_{number + 1}", _sheet([_seen(crop, shots, number, at["axial"])])


def _seen(crop: Crop, shots: Mapping[str, Array], number: int, index: int) -> list[str]:
    mask = shots["mask"][number]
    pictures = [crop.plain("axial", index)]
    if "dropped" in shots:
        pictures.append(crop.covered(shots["dropped"][number], "axial", index))
    pictures.append(crop.covered(mask, "axial", index))
    if "reconstruction" in shots:
        rebuilt = shots["reconstruction"][number]
        pictures += [
            crop.rebuilt(rebuilt, mask, "axial", index),
            crop.missed(rebuilt, mask, "axial", index, TOP_ERROR),
        ]
    return pictures


def _sheet(rows: list[list[str]]) -> Array:
    """Pictures side by side and below each other, each in the middle of a black square."""
    step = SIDE + GAP
    sheet = np.zeros((len(rows) * step - GAP, len(rows[0]) * step - GAP, 3), np.uint8)
    for row, uris in enumerate(rows):
        for column, uri in enumerate(uris):
            picture = pixels_of(uri)
            top, left = (row * step + (SIDE - picture.shape[0]) // 2, column * step + (SIDE - picture.shape[1]) // 2)
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet
