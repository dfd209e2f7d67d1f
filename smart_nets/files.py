"""Paths as lists and tables write them, and folders that results will go to."""

from __future__ import annotations

import os
from pathlib import Path

from smart_nets.errors import InputError


def existing(folder: Path, text: str) -> Path | None:
    """The absolute path of what `text` names, relative to `folder`; None if there is nothing of that name."""
    try:
        path = (folder / Path(text).expanduser()).resolve()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError):  # a name too long, with a null byte, or of an unknown user
        return None


def check_exists(path: str | Path) -> None:
    """Raise InputError when there is neither a file nor a folder of this name."""
    if not Path(path).expanduser().exists():
        raise InputError("does not exist", where=path, expected="a file or folder", found="nothing",
                         remedy="check the path and that the disk is mounted")  # fmt: skip


def check_output(folder: str | Path) -> None:
    """Tell now that results cannot be written later; makes nothing.

    Raises:
        InputError: a file lies where the folder or one above it should be, or there is no permission to write.
    """
    path = Path(folder).expanduser().absolute()
    try:
        nearest = next(place for place in (path, *path.parents) if place.exists())
    except OSError as error:  # a name too long for the disk
        raise InputError("cannot hold results", where=folder, expected="a path that the disk takes", found=error.strerror,
                         remedy="give a shorter name") from error  # fmt: skip
    if not nearest.is_dir():
        raise InputError("cannot hold results", where=folder, expected="a folder", found=f"{nearest} is a file",
                         remedy="give another folder to write to")  # fmt: skip
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError("cannot hold results", where=folder, expected="permission to write", found=f"none in {nearest}",
                         remedy="give another folder to write to")  # fmt: skip
