"""A folder as on Hugging Face: config.json, model.safetensors and README.md; `SmartEncoder.from_pretrained` reads it back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smart_nets.files import write_json, write_text
from smart_nets.networks.encoder import Encoder
from smart_nets.weights.io import save_weights

STATED = ("spacing", "hu_window", "crop_size", "orientation")

PAGE = """---
library_name: smart-nets
license: other
pipeline_tag: image-feature-extraction
tags: [medical-imaging, computed-tomography, self-supervised, {tag}]
---
# {title}

A 3-D CT encoder, pretrained without labels. Research software: **not for diagnostic use**. The licence of the weights is
that of the scans they were made from: state it here before you hand them on.

Input: CT in HU, upright in RAS, voxels of {spacing} mm, window {window} HU to [0, 1], crops of {crop} voxels.

```python
from smart_nets.networks.encoder import SmartEncoder

encoder = SmartEncoder.from_pretrained("{folder}")          # .eval(), all tensors strictly
encoding = encoder(image)                                   # (B, 1, D, H, W) -> .pooled, .cls, .attention, .maps
deep = encoder.forward_features(image)                      # (B, {deep}, D/{cell}, H/{cell}, W/{cell})
maps = SmartEncoder.from_pretrained("{folder}", features_only=True)(image)
```

`config.json` is the architecture and what the weights were made with; `model.safetensors` and `model.json` are what
`smart-nets features --model model.safetensors` and all other verbs take.
"""


def write_folder(encoder: Encoder, card: Mapping[str, Any], folder: str | Path) -> None:
    """Write an encoder for `from_pretrained`.

    Args:
        card: of its weights: "architecture", and how to feed it.

    Raises:
        InputError: it cannot be written.
    """
    folder = Path(folder)
    told = {key: value for key, value in card.items() if key not in ("tensors", "parameters", "sha256")}
    save_weights(encoder, folder / "model.safetensors", told)
    config = {
        "model_type": "smart_encoder", "architectures": [card["architecture"]["name"]],
        **{key: value for key, value in card["architecture"].items() if key != "name"},
        "preprocessing": {key: card[key] for key in STATED if key in card},
    }  # fmt: skip
    write_json(folder / "config.json", json.loads(json.dumps(config)))
    write_text(folder / "README.md", _page(encoder, card, folder.name))


def _page(encoder: Encoder, card: Mapping[str, Any], folder: str) -> str:
    name = card["architecture"]["name"]
    sides = " x ".join(f"{one:g}" for one in card["spacing"])
    low, high = card["hu_window"]
    return PAGE.format(
        tag=name.lower(), title=str(card.get("name", folder)),
        spacing=sides, window=f"{low:g} to {high:g}", crop=" x ".join(map(str, card["crop_size"])), folder=folder,
        deep=encoder.deep_dim, cell=encoder.deep_cell,
    )  # fmt: skip
