"""Read bundles as texts and list what is wrong with them, before anything of them runs.

A MONAI configuration is code: whoever runs a bundle runs what its files say. `lint` evaluates nothing, imports nothing that
a file names, and lists every fault with its file and key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import smart_nets
from smart_nets.errors import InputError
from smart_nets.files import is_litter
from smart_nets.zoo.lint.config import METADATA, config_faults
from smart_nets.zoo.lint.defined import Package
from smart_nets.zoo.lint.fault import Fault
from smart_nets.zoo.lint.json_text import read_texts
from smart_nets.zoo.lint.logging_conf import logging_faults
from smart_nets.zoo.lint.metadata import metadata_faults

PACKAGE = "smart_nets"
MOST_CONFIGS, MOST_ROWS = 20, 60  # each is laid over train.json
ROWS = "methods"  # folder in configs of further overlays
PIN = "signed_by.json"  # whose signature an installed bundle came with; `install` writes it, no archive may have it
REQUIRED = ("LICENSE", f"configs/{METADATA}", "configs/inference.json", "docs/README.md")
CODE = re.compile(
    r".*\.(py[a-z]?|so(\.\d+)*|dylib|dll|exe|sh|bat|cmd|ps1|pth|jar|js)"
)  # named in the fault; no other use
RUNS = (
    "eval",
    "cache",
    "results",
    "runs",
    "mlruns",
    "output",
)  # folders of a bundle that was used; no archive has them
MAY = re.compile(  # all that a bundle may hold beside them
    r"LICENSE|sbom\.cdx\.json|configs/[\w-]+\.(json|conf)|configs/methods/[\w-]+\.json|docs/[\w-]+(\.[\w-]+)*\.(md|txt|png|jpg|svg)"
    r"|models/[\w-]+(\.[\w-]+)*\.(pt|json)|smart_nets/([\w]+/)*\w+\.(py|html|css|json)",
    re.ASCII,
)


def lint(folder: str | Path, released: bool = False) -> list[Fault]:
    """All faults of a bundle (a folder with configs/), or of every bundle in a folder.

    Args:
        folder: whose path the faults' paths begin with.
        released: whether it came out of an archive, where nobody has run it yet: no folder of results may be there.

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
    return [fault for bundle in bundles for fault in dict.fromkeys(_bundle_faults(bundle, own, released))]


def _bundle_faults(bundle: Path, own: Package, released: bool) -> Iterator[Fault]:
    yield from (Fault(bundle / name, "", "is missing") for name in REQUIRED if not (bundle / name).is_file())
    yield from _file_faults(bundle, released)
    files = {}
    paths = sorted((bundle / "configs").iterdir())
    if len(paths) > MOST_CONFIGS:
        yield Fault(bundle / "configs", "", "holds too many configurations", f"{MOST_CONFIGS}", f"{len(paths)}")
        return
    rows = sorted((bundle / "configs" / ROWS).glob("*")) if (bundle / "configs" / ROWS).is_dir() else []
    if len(rows) > MOST_ROWS:
        yield Fault(bundle / "configs" / ROWS, "", "holds too many configurations", f"{MOST_ROWS}", f"{len(rows)}")
        return
    twice = {path.name for path in paths} & {path.name for path in rows}
    yield from (
        Fault(bundle / "configs" / ROWS / name, "", "has a name of configs", "another") for name in sorted(twice)
    )
    for path in [*paths, *(row for row in rows if row.name not in twice)]:
        if path.name == ROWS and path.is_dir():
            continue
        if path.suffix == ".json" and path.is_file():
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


def _file_faults(bundle: Path, released: bool) -> Iterator[Fault]:
    """Files that are none of a bundle's own; in folders of results, which are the user's, only what could run or leads out."""
    for folder, inside, names in os.walk(bundle):
        here = Path(folder).relative_to(bundle)
        inside[:] = sorted(name for name in inside if name != "__pycache__" or released)
        of_user = not released and here.parts[:1] and here.parts[0] in RUNS
        for name in sorted([*names, *(one for one in inside if (Path(folder) / one).is_symlink())]):
            path, place = Path(folder) / name, (here / name).as_posix()
            if path.is_symlink() and not of_user:
                yield Fault(path, "", "is a link", "files", remedy="put the file itself there")
            elif CODE.fullmatch(name.lower()) and here.parts[:1] != (PACKAGE,):
                yield Fault(path, "", "is code in a bundle", "JSON, conf and docs", remedy=f"move it to {PACKAGE}")
            elif not (
                of_user
                or here.parts[:1] == ("configs",)
                or (is_litter(name) and not released)
                or (place == PIN and not released)
                or MAY.fullmatch(place)
            ):
                expected = "LICENSE, configs/*.json, docs/*.md, models/*.pt with their cards, the code of smart_nets"
                yield Fault(path, "", "is no file of a bundle", expected, remedy="leave it out")
