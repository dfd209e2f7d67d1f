"""SHA256SUMS that coreutils check, and who signed it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from smart_nets.errors import InputError
from smart_nets.zoo.sums import check_signature, check_sum, read_sums, sign, write_sums

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # sha256 of "abc", FIPS 180-2 appendix B.1


@pytest.fixture
def sums(tmp_path):
    (tmp_path / "b_v0.1.0.zip").write_text("abc")
    (tmp_path / "a+b.json").write_text("{}")
    return write_sums(tmp_path, ["b_v0.1.0.zip", "a+b.json"])


def test_coreutils_accept_it_and_see_a_change(sums):
    check = ["sha256sum", "--strict", "-c", "SHA256SUMS"]
    done = subprocess.run(check, cwd=sums.parent, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "a+b.json: OK\nb_v0.1.0.zip: OK\n")
    (sums.parent / "b_v0.1.0.zip").write_text("abd")
    assert subprocess.run(check, cwd=sums.parent, capture_output=True).returncode == 1


def test_what_is_written_is_read(sums):
    found = read_sums(sums.read_bytes(), sums)
    assert list(found) == ["a+b.json", "b_v0.1.0.zip"] and found["b_v0.1.0.zip"] == ABC
    assert sorted(path.name for path in sums.parent.iterdir()) == ["SHA256SUMS", "a+b.json", "b_v0.1.0.zip"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "x: is empty"),
        (b"<!DOCTYPE html>\n", "x, line 1: is no list of hashes"),
        (f"{ABC}  a.zip\n{ABC} b.zip\n".encode(), "x, line 2: is no list of hashes"),
        (f"{ABC} *a.zip\n".encode(), "line 1"),
        (f"{ABC[1:]}  a.zip\n".encode(), "line 1"),
        (f"{ABC.upper()}  a.zip\n".encode(), "line 1"),
        (f"{ABC}  ../a.zip\n".encode(), "line 1"),
        (f"{ABC}  a b.zip\n".encode(), "line 1"),
        (f"{ABC}  a.zip\n\n".encode(), "line 2"),
        (f"{ABC}  a.zip\n{'0' * 64}  a.zip\n".encode(), "line 2"),
        (f"{ABC}  ä.zip\n".encode(), "x: is no list of hashes"),
        (b"\xff\xfe\x00", "x: is no list of hashes"),
    ],
)
def test_bad_lists(content, says):
    with pytest.raises(InputError, match=says):
        read_sums(content, "x")


def test_a_file_and_its_hash(sums):
    listed = read_sums(sums.read_bytes(), sums)
    check_sum(sums.parent / "b_v0.1.0.zip", listed)
    check_sum(sums.parent / "b_v0.1.0.zip", {"stored elsewhere": ABC}, "stored elsewhere")
    with pytest.raises(InputError, match=rf"a\+b.json: differs from SHA256SUMS \(expected sha256 {ABC}"):
        check_sum(sums.parent / "a+b.json", {"a+b.json": ABC})
    with pytest.raises(InputError, match="expected sha256 listed there"):
        check_sum(sums.parent / "a+b.json", {})


def test_signature(sums, keys, other_keys):
    signature = sign(sums, keys[0]).read_bytes()
    check_signature(sums.read_bytes(), signature, keys[1], sums)
    changed = sums.read_bytes().replace(b"ba78", b"ba79")
    for content, sealed, key in (
        (sums.read_bytes(), signature, other_keys[1]),
        (changed, signature, keys[1]),
        (sums.read_bytes(), signature[:-1], keys[1]),
        (sums.read_bytes(), b"", keys[1]),
        (sums.read_bytes(), bytes(64), keys[1]),
    ):
        with pytest.raises(InputError, match="SHA256SUMS: signature does not belong to it"):
            check_signature(content, sealed, key, sums)


def test_openssl_checks_the_signature(sums, keys):
    """A hospital can do it without this package."""
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(keys[1]), "-in", str(sums)]
    done = subprocess.run([*command, "-sigfile", str(sign(sums, keys[0]))], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully"), done.stderr


@pytest.mark.parametrize("kind", ["public", "rsa", "missing", "text", "folder"])
def test_no_private_key(kind, sums, keys, rsa_keys, tmp_path):
    (tmp_path / "text").write_text("secret")
    bad = {"public": keys[1], "rsa": rsa_keys[0], "folder": tmp_path}.get(kind, tmp_path / kind)
    with pytest.raises(InputError, match=r"is no private key .*expected Ed25519"):
        sign(sums, bad)
    assert not (tmp_path / "SHA256SUMS.sig").exists()


@pytest.mark.parametrize("kind", ["private", "rsa", "missing"])
def test_no_public_key(kind, sums, keys, rsa_keys, tmp_path):
    bad = {"private": keys[0], "rsa": rsa_keys[1]}.get(kind, tmp_path / kind)
    with pytest.raises(InputError, match=r"is no public key .*expected Ed25519"):
        check_signature(b"", b"", bad, sums)


def test_without_cryptography(sums, keys, monkeypatch):
    """Hashes work without it; a signature says what to install."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    read_sums(sums.read_bytes(), sums)
    with pytest.raises(InputError, match=r"needs cryptography.*pip install cryptography"):
        sign(sums, keys[0])
