"""A model for those who have none yet: a small encoder that the project's own pretraining makes of phantoms, once."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import smart_nets
from smart_nets.errors import CheckpointError
from smart_nets.weights.io import card_path

logger = logging.getLogger(__name__)
CONFIG = Path("smart_pretrain") / "configs" / "train.json"
OPTIONS: Mapping[str, Any] = {"preset": "tiny"}


def cached_model() -> Path:
    """Where the encoder of this version is kept: the user's cache, $XDG_CACHE_HOME or ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(root) / "smart_nets" / smart_nets.__version__ / "model.pt"


def model_or_phantoms(path: str | Path, bundles: str | Path | None = None, own: str | Path | None = None) -> Path:
    """The weights at `path`; if there are none, they are pretrained on phantoms now (minutes) and kept there.

    Args:
        path: of the weights, their card beside them.
        bundles: the folder that holds smart_pretrain; beside the package if None.
        own: the only path that is filled in this way, so that a misspelt one is told; any if None.

    Raises:
        CheckpointError: there are no weights, and no smart_pretrain to make them, or it failed.
    """
    path = Path(path)
    if path.is_file():
        return path
    if own is not None and path.resolve() != Path(own).resolve():
        raise CheckpointError("there are no weights here", where=path, expected="weights and their card", found="nothing",
                              remedy="correct the path, or leave it out for an encoder made of phantoms")  # fmt: skip
    folders = [Path(bundles)] if bundles else [Path(smart_nets.__file__).parents[1] / "bundles"]
    config = next((folder / CONFIG for folder in folders if (folder / CONFIG).is_file()), None)
    if config is None:
        raise CheckpointError("there are no weights here, and no smart_pretrain to make them", where=path,
                              expected=folders[0] / CONFIG, remedy="give the path of a pretrained encoder")  # fmt: skip
    logger.warning("no model yet: a small encoder is pretrained on phantoms now, once, which takes some minutes")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".pretraining-", dir=path.parent) as work:
        flags = [part for name, value in OPTIONS.items() for part in (f"--{name}", str(value))]
        command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str(config), *flags,
                   "--output_dir", work]  # fmt: skip
        done = subprocess.run(command, check=False)
        made = Path(work) / "models" / "model.pt"
        if done.returncode or not made.is_file():
            raise CheckpointError("pretraining on phantoms failed", where=config, found=f"exit code {done.returncode}",
                                  remedy="see its messages above")  # fmt: skip
        shutil.move(card_path(made), card_path(path))
        shutil.move(made, path)  # last: where there are weights, their card is there too
    return path
