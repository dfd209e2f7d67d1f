"""After a signed install the next one is signed by the same key, or the hospital says that it knows better."""

from __future__ import annotations

import json
import os

import pytest

from smart_nets.errors import InputError
from smart_nets.zoo.install import install, installed_version
from smart_nets.zoo.lint.bundle import PIN, lint
from smart_nets.zoo.sums import key_fingerprint, sign

NAME = "smart_pretrain"


@pytest.fixture
def server(offer, keys):
    """Two versions, signed."""
    server = offer("0.1.0", "0.2.0")
    sign(server / "SHA256SUMS", keys[0])
    return server


def test_the_fingerprint_lies_in_the_bundle(server, home, keys):
    done = install(NAME, server, home, key=keys[1])
    assert json.loads((done.path / PIN).read_text()) == {"sha256_of_public_key": key_fingerprint(keys[1])}
    assert lint(done.path) == [] and os.listdir(home) == [NAME]
    assert not (install(NAME, server, home / "other").path / PIN).exists()


@pytest.mark.parametrize(
    ("signed", "given", "says"),
    [
        (
            False,
            None,
            r"was installed with the signature of another key .*found no key\); give the same --key, or --unpin",
        ),
        (True, None, "found no key"),
        (True, "other", r"found key [0-9a-f]{16}\); ask who made it, or give --unpin"),
    ],
)
def test_another_signature_or_none(signed, given, says, server, home, keys, other_keys, tree):
    install(NAME, server, home, "0.1.0", key=keys[1])
    before = tree(home)
    (server / "SHA256SUMS.sig").unlink()
    if signed:
        sign(server / "SHA256SUMS", (other_keys if given else keys)[0])
    key = other_keys[1] if given else None
    with pytest.raises(InputError, match=says):
        install(NAME, server, home, key=key)
    assert tree(home) == before
    assert install(NAME, server, home, key=key, unpin=True).version == "0.2.0"
    assert (home / NAME / PIN).exists() is (key is not None)
    install(NAME, server, home, key=key)  # from now on the new one is trusted


def test_the_same_key_and_one_after_no_key(server, home, keys):
    for _ in range(2):
        install(NAME, server, home, "0.1.0", key=keys[1])
    (home / "plain").mkdir()
    install(NAME, server, home / "plain", "0.1.0")
    install(NAME, server, home / "plain", key=keys[1])
    assert (home / "plain" / NAME / PIN).exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", "\xff"])
def test_a_damaged_note_is_told(content, server, home, keys):
    install(NAME, server, home, "0.1.0", key=keys[1])
    (home / NAME / PIN).write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match="does not tell whose signature"):
        install(NAME, server, home, key=keys[1])
    assert installed_version(home / NAME) == "0.1.0"
