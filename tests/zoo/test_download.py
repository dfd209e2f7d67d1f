"""Servers that never end, send too much or break off; installs side by side; links in the way."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from smart_nets.errors import InputError
from smart_nets.zoo import download
from smart_nets.zoo.install import install
from smart_nets.zoo.sums import read_sizes

NAME = "smart_pretrain"


class Server(SimpleHTTPRequestHandler):
    """Serves a folder and counts the bytes that it sends; of zips it sends as much as `way` says."""

    way, sent = "whole", 0
    asked: ClassVar[list[str]] = []

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if not self.path.endswith(".zip"):
            return super().do_GET()
        content = (Path(self.directory) / self.path[1:]).read_bytes()
        begin = self.headers.get("Range", "")
        type(self).asked.append(begin)
        start = int(begin[6:-1]) if begin and self.way == "resumes" else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.way != "endless":
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        try:
            for piece in self.pieces(content[start:]):
                self.wfile.write(piece)
                type(self).sent += len(piece)
        except OSError:  # the other side has had enough
            pass

    def pieces(self, content: bytes) -> Iterator[bytes]:
        if self.way == "endless":
            yield content
            for _ in range(600):
                yield bytes(1 << 20)
        elif self.way in ("resumes", "starts again"):
            first = len(type(self).asked) < 3
            yield content[: len(content) // 2] if first else content
        else:
            yield content


@contextmanager
def served(folder: Path, way: str) -> Iterator[tuple[str, type[Server]]]:
    kind = type("One", (Server,), {"way": way, "sent": 0, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(kind, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", kind
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_server_that_never_ends_is_left(offer, home):
    """After the listed size and a few blocks that were under way, not after 600 MiB."""
    folder = offer("0.1.0")
    with (
        served(folder, "endless") as (url, server),
        pytest.raises(InputError, match=r"is larger than SHA256SUMS says .*do not install it"),
    ):
        install(NAME, url, home)
    assert server.sent < 40 * 2**20 and os.listdir(home) == []


def test_a_list_without_sizes_has_a_limit_of_its_own(offer, home, monkeypatch):
    folder = offer("0.1.0")
    sums = folder / "SHA256SUMS"
    assert read_sizes(sums.read_bytes()) == {f"{NAME}_v0.1.0.zip": (folder / f"{NAME}_v0.1.0.zip").stat().st_size}
    sums.write_text("".join(line for line in sums.read_text().splitlines(keepends=True) if line[0] != "#"))
    monkeypatch.setattr(download, "MOST", 1000)
    with pytest.raises(InputError, match=r"is larger than it may be .*at most 1,000 bytes"):
        install(NAME, folder, home)


@pytest.mark.parametrize("way", ["resumes", "starts again"])
def test_a_broken_download_is_taken_up_again(way, offer, home, monkeypatch):
    """From where it broke off if the server can, else from its beginning."""
    monkeypatch.setattr(download, "PAUSE", 0)
    with served(offer("0.1.0"), way) as (url, server):
        assert install(NAME, url, home).version == "0.1.0"
    assert server.asked[0] == "" and all(asked.startswith("bytes=") for asked in server.asked[1:])
    assert len(server.asked) == 3


def test_nine_installs_at_once(offer, home):
    """None fails, and one bundle is there at the end."""
    server, fork = offer("0.1.0"), multiprocessing.get_context("fork")
    calls = [fork.Process(target=install, args=(NAME, server, home)) for _ in range(9)]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert [call.exitcode for call in calls] == [0] * 9
    assert sorted(os.listdir(home)) == [NAME, f"{NAME}.previous"]


@pytest.mark.parametrize("name", [NAME, f"{NAME}.previous"])
def test_a_link_in_the_way_is_told_and_not_followed(name, offer, home, tree, tmp_path):
    server = offer("0.1.0")
    install(NAME, server, home)
    other = tmp_path / "other"
    (home / NAME).rename(other) if name == NAME else other.mkdir()
    (other / "thesis.txt").write_text("mine")
    (home / name).symlink_to(other)
    before = tree(other)
    with pytest.raises(InputError, match=rf"{name}: is no folder of its own .*found a link"):
        install(NAME, server, home)
    assert tree(other) == before and (home / name).is_symlink()


def test_a_file_in_the_way(offer, home):
    server = offer("0.1.0")
    install(NAME, server, home)
    (home / f"{NAME}.previous").write_text("mine")
    with pytest.raises(InputError, match=r"previous: is no folder of its own .*found a file"):
        install(NAME, server, home)
    assert (home / f"{NAME}.previous").read_text() == "mine"
