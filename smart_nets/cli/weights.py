"""The verb `convert`: weights into other people's networks and files, and theirs into ours."""

from __future__ import annotations

import json
from typing import Any

from smart_nets.cli.parse import listed
from smart_nets.errors import ConfigError
from smart_nets.settings import check_settings
from smart_nets.weights.convert.run import convert_model, import_model


def convert(
    model: str,
    output_dir: str,
    to: str = "",
    from_: str = "",
    downsample: str = "",
    classes: int = 2,
    spacing: str = "",
    hu_window: str = "",
    crop_size: str = "",
    leave_out: str = "",
    prefix: str | None = None,
) -> None:
    """Write a model for MONAI's networks, nnU-Net, safetensors or Hugging Face, or read one of theirs; outputs are compared.

    Ours into theirs: --to. Theirs into ours: --from, with --spacing, --hu_window and --crop_size that the weights were made
    with. Writes the weights and conversion.json; a model whose outputs differ by more than 1e-5 is refused.

    Args:
        model: weights with their card; with --from a state dict of somebody's Swin.
        output_dir: where to write.
        to: swinunetr, swintransformer (MONAI's), nnunet, safetensors or huggingface.
        from_: swinunetr, swintransformer (MONAI's, also its published self-supervised weights) or smit.
        downsample: how MONAI's network merges neighbours: mergingv2, or merging, MONAI's default. All keys match with either,
            and outputs are wrong in silence with the other. Default with --to mergingv2.
        classes: with --to swinunetr or nnunet of an encoder, channels of the fresh decoder's answer.
        spacing: voxel size in mm, one number or three joined by commas.
        hu_window: low and high in HU, as --hu_window=-175,250.
        crop_size: voxels of a crop, one number or three joined by commas.
        leave_out: beginnings of names that have no place here, as they stand in the file, joined by commas.
        prefix: what the names of the Swin begin with, where the file holds several.
    """
    if bool(to) == bool(from_):
        expected = "--to swinunetr, or --from swinunetr"
        raise ConfigError("needs one direction", where="convert", expected=expected, found=f"--to {to} --from {from_}"
                          if to else "neither", remedy="see convert --help")  # fmt: skip
    names: Any = downsample or None
    target: Any = to
    if target:
        told = convert_model(model, target, output_dir, names or "mergingv2", classes)
    else:
        card = {
            "spacing": _numbers("spacing", spacing, 3), "hu_window": _numbers("hu_window", hu_window, 2),
            "crop_size": [int(side) for side in _numbers("crop_size", crop_size, 3)],
        }  # fmt: skip
        check_settings(card)
        source: Any = from_
        told = import_model(model, source, output_dir, card, names, listed(leave_out), prefix)
    _tell(told, output_dir)


def _tell(told: dict[str, Any], output_dir: str) -> None:
    print(f"{output_dir}/{told['file']}: {told['tensors']} tensors, largest difference {told['difference']:.1e} of the largest "
          "output")  # fmt: skip
    if told.get("arguments"):
        print(f"arguments: {json.dumps(told['arguments'])}")
    for key, words in (("left_behind", "without a place there"), ("left_out", "left out as asked")):
        parts = dict.fromkeys(name.split(".")[0] for name in told.get(key, []))
        if parts:
            print(f"{words}: {', '.join(parts)} ({len(told[key])} tensors)")


def _numbers(name: str, text: str, count: int) -> list[float]:
    """ "2" -> [2, 2, 2], "-175,250" -> [-175, 250]; ConfigError for anything else."""
    parts = listed(str(text))
    parts = parts * count if len(parts) == 1 and count == 3 else parts
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != count or (name == "crop_size" and any(side % 1 for side in numbers)):
        expected = "low,high in HU" if count == 2 else "one number or three"
        what = "is not given" if not parts else "cannot be"
        raise ConfigError(what, where=f"--{name}", expected=expected, found=text, remedy="see convert --help")
    return numbers
