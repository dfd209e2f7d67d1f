"""Swin weights of MONAI, of its published self-supervision, and of SMIT in our encoder."""

import re

import pytest
import torch
from fixtures.small import SMALL
from monai.networks.nets.swin_unetr import SwinTransformer, SwinUNETR

from smart_nets.errors import CheckpointError
from smart_nets.weights.convert.layouts import import_swin
from smart_nets.weights.convert.merging import move_groups

IMAGE = torch.rand(1, 1, 32, 64, 32, generator=torch.Generator().manual_seed(1))


def shaken(network):
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return network.eval()


def swin(downsample="merging", **options):
    told = {"in_chans": 1, "embed_dim": 12, "window_size": (3, 3, 3), "patch_size": (2, 2, 2), "depths": (1, 2, 1, 1),
            "num_heads": SMALL["num_heads"], "downsample": downsample, "patch_norm": True, **options}  # fmt: skip
    return shaken(SwinTransformer(**told))


@pytest.mark.parametrize("downsample", ["merging", "mergingv2"])
@torch.no_grad()
def test_swin_transformer(downsample):
    theirs = swin(downsample, qkv_bias=False)
    ours, architecture, left = import_swin(theirs.state_dict(), downsample)
    for one, other in zip(ours(IMAGE).maps, theirs(IMAGE, normalize=False), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert not left and architecture["depths"] == [1, 2, 1, 1] and architecture["window_size"] == 3


@torch.no_grad()
def test_swin_unetr_whose_decoder_is_left_out_by_name():
    theirs = shaken(SwinUNETR(1, 2, feature_size=12, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2), patch_norm=True))
    with pytest.raises(CheckpointError, match=r"without a place .*--leave_out encoder1,encoder2") as told:
        import_swin(theirs.state_dict(), "merging")
    named = re.search(r"--leave_out (\S+)\.", str(told.value))[1].split(",")
    ours, architecture, left = import_swin(theirs.state_dict(), "merging", named)
    torch.testing.assert_close(ours(IMAGE).deep, theirs.swinViT(IMAGE, normalize=False)[-1], atol=1e-5, rtol=1e-5)
    assert architecture["window_size"] == 7 and all(name.startswith(tuple(named)) for name in left)


@torch.no_grad()
def test_names_of_monais_published_weights():
    """module., fc1 and fc2, and heads of its three tasks."""
    theirs = swin()
    state = {"module." + name.replace("linear", "fc"): value for name, value in theirs.state_dict().items()}
    state |= {"module.rotation_head.weight": torch.zeros(4, 2), "module.contrastive_head.weight": torch.zeros(4, 2)}
    heads = ["module.rotation_head", "module.contrastive_head"]
    with pytest.raises(CheckpointError, match=r"--leave_out module.rotation_head,module.contrastive_head"):
        import_swin(state, "merging")
    ours = import_swin(state, "merging", heads)[0]
    torch.testing.assert_close(ours(IMAGE).deep, theirs(IMAGE, normalize=False)[-1], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_smit():
    """layers.0 for layers1.0, fc1 for linear1, and its own order of neighbours."""
    theirs = swin("mergingv2")
    state = move_groups(theirs.state_dict(), "mergingv2", "smit")
    state = {re.sub(r"^layers(\d)\.0", lambda found: f"layers.{int(found[1]) - 1}", name): value
             for name, value in state.items()}  # fmt: skip
    state = {f"transformer.{name.replace('linear', 'fc')}": value for name, value in state.items()}
    ours = import_swin(state, "smit")[0]
    torch.testing.assert_close(ours(IMAGE).deep, theirs(IMAGE, normalize=False)[-1], atol=1e-5, rtol=1e-5)
    wrong = import_swin(state, "mergingv2")[0]
    assert not torch.allclose(wrong(IMAGE).deep, ours(IMAGE).deep, atol=1e-3)


def without(name):
    return {key: value for key, value in swin().state_dict().items() if key != name}


def changed(name, value):
    return {**swin().state_dict(), name: value}


TABLE = "layers1.0.blocks.0.attn.relative_position_bias_table"
INDEX = "layers1.0.blocks.0.attn.relative_position_index"


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"a.weight": torch.zeros(2)}, "holds no Swin"),
        ({f"{side}.{name}": value for side in ("student", "teacher") for name, value in swin().state_dict().items()},
         "several Swins .*--prefix student"),
        (without("layers3.0.downsample.norm.weight"), "lacks tensors .*layers3.0.downsample.norm.weight"),
        (without(TABLE), "no 3-D Swin of four stages"),
        (without("layers4.0.blocks.0.mlp.linear2.bias"), "lacks tensors"),
        (changed("layers1.0.blocks.0.attn.proj.weight", torch.zeros(12, 13)), "lacks tensors .*proj.weight"),
        (changed("layers9.0.blocks.0.x", torch.zeros(1)), "without a place .*layers9"),
        (changed("patch_embed.proj.weight", torch.zeros(12, 1, 2, 2)), "no cubes"),
        (changed(TABLE, torch.zeros(10, 1)), "no cubes"),
        (changed(INDEX, swin().state_dict()[INDEX].T.contiguous()), "positions in another order"),
        (changed("patch_embed.proj.bias", torch.full((12,), torch.nan)), "no numbers"),
        (changed("patch_embed.proj.bias", torch.zeros(12).half()), "another type"),
    ],
    ids=lambda value: None if isinstance(value, dict) else value[:24],
)  # fmt: skip
def test_weights_that_are_no_swin_or_not_whole(state, says):
    with pytest.raises(CheckpointError, match=says):
        import_swin(state, "merging")
