"""Encoders leave Python for deployment, traced or exported, and give the same numbers there."""

import warnings

import pytest
import torch
from fixtures.small import SMALL

from smart_nets.networks.encoder import SmartEncoder


def stirred(net):
    """The network with every parameter away from its initial value, so that nothing is equal by chance."""
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return net


def image(side=64, batch=2):
    """`side` voxels along the first axis, 32 along the others."""
    return torch.rand(batch, 1, side, 32, 32)


class Flat(torch.nn.Module):
    """What a deployed encoder gives: tensors only."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, x, mask):
        seen = self.encoder(x, mask)
        return seen.feature, seen.deep, seen.satt


@pytest.mark.parametrize("side", [64, 96])
def test_a_traced_encoder_equals_the_eager_one(side):
    """The 6 cells of the last stage that 96 voxels make are padded to two windows of 4; 64 voxels fill one."""
    net = Flat(stirred(SmartEncoder(**SMALL | {"depths": (2, 1, 1, 2)}))).eval()
    mask = torch.rand(1, side // 16 * 2 * 2) < 0.7
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # sizes become constants, as they should
        traced = torch.jit.trace(
            net, (image(side, batch=1), mask), check_trace=False
        )  # checked below, on another input
        x, masks = image(side), mask.expand(2, -1)
        for one, other in zip(net(x, masks), traced(x, masks), strict=True):
            torch.testing.assert_close(one, other)


def test_an_exported_encoder_equals_the_eager_one_for_any_batch():
    net, mask = Flat(stirred(SmartEncoder(**SMALL | {"depths": (2, 1, 1, 1)}))).eval(), torch.rand(2, 16) < 0.7
    batch = torch.export.Dim("batch", min=1, max=8)
    program = torch.export.export(net, (image(), mask), dynamic_shapes=({0: batch}, {0: batch}))
    with torch.no_grad():
        x = image(batch=1)
        for one, other in zip(net(x, mask[:1]), program.module()(x, mask[:1]), strict=True):
            torch.testing.assert_close(one, other)
        assert net(x, mask[:1])[0].isfinite().all()  # and the eager network still works after
