"""Paths as lists and tables write them, folders that results will go to, and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import unicodedata
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from smart_nets.errors import InputError

LITTER = ("__macosx", "thumbs.db", "desktop.ini", "dicomdir", "$recycle.bin", "system volume information", "@eadir")
UNWRITTEN = "cannot be written"
DRAFT = r"\.\d+\.[0-9a-f]{8}\.part"  # pattern of what the name of a draft ends with


def bundles_folder() -> Path:
    """The folder of the project's bundles: inside the package where it was installed, beside it in a checkout."""
    inside = Path(__file__).parent / "bundles"
    return inside if inside.is_dir() else Path(__file__).parents[1] / "bundles"


def is_litter(name: str) -> bool:
    """Whether a file or folder of this name is what systems leave beside data: hidden, a resource fork, an index."""
    return name.startswith(".") or name.lower() in LITTER


def existing(folder: Path, text: str) -> Path | None:
    """The absolute path of what `text` names, relative to `folder`; None if there is nothing of that name."""
    try:
        # as it stands, with the slashes of Windows, and with the accents of a Mac or of all others
        spelt = [text, text.replace("\\", "/"), *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))]
        paths = [(folder / Path(one).expanduser()).resolve() for one in dict.fromkeys(spelt)]
        return next((path for path in paths if path.exists()), None)
    except (OSError, ValueError, RuntimeError):  # a name too long, with a null byte, or of an unknown user
        return None


@contextlib.contextmanager
def whole(path: str | Path, remedy: str = "make room or choose another place") -> Iterator[Path]:
    """A draft to write, which takes the place of `path` when the block ends well: a reader never sees half of a file.

    An old file stays until then, and stays when the block fails. Folders are made; no draft is left behind.

    Raises:
        InputError: the file cannot be written, or the block raises an OSError.
    """
    path = Path(path)
    start = os.fsdecode(
        os.fsencode(path.name)[:150]
    )  # with all of a long name the draft's would be too long for a disk
    draft = path.with_name(f".{start}.{os.getpid()}.{uuid.uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        os.replace(draft, path)
    except OSError as error:
        raise InputError(UNWRITTEN, where=path, found=error.strerror or error, remedy=remedy) from error
    finally:
        with contextlib.suppress(OSError):  # usually there is nothing to remove
            draft.unlink()


def one_name(name: object) -> str:
    """The text of a name that a file gets, or a part of it.

    Raises:
        InputError: it would lead into another folder.
    """
    text = str(name)
    if text in ("", ".", "..") or any(letter in text for letter in ("/", os.sep, os.altsep or os.sep, "\0")):
        expected, remedy = "letters, digits, dots and dashes", "rename the scan"
        raise InputError("is no name of a file", where="name", expected=expected, found=repr(text), remedy=remedy)
    return text


def open_to_append(path: str | Path) -> TextIO:
    """A text file to add lines to, made when missing; a link is not followed, since it may lead to somebody else's file.

    Raises:
        InputError: it is a link, or cannot be written.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.fdopen(os.open(path, flags, 0o666), "a", buffering=1, encoding="utf-8", newline="")
    except OSError as error:
        found = "a link" if Path(path).is_symlink() else error.strerror or error
        remedy = "remove it, or give another folder"
        raise InputError("cannot be added to", where=path, found=found, remedy=remedy) from error


def write_bytes(path: str | Path, content: bytes) -> None:
    """A whole file of bytes; InputError if it cannot be written."""
    with whole(path) as draft:
        draft.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """A whole file of UTF-8 text; InputError if it cannot be written."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))  # of a file's name that is no text; JSON reads it back


def write_json(path: str | Path, content: Any) -> None:
    """A whole file of JSON, indented; InputError if it cannot be written."""
    write_text(path, json.dumps(content, indent=2, default=str) + "\n")


def check_exists(path: str | Path) -> None:
    """Raise InputError when there is neither a file nor a folder of this name."""
    if not Path(path).expanduser().exists():
        raise InputError("does not exist", where=path, remedy="check the path and that the disk is mounted")


def check_output(folder: str | Path) -> None:
    """Tell now that results cannot be written later; makes nothing.

    Raises:
        InputError: a file lies where the folder or one above it should be, or there is no permission to write.
    """
    if not str(folder).strip():
        what, remedy = "folder to write to has no name", 'give one; "." is where you stand'
        raise InputError(what, where="output", expected="a folder", found="an empty text", remedy=remedy)
    path = Path(folder).expanduser().absolute()
    try:
        nearest = next(place for place in (path, *path.parents) if place.exists())
    except OSError as error:  # a name too long for the disk
        expected = "a path that the disk takes"
        raise InputError(
            "cannot hold results", where=folder, found=error.strerror, remedy="give a shorter name", expected=expected
        ) from error
    if not nearest.is_dir():
        remedy = "give another folder to write to"
        raise InputError(
            "cannot hold results", where=folder, expected="a folder", found=f"{nearest} is a file", remedy=remedy
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        remedy = "give another folder to write to"
        raise InputError(
            "cannot hold results",
            where=folder,
            expected="permission to write",
            found=f"none in {nearest}",
            remedy=remedy,
        )
