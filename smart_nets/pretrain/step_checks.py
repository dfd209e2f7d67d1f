"""What a step must be able to do, checked before it is built: sentences instead of a trace in the first iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smart_nets.errors import ConfigError
from smart_nets.networks.encoder import Encoder
from smart_nets.pretrain.masking import MASK_CELL, StudentMask

CHOICES = {
    "teacher_drop_grid": ("patch", "sa"),
    "teacher_fill": ("mask_token", "zero"),
    "attention_input": ("noisy", "clean"),
    "ampd_tokens": ("hidden", "all"),
}


def check_step(
    encoder: Encoder, mask: StudentMask, weights: Mapping[str, float], losses: Sequence[str], drop_ratio: float,
    chosen: Mapping[str, str],
) -> None:  # fmt: skip
    """ConfigError for settings that contradict each other or the encoder; `chosen` by the names of `CHOICES`."""
    if set(weights) - set(losses) or not weights or min(weights.values()) < 0:
        raise ConfigError("needs at least one known loss with a positive weight", where="weights",
                          expected=", ".join(losses), found=weights or "none", remedy="set one above 0")  # fmt: skip
    if not 0 <= drop_ratio < 1:
        raise ConfigError("is no share of the tokens", where="patch_drop_ratio", expected="a number in [0, 1)",
                          found=drop_ratio, remedy="0.7 is the paper's, 0 switches the noise off")  # fmt: skip
    for name, value in chosen.items():
        if value not in CHOICES[name]:
            raise ConfigError("is not known", where=name, expected=" or ".join(CHOICES[name]), found=value,
                              remedy="choose one of them")  # fmt: skip
    if not encoder.has_attention and (mask.needs_attention or "aitd" in weights):
        raise ConfigError("needs semantic attention, which this encoder lacks", where="mask_mode or weight_aitd",
                          found=f"{mask.mode} mask, losses {sorted(weights)}",
                          remedy="set sa_stage, or use a random or block mask and weight_aitd 0")  # fmt: skip


def check_heads(names: Sequence[str], heads: Sequence[str], shared: bool = False) -> None:
    """ConfigError unless `names` is a list of heads; AMPD and AITD, if they share one, both or neither in it."""
    if isinstance(names, str) or not set(names) <= set(heads):
        raise ConfigError("has names of no head", where="standardised_heads", expected=f"a list of {', '.join(heads)}",
                          found=names)  # fmt: skip
    if shared and len({"ampd", "aitd"} & set(names)) == 1:
        raise ConfigError("standardises half of a shared head", where="standardised_heads, shared_head",
                          expected="ampd and aitd together, or neither", found=names)  # fmt: skip


def check_shared(dims: Mapping[str, int]) -> None:
    """ConfigError when AMPD and AITD compare features of two widths: one head cannot read both."""
    if dims["ampd"] != dims["aitd"]:
        raise ConfigError("cannot read features of two widths", where="shared_head", expected="ampd as wide as aitd",
                          found=f"{dims['ampd']} and {dims['aitd']}", remedy="set ampd_tap to merged")  # fmt: skip


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
        raise ConfigError("leaves too few cells for a mask", where="sa_stage, crop_size, mask_ratio",
                          expected="at least one cell hidden and one seen",
                          found=f"{count} cells of {cell} voxels, {hidden} hidden",
                          remedy="take an earlier sa_stage or a larger crop_size")  # fmt: skip
