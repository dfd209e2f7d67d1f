"""A model of `transformers` as save_pretrained left it, from a folder; nothing is downloaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from smart_nets.errors import CheckpointError, ConfigError
from smart_nets.optional import needed

EXTRA = "pip install 'smart-nets[huggingface]'"


def check_folder(folder: Path, trust_remote_code: bool) -> None:
    """Refuse a folder without configuration or weights, and one with code of its own unless that is trusted.

    Raises:
        CheckpointError: something is missing or damaged. ConfigError: code that nobody trusts.
    """
    if not folder.is_dir():
        remedy = "download the model first and give its folder: nothing is fetched here"
        raise CheckpointError("is no folder", where=folder, expected="config.json, model.safetensors", remedy=remedy)
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "nothing"
        remedy = "save it with model.save_pretrained(FOLDER)"
        expected = "config.json and model.safetensors"
        raise CheckpointError(
            "lacks a file of a saved model", where=folder, expected=expected, found=found, remedy=remedy
        )
    try:
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise CheckpointError(
            "is no JSON", where=folder / "config.json", found=error, remedy="copy it again"
        ) from error
    if not isinstance(told, dict):
        raise CheckpointError("is no configuration", where=folder / "config.json", expected="a JSON object")
    code = told.get("auto_map")
    if code and not trust_remote_code:
        what, remedy = "has code of its own, which would run", "read it, then give --trust_remote_code"
        raise ConfigError(what, where=folder, found=_classes(code), remedy=remedy)


def load_transformers(folder: Path, feature: str, trust_remote_code: bool = False) -> nn.Module:
    """The model, in float32 and evaluation mode.

    Args:
        feature: of its card; weights of a pooler may be missing where nobody asks for it.
        trust_remote_code: whether code of the folder may run.

    Raises:
        ConfigError: transformers is not installed, or code that nobody trusts.
        CheckpointError: a folder that holds no model, damaged weights, or a part of the model without weights.
    """
    check_folder(folder, trust_remote_code)
    library = needed("transformers", f"hf:{folder}", EXTRA)
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": trust_remote_code}
    try:
        network, report = library.AutoModel.from_pretrained(
            str(folder), use_safetensors=True, output_loading_info=True, dtype=torch.float32, **options
        )
    except MemoryError:
        raise
    except Exception as error:  # a damaged file, an unknown kind of model, code of others: it may raise anything
        told = f"{type(error).__name__} {error}"[:200]
        remedy = "copy it again, or save it anew with this version of transformers"
        raise CheckpointError("cannot be opened by transformers", where=folder, found=told, remedy=remedy) from error
    fresh = sorted(str(name) for name in {*report["missing_keys"], *report.get("mismatched_keys", ())})
    fresh = [name for name in fresh if "pooler" not in name or "pooler" in feature]
    if fresh:
        shown = f"{len(fresh)}, such as {', '.join(fresh[:3])}"
        remedy = "save all of the model's weights: the others would be random"
        raise CheckpointError("lacks weights of the model", where=folder, expected="all", found=shown, remedy=remedy)
    found: nn.Module = network.float().eval()
    return found


def _classes(code: Any) -> str:
    return ", ".join(f"{name} {place}" for name, place in code.items()) if isinstance(code, dict) else str(code)
