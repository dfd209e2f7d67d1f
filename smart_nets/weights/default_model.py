"""A model for those who have trained none: the encoder `small` that the project ships."""

from __future__ import annotations

from pathlib import Path

from smart_nets.errors import CheckpointError
from smart_nets.files import bundles_folder

SHIPPED = Path("smart_pretrain") / "models" / "small.pt"  # its card small.json beside it


def shipped_model(bundles: str | Path | None = None) -> Path:
    """The path of the shipped encoder.

    Args:
        bundles: the folder that holds smart_pretrain; the project's own if None.

    Raises:
        CheckpointError: it is not there, as in an installation without the bundles.
    """
    folder = bundles_folder() if bundles is None else Path(bundles)
    if not (folder / SHIPPED).is_file():
        what, remedy = "the shipped encoder is not there", "give the path of a pretrained encoder"
        expected = "weights and their card"
        raise CheckpointError(what, where=folder / SHIPPED, remedy=remedy, expected=expected)
    return folder / SHIPPED


def own_or_shipped(bundle_root: str | Path, package: bool = True) -> str:
    """A bundle's models/model.pt where there is one, else the encoder shipped beside the bundle or with the package.

    For an expression of a configuration. Where there is none, the first path, so that whoever loads it tells what is
    missing.

    Args:
        package: whether the encoder of the installed package counts, too; not where a bundle is handed on.
    """
    own = Path(bundle_root) / "models" / "model.pt"
    shipped = [Path(bundle_root).absolute().parent / SHIPPED, *([bundles_folder() / SHIPPED] if package else [])]
    return str(next((path for path in (own, *shipped) if path.is_file()), own))
