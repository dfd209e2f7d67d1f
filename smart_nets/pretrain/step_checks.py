"""What a step must be able to do, checked before it is built: sentences instead of a trace in the first iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from smart_nets.errors import ConfigError
from smart_nets.networks.encoder import Encoder
from smart_nets.pretrain.losses.distillation import DISTILLED
from smart_nets.pretrain.masking import MASK_CELL, StudentMask
from smart_nets.settings import ABOVE_0, BELOW_1, one_of

LOSSES = ("amip", *DISTILLED, "koleo")
LOGGED = ("loss", *LOSSES, "amip_relative", "mask_lost", "lost", "mask_overlap")  # what a step gives beside `Distilled`
CHOICES = {
    "teacher_drop_grid": ("patch", "sa"),
    "teacher_fill": ("mask_token", "zero"),
    "attention_input": ("noisy", "clean"),
    "ampd_tokens": ("hidden", "all"),
}


def check_step(
    encoder: Encoder, mask: StudentMask, weights: Mapping[str, float], drop_ratio: float, chosen: Mapping[str, str]
) -> None:
    """ConfigError for settings that contradict each other or the encoder; `chosen` by the names of `CHOICES`."""
    if set(weights) - set(LOSSES) or not weights or min(weights.values()) < 0:
        known = f"weights above 0 of {', '.join(LOSSES)}"
        raise ConfigError("needs at least one known loss", where="weights", expected=known, found=weights or "none")
    BELOW_1.check("patch_drop_ratio", drop_ratio, "0.7 is the paper's, 0 switches the noise off")
    for name, value in chosen.items():
        one_of(name, value, CHOICES[name])
    if not encoder.has_attention and (mask.needs_attention or "aitd" in weights):
        found = f"{mask.mode} mask, losses {sorted(weights)}"
        remedy = "set sa_stage, or use a random or block mask and weight_aitd 0"
        raise ConfigError(
            "needs semantic attention of the encoder", where="mask_mode or weight_aitd", found=found, remedy=remedy
        )


def check_heads(names: Sequence[str], heads: Sequence[str], shared: bool = False) -> None:
    """ConfigError unless `names` is a list of heads; AMPD and AITD, if they share one, both or neither in it."""
    if isinstance(names, str) or not set(names) <= set(heads):
        known = f"a list of {', '.join(heads)}"
        raise ConfigError("has names of no head", where="standardised_heads", expected=known, found=names)
    if shared and len({"ampd", "aitd"} & set(names)) == 1:
        where = "standardised_heads, shared_head"
        raise ConfigError("takes half of a shared head", where=where, expected="ampd and aitd, or neither", found=names)


def check_more(more: Mapping[str, nn.Module]) -> None:
    """ConfigError for a loss of one's own that has the name of another number of the step, or no weight."""
    for name, loss in more.items():
        if name in LOGGED or name.partition("_")[0] in DISTILLED:
            expected = f"none of {', '.join(LOGGED)}"
            raise ConfigError("is the name of another number", where="more_losses", expected=expected, found=name)
        ABOVE_0.check(f"more_losses {name} weight", getattr(loss, "weight", None), "give the loss an attribute weight")


def check_shared(dims: Mapping[str, int]) -> None:
    """ConfigError when AMPD and AITD compare features of two widths: one head cannot read both."""
    if dims["ampd"] != dims["aitd"]:
        found, remedy = f"{dims['ampd']} and {dims['aitd']}", "set ampd_tap to merged"
        raise ConfigError(
            "cannot read features of two widths", where="shared_head", expected="one width", found=found, remedy=remedy
        )


def check_mask_grid(crop: Sequence[int], encoder: Encoder, mask: StudentMask) -> None:
    """ConfigError when so few cells tile a crop that a mask of this ratio hides none or all of them.

    Semantic attention after stage 4 leaves one cell of a 32^3 crop: nothing would be hidden, nothing learned.
    """
    cell = encoder.cell if mask.cell == "sa" else MASK_CELL
    count = 1
    for side in crop:
        count *= max(1, side // cell)
    hidden = mask.count(count)
    if not 0 < hidden < count:
        where, found = "sa_stage, crop_size, mask_ratio", f"{count} cells of {cell} voxels, {hidden} hidden"
        expected, remedy = "one or more hidden and seen", "take an earlier sa_stage or a larger crop_size"
        raise ConfigError("leaves too few cells for a mask", where=where, expected=expected, found=found, remedy=remedy)
