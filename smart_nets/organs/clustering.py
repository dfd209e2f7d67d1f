"""SMART's unsupervised clustering of organs (section 4.2), with floors that need no learning, written as clusters.json."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.files import write_json
from smart_nets.networks.encoder import Encoder
from smart_nets.networks.feature_source import FeatureSource, device_of
from smart_nets.optional import absent, bar
from smart_nets.organs.clusters import (
    SEEDS,
    agreement,
    check_organs,
    distances,
    in_planes,
    neighbours_for,
    right_by_neighbours,
    silhouettes,
    unit,
)  # fmt: skip
from smart_nets.organs.features_file import read_organ_features
from smart_nets.organs.judge import ROUNDS, fresh_encoder, mean_over_scans
from smart_nets.organs.probe import OrganCrops, raw_voxels
from smart_nets.settings import FROM_0
from smart_nets.statistics.features import IN_WORDS
from smart_nets.statistics.knn import extract_features
from smart_nets.training.run_record import versions

logger = logging.getLogger(__name__)
RAW, RANDOM = "raw voxels", "random"
PER_CROP = ("knn", "silhouette")  # numbers of single crops, whose differences get intervals over scans
Table = dict[str, Any]


def cluster_features(
    files: Sequence[str] | str, path: str | Path, seeds: int = SEEDS, settings: Mapping[str, Any] | None = None
) -> Table:
    """Clustering of files that `FeatureWriter` made; without floors, which need the crops."""
    FROM_0.check("umap_seeds", seeds)
    paths = [files] if isinstance(files, str) else list(files)
    given = read_organ_features(paths)
    check_organs(given.organs, given.scans, ", ".join(paths))
    sets = {name: [value] for name, value in given.vectors.items()}
    about = {**(settings or {}), "encoder": given.encoder}
    return _clustered(sets, {}, given.organs, given.scans, path, seeds, about)


def cluster_organs(
    encoder: FeatureSource,
    card: Mapping[str, Any],
    crops: OrganCrops,
    path: str | Path,
    encoders: int = 3,
    seeds: int = SEEDS,
    settings: Mapping[str, Any] | None = None,
) -> Table:
    """Clustering of every feature of an encoder beside raw voxels and fresh encoders; written to `path`, and returned.

    Args:
        card: of the encoder's weights, for its "architecture".
        encoders: with fresh weights, as a floor; none where the encoder is somebody else's.
        seeds: of UMAP.
        settings: of the run, for the command on the page; of paths the last names are kept.

    Raises:
        InputError: fewer than two organs or scans, an organ in one scan only, or features that are no numbers.
        ConfigError: a setting that is no count.
    """
    FROM_0.check("random_encoders", encoders)
    FROM_0.check("umap_seeds", seeds)
    organs, scans = np.array(crops.organs), np.array(crops.patients)
    check_organs(organs, scans)
    encoder.check_crop(crops.crops.shape[2:])
    sets = {name: [value] for name, value in extract_features(encoder, crops.crops).items()}
    raw = raw_voxels(crops.crops)
    count = encoders if isinstance(encoder, Encoder) else 0  # those of others cannot be built afresh
    fresh = [fresh_encoder(card["architecture"], seed).to(device_of(encoder)) for seed in range(count)]
    random = [extract_features(one, crops.crops) for one in bar(fresh, "random encoders")]
    floors = {RAW: [raw], **{f"{RANDOM} {name}": [one[name] for one in random] for name in sets if random}}
    about = {**(settings or {}), "encoder": card.get("sha256")}
    return _clustered(sets, floors, organs, scans, path, seeds, about)


def _clustered(
    sets: Mapping[str, Sequence[NDArray[Any]]],
    floors: Mapping[str, Sequence[NDArray[Any]]],
    organs: NDArray[np.str_],
    scans: NDArray[np.str_],
    path: str | Path,
    seeds: int,
    settings: Mapping[str, Any],
) -> Table:
    """The table of all sets of features; a floor has one set for each fresh encoder, whose numbers are averaged."""
    seeds = 0 if absent("UMAP planes", "umap", later="pip install 'smart-nets[cluster]'") else seeds
    rows, each, planes = {}, {}, {}
    for name, versions_of in bar([*sets.items(), *floors.items()], "clustering"):
        points = [unit(one) for one in versions_of]
        rows[name], each[name] = _row(points, organs, scans)
        if seeds:
            rows[name]["umap"], drawn = in_planes(points[0], organs, scans, seeds)
            planes[name] = np.round(drawn, 3).tolist()
    pairs = [(name, floor) for name in sets for floor in floors if floor in (RAW, f"{RANDOM} {name}")]
    names, counts = np.unique(organs, return_counts=True)
    found = {
        "protocol": {
            "crops": len(organs), "scans": len(np.unique(scans)),
            "organs": dict(zip(names.tolist(), counts.tolist(), strict=True)),
            "chance": float(counts.max() / counts.sum()), "umap_seeds": seeds, "neighbours": neighbours_for(organs),
        },
        "features": {name: rows[name] for name in sets}, "floors": {name: rows[name] for name in floors},
        "differences": _differences(pairs, each, scans), "planes": planes, "organ": organs.tolist(),
        "settings": {name: _last_name(value) for name, value in settings.items()}, "versions": versions(),
    }  # fmt: skip
    write_json(path, found)
    for line in clusters_in_words(found):
        logger.info(line)
    return found


def _row(points: Sequence[Any], organs: Any, scans: Any) -> tuple[Table, dict[str, Any]]:
    """Numbers of unit features, the mean over encoders, and those of single crops (n,)."""
    single = {
        "knn": np.mean([right_by_neighbours(one, organs, scans) for one in points], axis=0),
        "silhouette": np.mean([silhouettes(one, organs) for one in points], axis=0),
    }
    numbers = [{**distances(one, organs), **agreement(one, organs)} for one in points]
    means = {name: float(np.mean([one[name] for one in numbers])) for name in numbers[0]}
    spread = {"encoders": len(points), "ratio_sd": float(np.std([one["ratio"] for one in numbers]))}
    per_crop = {name: float(single[name].mean()) for name in PER_CROP}
    return {**means, **per_crop, **(spread if len(points) > 1 else {})}, single


def _differences(pairs: Sequence[tuple[str, str]], each: Mapping[str, Any], scans: Any) -> Table:
    """Feature less floor, paired, with intervals over scans; silhouettes differ by at most 2, so they are halved for it."""
    told: Table = {}
    for number in PER_CROP if pairs else ():
        halves = 2 if number == "silhouette" else 1
        values = {pair: (each[pair[0]][number] - each[pair[1]][number]) / halves for pair in pairs}
        for (name, floor), one in mean_over_scans(values, scans, ROUNDS).items():
            doubled = {key: value * halves if isinstance(value, float) else value for key, value in one.items()}
            told.setdefault(name, {}).setdefault(floor, {})[number] = doubled
    return told


def _last_name(value: Any) -> Any:
    """A path, or each of a list, without its folders, which are the user's own."""
    if isinstance(value, (list, tuple)):
        return [_last_name(one) for one in value]
    return value.rstrip("/").rsplit("/", 1)[-1] if isinstance(value, str) else value


def clusters_in_words(found: Mapping[str, Any]) -> list[str]:
    """A line for each set of features and for each difference."""
    about, k = found["protocol"], found["protocol"]["neighbours"]
    lines = [f"{about['crops']} crops of {len(about['organs'])} organs and {about['scans']} scans; no label was used"]
    for kind in ("features", "floors"):
        for name, row in found[kind].items():
            plane = f"; UMAP ratio {row['umap']['ratio']['mean']:.2f}" if "umap" in row else ""
            lines.append(
                f"{kind[:-1]} {IN_WORDS.get(name, name)}: within {row['intra']:.3f}, between {row['inter']:.3f}, ratio "
                f"{row['ratio']:.2f}, silhouette {row['silhouette']:+.3f}, {k}-NN {row['knn']:.3f}{plane}"
            )
    for name, floors in found["differences"].items():
        for floor, numbers in floors.items():
            one = numbers["knn"]
            between = "no interval" if one["low"] is None else f"{one['low']:+.3f} to {one['high']:+.3f}"
            lines.append(f"{IN_WORDS.get(name, name)} less {floor}: {k}-NN {one['value']:+.3f} ({between})")
    return lines
