"""Organ crops: can a frozen encoder tell one organ from another? The stand-in for OrganMNIST3D (SMART section 4.2).

The crops come from phantoms that no training run sees, or from a file of real crops.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from ignite.engine import Engine, Events
from numpy.typing import NDArray
from torch import Tensor

from smart_nets.errors import ConfigError, InputError
from smart_nets.networks.encoder import Encoder
from smart_nets.optional import absent
from smart_nets.organs.npz import read_boxes
from smart_nets.phantom import make_phantom, organ_centres
from smart_nets.scans.window import window_hu
from smart_nets.statistics.features import check_kind
from smart_nets.statistics.knn import Accuracy, extract_features, knn_accuracy
from smart_nets.statistics.places import CropPlaces
from smart_nets.training.run_record import update_record

logger = logging.getLogger(__name__)
SYNTHETIC = "phantom-"  # what the names of phantoms begin with
FIRST_SEED = 9000  # far from the seeds of the embedded training set
AIR = -1024
RAW_GRID = 12  # cells along each axis, over which raw voxels are averaged


@dataclass(frozen=True)
class OrganCrops:
    """crops (n, 1, D, H, W) in [0, 1], the organ and patient of each, and where they were cut, where that is in scans."""

    crops: Tensor
    organs: list[str]
    patients: list[str]
    places: CropPlaces | None = None


def phantom_organ_crops(
    patients: int,
    size: tuple[int, int, int],
    spacing: tuple[float, float, float],
    window: tuple[float, float],
    shift: float = 32.0,
    seed: int = 0,
) -> OrganCrops | None:
    """Crops of `size` voxels around the 11 organs of OrganMNIST3D in phantoms of their own.

    Each crop is moved by up to `shift` mm along every axis: crops placed exactly look so alike from phantom to phantom
    that the bare voxels tell all organs apart, and no encoder could be better.

    None, told in the log, where scipy or scikit-learn are missing: phantoms need the one, the kNN test the other.
    """
    if absent("kNN test of organ crops", "scipy", "sklearn"):
        return None
    rng = np.random.default_rng(seed)
    reach = [round(shift / side) for side in spacing]
    crops, organs, names = [], [], []
    for number in range(patients):
        phantom = make_phantom(FIRST_SEED + seed + number, spacing=spacing, nodules=0)
        for organ, centre in organ_centres(phantom).items():
            i, j, k = (int(c + rng.integers(-r, r + 1)) for c, r in zip(centre, reach, strict=True))
            crops.append(window_hu(torch.from_numpy(crop_around(phantom.image, (i, j, k), size)).float(), *window))
            organs.append(organ)
            names.append(phantom.patient_id)
    return OrganCrops(torch.stack(crops).unsqueeze(1), organs, names)  # n of (D, H, W) -> (n, 1, D, H, W)


def read_organ_crops(
    path: str | Path,
    size: tuple[int, int, int],
    window: tuple[float, float],
    spacing: tuple[float, float, float] | None = None,
    orientation: str | None = None,
) -> OrganCrops:
    """The middles of the boxes of a .npz (`npz.FORMAT`), in RAS: `size` voxels of `spacing` mm, linearly interpolated.

    Args:
        spacing: of the crops in mm; that of the file if None. Boxes are never stretched.
        orientation: where the axes run, such as "RAS", where the file does not tell it.

    Raises:
        InputError: see `read_boxes`, or the boxes are smaller than the crops.
    """
    boxes = read_boxes(path, orientation=orientation)
    wanted, held = np.array(size) * (spacing or boxes.spacing), np.array(boxes.hu.shape[1:]) * boxes.spacing  # mm
    if (wanted > held * (1 + 1e-3)).any():
        what, remedy = "boxes are smaller than the crops of the network", "cut larger boxes, for they are not stretched"
        expected, found = (" x ".join(f"{side:g}" for side in sides) + " mm" for sides in (wanted, held))
        raise InputError(what, where=path, expected=expected, found=found, remedy=remedy)
    scale = torch.eye(3, 4) * torch.tensor((wanted / held)[::-1].copy()).float()[:, None]  # torch counts W, H, D
    grid = F.affine_grid(scale[None], [1, 1, *size], align_corners=False)
    volumes = torch.from_numpy(boxes.hu.astype(np.float32)).unsqueeze(0)  # (n, D, H, W) -> (1, n, D, H, W)
    crops = F.grid_sample(volumes, grid, padding_mode="border", align_corners=False)
    return OrganCrops(window_hu(crops, *window).transpose(0, 1), boxes.organs.tolist(), boxes.scans.tolist())


def find_organ_crops(
    source: str | Path | None,
    patients: int,
    size: tuple[int, int, int],
    spacing: tuple[float, float, float],
    window: tuple[float, float],
    orientation: str | None = None,
) -> OrganCrops | None:
    """Crops of a .npz; without one those of phantoms."""
    if source:
        return read_organ_crops(source, size, window, spacing, orientation)
    return phantom_organ_crops(patients, size, spacing, window)


def middle_mm(affine: np.ndarray, corner: Sequence[int] | np.ndarray, size: Sequence[int]) -> list[float]:
    """(x, y, z) in mm of the middle of a box of `size` voxels whose first voxel is `corner`; affine (4, 4) to mm."""
    index = np.asarray(corner) + (np.asarray(size) - 1) / 2
    point: list[float] = (affine @ [*index, 1.0])[:3].tolist()
    return point


def crop_around(volume: np.ndarray, centre: tuple[int, int, int], size: tuple[int, int, int]) -> np.ndarray:
    """A box of `size` voxels around a voxel; air outside the volume."""
    box = np.full(size, AIR, dtype=volume.dtype)
    low = [c - s // 2 for c, s in zip(centre, size, strict=True)]
    inside = [slice(max(0, a), min(n, a + s)) for a, s, n in zip(low, size, volume.shape, strict=True)]
    target = [slice(i.start - a, i.stop - a) for i, a in zip(inside, low, strict=True)]
    box[tuple(target)] = volume[tuple(inside)]
    return box


def organ_accuracy(encoder: Encoder, crops: OrganCrops | None, k: int = 5) -> dict[str, Accuracy]:
    """kNN accuracy of every feature the encoder gives, see `extract_features`.

    Raises:
        ConfigError: there are no crops, since a package is missing.
    """
    if crops is None:
        raise ConfigError("needs scipy and scikit-learn", where="kNN test", remedy="pip install scipy scikit-learn")
    features = extract_features(encoder, crops.crops)
    return {name: knn_accuracy(value, crops.organs, crops.patients, k) for name, value in features.items()}


def raw_voxels(crops: Tensor) -> NDArray[np.float32]:
    """The floor that needs no network: (n, 1, D, H, W) averaged on a grid of 12^3, (n, 1728)."""
    coarse: NDArray[np.float32] = (
        F.adaptive_avg_pool3d(crops, RAW_GRID).flatten(1).numpy()
    )  # (n, 1, 12, 12, 12) -> (n, 1728)
    return coarse


class KnnProbe:
    """Handler: kNN accuracy of organ crops before and after training, written to the run record; rank 0 only.

    Args:
        encoder: the student's encoder.
        crops: see `phantom_organ_crops`; without them, nothing is measured.
        record: run.json, which gets the accuracies of `feature` as "knn", of every feature by name, and of raw voxels as
            "knn_raw"; "knn_of" tells whether the patients are synthetic.
        feature: the one to report first, "cls", "pooled" or "stages".
    """

    def __init__(
        self,
        encoder: Encoder,
        crops: OrganCrops | None,
        record: str | Path,
        feature: str = "cls",
        k: int = 5,
        rank: int = 0,
    ) -> None:
        self.encoder, self.crops, self.record, self.k, self.rank = encoder, crops, record, k, rank
        self.feature = choose_feature(encoder, feature)

    def attach(self, engine: Engine) -> None:
        if self.rank == 0 and self.crops is not None:
            engine.add_event_handler(Events.STARTED, self.start)
            engine.add_event_handler(Events.COMPLETED, self.measure, "after")

    def start(self, engine: Engine) -> None:
        if not engine.state.iteration:  # a run that goes on has been measured
            crops = self.crops
            assert crops is not None  # else `attach` has attached nothing
            coarse = raw_voxels(crops.crops)
            coarse -= coarse.mean(0)  # by the cosine of values above 0 all crops look alike: the floor would be too low
            raw = knn_accuracy(coarse, crops.organs, crops.patients, self.k)
            synthetic = all(str(name).startswith(SYNTHETIC) for name in crops.patients)
            update_record(self.record, knn_raw=raw.as_dict(), knn_of="synthetic patients" if synthetic else "patients")
            logger.info("kNN of raw voxels, without a network: %s", raw)
            self.measure("before")

    def measure(self, when: str) -> None:
        found = organ_accuracy(self.encoder, self.crops, self.k)
        update_record(self.record, knn={when: found[self.feature].as_dict()}, knn_feature=self.feature)
        for name, result in found.items():
            update_record(self.record, **{f"knn_{name}": {when: result.as_dict()}})
            logger.info("kNN of %s %s training: %s", name, when, result)


def evaluate_organs(
    encoder: Encoder, crops: OrganCrops | None, path: str | Path, feature: str = "cls", k: int = 5
) -> dict[str, Accuracy]:
    """kNN accuracy of a finished encoder, by feature, written to `path` as JSON and returned."""
    feature = choose_feature(encoder, feature)
    found = organ_accuracy(encoder, crops, k)
    update_record(path, feature=feature, **{name: result.as_dict() for name, result in found.items()})
    for name, result in found.items():
        logger.info("kNN of %s: %s", name, result)
    return found


def choose_feature(encoder: Encoder, feature: str) -> str:
    """The feature asked for; "pooled" in place of "cls" for an encoder without [CLS].

    Raises:
        ConfigError: a name that is none of `features.KINDS`.
    """
    check_kind(feature, where="probe_feature")
    return "pooled" if feature == "cls" and not encoder.has_attention else feature
