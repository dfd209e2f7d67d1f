"""An encoder from a folder that `smart-nets convert MODEL --to huggingface` wrote, whole or as a pyramid of maps."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, cast, overload

import torch
from torch import Tensor, nn

from smart_nets.errors import CheckpointError
from smart_nets.optional import needed

LONGEST = 1_000_000  # bytes of a config.json
OWN = ("model_type", "architectures", "preprocessing")  # of config.json; all else are arguments of the network
REMEDY = "write the folder again with smart-nets convert MODEL --to huggingface"
E = TypeVar("E", bound="Pretrained")


class _Maps(Protocol):
    map_dims: tuple[int, ...]
    map_cells: tuple[int, ...]


class FeaturePyramid(nn.Module):
    """The maps of an encoder, from the finest to the deepest, as timm's `features_only=True` gives them.

    Attributes:
        feature_info: for each map its channels, "num_chs", and voxels a side per token, "reduction".
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        told = cast(_Maps, encoder)
        pairs = zip(told.map_dims, told.map_cells, strict=True)
        self.feature_info = [{"num_chs": width, "reduction": cell} for width, cell in pairs]

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, in_chans, D, H, W) in [0, 1] -> maps (B, C, d, h, w)."""
        return list(self.encoder(x).maps)


class Pretrained:
    """`from_pretrained` for a network whose constructor takes what config.json tells."""

    @overload
    @classmethod
    def from_pretrained(cls: type[E], folder: str | Path, features_only: Literal[False] = ...) -> E: ...

    @overload
    @classmethod
    def from_pretrained(cls, folder: str | Path, features_only: Literal[True]) -> FeaturePyramid: ...

    @classmethod
    def from_pretrained(cls: type[E], folder: str | Path, features_only: bool = False) -> E | FeaturePyramid:
        """The network of config.json with the tensors of model.safetensors, in evaluation mode; nothing is downloaded.

        Args:
            folder: a local folder with both files.
            features_only: give its maps instead, see `FeaturePyramid`.

        Raises:
            CheckpointError: a file is missing or damaged, of another network, or its tensors do not fit, all named.
            ConfigError: options that do not go together, or safetensors is not installed.
        """
        folder = Path(folder).expanduser()
        options, file = _options(cls, folder / "config.json"), folder / "model.safetensors"
        state = _tensors(file)
        _check_counts(options, state, folder / "config.json")
        try:
            with torch.device("meta"):  # a wrong size is told before memory is spent on it
                own = cast(nn.Module, cls(**options)).state_dict()
        except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:  # an option of another type
            what, found = "has options that make no network", str(error).splitlines()[0][:90]
            raise CheckpointError(what, where=folder / "config.json", found=found, remedy=REMEDY) from error
        _compare(own, state, file)
        network = cls(**options)
        cast(nn.Module, network).load_state_dict(state)
        cast(nn.Module, network).eval()
        return FeaturePyramid(cast(nn.Module, network)) if features_only else network


def _options(cls: type, path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LONGEST:
            raise CheckpointError("is too long", where=path, expected="up to 1 MB", remedy=REMEDY)
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        found = getattr(error, "strerror", None) or str(error)[:90]
        raise CheckpointError("cannot be read", where=path, expected="JSON", found=found, remedy=REMEDY) from error
    named = config.get("architectures") if isinstance(config, Mapping) else None
    if named != [cls.__name__]:
        raise CheckpointError("is of another network", where=path, expected=cls.__name__, found=named, remedy=REMEDY)
    options = {name: value for name, value in config.items() if name not in OWN}
    known = inspect.signature(cls).parameters
    if strange := [name for name in options if name not in known]:
        expected, found = ", ".join(known), ", ".join(strange)[:90]
        remedy = "update smart-nets"
        raise CheckpointError("has unknown options", where=path, expected=expected, found=found, remedy=remedy)
    return options


def _tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise CheckpointError("there are no weights here", where=path, remedy=REMEDY)
    safe = needed("safetensors.torch", str(path))
    try:
        found: dict[str, Tensor] = safe.load_file(path)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise CheckpointError("cannot be read as weights", where=path, found=str(error)[:90], remedy=REMEDY) from error
    return found


def _check_counts(options: Mapping[str, Any], state: Mapping[str, Tensor], where: Path) -> None:
    """No count of blocks, heads or channels is larger than all weights together, nor a network of more blocks than tensors."""
    weights = sum(tensor.numel() for tensor in state.values())
    for name, value in options.items():
        numbers = value if isinstance(value, list) else [value]
        most = len(state) if isinstance(value, list) or name.endswith(("blocks", "depth")) else weights
        if any(isinstance(one, (int, float)) and not abs(one) <= most for one in numbers):
            raise CheckpointError("cannot be of these weights", where=f"{where}, {name}", expected=f"at most {most:,}",
                                  found=str(value)[:60], remedy=REMEDY)  # fmt: skip


def _compare(own: Mapping[str, Tensor], theirs: Mapping[str, Tensor], where: Path) -> None:
    told = [f"{name} is missing" for name in own if name not in theirs]
    told += [f"{name} is unknown" for name in theirs if name not in own]
    both = [name for name in own if name in theirs]
    told += [f"{n} is {tuple(theirs[n].shape)} and not {tuple(own[n].shape)}" for n in both
             if theirs[n].shape != own[n].shape]  # fmt: skip
    told += [f"{n} is {theirs[n].dtype} and not {own[n].dtype}" for n in both if theirs[n].dtype != own[n].dtype]
    told += [f"{n} has numbers that are not finite" for n in both if not bool(torch.isfinite(theirs[n]).all())]
    if told:
        shown = "; ".join(told[:3]) + f" and {len(told) - 3} more" * (len(told) > 3)
        raise CheckpointError("does not fit the network of config.json", where=where, found=shown, remedy=REMEDY)
