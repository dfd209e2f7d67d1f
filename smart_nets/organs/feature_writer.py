"""Features of organ crops, batch after batch, into one file at the end: what inference.json of smart_organ_cluster runs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from torch import Tensor, nn

from smart_nets.errors import CheckpointError
from smart_nets.networks.attention_net import named_as_encoder
from smart_nets.networks.feature_source import FeatureSource
from smart_nets.organs.features_file import OrganFeatures, save_organ_features
from smart_nets.organs.probe import OrganCrops
from smart_nets.statistics.features import KINDS
from smart_nets.statistics.knn import read_off

logger = logging.getLogger(__name__)


def crop_items(crops: OrganCrops) -> list[dict[str, Any]]:
    """{"image": (1, D, H, W), "organ", "scan"} of every crop, for a MONAI Dataset."""
    named = zip(crops.crops, crops.organs, crops.patients, strict=True)
    return [{"image": image, "organ": organ, "scan": scan} for image, organ, scan in named]


class FeatureNet(nn.Module):
    """The encoder's features of crops by kind: (B, 1, D, H, W) in [0, 1] -> {"cls": (B, C), "pooled": ..., "stages": ...}.

    Its state dict is the encoder's own, name by name.
    """

    def __init__(self, encoder: FeatureSource) -> None:
        super().__init__()
        self.encoder = encoder
        named_as_encoder(self)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return read_off(self.encoder.features(image))


class FeatureWriter:
    """Handler of an evaluator whose network is a `FeatureNet`; writes features.npz (`features_file`) at its end.

    Args:
        path: of the file.
        encoder_id: SHA-256 of the weights, as their card tells it.
        grid: "size", "spacing" and "window" of the crops, for the file's card.
        crops: whose places the file is to tell, in the order in which they pass by.
        paths: tell the paths of scans, which may name patients; else a mark of each.

    Raises:
        CheckpointError: the card does not tell it, so that nobody would know whose features these are.
    """

    def __init__(
        self,
        path: str | Path,
        encoder_id: str | None,
        grid: Mapping[str, Any] | None = None,
        crops: OrganCrops | None = None,
        paths: bool = False,
    ) -> None:
        if not encoder_id:
            raise CheckpointError(
                "does not tell the sha256 of its weights", where="card", remedy="save the weights again"
            )
        self.path, self.encoder_id = Path(path), encoder_id
        told = {"crop_size": "size", "spacing": "spacing", "hu_window": "window"}
        self.card = {name: list(grid[key]) for name, key in told.items()} if grid else {}
        self.crops, self.paths = crops, paths
        self.rows: list[tuple[dict[str, Tensor], Sequence[str], Sequence[str]]] = []

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.STARTED, lambda: self.rows.clear())
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.keep)
        engine.add_event_handler(Events.COMPLETED, self.write)

    def keep(self, engine: Engine) -> None:
        output, batch = engine.state.output, engine.state.batch
        assert isinstance(output, dict) and isinstance(batch, dict)
        self.rows.append((output["pred"], batch["organ"], batch["scan"]))

    def write(self, engine: Engine) -> None:
        kinds = [kind for kind in KINDS if kind in self.rows[0][0]]
        vectors = {kind: torch.cat([row[0][kind] for row in self.rows]).numpy() for kind in kinds}
        organs, scans = (np.array([name for row in self.rows for name in row[place]]) for place in (1, 2))
        same = self.crops is not None and [self.crops.organs, self.crops.patients] == [organs.tolist(), scans.tolist()]
        places = self.crops.places if self.crops is not None and same else None  # none where the order was changed
        places = places if self.paths or places is None else places.without_paths()
        save_organ_features(self.path, OrganFeatures(vectors, organs, scans, self.encoder_id, self.card, places))
        named = int((organs != "").sum())
        logger.info("%d crops, %d of them with an organ's name: %s", len(organs), named, self.path.name)
