"""Archives that a stranger could send, with hashes that match: each is refused, and nothing of it runs or is installed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from smart_nets.errors import SmartError
from smart_nets.zoo.install import install
from smart_nets.zoo.sums import write_sums

NAME = "smart_pretrain"
NO_FILE = "is no file of a bundle"
LETTERS = "a name with other letters"
CODE = "is code in a bundle"
OWN = "has changed code"


class Canary:
    """Unpickling it makes a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("canary"),)


FILES = [
    ("sitecustomize.py", CODE),
    ("usercustomize.pyw", CODE),
    ("docs/x.pth", CODE),
    ("docs/install.sh", CODE),
    ("models/net.so.1", CODE),
    ("configs/hook.py", CODE),
    ("eval/x.PY", CODE),
    ("eval/patient.nii.gz", NO_FILE),
    ("cache/volumes/x.npz", NO_FILE),
    ("signed_by.json", NO_FILE),
    (".env", NO_FILE),
    ("__pycache__/x.txt", NO_FILE),
    ("docs/page.html", NO_FILE),
    ("docs/README", NO_FILE),
    ("requirements.txt", NO_FILE),
    ("models/model.pkl", NO_FILE),
    ("models/model.ts", NO_FILE),
    ("configs/train.yaml", "is not checked"),
    ("configs/train.pkl", "is not checked"),
    ("smart_nets/net.so", NO_FILE),
    ("smart_nets/x.pyc", NO_FILE),
    ("smart_nets/torch.py", OWN),
    ("smart_nets/pages/new.py", OWN),
    ("docs/a\nb.md", LETTERS),
    ("docs/a\x1b[31m.md", LETTERS),
    ("docs/cod\u202edm.exe.md", LETTERS),
    ("docs/а.md", LETTERS),  # a Cyrillic letter
    ("docs/" + "x/" * 5000 + "a.md", "too many folders in one another"),
]
MODES = [stat.S_ISUID, stat.S_ISGID, stat.S_ISVTX]


@pytest.fixture
def refused(release, tmp_path, monkeypatch):
    """A function that puts changed members into the release's archive, and returns why it is not installed."""
    monkeypatch.chdir(tmp_path)

    def refused(changed: dict[str, bytes], mode: int = 0o644) -> str:
        (server := tmp_path / "server").mkdir()
        (source,) = release.glob(f"{NAME}_v*.zip")
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(server / source.name, "w") as new:
            for name in old.namelist():
                if name.removeprefix(f"{NAME}/") not in changed:
                    new.writestr(name, old.read(name))
            for name, content in changed.items():
                info = zipfile.ZipInfo("x")
                info.filename, info.external_attr = f"{NAME}/{name}", (stat.S_IFREG | mode) << 16
                new.writestr(info, content)
        write_sums(server, [source.name])
        with pytest.raises(SmartError) as error:
            install(NAME, server, tmp_path / "home")
        assert os.listdir(tmp_path / "home") == [] and sorted(os.listdir(tmp_path)) == ["home", "server"]
        return str(error.value)

    return refused


@pytest.mark.parametrize(("name", "says"), FILES, ids=lambda text: repr(text)[:40])
def test_files_that_no_bundle_has(name, says, refused):
    told = refused({name: b"x = 1\n"})
    assert says in told and told.isprintable()


@pytest.mark.parametrize("mode", MODES, ids=oct)
def test_special_rights(mode, refused):
    assert "rights beyond reading, writing and running" in refused({"docs/x.md": b"x"}, mode | 0o755)


def test_changed_code_of_the_version_that_runs_here(refused, release):
    (source,) = release.glob(f"{NAME}_v*.zip")
    with zipfile.ZipFile(source) as archive:
        code = archive.read(f"{NAME}/smart_nets/files.py")
    assert re.search(
        r"has changed code .*1 others, such as smart_nets/files\.py", refused({"smart_nets/files.py": code + b"\n"})
    )


def state(kind: str) -> Any:
    tensor = torch.zeros(1)
    return {
        "object": {"w": Canary()},
        "alone": Canary(),
        "text": {"w": tensor, "note": "text"},
        "list": [tensor],
        "nested": {"w": {"v": tensor}},
        "no name": {1: tensor},
        "nothing": {},
    }[kind]


@pytest.mark.parametrize("kind", ["object", "alone", "text", "list", "nested", "no name", "nothing"])
def test_weights_that_are_more_than_tensors(kind, refused, release, tmp_path):
    """With a card whose hash is right."""
    path = tmp_path / "model.pt"
    torch.save(state(kind), path)
    content = path.read_bytes()
    path.unlink()
    (source,) = release.glob(f"{NAME}_v*.zip")
    with zipfile.ZipFile(source) as archive:
        card = json.loads(archive.read(f"{NAME}/models/model.json"))
    card["sha256"] = hashlib.sha256(content).hexdigest()
    told = refused({"models/model.pt": content, "models/model.json": json.dumps(card).encode()})
    assert re.search(r"cannot be read as weights|holds no state dict|names that are no texts", told)


def test_the_release_itself_is_installed(release, tmp_path):
    """What is refused above is refused for what was changed."""
    server = shutil.copytree(release, tmp_path / "server")
    assert install(NAME, server, tmp_path / "home").path.is_dir()
