"""Weights of MONAI's SwinUNETR, fine-tuned or pretrained by itself: its Swin transformer alone gives features."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets import SwinUNETR
from torch import Tensor, nn

from smart_nets.errors import CheckpointError
from smart_nets.optional import needed
from smart_nets.weights.io import check_numbers, match_tensors, read_tensors

logger = logging.getLogger(__name__)
WRAPPED = ("state_dict", "model", "network")  # where checkpoints keep the weights
OWN = ("patch_embed.", "layers")  # names in a Swin transformer begin so
OLDER = {".fc1.": ".linear1.", ".fc2.": ".linear2."}  # names of MONAI's self-supervised weights


def load_swin_vit(path: Path, architecture: Mapping[str, Any]) -> nn.Module:
    """The Swin transformer (B, 1, D, H, W) -> five maps, the last the deepest, with the weights of a file.

    Args:
        architecture: options of SwinUNETR, as the card tells them.

    Raises:
        ConfigError: einops is not installed.
        CheckpointError: a damaged file, an architecture that cannot be, or weights of another.
    """
    needed("einops", f"swinunetr:{path}")  # MONAI would ask for it in the middle of the first crop
    try:
        network = SwinUNETR(in_channels=1, out_channels=1, **architecture).swinViT
    except (ValueError, TypeError, AssertionError) as error:
        told = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise CheckpointError("is no architecture of SwinUNETR", where=f"{path}, card", found=told,
                              remedy="copy the options that it was built with") from error  # fmt: skip
    state = swin_state(read_tensors(path), path)
    report = match_tensors(network.state_dict(), state)
    if report.missing or report.unexpected or report.wrong_shape:
        remedy = "correct architecture in its card (feature_size, depths, num_heads, window_size, use_v2, ...)"
        raise CheckpointError("does not fit this SwinUNETR", where=path, found=report, remedy=remedy)
    check_numbers(state, network.state_dict(), path)
    network.load_state_dict(state)
    return network.eval()


def swin_state(saved: Any, path: Path) -> dict[str, Tensor]:
    """The tensors of the Swin transformer in what a checkpoint holds; how many others there are is told in the log.

    Raises:
        CheckpointError: none of them.
    """
    for name in WRAPPED:
        if isinstance(saved, dict) and isinstance(saved.get(name), dict):
            saved = saved[name]
    table = saved if isinstance(saved, dict) else {}
    named = {_plain(str(name)): value for name, value in table.items() if isinstance(value, torch.Tensor)}
    inside = {name.removeprefix("swinViT."): value for name, value in named.items() if name.startswith("swinViT.")}
    found = inside or {name: value for name, value in named.items() if name.startswith(OWN)}
    if not found:
        shown = ", ".join(str(name)[:40] for name in list(table)[:3]) or type(saved).__name__
        expected = "names such as swinViT.patch_embed.proj.weight"
        raise CheckpointError("holds no Swin transformer", where=path, expected=expected, found=shown)
    if len(found) < len(named):
        logger.info("%s: %d tensors of its Swin transformer, %d of other parts left out", path.name, len(found),
                    len(named) - len(found))  # fmt: skip
    return found


def _plain(name: str) -> str:
    name = name.removeprefix("module.").removeprefix("_orig_mod.")
    for older, newer in OLDER.items():
        name = name.replace(older, newer)
    return name
