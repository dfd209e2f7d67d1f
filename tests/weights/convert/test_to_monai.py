"""Our weights in MONAI's networks: the same outputs, and never others in silence."""

import pytest
import torch
from fixtures.small import SMALL, UNEVEN
from monai.networks.nets.swin_unetr import SwinTransformer, SwinUNETR

from smart_nets.errors import CheckpointError, ConfigError
from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.networks.segmenter import Segmenter
from smart_nets.weights.convert.monai_swin import place_weights, to_monai_swin, to_swin_unetr

CROP = [32, 64, 32]
IMAGE = torch.rand(1, 1, *CROP, generator=torch.Generator().manual_seed(1))


def encoder(**options) -> SmartEncoder:
    """Weights of which none has its trivial first value: a fresh LayerNorm would hide an order."""
    made = SmartEncoder(**{**UNEVEN, **options}).eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return made


@pytest.mark.parametrize("downsample", ["merging", "mergingv2"])
@torch.no_grad()
def test_swin_transformer(downsample):
    own = encoder()
    made = to_monai_swin(own, CROP, downsample)
    twin = SwinTransformer(**made.arguments).eval()
    twin.load_state_dict(made.state)
    for one, other in zip(own(IMAGE).maps, twin(IMAGE, normalize=False), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert made.difference <= 1e-5 and made.arguments["downsample"] == downsample
    assert {name.split(".")[0] for name in made.left_behind} == {"mask_token", "token_norm", "semantic_attention"}


@pytest.mark.parametrize("whole", [True, False], ids=["segmenter", "encoder"])
@torch.no_grad()
def test_swin_unetr(whole):
    own = encoder(qkv_bias=False)
    network = Segmenter(own, 3).eval() if whole else own
    made = to_swin_unetr(network, CROP, classes=3, downsample="merging")
    twin = SwinUNETR(**made.arguments).eval()
    twin.load_state_dict(made.state)
    if whole:
        torch.testing.assert_close(twin(IMAGE), network(IMAGE), atol=1e-5, rtol=1e-5)
    deep = twin.swinViT(IMAGE, normalize=False)[-1]
    torch.testing.assert_close(deep, own(IMAGE).deep, atol=1e-5, rtol=1e-5)
    again = to_swin_unetr(network, CROP, classes=3, downsample="merging")
    assert all(torch.equal(value, again.state[name]) for name, value in made.state.items())


def twin(**options) -> SwinUNETR:
    told = {"feature_size": 12, "depths": SMALL["depths"], "num_heads": SMALL["num_heads"], "window_size": 4,
            "patch_norm": True, "downsample": "mergingv2", **options}  # fmt: skip
    return SwinUNETR(1, 2, **told)


def test_a_network_of_the_callers_is_filled_and_stays_in_its_mode():
    own, network = encoder(), twin()
    assert place_weights(network, own, CROP) <= 1e-5 and network.training
    with torch.no_grad():
        deep = network.eval().swinViT(IMAGE, normalize=False)[-1]
        torch.testing.assert_close(deep, own(IMAGE).deep, atol=1e-5, rtol=1e-5)


def test_monais_default_merging_is_refused_and_the_network_left_as_it_was():
    network = twin(downsample="merging")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"gives other outputs than its source .*--downsample"):
        place_weights(network, encoder(), CROP)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


VIT = {"img_size": 32, "patch_size": 16, "dim": 24, "depth": 1, "num_heads": 2}


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: to_monai_swin(ViTEncoder(**VIT), CROP), CheckpointError, "is no Swin"),
        (lambda: to_monai_swin(encoder(), [30, 32, 32]), ConfigError, "multiples of 32"),
        (lambda: to_monai_swin(encoder(), CROP, "v1"), ConfigError, "mergingv2 or merging"),
        (lambda: to_swin_unetr(encoder(embed_dim=16, num_heads=[1, 2, 2, 2]), CROP), ConfigError, "this width"),
        (lambda: to_swin_unetr(encoder(), CROP, classes=1), ConfigError, "one class or more"),
        (lambda: place_weights(twin(feature_size=24), encoder(), CROP), CheckpointError, "is another network"),
        (lambda: place_weights(torch.nn.Linear(2, 2), encoder(), CROP), CheckpointError, "is another network"),
    ],
)
def test_what_cannot_be(make, error, says):
    with pytest.raises(error, match=says):
        make()
