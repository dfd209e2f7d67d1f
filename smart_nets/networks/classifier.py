"""An encoder with one linear layer on one of its features: the network of malignancy, response and the like."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.networks.attention_net import attention_map
from smart_nets.networks.encoder import Encoder, Encoding
from smart_nets.settings import one_of

Feature = Literal["cls", "pooled"]


class Classifier(nn.Module):
    """LayerNorm and a linear layer on the [CLS] token or on the mean of the last stage (SMART section 3, fine-tuning).

    Args:
        encoder: any encoder of the project; `start_encoder` puts pretrained weights into it.
        feature: "cls", or "pooled" for the mean of the last stage's tokens.
        classes: how many scores.
        frozen: linear probing: the encoder stays in evaluation mode and gets no gradient.

    Raises:
        ConfigError: an unknown feature, [CLS] of an encoder without semantic attention, or fewer than two classes.
    """

    def __init__(self, encoder: Encoder, feature: Feature = "cls", classes: int = 2, frozen: bool = False) -> None:
        super().__init__()
        one_of("feature", feature, get_args(Feature))
        if feature == "cls" and not encoder.has_attention:
            remedy = "take feature pooled, or an encoder with semantic attention"
            raise ConfigError("the encoder has no [CLS] token", where="feature", found=feature, remedy=remedy)
        if classes < 2:
            raise ConfigError("a classifier needs two classes or more", where="classes", found=classes)
        width = encoder.feature_dim if feature == "cls" else encoder.deep_dim
        self.encoder, self.feature, self.frozen = encoder, feature, frozen
        linear = nn.Linear(width, classes)
        nn.init.trunc_normal_(linear.weight, std=0.02)
        nn.init.zeros_(linear.bias)
        self.head = nn.Sequential(nn.LayerNorm(width), linear)
        if frozen:
            encoder.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> Classifier:
        """As any module, but a frozen encoder stays in evaluation mode: no stochastic depth."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        """(B, 1, D, H, W) in [0, 1] -> scores (B, classes) before the softmax."""
        return self._scores(self.encoder(image))

    def look(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The scores and the attention map (B, 1, D, H, W), 1 = uniform; ConfigError without semantic attention."""
        encoding = self.encoder(image)
        return self._scores(encoding), attention_map(encoding, image)

    def _scores(self, encoding: Encoding) -> Tensor:
        chosen = encoding.pooled if self.feature == "pooled" or encoding.cls is None else encoding.cls
        scores: Tensor = self.head(chosen)
        return scores
