"""Inference with a classifier: its scores as they are, and the map that belongs to the feature it reads."""

import pytest
import torch
from fixtures.small import SMALL

from smart_nets.classify.inferer import ClassifierInferer, reason_map, reason_name
from smart_nets.classify.occlusion import occlusion_map
from smart_nets.errors import ConfigError
from smart_nets.networks.classifier import Classifier
from smart_nets.networks.encoder import SmartEncoder

IMAGE = torch.rand(2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))


class Wrapped(torch.nn.Module):
    """As a distributed run wraps its network."""

    def __init__(self, module):
        super().__init__()
        self.module = module


@pytest.fixture(autouse=True)
def _few_places(monkeypatch):
    monkeypatch.setattr("smart_nets.classify.occlusion.PARTS", 2)  # 3^3 places to hide instead of 7^3


@pytest.mark.parametrize("feature", ["cls", "pooled"])
@pytest.mark.parametrize("wrap", [lambda network: network, Wrapped])
def test_scores_are_the_networks_own_and_the_map_has_the_shape_of_the_image(feature, wrap):
    network = Classifier(SmartEncoder(**SMALL, sa_stage=2), feature).eval()
    with torch.no_grad():
        found = ClassifierInferer()(IMAGE, wrap(network))
        assert set(found) == {"scores", "reason"}
        torch.testing.assert_close(found["scores"], network(IMAGE))
        assert found["reason"].shape == IMAGE.shape
        torch.testing.assert_close(found["reason"], reason_map(network, IMAGE))


def test_the_map_is_attention_where_cls_is_read_and_occlusion_elsewhere():
    encoder = SmartEncoder(**SMALL, sa_stage=2)
    reads_cls, reads_mean = Classifier(encoder, "cls").eval(), Classifier(encoder, "pooled").eval()
    with torch.no_grad():
        torch.testing.assert_close(reason_map(reads_cls, IMAGE), reads_cls.look(IMAGE)[1])
        by_hand = torch.cat([occlusion_map(reads_mean, IMAGE[:1]), occlusion_map(reads_mean, IMAGE[1:])])
        torch.testing.assert_close(reason_map(reads_mean, IMAGE), by_hand)
    assert (reason_name("cls"), reason_name("pooled")) == ("attention", "occlusion")


def test_an_encoder_without_attention_still_has_a_map():
    network = Classifier(SmartEncoder(**SMALL, sa_stage=None), "pooled").eval()
    with torch.no_grad():
        assert ClassifierInferer()(IMAGE[:1], network)["reason"].shape == (1, 1, 32, 32, 32)


def test_images_of_a_wrong_size_are_refused():
    network = Classifier(SmartEncoder(**SMALL, sa_stage=2)).eval()
    with pytest.raises(ConfigError, match="multiples of 32"):
        ClassifierInferer()(torch.rand(1, 1, 30, 32, 32), network)
