"""What a classifier's answer rests on: hide a place, and see how much less sure it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

PARTS = 4  # a quarter of the crop's side is hidden at once
OVERLAP = 0.5  # of one such place and the next: 7^3 places
NOTICEABLE = 0.01  # of probability: smaller changes are told in words, since a picture of them would be one of noise


def occlusion_map(network: nn.Module, image: Tensor, background: float = 0.0) -> Tensor:
    """How much the answer to one crop rests on each place, for any feature: (1, 1, D, H, W), changes of probability.

    Every block of the crop is replaced by `background` in turn. A voxel's value is by how much the probability of the class
    that was said falls then (Zeiler and Fergus 2014), mean over the blocks that cover it: 0.2 where it falls from 0.9 to 0.7,
    below 0 where hiding makes the answer surer.

    Args:
        network: (B, 1, D, H, W) in [0, 1] -> scores (B, classes).
        image: (1, 1, D, H, W).
        background: intensity put in place: 0, the lower end of the window, is air or lung.
    """
    # MONAI takes seconds to import, and a report needs the numbers above only
    from monai.networks.utils import eval_mode
    from monai.visualize import OcclusionSensitivity

    how: dict[str, Any] = {"n_batch": 32, "verbose": False, "mode": float(background), "overlap": OVERLAP}
    # by itself it would take the sigmoid of each score wherever the image, not the answer, has a single channel
    hide = OcclusionSensitivity(network, hidden_block(image.shape[2:]), activate=_probabilities, **how)
    with eval_mode(network):
        said = _probabilities(network(image))  # (1, classes)
        left = torch.as_tensor(hide(image)[0])  # (1, classes, D, H, W): probabilities with the place hidden
    called = int(said.argmax())
    return said[0, called] - left[:, called : called + 1]


def _probabilities(scores: Tensor) -> Tensor:
    return scores.softmax(dim=1)


def hidden_block(size: Sequence[int]) -> list[int]:
    """Voxels along each axis of what is hidden at once in a crop of `size`."""
    return [int(side) // PARTS for side in size]
