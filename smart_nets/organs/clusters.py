"""Do features of one organ lie together, apart from those of others, without a label having been used?

Distances as SMART reports them (sections 3.2 and 4.2, Tables 1, 5, 6): within, the mean over organs of the mean distance of
their points from their middle; between, the mean distance of two organs' middles. The paper does not say in which space; its
numbers look like those of its UMAP pictures, so both are given: unit features, and UMAP planes of several seeds.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.optional import needed
from smart_nets.organs.npz import Names
from smart_nets.statistics.knn import nearest

WHAT = "clustering"
NEIGHBOURS, RESTARTS = 5, 10
UMAP: dict[str, Any] = {"n_components": 2, "n_neighbors": 15, "min_dist": 0.1, "metric": "euclidean"}
SEEDS = 5
Floats = NDArray[np.float64]


def check_organs(organs: Names, scans: Names, where: object = "") -> None:
    """InputError unless there are two organs or more, each of them in two scans or more."""
    if "" in organs:
        found, remedy = f"{int((organs == '').sum())} of {len(organs)}", "name them: a datalist with organ, or organs"
        raise InputError("crops have no organ", where=where, expected="an organ for each", found=found, remedy=remedy)
    names, counts = np.unique(organs, return_counts=True)
    if len(names) < 2:
        found = ", ".join(names) or "none"
        what, expected = "there is nothing to tell apart", "2 organs or more"
        raise InputError(what, where=where, expected=expected, found=found, remedy="give crops of other organs")
    single = names[counts < 2]
    if len(single):
        what, remedy = "there is one crop only of an organ", "add crops of it, or leave it out"
        raise InputError(what, where=where, expected="2 or more of each", found=", ".join(single[:5]), remedy=remedy)
    if len(np.unique(scans)) < 2:
        what, remedy = "all crops are of one scan", "give two or more"
        raise InputError(what, where=where, expected="2 scans or more", found="1", remedy=remedy)
    alone = [name for name in names if len(np.unique(scans[organs == name])) < 2]
    if alone:
        what, remedy = "one scan only shows an organ, so that no other can name it", "add scans of it, or leave it out"
        raise InputError(
            what, where=where, expected="2 scans or more of each", found=", ".join(alone[:5]), remedy=remedy
        )


def unit(features: NDArray[np.floating[Any]]) -> Floats:
    """Rows (n, C) of length 1; InputError where one is no finite number."""
    x = np.asarray(features, np.float64)
    broken = int((~np.isfinite(x)).any(1).sum())
    if broken:
        found, remedy = f"{broken} of {len(x)} rows", "look at the encoder's weights"
        raise InputError("features are not finite", found=found, remedy=remedy)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def distances(points: Floats, organs: Names) -> dict[str, float]:
    """Distances within and between organs of points (n, C), each mean and SD, and between over within.

    Within has one number for each organ, between one for each pair of organs; method notes, Table 1.
    """
    names = np.unique(organs)
    middles = np.stack([points[organs == name].mean(0) for name in names])  # (k, C)
    within = np.array(
        [
            np.linalg.norm(points[organs == name] - middle, axis=1).mean()
            for name, middle in zip(names, middles, strict=True)
        ]
    )
    pairs = itertools.combinations(range(len(names)), 2)
    between = np.array([np.linalg.norm(middles[a] - middles[b]) for a, b in pairs])
    # features that all are alike have no ratio; 0 is the worst, so that a collapse never wins
    ratio = float(between.mean() / within.mean()) if within.mean() > 1e-9 else 0.0
    told = {"intra": within.mean(), "intra_sd": within.std(), "inter": between.mean(), "inter_sd": between.std()}
    return {**{name: float(value) for name, value in told.items()}, "ratio": ratio}


def silhouettes(points: Floats, organs: Names) -> Floats:
    """(n,) in [-1, 1]: how much nearer a point lies to its own organ than to the next."""
    return np.asarray(needed("sklearn.metrics", WHAT).silhouette_samples(points, organs), np.float64)


def agreement(points: Floats, organs: Names, seed: int = 0) -> dict[str, float]:
    """NMI and ARI of the organs with as many k-means clusters as there are organs."""
    count = len(np.unique(organs))
    found = needed("sklearn.cluster", WHAT).KMeans(count, n_init=RESTARTS, random_state=seed).fit_predict(points)
    metrics = needed("sklearn.metrics", WHAT)
    return {
        "nmi": float(metrics.normalized_mutual_info_score(organs, found)),
        "ari": float(metrics.adjusted_rand_score(organs, found)),
    }


def neighbours_for(organs: Names) -> int:
    """How many neighbours can name an organ: 5, or fewer where an organ has not so many other crops."""
    return max(1, min(NEIGHBOURS, int(np.unique(organs, return_counts=True)[1].min()) - 1))


def right_by_neighbours(points: Floats, organs: Names, scans: Names, k: int | None = None) -> Floats:
    """(n,) 0 or 1: whether the k nearest points of other scans (`neighbours_for`) name a point's organ."""
    k = k or neighbours_for(organs)
    right = np.zeros(len(points))
    for scan in np.unique(scans):
        test = scans == scan
        model = nearest(points[~test], organs[~test], k, "uniform")
        right[test] = model.predict(points[test]) == organs[test]
    return right


def plane(points: Floats, seed: int) -> Floats:
    """UMAP (n, 2) with the settings of `UMAP`; the same seed gives the same plane on one machine.

    Raises:
        ConfigError: umap-learn is not installed.
    """
    neighbours = min(UMAP["n_neighbors"], len(points) - 1)
    model = needed("umap", "UMAP planes", instead="pip install 'smart-nets[cluster]'").UMAP(
        **{**UMAP, "n_neighbors": neighbours}, random_state=seed, n_jobs=1
    )
    return np.asarray(model.fit_transform(points), np.float64)


def in_planes(points: Floats, organs: Names, scans: Names, seeds: int = SEEDS) -> tuple[dict[str, Any], Floats]:
    """Distances, silhouette and neighbours of UMAP planes: mean and SD over seeds; and the first plane (n, 2)."""
    planes = [plane(points, seed) for seed in range(seeds)]
    each: list[Mapping[str, float]] = [
        {
            **distances(one, organs),
            "silhouette": float(silhouettes(one, organs).mean()),
            "knn": float(right_by_neighbours(one, organs, scans).mean()),
        }
        for one in planes
    ]
    told = {
        name: {"mean": float(np.mean([one[name] for one in each])), "sd": float(np.std([one[name] for one in each]))}
        for name in each[0]
    }
    return told, planes[0]
