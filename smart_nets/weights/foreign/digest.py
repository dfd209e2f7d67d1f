"""Which encoder made a feature: one number of its weights and of the way in which it is fed and read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from smart_nets.files import is_litter
from smart_nets.weights.io import sha256_of

DESCRIBES = {"name", "sha256", "described_in", "intended_use", "batch_size", "stride"}  # what changes no feature


def sha256_of_folder(folder: Path) -> str:
    """Of all files of a folder, in the order of their names, by content and name."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(is_litter(part) or part == "__pycache__" for part in parts):
            digest.update(f"{sha256_of(path)}  {'/'.join(parts)}\n".encode())
    return digest.hexdigest()


def sha256_of_weights(network: nn.Module) -> str:
    """Of a network that has no file: its class, and the name, type, shape and bytes of each of its tensors."""
    digest = hashlib.sha256(f"{type(network).__module__}.{type(network).__qualname__}".encode())
    for name, tensor in network.state_dict().items():
        if isinstance(tensor, torch.Tensor):  # a module may keep other things as its extra state
            plain = tensor.detach().cpu().contiguous()
            digest.update(f"{name} {plain.dtype} {tuple(plain.shape)}".encode())
            digest.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def sha256_of_reading(weights: str, card: Mapping[str, Any]) -> str:
    """Of the weights' number and of the card: the same weights read otherwise are another encoder."""
    told = {name: value for name, value in card.items() if name not in DESCRIBES}
    return hashlib.sha256(f"{weights} {json.dumps(told, sort_keys=True)}".encode()).hexdigest()
