"""A bundle put in place: from where, which version, and what is there when anything goes wrong."""

from __future__ import annotations

import os
import shutil
import socketserver
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from smart_nets.errors import InputError
from smart_nets.zoo.install import install, installed_version
from smart_nets.zoo.source import Source, numeric
from smart_nets.zoo.sums import sign, write_sums

NAME = "smart_pretrain"
Tree = Callable[[Path], dict[str, str]]
Offer = Callable[..., Path]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(server: socketserver.TCPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def web(folder: Path) -> ThreadingHTTPServer:
    return ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))


def test_from_a_folder_its_url_and_a_web_server(offer, home, tree, packed, tmp_path):
    server = offer("0.1.0")
    expected = tree(packed(server, "0.1.0", tmp_path / "packed"))
    with served(web(server)) as url:
        for number, source in enumerate((server, str(server), f"{server}/", server.as_uri(), url, f"{url}/")):
            done = install(NAME, source, home / str(number))
            assert (done.path, done.version, done.told) == (home / str(number) / NAME, "0.1.0", "new")
            assert tree(done.path) == expected and os.listdir(done.path.parent) == [NAME]


def test_the_newest_is_found_by_numbers(tmp_path):
    names = [f"{NAME}_v{version}.zip" for version in ("0.10.0", "0.9.0", "0.2", "0.10.0rc")]
    for name in (*names, "smart_pretrain_v0.99.0.cdx.json", "smart_pretrain_more_v9.zip", "model_info.json"):
        (tmp_path / name).write_text(name)
    write_sums(tmp_path, os.listdir(tmp_path))
    found = Source(tmp_path).versions(NAME)
    assert found == {(0, 10, 0): names[0], (0, 9, 0): names[1], (0, 2): names[2]}
    assert found[max(found)] == names[0]


def test_newest_by_default_and_another_on_demand(offer, home):
    server = offer("0.1.9", "0.2.0", "0.1.0")
    assert install(NAME, server, home).version == "0.2.0"
    with pytest.raises(
        InputError, match=r"a newer version is installed .*at least 0\.2\.0, found 0\.1\.9.*allow_older"
    ):
        install(NAME, server, home, version="0.1.9")
    assert installed_version(home / NAME) == "0.2.0"
    done = install(NAME, server, home, version="0.1.9", allow_older=True)
    assert (done.version, done.told) == ("0.1.9", f"0.2.0 before, kept as {NAME}.previous")
    assert installed_version(home / NAME) == "0.1.9" and installed_version(home / f"{NAME}.previous") == "0.2.0"


def test_an_older_server_does_not_take_back_what_is_new(offer, home):
    install(NAME, offer("0.2.0"), home)
    with pytest.raises(InputError, match="a newer version is installed"):
        install(NAME, offer("0.1.0", folder="old"), home)
    assert installed_version(home / NAME) == "0.2.0"


def test_results_stay_in_the_previous_folder(offer, home, tree, packed, tmp_path):
    """Also when an earlier previous one is there, and for the same version again."""
    server = offer("0.1.0", "0.2.0")
    install(NAME, server, home, version="0.1.0")
    for version in ("0.2.0", "0.2.0"):
        (home / NAME / "eval").mkdir()
        (home / NAME / "eval" / "patient.json").write_text(version)
        before = tree(home / NAME)
        assert install(NAME, server, home).version == version
        assert tree(home / f"{NAME}.previous") == before
        assert tree(home / NAME) == tree(packed(server, version, tmp_path / "packed"))
        assert sorted(os.listdir(home)) == [NAME, f"{NAME}.previous"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "smart_pretrian"}, rf"smart_pretrian: is not offered \(expected {NAME}_v0\.1\.0\.zip"),
        ({"name": "../x"}, "is not offered"),
        ({"version": "0.3.0"}, r"has no such version \(expected 0\.1\.0, found 0\.3\.0\)"),
        ({"version": "0.1"}, "has no such version"),
        ({"version": "newest"}, "is no version .*found newest"),
        ({"version": "0.1.0/../x"}, "is no version"),
        ({"source": "nowhere"}, "nowhere/SHA256SUMS: cannot be had"),
        ({"source": "file:///nowhere"}, "file:///nowhere/SHA256SUMS: cannot be had"),
        ({"source": "http://127.0.0.1:1"}, "http://127.0.0.1:1/SHA256SUMS: cannot be had"),
        ({"source": "http://host name/a b"}, "cannot be had"),
        ({"source": "http://127.0.0.1:port"}, "cannot be had"),
        ({"source": "ftp://127.0.0.1"}, "cannot be had"),
        ({"source": ""}, "cannot be had"),
    ],
)
def test_what_is_not_offered(options, says, offer, home):
    with pytest.raises(InputError, match=says):
        install(**{"name": NAME, "source": offer("0.1.0"), "bundle_dir": home, **options})
    assert not home.exists()


def test_servers_that_fail(offer, home, tmp_path):
    """An empty one, one that speaks no HTTP, and one that ends in the middle of the archive."""

    class Mumble(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 mail ready\r\n\r\n")

    class Cut(Quiet):
        def copyfile(self, source, outputfile):
            content = source.read()
            outputfile.write(content[: len(content) // 2] if content.startswith(b"PK") else content)

    (tmp_path / "empty").mkdir()
    with served(web(tmp_path / "empty")) as url, pytest.raises(InputError, match=r"cannot be had .*found HTTP 404"):
        install(NAME, url, home)
    with (
        served(socketserver.TCPServer(("127.0.0.1", 0), Mumble)) as url,
        pytest.raises(InputError, match="cannot be had"),
    ):
        install(NAME, url, home)
    cut = ThreadingHTTPServer(("127.0.0.1", 0), partial(Cut, directory=str(offer("0.1.0"))))
    with served(cut) as url, pytest.raises(InputError, match=r"\.zip: (differs from SHA256SUMS|cannot be had)"):
        install(NAME, url, home)
    assert not home.exists() or os.listdir(home) == []


def flip(path: Path) -> None:
    """Change a bit of what the largest file in an archive was packed to: some fields of a zip are never read."""
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda member: member.compress_size)
    content = bytearray(path.read_bytes())
    content[largest.header_offset + largest.compress_size // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("byte", r"_v0\.2\.0\.zip: differs from SHA256SUMS"),
        ("byte and hash", r"_v0\.2\.0\.zip: (is no sound zip|zip is damaged)"),
        ("missing", r"_v0\.2\.0\.zip: cannot be had"),
        ("renamed", r"_v0\.2\.0\.zip: is of another version than its name says"),
        ("hashes", "SHA256SUMS, line 1: is no list of hashes"),
        ("unsigned", r"SHA256SUMS\.sig: cannot be had"),
        ("other key", "SHA256SUMS: signature does not belong to it"),
    ],
)
def test_a_tampered_source_leaves_what_is_there(what, says, offer, home, tree, keys, other_keys):
    """Byte for byte; and nothing is left beside it."""
    server = offer("0.1.0", "0.2.0")
    sign(server / "SHA256SUMS", keys[0])
    install(NAME, server, home, version="0.1.0", key=keys[1])
    before, new = tree(home), server / f"{NAME}_v0.2.0.zip"
    if what.startswith("byte"):
        flip(new)
    elif what == "missing":
        new.unlink()
    elif what == "renamed":
        shutil.copy(server / f"{NAME}_v0.1.0.zip", new)
    elif what == "hashes":
        (server / "SHA256SUMS").write_text("none\n")
    elif what == "unsigned":
        (server / "SHA256SUMS.sig").unlink()
    elif what == "other key":
        sign(server / "SHA256SUMS", other_keys[0])
    key = keys[1] if what in ("unsigned", "other key") else None
    if what in ("byte and hash", "renamed"):
        write_sums(server, [path.name for path in server.glob("*.zip")])
    with pytest.raises(InputError, match=says):
        install(NAME, server, home, key=key, unpin=key is None)
    assert tree(home) == before and os.listdir(home) == [NAME]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "is there, but no bundle"),
        ({"thesis.txt": "mine"}, "is there, but no bundle"),
        ({"configs/metadata.json": "{"}, "is there, but no bundle"),
        ({"configs/metadata.json": "{}"}, "is there, but no bundle"),
        ({"configs/metadata.json": "[]"}, "is there, but no bundle"),
        ({"configs/metadata.json": '{"version": 1}'}, "is there, but no bundle"),
        ({"configs/metadata.json": '{"version": "mine"}'}, r"is no version .*found mine"),
    ],
)
def test_a_folder_that_is_no_bundle_is_left_alone(files, says, offer, home, tree):
    (home / NAME).mkdir(parents=True)
    for name, content in files.items():
        (home / NAME / name).parent.mkdir(exist_ok=True)
        (home / NAME / name).write_text(content)
    before = tree(home)
    with pytest.raises(InputError, match=says):
        install(NAME, offer("0.1.0"), home)
    assert tree(home) == before and os.listdir(home) == [NAME]


def test_places_that_cannot_be_written(home, tmp_path, monkeypatch):
    """Told before the source is asked."""
    home.mkdir(parents=True)
    (home / NAME).write_text("a file")
    with pytest.raises(InputError, match=r"cannot hold results .*is a file"):
        install(NAME, "http://127.0.0.1:1", home)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match=r"cannot hold results .*permission to write"):
        install(NAME, "http://127.0.0.1:1", tmp_path / "new")
    assert (home / NAME).read_text() == "a file" and not (tmp_path / "new").exists()


def test_home_is_spelt_out(offer, tmp_path, monkeypatch):
    server = offer("0.1.0")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert install(NAME, f"~/{server.name}", "~/bundles").path == tmp_path / "bundles" / NAME


def test_two_names_of_which_one_begins_like_the_other(offer, home):
    """Installing smart_zeroshot_seg leaves what is under way for smart_zeroshot_segmentation."""
    server = offer("0.1.0", name="smart_zeroshot_seg")
    other = home / ".installing-smart_zeroshot_segmentation-abc"
    other.mkdir(parents=True)
    install("smart_zeroshot_seg", server, home)
    assert other.is_dir()


@pytest.mark.parametrize("version", ["0.1.0", "12", "0.10"])
def test_numbers(version):
    assert ".".join(map(str, numeric(version))) == version


@pytest.mark.parametrize("version", ["", ".", "1.", "v1", "1.0rc1", "1 .0", "-1", "1.0\n"])
def test_no_numbers(version):
    with pytest.raises(InputError, match="is no version"):
        numeric(version)
