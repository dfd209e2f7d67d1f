"""One door for every encoder: ours, and those of others as they are published. Each comes out as a `FeatureSource`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from smart_nets.config_run import told_to_run
from smart_nets.errors import CheckpointError, ConfigError
from smart_nets.networks.feature_source import FeatureSource
from smart_nets.weights.build import load_encoder
from smart_nets.weights.foreign.card import handling_of, in_ras, read_foreign_card
from smart_nets.weights.foreign.digest import sha256_of_folder, sha256_of_reading, sha256_of_weights
from smart_nets.weights.foreign.encoder import ForeignEncoder
from smart_nets.weights.foreign.exported import load_program, load_torchscript
from smart_nets.weights.foreign.factory import call_factory, is_factory
from smart_nets.weights.foreign.swin_unetr import load_swin_vit
from smart_nets.weights.foreign.transformers_folder import check_folder, load_transformers
from smart_nets.weights.io import FED, card_path, read_card, sha256_of

logger = logging.getLogger(__name__)
FOLDER, SWIN = "hf:", "swinunetr:"
CARD = "smart_nets.json"  # in a folder of transformers
Card = dict[str, Any]


class _Door(NamedTuple):
    """Where an encoder's card lies, what of it is digested, and how it is loaded once the card is known."""

    card: Path
    check: Callable[[], None]
    load: Callable[[Card], nn.Module]
    digest: Callable[[nn.Module], str]
    batch_size: int = 0


def open_encoder(
    model: str | Path, card: str | Path | None = None, trust_remote_code: bool = False
) -> tuple[FeatureSource, Card]:
    """A frozen encoder and its card, both as feature extraction takes them.

    Args:
        model: weights of this project; "hf:FOLDER", a model of transformers as save_pretrained left it; "swinunetr:FILE",
            weights of MONAI's SwinUNETR; a TorchScript file *.ts or a torch.export program *.pt2; or
            "package.module:factory", a callable that returns a network.
        card: of an encoder of others, where it does not lie beside it (smart_nets.json in a folder, else the file's name
            with .json).
        trust_remote_code: whether code in such a folder may run.

    Returns:
        the network, tried on one crop of zeros, and {"spacing", "crop_size", "hu_window", "sha256", ...}, spacing and crop in
        the order R, A, S. Of others "sha256" is a number of the weights and of how they are fed and read, "read" the latter.

    Raises:
        CheckpointError: no weights or card, damaged ones, or ones that do not fit. ConfigError: code that nobody trusts, or a
            network that cannot take what its card says.
    """
    text = str(model)
    if not is_foreign(text):
        if card is not None:
            remedy = "leave it out, the card lies beside the weights"
            raise ConfigError("belongs to an encoder of others", where="card", found=card, remedy=remedy)
        own = read_card(text, FED)
        return load_encoder(text), own
    door = _door(text, trust_remote_code)
    door.check()
    place = door.card if card is None else Path(card).expanduser()
    own = read_foreign_card(place, text)
    network = door.load(own)
    weights = door.digest(network)
    if own.get("sha256", weights) != weights:
        remedy = "copy weights and card again, together"
        raise CheckpointError("differs from its card", where=text, expected=f"sha256 {own['sha256']}", found=weights,
                              remedy=remedy)  # fmt: skip
    handling = handling_of(own, door.batch_size)
    spacing, size = (in_ras(own[name], handling.orientation) for name in ("spacing", "crop_size"))
    encoder = ForeignEncoder(network, handling, text, own.get("stride", 1))
    encoder.check_crop(size)
    logger.info("%s: its card %s has been read, and one crop of zeros tried", text, place)
    told: Card = {name: own[name] for name in ("name", "hu_window", "described_in", "intended_use") if name in own}
    fed = {"orientation": "RAS", "spacing": spacing, "crop_size": size, "in_chans": 1}
    return encoder, {**told, **fed, "read": asdict(handling), "sha256": sha256_of_reading(weights, own)}


def is_foreign(model: str) -> bool:
    """Whether this names an encoder of others; the path of a file that there is does not, unless it ends in .ts or .pt2."""
    if model.startswith((FOLDER, SWIN)) or Path(model).suffix in (".ts", ".pt2"):
        return True
    return is_factory(model) and not Path(model).exists()


def runs_code(model: str, trust_remote_code: bool) -> bool:
    """Whether opening this encoder runs what somebody wrote: a factory, an exported program, trusted code of a folder."""
    plain = model.startswith(SWIN) or (model.startswith(FOLDER) and not trust_remote_code)
    return is_foreign(model) and not plain


def open_told_encoder(
    model: str, card: str | None = None, trust_remote_code: bool = False
) -> tuple[FeatureSource, Card]:
    """`open_encoder` for an expression of a configuration, which others may have written.

    Raises:
        ConfigError: code would run that the configuration names, and not who runs it. Others as `open_encoder`.
    """
    if runs_code(model, trust_remote_code):
        run = told_to_run()
        said = {name: str(value) for name, (_, value) in run.values.items()} if run is not None else {}
        trusted = said.get("trust_remote_code", "").lower() == "true"
        if model not in said.values() or (trust_remote_code and not trusted):
            what, remedy = "is code that a configuration names", "give --model_path (and --trust_remote_code) yourself"
            raise ConfigError(what, where=model, remedy=remedy)
    return open_encoder(model, card, trust_remote_code)


def _door(text: str, trust_remote_code: bool) -> _Door:
    if text.startswith(FOLDER):
        folder = Path(text.removeprefix(FOLDER)).expanduser()
        return _Door(
            folder / CARD,
            lambda: check_folder(folder, trust_remote_code),
            lambda card: load_transformers(folder, card["feature"], trust_remote_code),
            lambda _: sha256_of_folder(folder),
        )
    if text.startswith(SWIN):
        file = Path(text.removeprefix(SWIN)).expanduser()
        return _Door(
            card_path(file), _there(file), lambda card: load_swin_vit(file, card.get("architecture", {})), _file(file)
        )
    path = Path(text).expanduser()
    if path.suffix == ".ts":
        return _Door(card_path(path), _there(path), lambda _: load_torchscript(path), _file(path))
    if path.suffix == ".pt2":  # a program is made for one size of batch, most often for one crop
        return _Door(card_path(path), _there(path), lambda _: load_program(path), _file(path), batch_size=1)
    return _Door(Path(CARD), lambda: None, lambda _: call_factory(text), sha256_of_weights)


def _file(path: Path) -> Callable[[nn.Module], str]:
    return lambda _: sha256_of(path)


def _there(path: Path) -> Callable[[], None]:
    """What tells that a file is missing before its card is asked for."""

    def check() -> None:
        if not path.is_file():
            raise CheckpointError("there is no encoder here", where=path, remedy="check the path")

    return check
