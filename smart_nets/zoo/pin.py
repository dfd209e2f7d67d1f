"""Whose signature an installed bundle came with: the next one must have the same, unless the hospital says otherwise."""

from __future__ import annotations

import json
from pathlib import Path

from smart_nets.errors import InputError
from smart_nets.files import write_json
from smart_nets.zoo.lint.bundle import PIN
from smart_nets.zoo.sums import key_fingerprint

UNPIN = "ask who made it, or give --unpin to trust the new one from now on"


def write_pin(bundle: Path, key: str | Path | None) -> None:
    """Keep the fingerprint of the key in the bundle, with which it moves; nothing without a key."""
    if key is not None:
        write_json(bundle / PIN, {"sha256_of_public_key": key_fingerprint(key)})


def check_pin(target: Path, key: str | Path | None) -> None:
    """Compare a key with the one that the installed bundle came with, if it came with one.

    Args:
        target: the folder of the installed bundle; it need not be there.
        key: public Ed25519 key (PEM) of the new one, None for none.

    Raises:
        InputError: another key or none, or the note of the key is damaged.
    """
    path = target / PIN
    if not path.exists():
        return
    try:
        pinned = json.loads(path.read_text(encoding="utf-8"))["sha256_of_public_key"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = "does not tell whose signature the bundle came with"
        raise InputError(what, where=path, expected="a fingerprint", found=error, remedy=UNPIN) from error
    found = None if key is None else key_fingerprint(key)
    if found != pinned:
        told = "no key" if found is None else f"key {found[:16]}"
        what, expected = "was installed with the signature of another key", f"key {str(pinned)[:16]}"
        remedy = "give the same --key" if found is None else UNPIN
        remedy = f"{remedy}, or --unpin to do without" if found is None else remedy
        raise InputError(what, where=target, expected=expected, found=told, remedy=remedy)
