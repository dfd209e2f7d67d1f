"""What goes into a bundle's archive: its own files, one model with its card, and the package that it runs with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import smart_nets
from smart_nets.errors import CheckpointError, InputError
from smart_nets.weights.default_model import own_or_shipped
from smart_nets.weights.io import card_path, kind_of, read_card
from smart_nets.zoo.lint.bundle import lint

FOLDERS = ("configs", "docs")
OVERLAY = "monai_label.json"
FOR_LABEL = ("configs/metadata.json", "configs/inference.json", "configs/logging.conf")
MODEL = Path("models") / "model.pt"


@dataclass(frozen=True)
class Variant:
    """A bundle under the name it is handed out by; MONAI Label guesses the task from it."""

    bundle: str
    name: str

    @property
    def for_label(self) -> bool:
        return self.name != self.bundle


VARIANTS = (
    Variant("smart_pretrain", "smart_pretrain"),
    Variant("smart_lidc_classify", "smart_lidc_classify"),
    Variant("smart_lidc_classify", "smart_lidc_classification"),
    Variant("smart_zeroshot_seg", "smart_zeroshot_seg"),
    Variant("smart_zeroshot_seg", "smart_zeroshot_segmentation"),
    Variant("smart_organ_cluster", "smart_organ_cluster"),
    Variant("smart_segment", "smart_segment"),
)
PACKAGED = (".py", ".html", ".css", ".json")  # of smart_nets: code, templates, the schema


def contents(bundles: Path, variant: Variant, without_weights: bool = False) -> dict[str, bytes]:
    """Name in the archive -> content, for one variant.

    Raises:
        InputError: there is no such bundle, or lint finds a fault. CheckpointError: no weights, or damaged ones.
    """
    bundle = bundles / variant.bundle
    faults = lint(bundle)
    if faults:
        raise InputError(
            f"bundle has {len(faults)} faults", where=bundle, found=faults[0], remedy="see them all with `zoo lint`"
        )
    files = {"LICENSE": (bundle / "LICENSE").read_bytes()}
    for folder in FOLDERS:
        for path in sorted((bundle / folder).rglob("*")):
            if path.is_file():
                files[path.relative_to(bundle).as_posix()] = path.read_bytes()
    if variant.for_label:
        files = _for_label(files, variant)
    files.pop(f"configs/{OVERLAY}", None)
    if not without_weights:
        files |= weights(bundle)
        files |= _named_classes(files, variant)
    files |= package_files()
    return {f"{variant.name}/{name}": content for name, content in files.items()}


def _for_label(files: Mapping[str, bytes], variant: Variant) -> dict[str, bytes]:
    """The files under the variant's name, with inference as MONAI Label needs it, and nothing to train.

    MONAI Label trains with pairs of an image and a label image; a lesion's class and place have no room in them.
    """
    changed = {
        name: content.replace(f"'{variant.bundle}'".encode(), f"'{variant.name}'".encode())
        for name, content in files.items()
        if name in FOR_LABEL or name == f"configs/{OVERLAY}"
    }
    overlay = changed.get(f"configs/{OVERLAY}")
    if overlay is not None:
        inference = json.loads(changed["configs/inference.json"]) | json.loads(overlay)
        changed["configs/inference.json"] = (json.dumps(inference, indent=4) + "\n").encode()
    return {name: content for name, content in files.items() if not name.startswith("configs/")} | changed


def _named_classes(files: Mapping[str, bytes], variant: Variant) -> dict[str, bytes]:
    """What names the answers of this very model: metadata, which MONAI Label shows, and of a segmenter what it trains on.

    A server's labels change from one training to the next, so that none goes on with the state of another.
    """
    card = json.loads(files[card_path(MODEL).as_posix()])
    labels = card.get("labels")
    classes = ["background", *labels] if labels else card.get("classes") if variant.for_label else None
    if not classes:
        return {}
    metadata = json.loads(files["configs/metadata.json"])
    pred = metadata["network_data_format"]["outputs"]["pred"]
    pred |= {
        "num_channels": len(classes),
        "channel_def": {str(number): str(name) for number, name in enumerate(classes)},
    }
    changed = {"configs/metadata.json": metadata}
    if labels:  # MONAI Label gives label maps with the channels' numbers
        train = json.loads(files["configs/train.json"])
        numbered = {name: number for number, name in enumerate(labels, start=1)}
        changed["configs/train.json"] = train | {"unsourced_labels": numbered, "resume": False, "pretrained": "none"}
    return {name: (json.dumps(content, indent=4) + "\n").encode() for name, content in changed.items()}


def weights(bundle: Path) -> dict[str, bytes]:
    """models/model.pt and its card; no other file of models/, since MONAI Label takes the one with the shortest name.

    A bundle that answers with an encoder carries the shipped one until it has its own.
    """
    kind = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8")).get("model_kind", "encoder")
    path = Path(own_or_shipped(bundle, package=False)) if kind == "encoder" else bundle / MODEL
    if not path.is_file():
        remedy = "train it, or give --without_weights"
        raise CheckpointError("has no weights", where=bundle, expected=path, remedy=remedy)
    from smart_nets.weights.build import load_encoder

    load_encoder(path)  # it is whole, and its tensors fit what the card describes, name by name
    if kind_of(read_card(path)) != kind:
        remedy = "copy the weights that were made for this bundle"
        raise CheckpointError(
            "has weights of another kind", where=path, expected=kind, found=kind_of(read_card(path)), remedy=remedy
        )
    return {MODEL.as_posix(): path.read_bytes(), card_path(MODEL).as_posix(): card_path(path).read_bytes()}


def package_files() -> dict[str, bytes]:
    """smart_nets/ as it is installed here: code, and the templates and schemas that lie beside it."""
    root = Path(smart_nets.__path__[0])
    apart = {"__pycache__", "bundles"}  # an installed package carries the bundles
    files = sorted(
        path for path in root.rglob("*") if path.suffix in PACKAGED and not apart & {*path.relative_to(root).parts}
    )
    return {f"smart_nets/{path.relative_to(root).as_posix()}": path.read_bytes() for path in files}
