"""One self-contained archive per bundle, with hashes, a bill of materials and the zoo's model_info.json beside them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from smart_nets.errors import InputError
from smart_nets.files import DRAFT, bundles_folder, check_output, write_bytes, write_text
from smart_nets.zoo.archive import write_zip
from smart_nets.zoo.contents import VARIANTS, contents
from smart_nets.zoo.sbom import bill_of_materials
from smart_nets.zoo.sums import SIGNATURE, SUMS, load_key, sign, write_sums

INFO = "model_info.json"
BILL = "sbom.cdx.json"
NAMES = (
    rf"({'|'.join(variant.name for variant in VARIANTS)})_v[\d.]+\.(zip|cdx\.json)"
    rf"|{re.escape(SUMS)}|{re.escape(SIGNATURE)}|{re.escape(INFO)}"
)
OWN = re.compile(rf"({NAMES})|\.({NAMES}){DRAFT}")  # drafts, too: a call that was killed leaves them


def package(
    output_dir: str | Path,
    bundles: str | Path | None = None,
    names: Sequence[str] = (),
    without_weights: bool = False,
    base_url: str = "",
    key: str | Path | None = None,
) -> list[Path]:
    """Write NAME_vVERSION.zip of every bundle, SHA256SUMS and model_info.json; the same content gives the same bytes.

    Bundles that MONAI Label can serve are written a second time, under a name that tells it the task.

    Args:
        output_dir: an empty folder, or one that this function filled before.
        bundles: the folder of the bundles; beside the package if None.
        names: only these archives; all if empty.
        without_weights: also bundles that have no models/model.pt, and none in the archives.
        base_url: of the server they will lie on; told in model_info.json.
        key: a private Ed25519 key (PEM) to sign SHA256SUMS with.

    Returns:
        the archives.

    Raises:
        InputError: no such bundle or key, faults that lint finds, or other files in the folder. CheckpointError: no or
            damaged weights.
    """
    root = Path(bundles) if bundles is not None else bundles_folder()
    known = [variant.name for variant in VARIANTS]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise InputError("is no bundle", where=", ".join(unknown), expected=", ".join(known))
    folder = Path(output_dir).expanduser()
    check_output(folder)
    if key is not None:
        load_key(key, private=True)  # tells now what is wrong with it, before an earlier release is removed
    every = {
        variant: contents(root, variant, without_weights) for variant in VARIANTS if not names or variant.name in names
    }
    _make_room(folder)
    archives, info = [], {}
    for variant, files in every.items():
        metadata = json.loads(files[f"{variant.name}/configs/metadata.json"])
        files[f"{variant.name}/{BILL}"] = bill_of_materials(variant.name, metadata, files)
        full = f"{variant.name}_v{metadata['version']}"
        archives.append(folder / f"{full}.zip")
        write_zip(archives[-1], files)
        write_bytes(folder / f"{full}.cdx.json", files[f"{variant.name}/{BILL}"])
        sha1 = hashlib.sha1(
            archives[-1].read_bytes(), usedforsecurity=False
        ).hexdigest()  # the zoo's format asks for it
        info[full] = {"checksum": sha1, "source": f"{base_url.rstrip('/')}/{full}.zip" if base_url else f"{full}.zip"}
    write_text(folder / INFO, json.dumps(info, indent=4) + "\n")
    sums = write_sums(folder, [path.name for path in folder.iterdir()])
    if key is not None:
        sign(sums, key)
    return archives


def _make_room(folder: Path) -> None:
    """Remove what an earlier call wrote; refuse to mix with anything else."""
    folder.mkdir(parents=True, exist_ok=True)
    foreign = [one.name for one in sorted(folder.iterdir()) if not (one.is_file() and OWN.fullmatch(one.name))]
    if foreign:
        found, remedy = ", ".join(foreign[:3]), "give another output_dir; nothing was deleted"
        raise InputError("holds other files", where=folder, expected="an empty folder", found=found, remedy=remedy)
    for path in folder.iterdir():
        path.unlink()
