"""What a user would add to a bundle passes, and so do the bundles of this collection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smart_nets.zoo.lint.bundle import lint

BUNDLES = Path(__file__).parents[3] / "bundles"


def build(target: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": target, **arguments}


FRIENDLY = [
    build("torch.optim.SGD", params="$@network.parameters()", lr=0.1),
    build("torch.optim.lr_scheduler.StepLR", optimizer="@device", step_size=3),
    build("torch.nn.CrossEntropyLoss"),
    build("DiceCELoss", softmax=True),
    build("monai.losses.TverskyLoss"),
    build("monai.networks.nets.SwinUNETR", in_channels=1, out_channels=2),
    build("Compose", transforms=[build("RandGaussianNoised", keys="image"), build("RandAffined", keys="image")]),
    build("LoadImaged", keys="image", reader="NibabelReader", image_only=True),
    build("EarlyStopHandler", patience=3, score_function="$lambda engine: 1"),
    build("CheckpointSaver", save_dir="$os.path.join(@output_dir, 'models')", save_dict={"net": "@network"}),
    build(
        "SaveImaged",
        keys="pred",
        output_dir="@output_dir",
        output_postfix="seg",
        output_ext=".nii.gz",
        output_name_formatter="$result_name",
    ),
    build("MetricsSaver", save_dir="@output_dir", metrics="*", metric_details=["val_mean_dice"]),
    build("ignite.handlers.ProgressBar", desc="scans"),
    build("TensorBoardStatsHandler", log_dir="$os.path.join(@bundle_root, 'eval', 'tensorboard')"),
    build("ignite.handlers.EarlyStopping", patience=2, score_function="$lambda engine: 1", trainer="@evaluator"),
    build("smart_nets.pretrain.losses.koleo.koleo", x="@network"),
    "$[side // 2 for side in @crop_size if side > 8] or None",
    "$(lambda batch: batch['image'].to(@device))",
    "$@card.get('classes', ['a', 'b'])",
    "$-1 if not @dataset_dir else max(len(@datalist), 3) ** 2",
]


@pytest.mark.parametrize("value", FRIENDLY, ids=json.dumps)
def test_what_a_user_would_write_passes(value, hostile):
    assert hostile("added", value) == []


def test_the_bundles_of_this_collection_pass():
    assert [str(fault) for fault in lint(BUNDLES)] == []
