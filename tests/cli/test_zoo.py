"""The verbs of `zoo`, as a user types them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from smart_nets import cli
from smart_nets.errors import ConfigError, InputError

ROOT = Path(__file__).parents[2]
NAME = "smart_pretrain"
VERSION = json.loads((ROOT / "bundles" / NAME / "configs" / "metadata.json").read_text(encoding="utf-8"))["version"]

Zoo = Callable[..., str]


@pytest.fixture
def zoo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zoo:
    """Type a verb; returns what was printed."""

    def zoo(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["smart_nets", "zoo", *map(str, arguments)])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # `main` sets its own
        cli.main()
        return capsys.readouterr().out

    return zoo


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """A folder with one bundle that has no weights."""
    parts = shutil.ignore_patterns("cache", "eval", "models")
    shutil.copytree(ROOT / "bundles" / NAME, tmp_path / "2024_01" / NAME, ignore=parts)
    return tmp_path / "2024_01"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    key = ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (tmp_path / "key.pub").write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return tmp_path / "key.pem", tmp_path / "key.pub"


def test_from_the_developer_to_the_hospital(zoo, bundles, keys, tmp_path):
    """Package, verify, install, install again: paths, versions and keys on the way."""
    out, home = tmp_path / "out", tmp_path / "home"
    archive = out / f"{NAME}_v{VERSION}.zip"
    options = ("--bundles", bundles, "--names", f" {NAME}, ", "--without_weights", "--base_url=https://a.example/")
    said = zoo("package", out, *options, f"--key={keys[0]}")
    assert re.fullmatch(rf"{re.escape(str(archive))}  \d+\.\d MB\n", said)
    assert f"https://a.example/{archive.name}" in (out / "model_info.json").read_text()
    assert zoo("verify", out, "--key", keys[1]).startswith(f"{archive.name}: sound, without weights")
    for told in ("new", f"{VERSION} before, kept as {NAME}.previous"):
        said = zoo("install", NAME, out, "--bundle_dir", home, f"--version={VERSION}", "--key", keys[1])
        assert said == f"{home / NAME}: version {VERSION} ({told})\n"


def test_lint_and_its_exit_code(zoo, bundles, capsys):
    with pytest.raises(SystemExit) as ended:
        zoo("lint", bundles)
    assert (ended.value.code, capsys.readouterr().out) == (0, "no faults\n")
    (bundles / NAME / "LICENSE").unlink()
    (bundles / NAME / "net.py").write_text("")
    with pytest.raises(SystemExit) as ended:
        zoo("lint", f"--folder={bundles / NAME}")
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.endswith("LICENSE: is missing.") and "net.py: is code in a bundle" in second
    assert (ended.value.code, last) == (1, "2 faults")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("lint", "--foldre", "x"), r"lint --foldre: is no argument .*perhaps --folder is meant"),
        (("package", "out", "--without-weight"), r"package --without_weight: .*perhaps --without_weights is meant"),
        (("package", "out", "--name=x"), r"package --name: .*perhaps --names is meant"),
        (("verify", "out", "--keys", "x"), r"verify --keys: .*perhaps --key is meant"),
        (("install", NAME, "out", "--allow_old"), r"install --allow_old: .*perhaps --allow_older is meant"),
        (("install", NAME, "out", "--bundles_dir=x"), r"install --bundles_dir: .*perhaps --bundle_dir is meant"),
    ],
)
def test_a_misspelt_flag_is_told_before_the_work(zoo, arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=says):
        zoo(*arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("lint", "nowhere"), "nowhere: holds no bundle"),
        (("package", "out", "--names", "x,y"), "x, y: is no bundle"),
        (("verify", "nowhere"), "nowhere/SHA256SUMS: cannot be had"),
        (("install", NAME, "nowhere"), "nowhere/SHA256SUMS: cannot be had"),
        (("install", NAME, "1_0"), "1_0/SHA256SUMS: cannot be had"),
    ],
)
def test_faults_leave_nothing(zoo, arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=says):
        zoo(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_error_is_one_sentence_and_exit_code_1(tmp_path):
    command = [sys.executable, "-m", "smart_nets", "zoo", "verify", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"InputError: {tmp_path}/SHA256SUMS: cannot be had") and done.stderr.count("\n") == 1
