"""Zips that are the same byte for byte for the same content, and reading those of others without harm."""

from __future__ import annotations

import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from smart_nets.errors import InputError
from smart_nets.files import whole

EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip's earliest date: when a file was written must not change the archive
MODE = 0o644
# what zipfile raises
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError)
MOST_LEVELS = 12  # of folders in one another; the package has five
LETTERS = re.compile(r"[A-Za-z0-9_.+ -]+")  # of names; others could turn the direction of a line or look like these
MOST_BYTES, MOST_FILES = 4 * 2**30, 20_000  # of an archive's content; a bundle has some 100 MB in 300 files


def write_zip(path: str | Path, files: Mapping[str, bytes]) -> None:
    """Write an archive of `files` (name in it -> content), sorted, without dates or owners; whole or not at all."""
    with whole(path) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr, info.create_system = (stat.S_IFREG | MODE) << 16, 3
            archive.writestr(info, files[name], zipfile.ZIP_DEFLATED)


def check_zip(path: str | Path, name: str) -> None:
    """Refuse an archive that could write outside its own folder, or is damaged.

    Args:
        name: of the only top folder that it may have.

    Raises:
        InputError: it is no zip or damaged; a name that is absolute, has "..", a backslash, a drive, occurs twice or lies
            outside the folder, lies too deep or has strange letters; a link; special rights; too much content.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(path, members, name)
            broken = archive.testzip()
    except DAMAGE as error:
        raise InputError("is no sound zip", where=path, found=error, remedy="download it again") from error
    if broken:
        found = f"{broken} differs from its checksum"
        raise InputError("zip is damaged", where=path, found=found, remedy="download it again")


def _check_members(path: Path, members: list[zipfile.ZipInfo], name: str) -> None:
    total = sum(member.file_size for member in members)
    if total > MOST_BYTES or len(members) > MOST_FILES:
        expected, found = f"at most {MOST_BYTES:,} bytes", f"{total:,} bytes in {len(members):,} files"
        remedy = "do not install it"
        raise InputError("zip is too large for a bundle", where=path, expected=expected, found=found, remedy=remedy)
    seen: set[str] = set()
    for member in members:
        parts = PurePosixPath(member.filename).parts
        fault = (
            "an absolute name"
            if member.filename.startswith("/") or ":" in member.filename
            else "a name with .."
            if ".." in parts
            else "a name with a backslash"
            if "\\" in member.filename or "\0" in member.orig_filename
            else "a link or device"
            if not _is_plain(member)
            else "the same name twice"
            if "/".join(parts).lower() in seen
            else f"a file outside {name}/"
            if not parts or parts[0] != name
            else "too many folders in one another"
            if len(parts) > MOST_LEVELS
            else "a name with other letters"
            if not all(map(LETTERS.fullmatch, parts))
            else "rights beyond reading, writing and running"
            if (member.external_attr >> 16) & ~(stat.S_IFMT(0xFFFF) | 0o777)
            else ""
        )
        if fault:
            found = f"{fault}: {member.filename[:80]!r}"
            remedy = "do not install it"
            raise InputError(
                "zip is not safe", where=path, expected=f"plain files in {name}/", found=found, remedy=remedy
            )
        seen.add("/".join(parts).lower())


def _is_plain(member: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(member.external_attr >> 16)
    return kind in (0, stat.S_IFREG) or (kind == stat.S_IFDIR and member.is_dir())


def unpack(path: str | Path, name: str, folder: str | Path) -> Path:
    """Unpack a checked archive into `folder`, and return the bundle's folder there.

    Raises:
        InputError: as `check_zip`; or the disk is full, or cannot hold a name in it.
    """
    check_zip(path, name)
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
    except OSError as error:
        raise InputError("cannot be unpacked", where=path, found=error, remedy="check the disk's space") from error
    return Path(folder) / name
