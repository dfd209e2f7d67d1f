"""From scans or lesions to one file of frozen features: what `python -m smart_nets features` does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data.utils import dense_patch_slices
from numpy.typing import NDArray
from torch import Tensor

from smart_nets.classify.lesions.crops import LesionCrops
from smart_nets.classify.lesions.lists import is_lesion_source, lesion_list
from smart_nets.classify.lesions.place import places_told
from smart_nets.errors import ConfigError
from smart_nets.lists.cache import VolumeCache
from smart_nets.lists.manifest import datalist
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.networks.feature_source import FeatureSource
from smart_nets.optional import bar
from smart_nets.scans.crop import crop_or_pad
from smart_nets.scans.read import read_options
from smart_nets.scans.window import window_hu
from smart_nets.settings import one_of
from smart_nets.statistics.features import KINDS, Features, check_kind
from smart_nets.statistics.knn import extract_features
from smart_nets.statistics.places import crop_places
from smart_nets.weights.beside import outside_card
from smart_nets.weights.foreign.door import open_encoder

Found = dict[str, NDArray[np.float32]]


def features_of(
    data: str | Path,
    model: str | Path,
    cache_dir: str | Path,
    spacing: Sequence[float] | None = None,
    crop_size: Sequence[int] | None = None,
    rule: str = "median",
    feature: str = "all",
    coordinates: str = "RAS",
    card: str | Path | None = None,
    trust_remote_code: bool = False,
) -> Features:
    """Frozen features of every lesion of a lesion source (`lesion_list`), or of every scan of a folder or manifest.

    A lesion's feature is that of the cube around it; a scan's is the mean over windows that cover its body.

    Args:
        data: lesions, or scans (`datalist`).
        model: weights of an encoder or classifier, with their card; or an encoder of others, see `open_encoder`.
        cache_dir: for prepared voxels.
        spacing, crop_size: mm and voxels; those of the card when not given.
        rule: how LIDC's ratings become labels.
        feature: "cls", "pooled", "stages" or "all".
        coordinates: of x, y, z in a table of lesions, "RAS" or "LPS".
        card, trust_remote_code: of an encoder of others, see `open_encoder`.

    Raises:
        InputError, GeometryError: data that cannot be used. CheckpointError: a model that cannot.
        ConfigError: an unknown feature, or one that this encoder does not have.
    """
    encoder, told = open_encoder(model, card, trust_remote_code)
    return opened_features(
        encoder, told, Path(model).name, data, cache_dir, spacing, crop_size, rule, feature, coordinates
    )


def opened_features(
    encoder: FeatureSource,
    card: Mapping[str, Any],
    name: str,
    data: str | Path,
    cache_dir: str | Path,
    spacing: Sequence[float] | None = None,
    crop_size: Sequence[int] | None = None,
    rule: str = "median",
    feature: str = "all",
    coordinates: str = "RAS",
) -> Features:
    """`features_of` of an encoder that has been opened; arguments and errors as there.

    Args:
        card: of the encoder. name: of its weights, for the file of features.
    """
    size = list(card["crop_size"] if crop_size is None else crop_size)
    steps = list(card["spacing"] if spacing is None else spacing)
    if np.asarray(steps).dtype.kind not in "if":
        raise ConfigError("is no length", where="spacing", expected="mm", found=steps)
    outside_card(card, steps, card["hu_window"])  # a line in the log, before time is spent
    window = (float(card["hu_window"][0]), float(card["hu_window"][1]))
    encoder.check_crop(size)
    if feature != "all":
        check_kind(feature, encoder.has_attention)
        one_of("feature", feature, encoder.kinds, "choose what this encoder gives")
    if is_lesion_source(Path(data)):
        lesions = lesion_list(data, rule, coordinates=coordinates)
        items = LesionCrops(cache_dir, size, steps).prepare(lesions)
        vectors = _of_lesions(encoder, items, LesionCrops(cache_dir, size, steps), window)
        places = {"places": places_told(lesions, coordinates)}
    else:
        places = {}
        items = [{"row": row, **item} for row, item in enumerate(datalist(data))]
        vectors = _of_scans(encoder, items, VolumeCache(cache_dir, steps), size, window)
    labels = [item.get("label") for item in items]
    places_mm = crop_places(items)
    grid = {"spacing": steps, "crop_size": size}
    return Features(
        vectors=vectors if feature == "all" else {feature: vectors[feature]},
        rows=np.array([item["row"] for item in items]),
        patients=np.array([pseudonym(str(item["patient_id"])) for item in items]),
        sizes=np.array([item.get("size_mm", math.nan) for item in items], dtype=float),
        labels=None if None in labels else np.array(labels),
        card={"model": name, "sha256": card.get("sha256"), **grid, "hu_window": window, **_read(card), **places},
        places=places_mm,
    )


def _read(card: Mapping[str, Any]) -> dict[str, Any]:
    """How an encoder of others was fed and read."""
    return {"read": card["read"]} if "read" in card else {}


def _of_lesions(
    encoder: FeatureSource, items: Sequence[Mapping[str, Any]], crops: LesionCrops, window: tuple[float, float]
) -> Found:
    parts = [
        extract_features(encoder, window_hu(crops.get(item).array.astype(np.float32), *window)[None, None])
        for item in bar(items, "lesions")  # (D, H, W) -> (1, 1, D, H, W)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _of_scans(
    encoder: FeatureSource,
    items: Sequence[Mapping[str, Any]],
    cache: VolumeCache,
    size: Sequence[int],
    window: tuple[float, float],
) -> Found:
    parts = []
    for item in bar(items, "scans"):
        scan = cache.get(item["image"], **read_options(item)).array
        found = extract_features(encoder, scan_windows(scan, size, window))
        parts.append({name: value.mean(axis=0, keepdims=True) for name, value in found.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def scan_windows(scan: NDArray[np.int16], size: Sequence[int], window: tuple[float, float]) -> Tensor:
    """Windows that cover a scan (X, Y, Z) in HU, half overlapping: (n, 1, D, H, W) in [0, 1]; beyond it is air."""
    shape = np.maximum(scan.shape, size)
    whole = crop_or_pad(scan, -((shape - scan.shape) // 2), shape)
    places = dense_patch_slices(shape.tolist(), list(size), [max(1, side // 2) for side in size])
    cut = torch.stack([torch.from_numpy(whole[place].astype(np.float32)) for place in places])
    return window_hu(cut, *window).unsqueeze(1)  # (n, D, H, W) -> (n, 1, D, H, W)


def chosen_feature(features: Features, feature: str | None) -> str:
    """The name of the feature to probe: as asked, else the first of `features.KINDS` that the file holds.

    Raises:
        ConfigError: a feature that the file does not hold.
    """
    name = feature or next(kind for kind in KINDS if kind in features.vectors)
    one_of("feature", name, features.vectors, "choose one that this file holds")
    return name
