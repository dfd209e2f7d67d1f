"""Swin weights of others, read into our encoder: every one of their tensors is placed or left out by name.

Read from the tensors themselves: widths, depths, heads, window, patches, biases. What no tensor tells is the order in which
neighbours are merged, so that the caller must say it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from smart_nets.errors import CheckpointError
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.weights.build import build_encoder
from smart_nets.weights.convert.merging import Merging, move_groups
from smart_nets.weights.io import check_numbers, match_tensors

ANCHOR = "patch_embed.proj.weight"
OWN = ("mask_token", "token_norm.")  # of ours alone; fresh
RENAMED = (
    (r"^layers\.(\d)\.", lambda found: f"layers{int(found[1]) + 1}.0."),  # SMIT, and the Swin of Microsoft
    (r"\.mlp\.fc([12])\.", lambda found: f".mlp.linear{found[1]}."),  # SMIT, and MONAI's published weights
)


def import_swin(
    state: Mapping[str, Tensor], downsample: Merging, leave_out: Sequence[str] = (), prefix: str | None = None
) -> tuple[SmartEncoder, dict[str, Any], list[str]]:
    """An encoder of ours with somebody's Swin in it: the encoder in evaluation mode, its architecture, what was left out.

    Args:
        state: names and tensors of MONAI's SwinUNETR or SwinTransformer, of its published self-supervised weights, or SMIT.
        downsample: the order of their merging (`merging.ORDERS`).
        leave_out: what the names of tensors without a place here begin with, as they stand in the file: heads, decoders.
        prefix: what the Swin's names begin with; found where there is one Swin only.

    Raises:
        CheckpointError: no Swin, several, tensors without a place that nobody named, or tensors that do not fit.
    """
    prefix = _prefix(state) if prefix is None else prefix
    left = [name for name in state if leave_out and name.startswith(tuple(leave_out))]
    swin = {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix) and n not in left}
    swin = {_renamed(name): value for name, value in swin.items()}
    strange = [name for name in state if not name.startswith(prefix) and name not in left]
    architecture = read_architecture(swin)
    encoder = build_encoder(architecture)
    assert isinstance(encoder, SmartEncoder)
    wanted = {f"swin.{name}": value for name, value in move_groups(swin, downsample, "mergingv2").items()}
    own = {name: value for name, value in encoder.state_dict().items() if not name.startswith(OWN)}
    report = match_tensors(own, wanted)
    strange += [prefix + name.removeprefix("swin.") for name in report.unexpected]
    if strange or report.missing or report.wrong_shape:
        found = str(report) if report.missing or report.wrong_shape else _starts(strange)
        what = "has tensors without a place" if strange else "lacks tensors"
        remedy = f"name what may stay behind: --leave_out {_starts(strange)}" if strange else "give the whole file"
        raise CheckpointError(what, expected="every tensor of the Swin, and no other", found=found, remedy=remedy)
    _check_positions(own, wanted)
    check_numbers(wanted, own, "weights")
    encoder.load_state_dict({**encoder.state_dict(), **wanted})
    return encoder.eval(), architecture, left


def read_architecture(swin: Mapping[str, Tensor]) -> dict[str, Any]:
    """What the tensors of a Swin, under MONAI's names, tell of it.

    Raises:
        CheckpointError: they are no 3-D Swin of four stages with merging behind each.
    """
    try:
        first = swin[ANCHOR]  # (C, in_chans, p, p, p)
        depths = [
            len({found[1] for name in swin if (found := re.match(rf"layers{i}\.0\.blocks\.(\d+)\.", name))})
            for i in (1, 2, 3, 4)
        ]
        tables = [swin[f"layers{i}.0.blocks.0.attn.relative_position_bias_table"] for i in (1, 2, 3, 4)]
        hidden = swin["layers1.0.blocks.0.mlp.linear1.weight"].shape[0]
        sides = [round(table.shape[0] ** (1 / 3)) for table in tables]
        if first.dim() != 5 or len({*first.shape[2:], *sides}) > 2 or any(side % 2 == 0 for side in sides):
            raise CheckpointError("has windows or patches that are no cubes", found=f"{tuple(first.shape)}, {sides}")
        return {
            "name": "SmartEncoder", "in_chans": first.shape[1], "embed_dim": first.shape[0], "depths": depths,
            "num_heads": [table.shape[1] for table in tables], "window_size": (sides[0] + 1) // 2,
            "patch_size": first.shape[2], "mlp_ratio": hidden / first.shape[0],
            "qkv_bias": "layers1.0.blocks.0.attn.qkv.bias" in swin, "drop_path_rate": 0.0, "sa_stage": None,
        }  # fmt: skip
    except (KeyError, ZeroDivisionError, IndexError) as error:
        raise CheckpointError("is no 3-D Swin of four stages", expected="MONAI's names or SMIT's",
                              found=f"nothing under {error}", remedy="give the Swin's own weights") from error  # fmt: skip


def _prefix(state: Mapping[str, Tensor]) -> str:
    found = [name.removesuffix(ANCHOR) for name in state if name.endswith(ANCHOR)]
    if len(found) == 1:
        return found[0]
    remedy = "give the weights of a 3-D Swin" if not found else f"choose one: --prefix {found[0] or '(empty)'}"
    shown = ", ".join(found[:4]) or f"{len(state)} tensors, {next(iter(state), '')[:60]} ..."
    raise CheckpointError("holds several Swins" if found else "holds no Swin", expected=f"one {ANCHOR}", found=shown,
                          remedy=remedy)  # fmt: skip


def _renamed(name: str) -> str:
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def _starts(names: Sequence[str]) -> str:
    """What names begin with, up to their first dot, each once: decoder5,encoder1."""
    found = (re.match(r"(module\.)?[^.]+", name) for name in names)
    return ",".join(list(dict.fromkeys(one[0] for one in found if one))[:12])


def _check_positions(own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    """Their table of relative positions must be read as ours is: axes in another order would be wrong in silence."""
    for name, value in own.items():
        if name.endswith("relative_position_index") and not torch.equal(value, theirs[name].to(value.dtype)):
            raise CheckpointError("counts relative positions in another order", where=name.removeprefix("swin."),
                                  expected="depth, height, width", remedy="give weights of MONAI's Swin or SMIT")  # fmt: skip
