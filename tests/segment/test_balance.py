"""What the loss makes of rare labels."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.segment.balance import label_weights
from smart_nets.segment.update import segment_loss


@pytest.fixture
def volumes() -> SimpleNamespace:
    """10,000 voxels of background, 625 of liver, 1 of tumour, over two cases."""
    first = np.zeros(10_000, np.int16)
    second = np.concatenate([np.full(625, 1), np.full(1, 2)]).astype(np.int16)
    return SimpleNamespace(values={"liver": [1], "tumour": [2]}, get=lambda item: SimpleNamespace(target=item["target"]),
                           items=[{"target": first}, {"target": second}])  # fmt: skip


def test_rare_labels_count_more(volumes):
    # square roots of 1 and 625: 1 and 25, over their mean 13
    assert label_weights("balanced", volumes, volumes.items) == pytest.approx([1 / 13, 1 / 13, 25 / 13])
    assert label_weights(None, volumes, volumes.items) is None and label_weights("none", volumes, volumes.items) is None


def test_a_label_that_no_case_shows_weighs_no_infinity(volumes):
    weights = label_weights("balanced", volumes, volumes.items[:1])
    assert weights == pytest.approx([1.0, 1.0, 1.0])  # MONAI Label may train on cases that show one of several


def test_another_word(volumes):
    with pytest.raises(ConfigError, match=r"label_weights: is not known .expected balanced or none, found sqrt"):
        label_weights("sqrt", volumes, volumes.items)


def test_what_is_missed_costs_more_where_it_is_rare():
    scores = torch.zeros(1, 3, 2, 2, 2)
    label = torch.zeros(1, 1, 2, 2, 2)
    label[..., 0, 0, 0], label[..., 1, 1, 1] = 1, 2
    better_at = [scores.clone(), scores.clone()]
    better_at[0][:, 1, 0, 0, 0], better_at[1][:, 2, 1, 1, 1] = 5, 5
    alike = [float(segment_loss()(one, label)) for one in better_at]
    weighted = [float(segment_loss([0.2, 0.5, 1.5])(one, label)) for one in better_at]
    assert alike[0] == pytest.approx(alike[1], abs=1e-6) and weighted[1] < weighted[0] - 0.1
