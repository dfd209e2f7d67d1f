"""What is kept of the crops at the end of a run."""

import numpy as np
import pytest
import torch
from fixtures.small import SMALL

from smart_nets.networks.encoder import SmartEncoder
from smart_nets.pretrain.co_distillation import CoDistillation
from smart_nets.pretrain.report.snapshots import Snapshots
from smart_nets.pretrain.taps import Taps


@pytest.mark.parametrize("stage", [2, 4])
def test_reconstructions_are_painted_from_the_stage_that_learned_to_paint(tmp_path, stage):
    crops = torch.rand(2, 1, 32, 32, 32)
    network = CoDistillation(
        SmartEncoder(**SMALL), weights={"amip": 1.0}, taps=Taps(image_stage=stage), image_start=0.5
    )
    with torch.no_grad():
        network.image_head.proj.weight.zero_()  # paints 0.5 everywhere
    snapshots = Snapshots(network, crops, tmp_path / "snapshots.npz", (2.0, 2.0, 2.0))
    snapshots.before()
    snapshots.after()
    with np.load(tmp_path / "snapshots.npz") as file:
        painted, mask = file["reconstruction"], file["mask"]
    hidden = mask.repeat(16, 1).repeat(16, 2).repeat(16, 3)
    assert mask.sum() == 2 * 5  # floor(.7 * 8), no hint
    assert (painted[hidden] == 0.5).all() and np.array_equal(painted[~hidden], crops[:, 0].numpy()[~hidden])
