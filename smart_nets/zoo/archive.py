"""Zips that are the same byte for byte for the same content, and reading those of others without harm."""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from smart_nets.errors import InputError

EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip's earliest date: when a file was written must not change the archive
MODE = 0o644
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)  # what zipfile raises
MOST_BYTES, MOST_FILES = 4 * 2**30, 20_000  # of an archive's content; a bundle has some 100 MB in 300 files


def write_zip(path: str | Path, files: Mapping[str, bytes]) -> None:
    """Write an archive of `files` (name in it -> content), sorted, without dates or owners; whole or not at all."""
    path = Path(path)
    part = path.with_name(f".part-{path.name}")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr, info.create_system = (stat.S_IFREG | MODE) << 16, 3
            archive.writestr(info, files[name], zipfile.ZIP_DEFLATED)
    part.replace(path)


def check_zip(path: str | Path, name: str) -> None:
    """Refuse an archive that could write outside its own folder, or is damaged.

    Args:
        name: of the only top folder that it may have.

    Raises:
        InputError: it is no zip or damaged; a name that is absolute, has "..", a backslash, a drive, occurs twice or lies
            outside the folder; a link; too much content.
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
        raise InputError("zip is damaged", where=path, found=f"{broken} differs from its checksum",
                         remedy="download it again")  # fmt: skip


def _check_members(path: Path, members: list[zipfile.ZipInfo], name: str) -> None:
    total = sum(member.file_size for member in members)
    if total > MOST_BYTES or len(members) > MOST_FILES:
        raise InputError("zip is too large for a bundle", where=path, expected=f"at most {MOST_BYTES:,} bytes",
                         found=f"{total:,} bytes in {len(members):,} files", remedy="do not install it")  # fmt: skip
    seen: set[str] = set()
    for member in members:
        parts = PurePosixPath(member.filename).parts
        fault = (
            "an absolute name" if member.filename.startswith("/") or ":" in member.filename
            else "a name with .." if ".." in parts
            else "a name with a backslash" if "\\" in member.filename or "\0" in member.orig_filename
            else "a link or device" if not _is_plain(member)
            else "the same name twice" if "/".join(parts).lower() in seen
            else f"a file outside {name}/" if not parts or parts[0] != name
            else ""
        )  # fmt: skip
        if fault:
            raise InputError("zip is not safe", where=path, expected=f"plain files in {name}/",
                             found=f"{fault}: {member.filename[:80]!r}", remedy="do not install it")  # fmt: skip
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
