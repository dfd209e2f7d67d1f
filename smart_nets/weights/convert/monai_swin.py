"""Our Swin as MONAI's `SwinTransformer` and `SwinUNETR`: arguments, state dict, proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from monai.networks.nets.swin_unetr import SwinTransformer as MonaiSwin
from monai.networks.nets.swin_unetr import SwinUNETR
from torch import Tensor, nn

from smart_nets.errors import CheckpointError
from smart_nets.networks.encoder import Encoder, SmartEncoder
from smart_nets.networks.segmenter import Segmenter, fold_centring, swin_unetr_state
from smart_nets.weights.convert.merging import Merging, move_groups
from smart_nets.weights.convert.proof import prove

SWIN = "swin."  # of SmartEncoder's state dict
LEFT = (
    "semantic_attention.",
    "mask_token",
    "token_norm.",
    "position.",
)  # parts that MONAI's networks have no place for


@dataclass(frozen=True)
class Converted:
    """A network for others: how to build it, its weights, how equal it is, and what found no place in it."""

    target: str
    arguments: dict[str, Any]
    state: dict[str, Tensor]
    difference: float
    left_behind: list[str]


def to_monai_swin(encoder: Encoder, crop_size: Sequence[int], downsample: Merging = "mergingv2") -> Converted:
    """For `monai.networks.nets.swin_unetr.SwinTransformer(**arguments)`, whose `forward(x, normalize=False)` gives our maps.

    Args:
        encoder: a Swin of this project, in evaluation mode.
        crop_size: D, H, W of the input that proves it.
        downsample: how MONAI's network is built.

    Raises:
        CheckpointError: no Swin, or outputs that differ.
    """
    swin = _swin(encoder)
    state = {
        name.removeprefix(SWIN): value.clone() for name, value in swin.state_dict().items() if name.startswith(SWIN)
    }
    fold_centring(state, "patch_embed.proj.", swin.input_mean, swin.input_std)
    state = move_groups(state, "mergingv2", downsample)
    arguments = {**_shared(swin, state), **_of_swin(swin), "downsample": downsample}
    twin = MonaiSwin(**arguments).eval()
    twin.load_state_dict(state)
    difference = prove(lambda x: swin(x).maps, lambda x: twin(x, normalize=False), swin.in_chans, crop_size,
                       "MONAI's SwinTransformer")  # fmt: skip
    return Converted("swintransformer", arguments, state, difference, _left(swin))


def to_swin_unetr(
    network: Encoder | Segmenter, crop_size: Sequence[int], classes: int = 2, downsample: Merging = "mergingv2"
) -> Converted:
    """For `monai.networks.nets.SwinUNETR(**arguments).load_state_dict(state)`: all tensors, strictly.

    An encoder comes with a fresh decoder, and the maps of its `swinViT` are proved; a segmenter with its own, and its answers
    are.

    Args:
        network: in evaluation mode.
        classes: channels of a fresh decoder's answer.

    Raises:
        CheckpointError: no Swin, or outputs that differ. ConfigError: a width that MONAI's network does not take.
    """
    whole = isinstance(network, Segmenter)
    segmenter = network if isinstance(network, Segmenter) else _fresh_decoder(network, classes)
    swin = _swin(segmenter.encoder)
    state = move_groups(swin_unetr_state(segmenter), "mergingv2", downsample)
    vit = {name.removeprefix("swinViT."): value for name, value in state.items() if name.startswith("swinViT.")}
    arguments = {
        "in_channels": swin.in_chans, "out_channels": segmenter.classes, "feature_size": int(swin.map_dims[0]),
        **_shared(swin, vit), "window_size": [_window(vit)] * 3, "patch_norm": True, "downsample": downsample,
    }  # fmt: skip
    twin = SwinUNETR(**arguments).eval()
    twin.load_state_dict(state)
    if whole:
        answers = lambda x: [cast(Tensor, segmenter(x))]  # noqa: E731
        difference = prove(answers, lambda x: [twin(x)], swin.in_chans, crop_size, "MONAI's SwinUNETR")
    else:
        maps = lambda x: twin.swinViT(x, normalize=False)  # noqa: E731
        difference = prove(lambda x: swin(x).maps, maps, swin.in_chans, crop_size, "MONAI's SwinUNETR")
    return Converted("swinunetr", arguments, state, difference, _left(swin))


def place_weights(network: nn.Module, encoder: Encoder, crop_size: Sequence[int]) -> float:
    """Put our encoder into a network of MONAI's that the caller has built; returns how far its maps are from ours.

    Args:
        network: `SwinUNETR`, whose `swinViT` is filled, or `SwinTransformer`.

    Raises:
        CheckpointError: names or shapes differ, or the outputs do: the network merges neighbours in another order, say.
    """
    target = cast(nn.Module, getattr(network, "swinViT", network))
    swin = _swin(encoder)
    state = to_monai_swin(swin, crop_size).state
    before = {name: value.clone() for name, value in target.state_dict().items()}
    if {n: v.shape for n, v in before.items()} != {n: v.shape for n, v in state.items()}:
        remedy = "build it with the arguments that `smart-nets convert MODEL --to swintransformer` prints"
        raise CheckpointError("is another network", where=type(network).__name__, remedy=remedy,
                              expected=f"{len(state)} tensors of the encoder's shapes")  # fmt: skip
    training = target.training
    target.load_state_dict(state)
    try:
        return prove(lambda x: swin(x).maps, lambda x: target.eval()(x, normalize=False), swin.in_chans, crop_size,
                     type(network).__name__)  # fmt: skip
    except CheckpointError:
        target.load_state_dict(before)
        raise
    finally:
        target.train(training)


def _swin(encoder: Encoder) -> SmartEncoder:
    if not isinstance(encoder, SmartEncoder):
        raise CheckpointError("is no Swin", where="architecture", expected="SmartEncoder",
                              found=type(encoder).__name__, remedy="convert it to safetensors or huggingface")  # fmt: skip
    return encoder


def _fresh_decoder(encoder: Encoder, classes: int) -> Segmenter:
    with torch.random.fork_rng():
        torch.manual_seed(0)  # the same file each time
        return Segmenter(encoder, classes).eval()


def _shared(swin: SmartEncoder, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Arguments that both of MONAI's networks call by the same name."""
    depths = [len(stage.blocks) for stage in swin.swin.stages]
    tables = [state[f"layers{i}.0.blocks.0.attn.relative_position_bias_table"] for i in (1, 2, 3, 4)]
    hidden = state["layers1.0.blocks.0.mlp.linear1.weight"].shape[0]
    return {
        "depths": depths, "num_heads": [table.shape[1] for table in tables], "mlp_ratio": hidden / swin.map_dims[0],
        "qkv_bias": "layers1.0.blocks.0.attn.qkv.bias" in state,
    }  # fmt: skip


def _of_swin(swin: SmartEncoder) -> dict[str, Any]:
    window = _window(swin.swin.state_dict())
    return {
        "in_chans": swin.in_chans, "embed_dim": int(swin.map_dims[0]), "window_size": [window] * 3,
        "patch_size": [swin.patch_size] * 3, "patch_norm": True, "spatial_dims": 3,
    }  # fmt: skip


def _window(state: Mapping[str, Tensor]) -> int:
    """The side of a window whose table of relative positions has (2 side - 1)^3 rows."""
    rows = state["layers1.0.blocks.0.attn.relative_position_bias_table"].shape[0]
    return (round(rows ** (1 / 3)) + 1) // 2


def _left(swin: SmartEncoder) -> list[str]:
    return [name for name in swin.state_dict() if name.startswith(LEFT)]
