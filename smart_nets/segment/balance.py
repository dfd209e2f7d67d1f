"""How much each channel counts in the loss, so that a tumour of a few voxels is learned beside a liver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smart_nets.segment.cases.volumes import CaseVolumes
from smart_nets.settings import one_of

NONE = "none"  # as a command line says it, where MONAI lets None fall
MOST = 30.0  # a label counts at most so many times the commonest: one of a few stray voxels must not rule


def label_weights(how: str | None, volumes: CaseVolumes, items: Sequence[Mapping[str, Any]]) -> list[float] | None:
    """A weight for the background and for each channel; those of the channels have the mean 1.

    A channel's is the square root of how much rarer it is than the commonest, in all training cases together; the background
    counts as the commonest. A single label is not weighed against the background: patches around it see to that.

    Args:
        how: "balanced", or "none" (None): all count alike.
        volumes: the prepared cases. items: those of training.

    Raises:
        ConfigError: another word.
    """
    one_of("label_weights", how or NONE, ("balanced", NONE))
    if how in (None, NONE):
        return None
    counts = np.zeros(1 + len(volumes.values))
    for item in items:
        counts += np.bincount(np.asarray(volumes.get(item).target).ravel(), minlength=len(counts))
    shown = np.maximum(counts, 1)
    weights = np.minimum(np.sqrt(shown[1:].max() / shown), MOST)
    weights[counts == 0] = weights[0] = 1.0  # nothing is told of what no case shows
    return [float(weight) for weight in weights / weights[1:].mean()]
