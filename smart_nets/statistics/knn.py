"""How good frozen features are: k nearest neighbours, with the whole patient left out and an honest interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from monai.networks.utils import eval_mode
from numpy.typing import NDArray
from torch import Tensor

from smart_nets.errors import InputError
from smart_nets.networks.feature_source import FeatureSource, device_of
from smart_nets.optional import needed
from smart_nets.statistics.bootstrap import bootstrap_interval

KNN = "kNN test"


@dataclass(frozen=True)
class Accuracy:
    """A share of right answers with its 95 % interval, and what chance would give."""

    accuracy: float
    low: float
    high: float
    chance: float
    crops: int
    classes: int
    patients: int

    def __str__(self) -> str:
        return (
            f"{self.accuracy:.3f} (95 % interval {self.low:.3f} to {self.high:.3f}, chance {self.chance:.3f}; "
            f"{self.crops} crops, {self.classes} classes, {self.patients} patients)"
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def knn_accuracy(
    features: NDArray[np.floating[Any]], labels: Sequence[str], patients: Sequence[str], k: int = 5, seed: int = 0
) -> Accuracy:
    """Leave-one-patient-out k-nearest-neighbour accuracy by cosine similarity.

    Args:
        features: (n, C).
        labels, patients: n names each.
        seed: of the bootstrap over patients that makes the interval.

    Raises:
        InputError: lengths differ, a feature is not finite, or there are fewer than two patients or classes.
    """
    y, groups = np.asarray(labels), np.asarray(patients)
    if not len(features) == len(y) == len(groups):
        found = f"{len(features)}, {len(y)}, {len(groups)}"
        raise InputError("features, labels and patients differ in number", found=found)
    if not np.isfinite(features).all():
        broken = int((~np.isfinite(features)).any(1).sum())
        raise InputError("features are not finite", found=f"{broken} of {len(y)} rows")
    names, classes = np.unique(groups), len(np.unique(y))
    if len(names) < 2 or classes < 2:
        what = "a neighbour must come from another patient and may be of another class"
        raise InputError(what, expected="2 patients and 2 classes or more", found=f"{len(names)} and {classes}")
    unit = needed("sklearn.preprocessing", KNN).normalize(features)
    right = np.zeros(len(y), dtype=bool)
    for patient in names:
        test = groups == patient
        right[test] = nearest(unit[~test], y[~test], k).predict(unit[test]) == y[test]
    low, high = bootstrap_interval(lambda rows: float(right[rows].mean()), groups, seed=seed)
    chance = float(max(np.mean(y == name) for name in np.unique(y)))
    return Accuracy(float(right.mean()), low, high, chance, len(y), classes, len(names))


def knn_scores(
    train: NDArray[np.floating[Any]], labels: NDArray[np.int64], test: NDArray[np.floating[Any]], k: float
) -> NDArray[np.float64]:
    """Share (m,) of class 1 in the votes of the k nearest of `train` (n, C) for `test` (m, C); labels (n,) are 0 or 1.

    The rule is that of `knn_accuracy`.
    """
    normalize = needed("sklearn.preprocessing", KNN).normalize
    model = nearest(normalize(train), labels, int(k))
    return model.predict_proba(normalize(test)) @ model.classes_  # (m, classes) @ (classes,) -> (m,)


def nearest(
    unit: NDArray[Any], labels: NDArray[Any], k: int, votes: Literal["distance", "uniform"] = "distance"
) -> Any:
    """scikit-learn's classifier by the k nearest (all, if there are fewer) of unit vectors (n, C), labels (n,).

    Between unit vectors distance ranks as cosine similarity does. A neighbour votes with 1 / distance, those at distance 0
    outvote all others; or, with uniform votes, all alike.
    """
    model = needed("sklearn.neighbors", KNN).KNeighborsClassifier(min(k, len(labels)), weights=votes)
    return model.fit(unit, labels)


def extract_features(source: FeatureSource, crops: Tensor, batch_size: int = 8) -> dict[str, NDArray[np.float32]]:
    """Features of crops (n, 1, D, H, W) in [0, 1], in evaluation mode.

    Returns:
        by name, in the order of `features.KINDS`: with semantic attention "cls" (n, C); "pooled" (n, C), the mean of the
        last stage's tokens; "stages" (n, C), see `Encoding.stages`. Of an encoder of others "pooled" alone.
    """
    device = device_of(source)
    with eval_mode(source):
        parts = [read_off(source.features(part.to(device))) for part in crops.split(batch_size)]
    return {name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]}


def read_off(features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Features as they are kept: float32, on the CPU."""
    return {name: value.float().cpu() for name, value in features.items()}
