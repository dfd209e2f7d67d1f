"""Probes: what a simple classifier makes of frozen features, with no patient both learnt from and judged.

The linear probe of SMART sections 5.2 and 5.3 (logistic regression), and nearest neighbours beside it. The one setting that
each has is chosen inside the training patients, so the patients of a fold are seen once, by the finished probe.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.splits import k_folds
from smart_nets.statistics.knn import knn_scores
from smart_nets.statistics.predictions import Predictions

logger = logging.getLogger(__name__)
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C of logistic regression: the smallest bends the least
NEIGHBOURS = (20, 10, 5)
INNER_FOLDS = (3, 2)  # the second where the training patients are too few for the first

Array = NDArray[np.float64]
Scorer = Callable[[Array, NDArray[np.int64], Array, float], Array]
Split = tuple[NDArray[np.intp], NDArray[np.intp]]


def linear_scores(train: Array, labels: NDArray[np.int64], test: Array, strength: float) -> Array:
    """Probability of class 1 (m,) for `test` (m, C), by logistic regression on `train` (n, C) and `labels` (n,)."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
    return model.fit(train, labels).predict_proba(test)[:, 1]


def cross_predict(
    scorer: Scorer,
    settings: Sequence[float],
    features: ArrayLike,
    labels: ArrayLike,
    patients: Sequence[str] | NDArray[Any],
    folds: int | ArrayLike = 3,
    seed: int = 0,
    rows: ArrayLike | None = None,
    sizes: ArrayLike | None = None,
) -> Predictions:
    """Judge each fold by a probe that learnt from the others; every lesion is judged once.

    Args:
        scorer: (train (n, C), labels (n,), test (m, C), a setting) -> probability of class 1 (m,).
        settings: to choose from, the most cautious first.
        features: (n, C).
        labels, patients: (n,), labels 0 or 1.
        folds: how many folds, stratified and grouped by patient; or (n,), the fold in which each lesion is judged,
            where those of another run are to be repeated.
        seed: chooses the folds.
        rows, sizes: (n,) passed on to the predictions; the position and "unknown" when not given.

    Raises:
        InputError: lengths differ, features are not finite, labels are not 0 or 1.
        ConfigError: a fold would lack a class, there are too few patients, or given folds share a patient.
    """
    x, y, groups = checked(features, labels, patients)
    n = len(y)
    splits = patient_folds(y, groups, folds, seed) if isinstance(folds, int) else given_folds(y, groups, folds)
    fold_of, probabilities = np.zeros(n, np.int64), np.zeros(n)
    for fold, (train, test) in splits.items():
        setting = choose_setting(scorer, settings, x[train], y[train], groups[train], seed)
        logger.info("%s, fold %d: %g of %s", scorer.__name__, fold, setting, settings)
        probabilities[test] = scorer(x[train], y[train], x[test], setting)
        fold_of[test] = fold
    numbers = np.arange(n) if rows is None else np.asarray(rows)
    diameters = np.full(n, np.nan) if sizes is None else np.asarray(sizes, np.float64)
    return Predictions(numbers, groups, fold_of, y, probabilities, diameters)


def transfer(
    scorer: Scorer,
    settings: Sequence[float],
    train: tuple[ArrayLike, ArrayLike, Sequence[str]],
    test: tuple[ArrayLike, ArrayLike, Sequence[str]],
    seed: int = 0,
    rows: ArrayLike | None = None,
    sizes: ArrayLike | None = None,
) -> Predictions:
    """Judge a probe that learnt from one list on another; arguments as of `cross_predict`, both (features, labels, patients).

    Raises:
        InputError: as `cross_predict`, or features of two widths. ConfigError: the lists share patients, or one lacks a class.
    """
    x, y, groups = checked(*train)
    other, truth, judged = checked(*test)
    if x.shape[1] != other.shape[1]:
        found, remedy = f"{x.shape[1]} and {other.shape[1]}", "make both with one model and feature"
        raise InputError("features have two widths", where="train and test", expected="one", found=found, remedy=remedy)
    shared = sorted(set(groups.tolist()) & set(judged.tolist()))
    if shared:
        found, remedy = ", ".join(shared[:5]), "take them out of one of the lists"
        raise ConfigError(
            f"share {len(shared)} patients", where="train and test", expected="none", found=found, remedy=remedy
        )
    for name, labels in (("train", y), ("test", truth)):
        if len(np.unique(labels)) < 2:
            raise ConfigError("lacks a class", where=name, expected="labels 0 and 1", found=np.unique(labels)[:1])
    setting = choose_setting(scorer, settings, x, y, groups, seed)
    numbers = np.arange(len(truth)) if rows is None else np.asarray(rows)
    diameters = np.full(len(truth), np.nan) if sizes is None else np.asarray(sizes, np.float64)
    return Predictions(numbers, judged, np.zeros(len(truth), np.int64), truth, scorer(x, y, other, setting), diameters)


linear_probe = partial(cross_predict, linear_scores, STRENGTHS)
"""Logistic regression on standardised features, cross-validated; arguments from `features` on, and errors, as there."""
knn_probe = partial(cross_predict, knn_scores, NEIGHBOURS)
"""The 5, 10 or 20 nearest neighbours by cosine, likewise."""
linear_transfer, knn_transfer = partial(transfer, linear_scores, STRENGTHS), partial(transfer, knn_scores, NEIGHBOURS)
"""The same, learnt from one list and judged on another."""


def checked(features: ArrayLike, labels: ArrayLike, patients: Any) -> tuple[Array, NDArray[np.int64], NDArray[np.str_]]:
    """Features (n, C), labels (n,) and patients (n,) of matching lengths, refused when a probe cannot use them."""
    x, y, groups = np.asarray(features, np.float64), np.asarray(labels), np.asarray(patients, np.str_)
    if x.ndim != 2 or not x.size or y.shape != (len(x),) or groups.shape != (len(x),):
        what, found = "features, labels and patients do not match", f"{x.shape}, {y.shape} and {groups.shape}"
        raise InputError(what, expected="(n, C), (n,) and (n,)", found=found)
    if not np.isfinite(x).all():
        broken = int((~np.isfinite(x)).any(axis=1).sum())
        raise InputError("features are not finite", found=f"{broken} of {len(x)} rows")
    if not np.isin(y, (0, 1)).all():
        raise InputError("labels must be 0 or 1", where="labels", found=np.unique(y)[:5])
    return x, y.astype(np.int64), groups


def patient_folds(labels: NDArray[np.int64], patients: NDArray[np.str_], k: int, seed: int) -> dict[int, Split]:
    """Fold -> positions to train on and to judge; stratified, and no patient on both sides."""
    items = [
        {"image": str(position), "patient_id": str(patient), "label": int(label), "position": position}
        for position, (patient, label) in enumerate(zip(patients, labels, strict=True))
    ]
    parts = k_folds(items, k, seed, label="label")
    return {fold: (_places(part["training"]), _places(part["validation"])) for fold, part in enumerate(parts)}


def _places(items: list[dict[str, Any]]) -> NDArray[np.intp]:
    return np.array([item["position"] for item in items], dtype=np.intp)


def given_folds(labels: NDArray[np.int64], patients: NDArray[np.str_], folds: ArrayLike) -> dict[int, Split]:
    """Folds that somebody else chose, refused when a patient is in two of them or nothing can be learnt."""
    fold_of = np.asarray(folds)
    if fold_of.shape != labels.shape or not np.issubdtype(fold_of.dtype, np.integer):
        expected, found = f"{len(labels)} whole numbers", f"{fold_of.dtype} {fold_of.shape}"
        raise InputError("is not one fold per lesion", where="folds", expected=expected, found=found)
    names, index = np.unique(patients, return_inverse=True)
    shared = [name for number, name in enumerate(names) if len(np.unique(fold_of[index == number])) > 1]
    if shared:
        what, found = f"share {len(shared)} patients", ", ".join(shared[:5])
        raise ConfigError(what, where="folds", found=found, remedy="split by patient")
    splits = {int(f): (np.flatnonzero(fold_of != f), np.flatnonzero(fold_of == f)) for f in np.unique(fold_of)}
    for fold, (train, _) in splits.items():
        if len(np.unique(labels[train])) < 2:
            raise ConfigError("lacks a class", where=f"training of fold {fold}", remedy="take fewer folds")
    return splits


def choose_setting(
    scorer: Scorer,
    settings: Sequence[float],
    features: Array,
    labels: NDArray[np.int64],
    patients: NDArray[np.str_],
    seed: int,
) -> float:
    """The setting with the least Brier score in folds of the training patients; the first of equals.

    Where the patients are too few for two folds with both classes, it is the first, which is the most cautious.
    """
    for k in INNER_FOLDS:
        try:
            splits = patient_folds(labels, patients, k, seed).values()
        except ConfigError:
            continue
        errors = [
            sum(((scorer(features[a], labels[a], features[b], one) - labels[b]) ** 2).sum() for a, b in splits)
            for one in settings
        ]
        return settings[int(np.argmin(errors))]
    logger.warning("too few training patients to choose a setting; %g is taken", settings[0])
    return settings[0]
