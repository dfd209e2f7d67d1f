"""What the [CLS] token says of a whole scan, beside the map of where it looks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import MapTransform
from torch import Tensor, nn

from smart_nets.files import one_name, whole
from smart_nets.localize.scan_attention import WindowInferer
from smart_nets.networks.attention_net import AttentionNet


class AttentionInferer(WindowInferer):
    """As `WindowInferer`, and beside the map the mean of the windows' [CLS] tokens; arguments as there."""

    def __call__(self, inputs: Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> dict[str, Tensor]:  # type: ignore[override]
        """inputs (1, 1, D, H, W) in [0, 1] -> {"attention": (1, 1, D, H, W), "embedding": (1, C)}."""
        net = getattr(network, "module", network)
        assert isinstance(net, AttentionNet)
        embeddings: list[Tensor] = []

        def look(windows: Tensor) -> Tensor:
            attention, embedding = net.look(windows)
            embeddings.append(embedding.float())
            return attention

        attention = super().__call__(torch.as_tensor(inputs), look)
        return {"attention": attention, "embedding": torch.cat(embeddings).mean(dim=0, keepdim=True)}  # type: ignore[dict-item]


class SaveEmbeddingd(MapTransform):
    """Write an embedding (C,) as <name>_embedding.npy (float32) into a folder; the item's "name" is that of `with_names`.

    Args:
        keys: of the embedding.
        output_dir: made when missing.
    """

    def __init__(self, keys: str, output_dir: str | Path) -> None:
        super().__init__(keys)
        self.output_dir = Path(output_dir)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.keys:
            numbers = torch.as_tensor(item[key]).cpu().numpy().astype(np.float32)
            with whole(self.output_dir / one_name(f"{item['name']}_{key}.npy")) as draft, draft.open("wb") as file:
                np.save(file, numbers)
        return item
