"""What a classifier's answer rests on: hide a place, and see how much less sure it becomes."""

from __future__ import annotations

import torch
from monai.networks.utils import eval_mode
from monai.visualize import OcclusionSensitivity
from torch import Tensor, nn

PARTS = 4  # a quarter of the crop's side is hidden at once
OVERLAP = 0.5  # of one such place and the next: 7^3 places


def occlusion_map(network: nn.Module, image: Tensor, background: float = 0.0) -> Tensor:
    """Where one crop's answer comes from, for any feature: (1, 1, D, H, W), 1 = an even share of the loss of sureness.

    Every place is replaced by `background` in turn; its value is how much the probability of the class that was said
    falls (Zeiler and Fergus 2014), set against the mean over the crop. Where hiding makes the answer surer, it is 0; where
    nothing matters, all is 1.

    Args:
        network: (B, 1, D, H, W) in [0, 1] -> scores (B, classes).
        image: (1, 1, D, H, W).
        background: intensity put in place: 0, the lower end of the window, is air or lung.
    """
    size = [side // PARTS for side in image.shape[2:]]
    hide = OcclusionSensitivity(network, size, n_batch=32, verbose=False, mode=float(background), overlap=OVERLAP)
    with eval_mode(network):
        said = network(image).softmax(dim=1)  # (1, classes)
        left = torch.as_tensor(hide(image)[0])  # (1, classes, D, H, W): probabilities with the place hidden
    called = int(said.argmax())
    loss = (said[0, called] - left[:, called : called + 1]).clamp(min=0)
    mean = loss.mean()
    return loss / mean if mean > 1e-6 else torch.ones_like(image)
