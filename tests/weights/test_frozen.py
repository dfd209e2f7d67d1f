"""An encoder as a backbone for other frameworks: images in, one feature out, frozen."""

import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.weights.build import load_encoder
from smart_nets.weights.default_model import shipped_model
from smart_nets.weights.frozen import frozen_encoder

IMAGE = torch.rand(2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("feature", "width"), [(None, 64), ("cls", 64), ("pooled", 256)])
def test_the_shipped_encoder(feature, width):
    network = frozen_encoder(feature=feature).train()
    found = network(IMAGE.double())
    expected = load_encoder(shipped_model())(IMAGE)
    assert found.shape == (2, width) and not network.training and not found.requires_grad
    torch.testing.assert_close(found, expected.cls if feature != "pooled" else expected.pooled, check_stride=False)


def test_one_of_others(script):
    assert frozen_encoder(str(script))(IMAGE).shape == (2, 2)
    with pytest.raises(ConfigError, match=r"feature: is not known .expected pooled, found cls"):
        frozen_encoder(str(script), "cls")
