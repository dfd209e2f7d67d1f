"""Copies of the real bundles that a test may damage, archives of them, and keys to sign these with."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from fixtures.small import SAVED

from smart_nets.networks.classifier import Classifier
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.networks.segmenter import Segmenter
from smart_nets.weights.io import save_weights, sha256_of
from smart_nets.zoo.package import package
from smart_nets.zoo.sums import write_sums

BUNDLES = Path(__file__).parents[2] / "bundles"

Copy = Callable[[str], Path]
Edit = Callable[..., str]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A function that copies what is in git of a bundle."""

    def copy(name: str) -> Path:
        parts = shutil.ignore_patterns("cache", "eval", "models")
        return shutil.copytree(BUNDLES / name, tmp_path / "bundles" / name, ignore=parts)

    return copy


@pytest.fixture
def edit() -> Edit:
    """A function that sets a key, such as "train#sampler" or (at the end of a list) "run#+", and returns the key."""

    def edit(path: Path, key: str, value: Any) -> str:
        content = json.loads(path.read_text(encoding="utf-8"))
        *parts, last = [key] if key in content else key.split("#")  # an overlay has keys such as "train#sampler"
        node = content
        for part in parts:
            node = node[int(part) if isinstance(node, list) else part]
        if last == "+":
            last = str(len(node))
            node.append(value)
        else:
            node[int(last) if isinstance(node, list) else last] = value
        path.write_text(json.dumps(content), encoding="utf-8")
        return "#".join([*parts, last])

    return edit


FEED = {"crop_size": [32, 32, 32], "spacing": [1.0, 1.0, 1.0], "hu_window": [-1000, 400]}
CARD = {"architecture": {"name": "SmartEncoder", **SAVED}, **FEED}


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of the bundles with small weights, not to be changed."""
    folder = tmp_path_factory.mktemp("real") / "bundles"
    shutil.copytree(BUNDLES, folder, ignore=shutil.ignore_patterns("cache", "eval", "models"))
    torch.manual_seed(0)
    encoder = SmartEncoder(**SAVED)  # type: ignore[arg-type]
    for name in ("smart_organ_cluster", "smart_pretrain", "smart_zeroshot_seg"):
        save_weights(encoder, folder / name / "models" / "model.pt", CARD)
    classes = {"feature": "cls", "classes": ["benign", "malignant"]}
    save_weights(
        Classifier(encoder, "cls"), folder / "smart_lidc_classify" / "models" / "model.pt", {**CARD, **classes}
    )
    labels = {"kind": "segmenter", "labels": {"liver": [1], "tumour": [2]}}
    save_weights(Segmenter(encoder, 3), folder / "smart_segment" / "models" / "model.pt", {**CARD, **labels})
    return folder


@pytest.fixture(scope="session")
def release(bundles: Path, keys: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `package` wrote of these, signed, not to be changed."""
    folder = tmp_path_factory.mktemp("release")
    package(folder, bundles, base_url="https://zoo.hospital.example/smart/", key=keys[0])
    return folder


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A private and a public Ed25519 key in PEM."""
    return write_keys(tmp_path_factory.mktemp("keys"), ed25519.Ed25519PrivateKey.generate())


@pytest.fixture(scope="session")
def other_keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The keys of somebody else."""
    return write_keys(tmp_path_factory.mktemp("keys"), ed25519.Ed25519PrivateKey.generate())


@pytest.fixture(scope="session")
def rsa_keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Keys of another kind."""
    return write_keys(tmp_path_factory.mktemp("keys"), rsa.generate_private_key(65537, 2048))


def write_keys(folder: Path, key: Any) -> tuple[Path, Path]:
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "private.pem").write_bytes(key.private_bytes(*private))
    (folder / "public.pem").write_bytes(key.public_key().public_bytes(*public))
    return folder / "private.pem", folder / "public.pem"


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, str]]:
    """A function that lists the files of a folder with their hashes."""

    def tree(folder: Path) -> dict[str, str]:
        return {str(path.relative_to(folder)): sha256_of(path) for path in sorted(folder.rglob("*")) if path.is_file()}

    return tree


@pytest.fixture
def offer(tmp_path: Path) -> Callable[..., Path]:
    """A function that makes a folder with archives of several versions of one bundle, without weights."""

    def offer(*versions: str, name: str = "smart_pretrain", folder: str = "server") -> Path:
        (server := tmp_path / folder).mkdir(exist_ok=True)
        for version in versions:
            source = tmp_path / f"source-{version}"
            shutil.copytree(BUNDLES / name, source / name, ignore=shutil.ignore_patterns("cache", "eval", "models"))
            path = source / name / "configs" / "metadata.json"
            metadata = json.loads(path.read_text(encoding="utf-8"))
            metadata |= {"version": version, "changelog": {version: "made for a test"}}
            path.write_text(json.dumps(metadata), encoding="utf-8")
            (archive,) = package(tmp_path / f"packed-{version}", source, [name], without_weights=True)
            shutil.copy(archive, server)
        write_sums(server, [path.name for path in server.glob("*.zip")])
        return server

    return offer


@pytest.fixture
def own(bundles: Path, tmp_path: Path) -> Path:
    """A folder with one bundle and its weights, to be damaged."""
    shutil.copytree(bundles / "smart_pretrain", tmp_path / "bundles" / "smart_pretrain")
    return tmp_path / "bundles"


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A folder with a release that was made before."""
    (tmp_path / "out").mkdir()
    for name in (
        "smart_pretrain_v0.0.9.zip",
        "smart_pretrain_v0.0.9.cdx.json",
        "SHA256SUMS",
        "SHA256SUMS.sig",
        "model_info.json",
    ):
        (tmp_path / "out" / name).write_text("old")
    return tmp_path / "out"


@pytest.fixture(scope="session")
def packed() -> Callable[..., Path]:
    """A function that unpacks an archive as somebody else would, and returns the bundle's folder."""

    def packed(server: Path, version: str, place: Path, name: str = "smart_pretrain") -> Path:
        with zipfile.ZipFile(server / f"{name}_v{version}.zip") as archive:
            archive.extractall(place)
        return place / name

    return packed


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where bundles are installed; not there yet."""
    return tmp_path / "hospital" / "bundles"
