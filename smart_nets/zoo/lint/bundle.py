"""Read bundles as texts and list what is wrong with them, before anything of them runs.

A MONAI configuration is code: whoever runs a bundle runs what its files say. `lint` evaluates nothing, imports nothing that
a file names, and lists every fault with its file and key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import smart_nets
from smart_nets.errors import InputError
from smart_nets.zoo.lint.config import METADATA, config_faults
from smart_nets.zoo.lint.defined import Package
from smart_nets.zoo.lint.fault import Fault
from smart_nets.zoo.lint.json_text import read_texts
from smart_nets.zoo.lint.logging_conf import logging_faults
from smart_nets.zoo.lint.metadata import metadata_faults

PACKAGE = "smart_nets"
REQUIRED = ("LICENSE", f"configs/{METADATA}", "configs/inference.json", "docs/README.md")
CODE = (".py", ".pyc", ".pyd", ".so")


def lint(folder: str | Path) -> list[Fault]:
    """All faults of a bundle (a folder with configs/), or of every bundle in a folder.

    Args:
        folder: whose path the faults' paths begin with.

    Raises:
        InputError: there is no bundle.
    """
    folder = Path(folder)
    bundles = (
        [folder] if (folder / "configs").is_dir() else sorted(p.parent for p in folder.glob("*/configs") if p.is_dir())
    )
    if not bundles:
        raise InputError(
            "holds no bundle", where=folder, expected="configs, or folders that have it", remedy="check the path"
        )
    own = Package(Path(smart_nets.__path__[0]))
    return [fault for bundle in bundles for fault in dict.fromkeys(_bundle_faults(bundle, own))]


def _bundle_faults(bundle: Path, own: Package) -> Iterator[Fault]:
    yield from (Fault(bundle / name, "", "is missing") for name in REQUIRED if not (bundle / name).is_file())
    yield from _code_faults(bundle)
    files = {}
    for path in sorted((bundle / "configs").iterdir()):
        if path.suffix == ".json":
            files[path], found = read_texts(path)
            yield from found
        elif path.suffix == ".conf":
            yield from logging_faults(path)
        else:
            yield Fault(path, "", "is not checked", "files .json and .conf in configs", remedy="write it as JSON")
    vendored = bundle / PACKAGE
    yield from config_faults(files, Package(vendored) if vendored.is_dir() else own)
    metadata = files.get(bundle / "configs" / METADATA)
    if metadata is not None:
        yield from metadata_faults(bundle / "configs" / METADATA, metadata)


def _code_faults(bundle: Path) -> Iterator[Fault]:
    """Code anywhere but in the copy of smart_nets: a bundle is JSON, conf and docs."""
    for folder, inside, names in os.walk(bundle):
        inside[:] = sorted(name for name in inside if not (Path(folder) == bundle and name == PACKAGE))
        for name in sorted(names):
            if name.endswith(CODE):
                path = Path(folder) / name
                yield Fault(path, "", "is code in a bundle", "JSON, conf and docs", remedy=f"move it to {PACKAGE}")
