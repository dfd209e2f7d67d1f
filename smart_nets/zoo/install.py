"""Put a bundle from a hospital's own server in place: checked first, whole or not at all, never an older one by mistake."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from smart_nets.errors import InputError
from smart_nets.files import check_output
from smart_nets.zoo.lock import alone_in
from smart_nets.zoo.pin import check_pin, write_pin
from smart_nets.zoo.source import Source, numeric
from smart_nets.zoo.verify import check_archive

logger = logging.getLogger(__name__)
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of Linux's renameat2
PREVIOUS = ".previous"


@dataclass(frozen=True)
class Installed:
    """Where a bundle lies now, its version, and what became of an earlier one, in words."""

    path: Path
    version: str
    told: str


def install(
    name: str,
    source: str | Path,
    bundle_dir: str | Path = "bundles",
    version: str | None = None,
    allow_older: bool = False,
    key: str | Path | None = None,
    unpin: bool = False,
) -> Installed:
    """Install or upgrade one bundle.

    The archive is fetched, compared with SHA256SUMS, unpacked beside the target and checked. Then the old folder and the
    new one change places in one step. The old one, with whatever results lie in it, is kept as NAME.previous.

    Args:
        name: of the bundle, e.g. smart_zeroshot_segmentation.
        source: folder or URL that `package` wrote.
        bundle_dir: the folder that will hold NAME/.
        version: the newest, compared as numbers, if None.
        allow_older: whether a newer version that is installed may be replaced.
        key: public Ed25519 key (PEM); with one, unsigned sources are refused.
        unpin: whether a bundle that was installed with a key may be replaced by one without it, or with another.

    Raises:
        InputError, CheckpointError: anything is wrong; then the installed bundle is as it was.
    """
    target = Path(bundle_dir).expanduser() / name
    check_output(target)
    origin = Source(source, key)
    found = origin.versions(name)
    if not found:
        remedy = "check the name"
        raise InputError(
            "is not offered", where=name, expected=", ".join(sorted(origin.sums)), found="no archive", remedy=remedy
        )
    wanted = max(found) if version is None else numeric(version)
    if wanted not in found:
        expected = ", ".join(".".join(map(str, one)) for one in sorted(found))
        raise InputError("has no such version", where=name, expected=expected, found=version)
    target.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(target.parent):
        _recover(target)
        return _replace(target, origin, found[wanted], wanted, allow_older, key, unpin)


def _replace(
    target: Path,
    origin: Source,
    archive: str,
    wanted: tuple[int, ...],
    allow_older: bool,
    key: str | Path | None,
    unpin: bool,
) -> Installed:
    """Fetch an archive and put it in the place of what is there; nobody else does so at the same time."""
    told = ".".join(map(str, wanted))
    present = installed_version(target)
    if present is not None and numeric(present) > wanted and not allow_older:
        expected, remedy = f"at least {present}", "give --allow_older to go back"
        raise InputError("a newer version is installed", where=target, expected=expected, found=told, remedy=remedy)
    if not unpin:
        check_pin(target, key)
    with tempfile.TemporaryDirectory(prefix=f".installing-{target.name}-", dir=target.parent) as work:
        bundle, _ = check_archive(origin.fetch(archive, Path(work)), Path(work) / "new")
        write_pin(bundle, key)
        before = _put(bundle, target, present)
    return Installed(target, told, before)


def installed_version(target: Path) -> str | None:
    """The version of the bundle in a folder, None if there is none. InputError if the folder is something else."""
    if not target.exists():
        return None
    try:
        version = json.loads((target / "configs" / "metadata.json").read_text(encoding="utf-8"))["version"]
        numeric(version)
    except (OSError, ValueError, KeyError, TypeError) as error:
        expected, remedy = "configs/metadata.json with a version", "move it away"
        raise InputError(
            "is there, but no bundle", where=target, expected=expected, found=error, remedy=remedy
        ) from error
    return str(version)


def _put(bundle: Path, target: Path, present: str | None) -> str:
    """Move the new folder to the target in one step; the old one becomes NAME.previous."""
    if present is None:
        os.rename(bundle, target)
        return "new"
    previous = target.with_name(target.name + PREVIOUS)
    _exchange(bundle, target, previous)
    return f"{present} before, kept as {previous.name}"


def _exchange(new: Path, target: Path, previous: Path) -> None:
    """`new` becomes `target`, and what was there becomes `previous`; on Linux there is no moment without a target."""
    if previous.exists():
        shutil.rmtree(previous)
    os.rename(new, previous)  # not among the temporary folders: there, a later call would clear the old one's results
    if not _renameat2(previous, target):
        os.rename(previous, new)
        os.rename(target, previous)  # from here until the next line only `_recover` could help
        os.rename(new, target)


def _renameat2(one: Path, other: Path) -> bool:
    """Let two paths change places. False where the system cannot."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return call(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0


def _recover(target: Path) -> None:
    """Bring the old bundle back if an earlier call was killed between its two moves; clear what it left."""
    previous = target.with_name(target.name + PREVIOUS)
    for path in (target, previous):
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            found, remedy = "a link" if path.is_symlink() else "a file", "move it away; it was not touched"
            raise InputError("is no folder of its own", where=path, expected="a folder", found=found, remedy=remedy)
    if not target.exists() and previous.is_dir():
        logger.warning("an earlier installation was interrupted: %s is brought back", previous.name)
        os.rename(previous, target)
    for left in target.parent.glob(f".installing-{target.name}-*"):
        shutil.rmtree(left, ignore_errors=True)
