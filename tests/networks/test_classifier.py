"""The classifier: which feature it reads, what linear probing leaves alone, and its attention map."""

import pytest
import torch
from fixtures.small import SMALL

from smart_nets.errors import ConfigError
from smart_nets.networks.classifier import Classifier
from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.networks.encoder import SmartEncoder

IMAGE = torch.rand(2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("feature", ["cls", "pooled"])
def test_scores_are_a_linear_layer_on_the_normed_feature(small_encoder, feature):
    network = Classifier(small_encoder, feature, classes=3).eval()
    encoding = small_encoder(IMAGE)
    chosen = encoding.cls if feature == "cls" else encoding.pooled
    norm, linear = network.head
    by_hand = (chosen - chosen.mean(1, keepdim=True)) / (chosen.var(1, unbiased=False, keepdim=True) + norm.eps).sqrt()
    torch.testing.assert_close(network(IMAGE), by_hand @ linear.weight.T + linear.bias)


def test_look_gives_the_same_scores_and_a_map_on_the_voxels(small_encoder):
    network = Classifier(SmartEncoder(**{**SMALL, "sa_stage": 2})).eval()
    scores, shown = network.look(IMAGE)
    torch.testing.assert_close(scores, network(IMAGE))
    assert shown.shape == IMAGE.shape
    torch.testing.assert_close(shown.mean((1, 2, 3, 4)), torch.ones(2), rtol=0.05, atol=0)


def test_without_semantic_attention_there_is_no_map():
    with pytest.raises(ConfigError, match="no semantic attention"):
        Classifier(SmartEncoder(**{**SMALL, "sa_stage": None}), "pooled").look(IMAGE)


def test_any_encoder_of_the_project_can_be_classified_with():
    vit = ViTEncoder(img_size=32, patch_size=16, dim=24, depth=1, num_heads=2)
    assert Classifier(vit)(IMAGE).shape == (2, 2)


def test_a_frozen_encoder_gets_no_gradient_and_no_stochastic_depth(small_encoder):
    encoder = SmartEncoder(**{**SMALL, "drop_path_rate": 0.5})
    network = Classifier(encoder, frozen=True).train()
    assert network.head.training and not encoder.training
    network(IMAGE).sum().backward()
    assert all(parameter.grad is None for parameter in encoder.parameters())
    assert all(parameter.grad is not None for parameter in network.head.parameters())
    torch.testing.assert_close(network(IMAGE), network(IMAGE))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"feature": "mean"}, "feature: is not known"),
        ({"classes": 1}, "classes: a classifier needs two classes or more"),
    ],
)
def test_impossible_settings_are_refused(small_encoder, options, what):
    with pytest.raises(ConfigError, match=what):
        Classifier(small_encoder, **options)


def test_cls_of_an_encoder_without_attention_is_refused():
    with pytest.raises(ConfigError, match=r"no \[CLS\] token .*take feature pooled"):
        Classifier(SmartEncoder(**{**SMALL, "sa_stage": None}), "cls")
