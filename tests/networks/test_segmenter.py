"""The decoder under our encoder: MONAI's SwinUNETR with the same weights gives the same answers."""

import pytest
import torch
from fixtures.small import SMALL, UNEVEN
from monai.networks.nets import SwinUNETR

from smart_nets.errors import ConfigError
from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.networks.segmenter import Segmenter, check_patch, swin_unetr_state


def monai_twin(network: Segmenter, **more) -> SwinUNETR:
    twin = SwinUNETR(
        1, network.classes, feature_size=SMALL["embed_dim"], depths=SMALL["depths"], num_heads=SMALL["num_heads"],
        window_size=4, patch_norm=True, downsample="mergingv2", **more,
    )  # fmt: skip
    return twin.eval()


@pytest.mark.parametrize(
    "options", [SMALL, UNEVEN, SMALL | {"sa_stage": None}], ids=["plain", "centred", "no attention"]
)
def test_swin_unetr_with_the_same_weights_answers_the_same(options):
    network = Segmenter(SmartEncoder(**options), classes=3).eval()
    twin = monai_twin(network)
    twin.load_state_dict(swin_unetr_state(network))  # strictly: all tensors on both sides
    image = torch.rand(1, 1, 64, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(twin(image), network(image), atol=1e-5, rtol=0)


def test_deep_supervision_answers_thrice_while_training_and_once_after():
    network = Segmenter(SmartEncoder(**SMALL), classes=2, deep_supervision=True)
    image = torch.rand(1, 1, 64, 32, 32)
    full, half, quarter = network.train()(image)
    assert [one.shape[2] for one in (full, half, quarter)] == [64, 32, 16] and full.shape[1] == quarter.shape[1] == 2
    assert network.eval()(image).shape == (1, 2, 64, 32, 32)
    assert not any(name.startswith("coarse") for name in swin_unetr_state(network))


def test_a_frozen_encoder_gets_no_gradient_and_the_decoder_does():
    network = Segmenter(SmartEncoder(**UNEVEN), frozen=True).train()
    network(torch.rand(1, 1, 32, 64, 32)).sum().backward()
    assert not network.encoder.training and all(one.grad is None for one in network.encoder.parameters())
    assert network.decoder5.transp_conv.conv.weight.grad is not None


def test_attention_lies_on_the_voxels_of_the_answer():
    network = Segmenter(SmartEncoder(**UNEVEN)).eval()
    scores, attention = network.look(torch.rand(2, 1, 32, 32, 64))
    assert scores.shape == (2, 2, 32, 32, 64) and attention.shape == (2, 1, 32, 32, 64)
    torch.testing.assert_close(attention.mean(dim=(1, 2, 3, 4)), torch.ones(2), atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: Segmenter(ViTEncoder(img_size=32, patch_size=16, dim=24, depth=1, num_heads=2)),
            "does not fit this encoder",
        ),
        (lambda: Segmenter(SmartEncoder(**SMALL), classes=1), "one class or more"),
        (
            lambda: swin_unetr_state(Segmenter(SmartEncoder(**SMALL | {"embed_dim": 16, "num_heads": [1, 2, 2, 2]}))),
            "this width",
        ),
        (lambda: check_patch((32, 32, 32), 32), "too small for the decoder"),
        (lambda: check_patch((64, 48, 32), 32), "multiples of 32"),
    ],
)
def test_networks_that_cannot_be(make, says):
    with pytest.raises(ConfigError, match=says):
        make()
