"""Has an encoder learnt anything? Organs named from its frozen features, beside floors that need no learning.

Whole scans are left out in turn; crops of the others teach 3 nearest neighbours and a logistic regression. The floors are
raw voxels, the brightness of a crop alone, and encoders of the same architecture with fresh weights. A feature has learnt
something where the interval of its difference to a floor, over scans, lies above 0. At 64 mm looks decide; in larger crops
the layout of the body alone names the organ, and no encoder beats a fresh one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smart_nets.errors import InputError
from smart_nets.files import write_json
from smart_nets.networks.encoder import Encoder
from smart_nets.networks.feature_source import FeatureSource
from smart_nets.networks.inputs import check_size
from smart_nets.optional import needed
from smart_nets.organs.fields import CROPS, SHIFT, SIDE, FieldCrops, Fields, cut
from smart_nets.organs.probe import raw_voxels
from smart_nets.statistics.bootstrap import intervals
from smart_nets.statistics.draws import PatientBootstrap
from smart_nets.statistics.knn import KNN, extract_features, nearest
from smart_nets.weights.build import build_encoder

logger = logging.getLogger(__name__)
METHODS = {"knn": "3-NN", "logistic": "logistic regression"}
RAW, BRIGHTNESS, RANDOM = "raw voxels", "brightness", "random"  # the floors; "random cls" and so on
RAW_PARTS = 20  # principal components of raw voxels
NEIGHBOURS, STRENGTH, ITERATIONS = 3, 0.1, 500
ENCODERS, ROUNDS = 5, 10_000
Floats = NDArray[np.float64]
Right = dict[str, Floats]
"""By method, (r, m): whether each of m crops was named rightly, 0 or 1, by the features of each of r encoders."""


@dataclass(frozen=True, eq=False)
class FieldJudge:
    """Names the organs of crops from any features of them.

    Args:
        crops: see `fields.cut`.
        window: of the model, in HU.
        encoders: how many with fresh weights are a floor.
    """

    crops: FieldCrops
    window: tuple[float, float]
    encoders: int = ENCODERS
    images: Tensor = field(init=False, repr=False)  # (m, 1, S, S, S) in [0, 1]

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", self.crops.images(self.window))

    def right(self, features: NDArray[np.floating[Any]]) -> Right:
        """Of features (m, C), standardised over all crops; distances are those of unit vectors.

        One number a crop has no direction, and is compared as it is.

        Raises:
            InputError: a feature is not finite.
        """
        broken = int((~np.isfinite(features)).any(1).sum())
        if broken:
            found, remedy = f"{broken} of {len(features)} crops", "look at the encoder's weights"
            raise InputError("features are not finite", found=found, remedy=remedy)
        x = standardised(features)
        unit = x if x.shape[1] == 1 else x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
        linear = needed("sklearn.linear_model", KNN)
        right = {name: np.zeros((1, len(x))) for name in METHODS}
        for scan in np.unique(self.crops.scans):
            test = self.crops.scans == scan
            train, truth = self.crops.organs[~test], self.crops.organs[test]
            neighbours = nearest(unit[~test], train, NEIGHBOURS, "uniform")  # as the figures of the docs were made
            logistic = linear.LogisticRegression(C=STRENGTH, max_iter=ITERATIONS).fit(x[~test], train)
            right["knn"][0, test] = neighbours.predict(unit[test]) == truth
            right["logistic"][0, test] = logistic.predict(x[test]) == truth
        return right

    def encoder(self, encoder: FeatureSource) -> dict[str, Right]:
        """Of every feature that an encoder gives."""
        encoder.check_crop(self.images.shape[2:])
        return {name: self.right(value) for name, value in extract_features(encoder, self.images).items()}

    def plain_floors(self) -> dict[str, Right]:
        """Of raw voxels and of brightness."""
        coarse = raw_voxels(self.images)
        parts = needed("sklearn.decomposition", KNN).PCA(min(RAW_PARTS, *coarse.shape), svd_solver="full")
        raw = parts.fit_transform(coarse)
        raw = raw[:, : max(1, int((parts.explained_variance_ratio_ > 1e-9).sum()))]  # the others are rounding errors
        brightness = self.images.mean((1, 2, 3, 4)).numpy()[:, None]  # (m, 1, S, S, S) -> (m, 1)
        return {RAW: self.right(raw), BRIGHTNESS: self.right(brightness)}

    def random_floors(self, architecture: Mapping[str, Any], device: str | torch.device = "cpu") -> dict[str, Right]:
        """Of every feature of encoders of this architecture with fresh weights: "random cls" and so on."""
        each = [self.encoder(fresh_encoder(architecture, seed).to(device)) for seed in range(self.encoders)]
        return {
            f"{RANDOM} {name}": {method: np.concatenate([one[name][method] for one in each]) for method in METHODS}
            for name in each[0]
        }

    def summary(self, found: Mapping[str, Right], floors: Mapping[str, Right], rounds: int = ROUNDS) -> dict[str, Any]:
        """Accuracy of all, and the difference of each of `found` to each floor, paired, with intervals over scans.

        A feature is compared with its like of the fresh encoders. Scans are drawn with their crops; crops count alike.
        """
        pairs = [(name, floor) for name in found for floor in floors if floor in (RAW, BRIGHTNESS, f"{RANDOM} {name}")]
        rights = {**found, **floors}
        told: dict[str, dict[str, Any]] = {name: {} for name in rights}
        differences: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in found}
        for method in METHODS:
            scores = {name: right[method].mean(0) for name, right in rights.items()}  # (m,)
            level = mean_over_scans(scores, self.crops.scans, rounds, least=0.0)
            for name, right in rights.items():
                told[name][method] = {"accuracy": level[name].pop("value"), **level[name], **self._facts(right[method])}
            change = mean_over_scans(
                {pair: scores[pair[0]] - scores[pair[1]] for pair in pairs}, self.crops.scans, rounds
            )
            for (name, floor), interval in change.items():
                differences[name].setdefault(floor, {})[method] = interval
        parts = {"features": {name: told[name] for name in found}, "floors": {name: told[name] for name in floors}}
        return {**parts, "differences": differences}

    def _facts(self, right: Floats) -> dict[str, Any]:
        scans = {str(scan): float(right[:, self.crops.scans == scan].mean()) for scan in np.unique(self.crops.scans)}
        each = {"encoders": len(right), "sd": float(right.mean(1).std(ddof=1))} if len(right) > 1 else {}
        return {**each, "scans": scans}


def standardised(features: NDArray[np.floating[Any]]) -> Floats:
    """Each channel less its mean and through its standard deviation; 0 for a channel that is the same everywhere."""
    x = np.asarray(features, np.float64)
    mean, spread = x.mean(0), x.std(0)
    return (x - mean) / np.where(spread > 1e-6 * np.abs(mean), spread, np.inf)


def fresh_encoder(architecture: Mapping[str, Any], seed: int) -> Encoder:
    """An encoder whose weights nobody trained; the random numbers of the caller are left as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_encoder(architecture).eval()


def mean_over_scans(
    values: Mapping[Any, Floats], scans: NDArray[np.str_], rounds: int = ROUNDS, seed: int = 0, least: float = -1.0
) -> dict[Any, dict[str, Any]]:
    """Mean with its 95 % interval over scans, of values (m,) of crops in [least, 1].

    Intervals are those of `bootstrap.intervals`, which lie in [0, 1].

    Args:
        least: what the values can be at least: -1 of differences of two features, 0 of shares.
    """
    span = 1 - least
    names, columns = list(values), np.stack([(value - least) / span for value in values.values()], axis=1)  # (m, k)

    def back(value: Any) -> Any:
        return round(span * value + least, 12) if isinstance(value, float) else value

    def means(weights: Floats) -> dict[str, Floats]:
        found = weights @ columns / weights.sum(1, keepdims=True)  # (r, m) @ (m, k) -> (r, k)
        return {str(number): found[:, number] for number in range(len(names))}

    found = intervals(means, PatientBootstrap(scans, rounds=rounds, seed=seed))
    return {name: {key: back(value) for key, value in found[str(k)].as_dict().items()} for k, name in enumerate(names)}


def evaluate_fields(
    encoder: Encoder,
    card: Mapping[str, Any],
    fields: Fields,
    path: str | Path,
    side: int = SIDE,
    crops: int = CROPS,
    shift: float = SHIFT,
    encoders: int = ENCODERS,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> dict[str, Any]:
    """Judge a trained encoder on fields, beside all floors; written to `path` as JSON, told in the log, and returned.

    Args:
        card: of the encoder's weights: "architecture", "hu_window" and "spacing".
        side, crops, shift, seed: see `fields.cut`.
        encoders: with fresh weights. rounds: of the bootstrap.

    Raises:
        InputError: fields that cannot be judged on. ConfigError: a setting that cannot be.
    """
    window = (float(card["hu_window"][0]), float(card["hu_window"][1]))
    check_size([side] * 3, encoder.stride)
    judge = FieldJudge(cut(fields, side, crops, shift, seed), window, encoders)
    if any(abs(one - fields.spacing) > 1e-3 for one in card["spacing"]):
        logger.warning("the encoder was trained at %s mm, the fields have %g mm", card["spacing"], fields.spacing)
    device = next(encoder.parameters()).device
    floors = {**judge.plain_floors(), **judge.random_floors(card["architecture"], device)}
    protocol = facts(judge.crops) | {"fields_spacing": fields.spacing, "fields_side": side, "crops_a_field": crops}
    protocol |= {"shift_mm": shift, "hu_window": list(window), "rounds": rounds, "seed": seed}
    found = {"protocol": protocol, **judge.summary(judge.encoder(encoder), floors, rounds)}
    write_json(path, found)
    for line in in_words(found):
        logger.info(line)
    return found


def facts(crops: FieldCrops) -> dict[str, Any]:
    """How many crops, scans and organs there are, and what always naming the commonest organ would give."""
    organs, counts = np.unique(crops.organs, return_counts=True)
    chance, scans = float(counts.max() / counts.sum()), len(np.unique(crops.scans))
    return {"crops": len(crops.organs), "scans": scans, "organs": len(organs), "chance": chance}


def in_words(found: Mapping[str, Any]) -> list[str]:
    """A line for what was judged, one for each feature and floor, and one for each difference."""
    about = found["protocol"]
    head = f"{about['crops']} crops of {about['organs']} organs and {about['scans']} scans, each left out in turn"
    lines = [f"{head}; chance {about['chance']:.3f}; 95 % intervals over scans"]
    for kind, table in (("feature", found["features"]), ("floor", found["floors"])):
        lines += [f"{kind} {name}: {_both(one, 'accuracy')}" for name, one in table.items()]
    for name, table in found["differences"].items():
        lines += [f"{name} less {floor}: {_both(one, 'value', '+')}" for floor, one in table.items()]
    return lines


def _both(one: Mapping[str, Mapping[str, Any]], key: str, sign: str = "") -> str:
    return "; ".join(f"{words} {_told(one[method], key, sign)}" for method, words in METHODS.items())


def _told(number: Mapping[str, Any], key: str, sign: str) -> str:
    spread = f", sd {number['sd']:.3f} of {number['encoders']}" if "sd" in number else ""
    limits = _limits([number["low"], number["high"]], sign)
    return f"{number[key]:{sign}.3f} ({limits}{spread})"


def _limits(ends: Sequence[float | None], sign: str) -> str:
    low, high = ends
    return "no interval" if low is None or high is None else f"{low:{sign}.3f} to {high:{sign}.3f}"
