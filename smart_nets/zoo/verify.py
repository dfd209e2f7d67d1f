"""Whether archives are what they say: hashes, safe content, one model with its card, configurations that pass lint."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from pathlib import Path

import smart_nets
from smart_nets.errors import InputError
from smart_nets.weights.io import read_card, read_state, sha256_of
from smart_nets.zoo.archive import unpack
from smart_nets.zoo.contents import package_files
from smart_nets.zoo.lint.bundle import lint
from smart_nets.zoo.lint.defined import stated_version
from smart_nets.zoo.source import Source
from smart_nets.zoo.sums import check_sum

ARCHIVE = re.compile(r"([a-z][a-z0-9_]*)_v(\d+(?:\.\d+)*)\.zip")


def verify(folder: str | Path, key: str | Path | None = None) -> list[str]:
    """Check all that `package` wrote into a folder; returns what was found of each archive, in words.

    Args:
        key: public Ed25519 key (PEM) that SHA256SUMS must be signed for.

    Raises:
        InputError: the first thing that is wrong. CheckpointError: it is the weights' card.
    """
    folder = Path(folder)
    source = Source(folder, key)
    unlisted = sorted(path.name for path in folder.glob("*.zip") if path.name not in source.sums)
    if unlisted:
        raise InputError("is not listed in SHA256SUMS", where=folder / unlisted[0], remedy="do not install it")
    told = []
    for name in sorted(source.sums):
        if not (folder / name).is_file():
            what = "is listed in SHA256SUMS, but not there"
            raise InputError(what, where=folder / name, remedy="copy the folder again")
        check_sum(folder / name, source.sums)
        if name.endswith(".zip"):
            with tempfile.TemporaryDirectory() as work:
                told.append(f"{name}: {check_archive(folder / name, Path(work))[1]}")
    if not told:
        raise InputError("holds no archive", where=folder, expected="NAME_vVERSION.zip", remedy="package the bundles")
    return told


def check_archive(path: Path, work: Path) -> tuple[Path, str]:
    """Unpack an archive into `work` and check the bundle in it; returns its folder there, and what it has in words.

    Raises:
        InputError: the archive is unsafe or damaged, or the bundle in it is not what its name says.
        CheckpointError: the weights' card is no card.
    """
    match = ARCHIVE.fullmatch(path.name)
    if match is None:
        raise InputError("is no name of a bundle", where=path, expected="NAME_vVERSION.zip", found=path.name)
    name, version = match[1], match[2]
    bundle = unpack(path, name, work)
    if not (bundle / "configs").is_dir():  # lint would look for bundles further down
        raise InputError("holds no bundle", where=path, expected=f"{name}/configs", remedy="package it again")
    faults = lint(bundle, released=True)
    if faults:
        raise InputError(f"bundle has {len(faults)} faults", where=path, found=faults[0], remedy="do not install it")
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    stated = metadata.get("version")
    if stated != version:
        remedy = "package it again"
        raise InputError(
            "is of another version than its name says", where=path, expected=version, found=stated, remedy=remedy
        )
    if not (bundle / "smart_nets" / "__init__.py").is_file():
        remedy = "package it again"
        raise InputError(
            "has no code: it is not self-contained", where=path, expected="smart_nets/ in it", remedy=remedy
        )
    code = _check_code(path, bundle)
    forms = metadata.get("exports", {})
    if not isinstance(forms, dict):
        remedy = "package it again"
        raise InputError(
            "tells of no exports", where=path, expected="a table", found=type(forms).__name__, remedy=remedy
        )
    exports = "; ".join(f"{name} {how}" for name, how in forms.items())
    exports = "".join(letter if letter.isprintable() else " " for letter in exports)
    return bundle, _check_weights(path, bundle) + (f"; exports: {exports}" if exports else "") + code


def _check_code(path: Path, bundle: Path) -> str:
    """Compare smart_nets of the same version with the one that runs here, file by file; in words, if it is of another."""
    version = stated_version(bundle / "smart_nets" / "__init__.py")
    if version != smart_nets.__version__:
        said = f"of version {version}" if version else "that tells no version"
        return f"; its code is a smart_nets {said}, not compared: only a signature tells whose it is"
    own = {name: hashlib.sha256(content).hexdigest() for name, content in package_files().items()}
    files = [one for one in (bundle / "smart_nets").rglob("*") if one.is_file()]
    theirs = {one.relative_to(bundle).as_posix(): sha256_of(one) for one in files}
    other = sorted(name for name in own.keys() | theirs.keys() if own.get(name) != theirs.get(name))
    if other:
        expected, found = f"the files of smart_nets {version}", f"{len(other)} others, such as {other[0]}"
        remedy = "do not install it; ask who made it"
        raise InputError("has changed code", where=path, expected=expected, found=found, remedy=remedy)
    return ""


def _check_weights(path: Path, bundle: Path) -> str:
    models = sorted(one.name for one in (bundle / "models").glob("*")) if (bundle / "models").is_dir() else []
    if not models:
        return "sound, without weights"
    if models != ["model.json", "model.pt"]:
        expected, found = "models/model.pt and its card", ", ".join(models)
        remedy = "package it again"
        raise InputError("has other models than one", where=path, expected=expected, found=found, remedy=remedy)
    card = read_card(bundle / "models" / "model.pt")
    found = sha256_of(bundle / "models" / "model.pt")
    if card.get("sha256") != found:
        expected = f"sha256 {card.get('sha256')}"
        remedy = "package it again"
        raise InputError("weights differ from their card", where=path, expected=expected, found=found, remedy=remedy)
    read_state(bundle / "models" / "model.pt")  # tensors only; anything else is refused and nothing of it runs
    return f"sound, weights {found[:12]}"
