"""Attention of a whole scan: overlapping windows, blended, with the mean [CLS] embedding beside the map."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.inferers import SlidingWindowInferer
from monai.transforms import MapTransform
from torch import Tensor, nn

from smart_nets.networks.attention_net import AttentionNet


class AttentionInferer(SlidingWindowInferer):
    """Slides `AttentionNet` over a scan.

    Each window's attention is relative to uniform within the window; windows are blended with Gaussian weights, and the
    embedding is the mean of the windows' [CLS] tokens, weighted alike. A scan smaller than the window is padded with air.

    Args:
        roi_size: voxels of a window; the crop size of pretraining is the natural choice.
        overlap: share of a window that neighbours share.
        sw_batch_size: windows at once.
    """

    def __init__(self, roi_size: tuple[int, int, int], overlap: float = 0.5, sw_batch_size: int = 1) -> None:
        super().__init__(roi_size, sw_batch_size, overlap, mode="gaussian", padding_mode="constant", cval=0.0)

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
    """Write an embedding (C,) as <scan>_embedding.npy (float32) into a folder.

    Args:
        keys: of the embedding.
        output_dir: made when missing.
        image: the key whose metadata name the scan.
    """

    def __init__(self, keys: str, output_dir: str | Path, image: str = "image") -> None:
        super().__init__(keys)
        self.output_dir, self.image = Path(output_dir), image

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        source = Path(str(item[self.image].meta["filename_or_obj"]))
        stem = source.name.removesuffix(".gz").rsplit(".", 1)[0] if source.is_file() else source.name
        self.output_dir.mkdir(parents=True, exist_ok=True)
        for key in self.keys:
            np.save(self.output_dir / f"{stem}_{key}.npy", torch.as_tensor(item[key]).cpu().numpy().astype(np.float32))
        return item
