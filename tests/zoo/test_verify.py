"""Archives that somebody changed on the way: what a thief of one file can do, and of the list of hashes as well."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smart_nets.errors import CheckpointError, InputError
from smart_nets.zoo.sums import sign, write_sums
from smart_nets.zoo.verify import verify

NAME = "smart_pretrain"
Members = dict[str | zipfile.ZipInfo, bytes]


@pytest.fixture
def place(release: Path, keys: tuple[Path, Path], tmp_path: Path) -> Path:
    """A signed folder with one archive and its bill, which a test may change."""
    place = shutil.copytree(release, tmp_path / "place", ignore=shutil.ignore_patterns("smart_[losz]*"))
    seal(place, keys[0])
    return place


def seal(place: Path, key: Path | None = None) -> None:
    """List the hashes of what is there now; only the owner of the key can sign that."""
    names = [path.name for path in place.iterdir() if not path.name.startswith("SHA256SUMS")]
    write_sums(place, names)
    if key is not None:
        sign(place / "SHA256SUMS", key)


def archive(place: Path) -> Path:
    (path,) = place.glob("*.zip")
    return path


def flip(place: Path) -> None:
    """A byte of the weights as they lie in the archive."""
    content = bytearray(archive(place).read_bytes())
    start = content.index(f"{NAME}/models/model.pt".encode())
    content[start + 5000] ^= 1
    archive(place).write_bytes(content)


def rewritten(change: Callable[[Members], None]) -> Callable[[Path], None]:
    """The archive packed again after its members were changed: their checksums are right."""

    def rewrite(place: Path) -> None:
        with zipfile.ZipFile(archive(place)) as one:
            members: Members = {name: one.read(name) for name in one.namelist()}
        change(members)
        with zipfile.ZipFile(archive(place), "w", zipfile.ZIP_DEFLATED) as one:
            for member, content in members.items():
                one.writestr(member, content)

    return rewrite


def added(name: str, content: bytes = b"x", kind: int = stat.S_IFREG) -> Callable[[Path], None]:
    info = zipfile.ZipInfo("x")
    info.filename, info.external_attr = name, (kind | 0o644) << 16
    return rewritten(lambda members: members.update({info: content}))


def without(beginning: str) -> Callable[[Path], None]:
    def drop(members: Members) -> None:
        for name in [name for name in members if str(name).startswith(f"{NAME}/{beginning}")]:
            del members[name]

    return rewritten(drop)


def edited(name: str, **values: Any) -> Callable[[Path], None]:
    def edit(members: Members) -> None:
        content = json.loads(members[f"{NAME}/{name}"])
        members[f"{NAME}/{name}"] = json.dumps(content | values).encode()

    return rewritten(edit)


def other_weights(members: Members) -> None:
    members[f"{NAME}/models/model.pt"] = members[f"{NAME}/models/model.pt"][:-1] + b"x"


def further_down(members: Members) -> None:
    """A bundle in the bundle: nothing where MONAI looks, and lint would find the one below."""
    for name in [name for name in members if not str(name).startswith(f"{NAME}/smart_nets/")]:
        members[str(name).replace(NAME, f"{NAME}/{NAME}", 1)] = members.pop(name)


def renamed(place: Path) -> None:
    archive(place).rename(place / f"{NAME}_v9.9.9.zip")


TAMPERED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a flipped byte": (flip, r"is no sound zip|zip is damaged \(found \S+ differs from its checksum"),
    "other weights": (rewritten(other_weights), "weights differ from their card"),
    "a name with ..": (added(f"{NAME}/../../x"), r"zip is not safe .*a name with \.\."),
    "an absolute name": (added("/etc/cron.d/x"), "zip is not safe .*an absolute name"),
    "a link": (added(f"{NAME}/docs/x", b"/etc/passwd", stat.S_IFLNK), "zip is not safe .*a link or device"),
    "a backslash": (added(f"{NAME}\\..\\x"), "zip is not safe .*a name with a backslash"),
    "a name twice": (added(f"{NAME}/configs/inference.json", b"{}"), "zip is not safe .*the same name twice"),
    "a second folder": (added("scripts/__init__.py"), f"zip is not safe .*a file outside {NAME}/"),
    "two models": (added(f"{NAME}/models/m.pt"), r"has other models than one .*found m\.pt, model\.json, model\.pt"),
    "no card": (without("models/model.json"), r"has other models than one .*found model\.pt"),
    "a card that is none": (added(f"{NAME}/models/model.json/x"), "cannot be unpacked"),
    "another version inside": (
        edited("configs/metadata.json", version="0.0.1", changelog={"0.0.1": ""}),
        r"is of another version than its name says \(expected .*, found 0\.0\.1\)",
    ),
    "another version outside": (renamed, r"is of another version than its name says \(expected 9\.9\.9, found"),
    "exports that are no table": (edited("configs/metadata.json", exports="all"), "tells of no exports .*found str"),
    "an expression": (
        edited("configs/inference.json", device="$__import__('os').system('touch canary')"),
        r"bundle has \d+ faults .*inference\.json: device",
    ),
    "a component": (
        edited("configs/train.json", seed={"_target_": "os.system", "command": "touch canary"}),
        r"bundle has \d+ faults .*train\.json: seed#_target_",
    ),
    "a script": (added(f"{NAME}/scripts/__init__.py"), r"bundle has \d+ faults .*is code in a bundle"),
    "no smart_nets": (without("smart_nets/"), r"bundle has \d+ faults|has no code"),
    "no start of smart_nets": (without("smart_nets/__init__.py"), "has no code: it is not self-contained"),
    "no configs": (without("configs/"), "holds no bundle"),
    "a bundle further down": (rewritten(further_down), "holds no bundle"),
    "no licence": (without("LICENSE"), r"bundle has \d+ faults .*LICENSE: is missing"),
    "a web page": (lambda place: archive(place).write_text("<!DOCTYPE html>"), "is no sound zip"),
    "a name of no bundle": (lambda place: archive(place).rename(place / "x.zip"), "is no name of a bundle"),
}


def test_what_was_packed_is_sound(release, keys, bundles):
    told = verify(release, keys[1])
    assert [line.split("_v")[0] for line in told] == [
        "smart_lidc_classification",
        "smart_lidc_classify",
        "smart_organ_cluster",
        "smart_pretrain",
        "smart_segment",
        "smart_zeroshot_seg",
        "smart_zeroshot_segmentation",
    ]
    digest = hashlib.sha256((bundles / NAME / "models" / "model.pt").read_bytes()).hexdigest()
    exports = json.loads((bundles / NAME / "configs" / "metadata.json").read_text(encoding="utf-8"))["exports"]
    forms = "; ".join(f"{form} {words}" for form, words in exports.items())
    assert told[3].endswith(f".zip: sound, weights {digest[:12]}; exports: {forms}")


def test_an_archive_without_weights(offer):
    (told,) = verify(offer("0.1.0"))
    assert told.startswith(f"{NAME}_v0.1.0.zip: sound, without weights; exports: ")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("what", TAMPERED)
def test_tampered_archives(what, place, keys, tmp_path, monkeypatch):
    """The hash tells; where the hash was changed too, what is wrong does; and the signature tells in any case."""
    monkeypatch.chdir(tmp_path)
    tamper, says = TAMPERED[what]
    tamper(place)
    with pytest.raises(InputError, match=r"differs from SHA256SUMS|is not listed in SHA256SUMS"):
        verify(place, keys[1])
    seal(place)
    with pytest.raises(InputError, match=rf"\.zip: ({says})"):
        verify(place)
    with pytest.raises(InputError, match="SHA256SUMS: signature does not belong to it"):
        verify(place, keys[1])
    assert {path.name for path in tmp_path.iterdir()} == {"place"}


@pytest.mark.parametrize(
    ("said", "told"),
    [("__version__ = '9.9'\n", "its code is a smart_nets of version 9.9, not compared"), ("", "that tells no version")],
)
def test_only_the_signature_tells_of_code_of_another_version(said, told, place, keys):
    """Whoever can change archive and hashes can change smart_nets as well: a hospital should ask for the signature."""
    code = f"{said}print('anything')".encode()
    rewritten(lambda members: members.update({f"{NAME}/smart_nets/__init__.py": code}))(place)
    seal(place)
    (line,) = verify(place)
    assert told in line and "only a signature tells" in line
    with pytest.raises(InputError, match="signature does not belong to it"):
        verify(place, keys[1])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda place: shutil.copy(archive(place), place / f"{NAME}_v0.0.1.zip"), r"_v0\.0\.1\.zip: is not listed"),
        (lambda place: archive(place).unlink(), r"\.zip: is listed in SHA256SUMS, but not there"),
        (
            lambda place: (place / "model_info.json").unlink(),
            r"model_info\.json: is listed in SHA256SUMS, but not there",
        ),
        (lambda place: (place / "model_info.json").write_text("{}"), r"model_info\.json: differs from SHA256SUMS"),
        (lambda place: (place / "SHA256SUMS").unlink(), "SHA256SUMS: cannot be had"),
        (lambda place: (place / "SHA256SUMS").write_text(""), "SHA256SUMS: (signature does not|is empty)"),
        (lambda place: (place / "SHA256SUMS.sig").unlink(), r"SHA256SUMS\.sig: cannot be had"),
        (lambda place: (place / "SHA256SUMS.sig").write_bytes(bytes(64)), "signature does not belong to it"),
        (shutil.rmtree, "SHA256SUMS: cannot be had"),
    ],
)
def test_a_folder_that_is_not_whole(change, says, place, keys):
    change(place)
    with pytest.raises(InputError, match=says):
        verify(place, keys[1])


def test_no_archive(place):
    archive(place).unlink()
    seal(place)
    with pytest.raises(InputError, match=r"holds no archive .*NAME_vVERSION\.zip"):
        verify(place)


@pytest.mark.parametrize("card", ["", "[]", "\xff"])
def test_a_card_that_cannot_be_read(card, place):
    rewritten(lambda members: members.update({f"{NAME}/models/model.json": card.encode("latin-1")}))(place)
    seal(place)
    with pytest.raises(CheckpointError, match=re.escape("models/model.json: is no")):
        verify(place)


def test_the_key_of_somebody_else(release, keys, other_keys):
    with pytest.raises(InputError, match="signature does not belong to it"):
        verify(release, other_keys[1])
    with pytest.raises(InputError, match="is no public key"):
        verify(release, keys[0])
