"""Five frozen encoders in one table: ours, MONAI's SwinUNETR and a model of transformers with fresh weights, random, raw.

Shows that the doors of docs/encoders.md work together on real CT; theirs are untrained: nothing is said of trained ones.

    SMART_REAL_DATA=/my/ct python benchmarks/encoders.py    # writes results/encoders.json, 14 minutes on one busy core
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import torch
from monai.networks.nets import SwinUNETR
from torch import nn
from transformers import VideoMAEConfig, VideoMAEModel

from smart_nets.tables.encoders.contenders import named_models, open_contenders
from smart_nets.tables.encoders.run import Trials, compare_encoders
from smart_nets.weights.default_model import shipped_model

RESULT = Path(__file__).parent / "results" / "encoders.json"
CARD = {"spacing": [2, 2, 2], "hu_window": [-175, 250], "orientation": "RAS", "crop_size": [32, 32, 32], "in_chans": 1}
SWIN = {**CARD, "input_range": [0, 1], "feature": "-1", "stride": 32}
VIDEO = {**CARD, "orientation": "SAR", "input_range": [-1, 1], "axes": "B D C H W", "repeat_channels": 3}
VIDEO |= {"feature": "last_hidden_state:mean"}


def fresh_swin() -> nn.Module:
    """MONAI's SwinUNETR with fresh weights, its Swin transformer alone."""
    return SwinUNETR(1, 1, feature_size=12, use_v2=True, downsample="mergingv2").swinViT


def main() -> None:
    data = Path(os.environ["SMART_REAL_DATA"])
    torch.manual_seed(0)
    config = VideoMAEConfig(
        image_size=32, patch_size=8, num_frames=32, tubelet_size=8, hidden_size=96, num_hidden_layers=4,
        num_attention_heads=4, intermediate_size=192,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        VideoMAEModel(config).save_pretrained(folder / "video")
        (folder / "video" / "smart_nets.json").write_text(json.dumps(VIDEO))
        (folder / "swin.json").write_text(json.dumps(SWIN))
        models = f"ours={shipped_model()},VideoMAE fresh=hf:{folder / 'video'},SwinUNETR fresh=encoders:fresh_swin,random,raw"
        contenders = open_contenders(named_models(models), {"SwinUNETR fresh": str(folder / "swin.json")})
        organs = str(data / "organ_fields_dev_2mm.npz")
        trials = Trials(organs, str(data / "lidc_vois"), fields_spacing=2.0, orientation="RAS")
        compare_encoders(contenders, trials, RESULT, folder / "cache")


if __name__ == "__main__":
    main()
