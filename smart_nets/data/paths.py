"""Paths as lists and tables write them."""

from __future__ import annotations

from pathlib import Path


def existing(folder: Path, text: str) -> Path | None:
    """The absolute path of what `text` names, relative to `folder`; None if there is nothing of that name."""
    try:
        path = (folder / Path(text).expanduser()).resolve()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError):  # a name too long, with a null byte, or of an unknown user
        return None
