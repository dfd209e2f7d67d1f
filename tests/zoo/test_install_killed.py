"""An installation that is killed: the old bundle or the new one, whole, and no result is lost.

The process that is killed is a child of the test, so that the moments lie in the work and not in the imports.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from smart_nets.errors import InputError
from smart_nets.zoo import install as module
from smart_nets.zoo.install import install, installed_version

NAME = "smart_pretrain"
Tree = Callable[[Path], dict[str, str]]
Offer = Callable[..., Path]


def run(call: Callable[[], object], seconds: float | None = None) -> int:
    """Do something in a child process, killed after some seconds; 0 if it came to its end, else the signal."""
    child = os.fork()
    if child == 0:
        try:
            call()
        finally:
            os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


@pytest.fixture
def two(offer: Offer, home: Path, tree: Tree, packed: Offer, tmp_path: Path) -> tuple[Path, dict[str, dict[str, str]]]:
    """A server with two versions, the older of them installed, and the files of both."""
    server = offer("0.1.0", "0.2.0")
    whole = {version: tree(packed(server, version, tmp_path / version)) for version in ("0.1.0", "0.2.0")}
    install(NAME, server, home, version="0.1.0")
    return server, whole


def test_killed_at_any_moment(two, home, tree):
    """Twenty moments: old or new, whole; the results are in one of them; the next call succeeds and clears what is left."""
    server, whole = two
    start = time.perf_counter()
    assert run(lambda: install(NAME, server, home)) == 0
    duration, moments = time.perf_counter() - start, random.Random(0)
    assert installed_version(home / NAME) == "0.2.0"
    ends = []
    for _ in range(20):
        before = installed_version(home / NAME)
        wanted = "0.1.0" if before == "0.2.0" else "0.2.0"
        result = home / NAME / "result.json"
        result.write_text("mine")
        again = partial(install, NAME, server, home, wanted, allow_older=True)
        ends.append(run(again, duration * moments.uniform(0.0, 1.1)))
        found, old = tree(home / NAME), tree(home / NAME) if result.is_file() else tree(home / f"{NAME}.previous")
        assert old.pop("result.json") and old == whole[before]
        found.pop("result.json", None)
        assert found == whole[installed_version(home / NAME)]
        again()
        assert tree(home / NAME) == whole[wanted]
        assert sorted(os.listdir(home)) == [NAME, f"{NAME}.previous"]
    assert ends.count(signal.SIGKILL) >= 5


@pytest.mark.parametrize(("exchange", "step"), [(True, 0), (True, 1), *[(False, step) for step in range(5)]])
def test_killed_before_each_step(exchange, step, two, home, tree, monkeypatch):
    """With and without a system that lets two folders change places; without, one moment has no bundle: it is brought back."""
    server, whole = two
    rename, change, left = os.rename, module._renameat2 if exchange else lambda *_: False, iter(range(step))

    def stepwise(call: Callable[..., object]) -> Callable[..., object]:
        def one(*arguments: Path) -> object:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments)

        return one

    def child() -> None:
        os.rename, module._renameat2 = stepwise(rename), stepwise(change)
        install(NAME, server, home)

    (home / NAME / "result.json").write_text("mine")
    before = tree(home / NAME)
    assert run(child) == signal.SIGKILL
    assert (home / NAME).exists() is ((exchange, step) != (False, 4))
    (server / f"{NAME}_v0.1.0.zip").write_bytes(b"")
    with pytest.raises(InputError, match="differs from SHA256SUMS"):
        install(NAME, server, home, version="0.1.0")
    assert tree(home / NAME) == before  # back, though nothing could be installed
    monkeypatch.setattr(module, "_renameat2", change)
    assert install(NAME, server, home).told == f"0.1.0 before, kept as {NAME}.previous"
    assert tree(home / NAME) == whole["0.2.0"] and tree(home / f"{NAME}.previous") == before
    assert sorted(os.listdir(home)) == [NAME, f"{NAME}.previous"]


def test_a_system_that_cannot_exchange_folders(two, home, tree, monkeypatch):
    """Not Linux, or a disk that cannot."""
    server, whole = two
    for version in ("0.2.0", "0.1.0"):
        monkeypatch.setattr(module.ctypes, "CDLL", lambda *_, **__: json)  # a library without that function
        assert not module._renameat2(home, home)
        before = tree(home / NAME)
        install(NAME, server, home, version=version, allow_older=True)
        assert tree(home / NAME) == whole[version] and tree(home / f"{NAME}.previous") == before
        assert sorted(os.listdir(home)) == [NAME, f"{NAME}.previous"]
