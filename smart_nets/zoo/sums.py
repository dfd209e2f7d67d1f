"""SHA256SUMS beside the archives, and a signature of it: what tells a hospital that nothing was changed on the way."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from smart_nets.errors import InputError
from smart_nets.files import write_bytes, write_text
from smart_nets.weights.io import sha256_of

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
LINE = re.compile(r"([0-9a-f]{64})  ([\w.+-]+)")
SIZE = re.compile(r"# (\d{1,15}) bytes  ([\w.+-]+)")  # a comment to sha256sum


def write_sums(folder: str | Path, names: Iterable[str]) -> Path:
    """Write the hashes of files of a folder in the form that `sha256sum -c SHA256SUMS` checks, and their sizes as comments."""
    target = Path(folder) / SUMS
    files = {name: Path(folder) / name for name in sorted(names)}
    hashes = [f"{sha256_of(path)}  {name}\n" for name, path in files.items()]
    sizes = [f"# {path.stat().st_size} bytes  {name}\n" for name, path in files.items()]
    write_text(target, "".join(hashes + sizes))
    return target


def read_sums(content: bytes, where: object) -> dict[str, str]:
    """File name -> sha256.

    Raises:
        InputError: a line of another form, a name that occurs twice, or no line at all.
    """
    try:
        lines = content.decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        raise InputError("is no list of hashes", where=where, found=error, remedy="download it again") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if SIZE.fullmatch(line):
            continue
        match = LINE.fullmatch(line)
        if match is None or match[2] in found:
            place = f"{where}, line {number}"
            remedy = "download it again"
            raise InputError(
                "is no list of hashes", where=place, expected="<sha256>  <file>", found=line[:80], remedy=remedy
            )
        found[match[2]] = match[1]
    if not found:
        raise InputError("is empty", where=where, expected="hashes of the archives", remedy="package the bundles again")
    return found


def read_sizes(content: bytes) -> dict[str, int]:
    """File name -> bytes, of a list that `read_sums` took; without the sizes that an older list does not tell."""
    matches = (SIZE.fullmatch(line) for line in content.decode("ascii").splitlines())
    return {match[2]: int(match[1]) for match in matches if match}


def check_sum(path: str | Path, sums: Mapping[str, str], name: str | None = None) -> None:
    """Raise InputError unless the file has the hash that is listed for it (for `name`, if it is stored under another)."""
    check_digest(name or Path(path).name, sums, sha256_of(path), where=name or path)


def check_digest(name: str, sums: Mapping[str, str], found: str, where: object) -> None:
    """Raise InputError unless this sha256 is the one that is listed for a file."""
    expected = sums.get(name)
    if expected != found:
        told = f"sha256 {expected or 'listed there'}"
        remedy = "do not install it; download it again, or ask who made it"
        raise InputError("differs from SHA256SUMS", where=where, expected=told, found=found, remedy=remedy)


def sign(sums: str | Path, key: str | Path) -> Path:
    """Write SHA256SUMS.sig beside the list: an Ed25519 signature with a private key in PEM."""
    private = load_key(key, private=True)
    target = Path(sums).with_name(SIGNATURE)
    write_bytes(target, private.sign(Path(sums).read_bytes()))
    return target


def check_signature(content: bytes, signature: bytes, key: str | Path, where: object) -> None:
    """Raise InputError unless `signature` is one of `content` by the owner of this public key (PEM)."""
    public = load_key(key, private=False)
    from cryptography.exceptions import InvalidSignature

    try:
        public.verify(signature, content)
    except InvalidSignature as error:
        what, expected = "signature does not belong to it", f"signed by the owner of {key}"
        raise InputError(what, where=where, expected=expected, remedy="do not install anything of it") from error


def key_fingerprint(key: str | Path) -> str:
    """The sha256 of a public key (PEM) itself, however its file is written; InputError if it is none."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    raw = load_key(key, private=False).public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()


def load_key(key: str | Path, private: bool) -> Any:
    """A private or public Ed25519 key from a PEM file; InputError if it is none."""
    kind = "private" if private else "public"
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise InputError("needs cryptography", where="signature", remedy="pip install cryptography") from error
    try:
        content = Path(key).read_bytes()
        pem = serialization
        loaded: Any = pem.load_pem_private_key(content, None) if private else pem.load_pem_public_key(content)
    except (OSError, ValueError, TypeError) as error:
        remedy = "see docs/deploy.md"
        raise InputError(
            f"is no {kind} key", where=key, expected="Ed25519 in PEM, no password", found=error, remedy=remedy
        ) from error
    if not isinstance(loaded, ed25519.Ed25519PrivateKey if private else ed25519.Ed25519PublicKey):
        remedy = "see docs/deploy.md"
        raise InputError(f"is no {kind} key", where=key, expected="Ed25519", found=type(loaded).__name__, remedy=remedy)
    return loaded
