"""MONAI's ResNet under the contract of the encoders: the same numbers as MONAI's own, no mask, no attention."""

import pytest
import torch
from monai.networks.nets import resnet18

from smart_nets.errors import ConfigError
from smart_nets.networks.classifier import Classifier
from smart_nets.networks.comparators.resnet import ResNetEncoder
from smart_nets.weights.build import build_encoder


def test_pooled_features_are_those_before_monais_last_layer():
    encoder = ResNetEncoder(18).eval()
    own = resnet18(spatial_dims=3, n_input_channels=1, num_classes=1).eval()
    own.load_state_dict(encoder.net.state_dict(), strict=False)
    x = torch.rand(2, 1, 64, 64, 64)
    with torch.no_grad():
        encoding, scores = encoder(x), own(x)
    assert encoding.pooled.shape == (2, 512) and encoding.grid == (4, 4, 4) and encoding.patch.shape == (2, 64, 512)
    torch.testing.assert_close(encoding.pooled @ own.fc.weight.T + own.fc.bias, scores)
    assert encoding.cls is None and encoding.attention is None


def test_it_classifies():
    network = Classifier(build_encoder({"name": "ResNetEncoder", "depth": 18}), "pooled")
    network(torch.rand(2, 1, 32, 32, 32)).sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_what_it_cannot():
    with pytest.raises(ConfigError, match="no such depth"):
        ResNetEncoder(20)
    encoder = ResNetEncoder(18).eval()
    with pytest.raises(ConfigError, match="no mask token"):
        encoder(torch.rand(1, 1, 32, 32, 32), torch.zeros(1, 1, dtype=torch.bool))
    with pytest.raises(ConfigError, match="no semantic attention"):
        encoder.cls_attention(torch.rand(1, 1, 32, 32, 32))
