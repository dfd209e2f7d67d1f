"""What needs no pretraining, and must be beaten: dense tissue in the lungs, and an encoder with fresh weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smart_nets.localize.marking import Marked
from smart_nets.localize.regions import find_region
from smart_nets.localize.scan_attention import ScanAttention
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.scans.volume import AIR, Volume
from smart_nets.weights.build import build_encoder

DENSE_HU = -300.0  # tumours, vessels and bronchial walls are denser than this, lung is not


def dense_in_lungs(scan: Volume) -> tuple[NDArray[np.float32], Marked]:
    """The score is the density in the lungs, HU above air (0 outside them); what is above -300 HU is marked.

    Raises:
        InputError: the scan shows no lungs.
    """
    found = find_region(scan, "lungs")
    lungs = found.mask
    score = np.where(lungs, scan.array.astype(np.float32) - AIR, 0).astype(np.float32)
    return score, Marked(lungs & (scan.array > DENSE_HU), lungs, DENSE_HU - AIR, found.how)


def random_attention(attention: ScanAttention, architecture: Mapping[str, Any], seed: int = 0) -> ScanAttention:
    """The same way of looking with an encoder of the same architecture and fresh weights."""
    shown: Any = attention.network
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = build_encoder(architecture)
    device = next(shown.parameters()).device
    return replace(attention, network=AttentionNet(encoder, shown.head, shown.block).to(device))
