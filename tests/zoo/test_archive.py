"""Archives: the same bytes for the same content, and none that writes outside its own folder."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from smart_nets.errors import InputError
from smart_nets.zoo import archive
from smart_nets.zoo.archive import check_zip, unpack, write_zip

FILES = {"b/LICENSE": b"free", "b/configs/a.json": b"{}" * 99, "b/docs/README.md": "Größe".encode()}


def test_the_same_content_is_the_same_file(tmp_path):
    """Neither the order, nor the day, nor the files' dates and modes count."""
    write_zip(tmp_path / "one.zip", FILES)
    folder = unpack(tmp_path / "one.zip", "b", tmp_path)
    for number, path in enumerate(sorted(folder.rglob("*"), reverse=True)):
        os.utime(path, (10**9 + number, 10**9 + number))
    (folder / "LICENSE").chmod(0o600)
    again = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    write_zip(tmp_path / "two.zip", dict(reversed(again.items())))
    assert again == FILES and (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "one.zip", "two.zip"]


def test_members_are_sorted_plain_and_without_a_date(tmp_path):
    write_zip(tmp_path / "one.zip", dict(reversed(FILES.items())))
    with zipfile.ZipFile(tmp_path / "one.zip") as one:
        members = one.infolist()
    assert [member.filename for member in members] == sorted(FILES)
    assert {(member.date_time, member.external_attr >> 16) for member in members} == {
        ((1980, 1, 1, 0, 0, 0), stat.S_IFREG | 0o644)
    }


def raw(path: Path, *members: tuple[str, int]) -> None:
    """A zip of members as they are named, with this kind of file (0: none told)."""
    with zipfile.ZipFile(path, "w") as one:
        for name, kind in members:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr = name, (kind | 0o777) << 16
            one.writestr(info, b"" if name.endswith("/") else b"/etc/passwd")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("../x", 0, r"a name with \.\.: '\.\./x'"),
        ("b/../../x", 0, r"a name with \.\."),
        ("b/..", 0, r"a name with \.\."),
        ("/etc/x", 0, "an absolute name"),
        ("//host/x", 0, "an absolute name"),
        ("C:/x", 0, "an absolute name"),
        ("b/C:x", 0, "an absolute name"),
        ("..\\x", 0, "a name with a backslash"),
        ("b\\x", 0, "a name with a backslash"),
        ("b/x", stat.S_IFLNK, "a link or device"),
        ("b/x", stat.S_IFIFO, "a link or device"),
        ("b/x", stat.S_IFCHR, "a link or device"),
        ("b/x", stat.S_IFDIR, "a link or device"),
        ("b/LICENSE", 0, "the same name twice"),
        ("b/License", 0, "the same name twice"),
        ("b/./LICENSE", 0, "the same name twice"),
        ("b/LICENSE/", 0, "the same name twice"),
        ("c/x", 0, "a file outside b/"),
        ("bb/x", 0, "a file outside b/"),
        ("x", 0, "a file outside b/"),
        (".", 0, "a file outside b/"),
    ],
)
def test_unsafe(name, kind, says, tmp_path):
    """Nothing is unpacked, not even the sound members before the unsafe one."""
    raw(tmp_path / "x.zip", ("b/LICENSE", 0), (name, kind))
    with pytest.raises(InputError, match=f"zip is not safe .*{says}"):
        unpack(tmp_path / "x.zip", "b", tmp_path / "in" / "side")
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


@pytest.mark.parametrize(("most", "value"), [("MOST_BYTES", 21), ("MOST_FILES", 1)])
def test_too_much(most, value, tmp_path, monkeypatch):
    """Two files of 11 bytes."""
    raw(tmp_path / "x.zip", ("b/x", 0), ("b/y", 0))
    check_zip(tmp_path / "x.zip", "b")
    monkeypatch.setattr(archive, most, value)
    with pytest.raises(InputError, match=r"zip is too large .*found 22 bytes in 2 files"):
        check_zip(tmp_path / "x.zip", "b")


def test_folders_of_their_own_are_fine(tmp_path):
    raw(tmp_path / "x.zip", ("b/", stat.S_IFDIR), ("b/docs/", stat.S_IFDIR), ("b/docs/x", stat.S_IFREG))
    assert (unpack(tmp_path / "x.zip", "b", tmp_path) / "docs" / "x").read_bytes() == b"/etc/passwd"


@pytest.mark.parametrize("members", [("b/x", "b/x/y"), ("b/" + "x" * 256,)])
def test_what_no_disk_can_hold(members, tmp_path):
    raw(tmp_path / "x.zip", *((name, 0) for name in members))
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack(tmp_path / "x.zip", "b", tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"",
        lambda content: b"<!DOCTYPE html>",
        lambda content: content[:-30],
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"\x08\x00", b"\x63\x00"),  # a method of compression that does not exist
    ],
)
def test_no_zip(change: Callable[[bytes], bytes], tmp_path):
    write_zip(tmp_path / "x.zip", FILES)
    (tmp_path / "x.zip").write_bytes(change((tmp_path / "x.zip").read_bytes()))
    with pytest.raises(InputError, match=r"is no sound zip .*download it again"):
        check_zip(tmp_path / "x.zip", "b")
    with pytest.raises(InputError, match="is no sound zip"):
        check_zip(tmp_path / "none.zip", "b")


def test_every_flipped_byte_is_told_or_harmless(tmp_path):
    """Each of some 450 bytes. What is unpacked in spite of it was packed; that a file is missing is told by lint."""
    write_zip(tmp_path / "x.zip", FILES)
    content = (tmp_path / "x.zip").read_bytes()
    told = 0
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        (tmp_path / "x.zip").write_bytes(damaged)
        try:
            folder = unpack(tmp_path / "x.zip", "b", tmp_path / str(place))
        except InputError:
            told += 1
            continue
        assert {path.read_bytes() for path in folder.rglob("*") if path.is_file()} <= {*FILES.values()}, place
    assert told > len(content) / 2
