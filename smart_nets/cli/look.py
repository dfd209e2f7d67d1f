"""The verbs `attend` and `heads`: where a model looks, and how its attention heads differ."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from smart_nets.cli.parse import listed
from smart_nets.errors import ConfigError
from smart_nets.files import check_exists, check_output, write_json
from smart_nets.lists.cache import VolumeCache
from smart_nets.lists.manifest import datalist
from smart_nets.localize.attend import attend as show
from smart_nets.localize.attend import network_card
from smart_nets.localize.marking import Marking
from smart_nets.localize.regions import Region
from smart_nets.pretrain.attention_heads.figures import head_diversity
from smart_nets.pretrain.attention_heads.page import write_heads_report
from smart_nets.pretrain.report.snapshots import probe_crops
from smart_nets.weights.build import load_encoder
from smart_nets.weights.default_model import shipped_model

SHIPPED = "small"  # as the shipped encoder is called in pictures
NAME = r"[\w+()-][\w .+()-]{0,39}"  # of a model
NAME_IN_WORDS = "up to 40 letters, digits, spaces and . _ + ( ) -"


def attend(
    scan: str,
    output_dir: str,
    model: str = "",
    tumour: str = "",
    tumour_region: str = "",
    series: str | None = None,
    percentile: float = 90,
    region: Region = "body",
    components: int = 0,
    smallest_ml: float = 0.0,
    spacing: float | None = None,
    crop: int | None = None,
    overlap: float = 0.5,
    head: int | None = None,
    block: int = -1,
) -> None:
    """Show where models look in a scan: attention and mask as NIfTI and DICOM SEG, pictures, report.html.

    Args:
        scan: a file, or the folder of a DICOM series.
        output_dir: where to write.
        model: weights with the card beside them, several joined by commas, each as path or name=path; "random" for fresh
            weights. Without one, the encoder that the project ships.
        tumour: mask of the tumour to outline and to measure against; several readers joined by commas.
        tumour_region: name of the tumour in that file, where it holds several regions (RTSTRUCT, SEG), or the number of its
            label; one for all files, or as many, joined by commas.
        series: SeriesInstanceUID, where the folder holds several.
        percentile: of the region; what is above it is marked.
        region: "image", "body" or "lungs".
        components: connected pieces to keep, highest peaks first; 0 keeps all.
        smallest_ml: smaller pieces are left out.
        spacing: voxel size in mm; default that of the model's card.
        crop: voxels of a window; default that of the model's card.
        overlap: of neighbouring windows.
        head: one attention head from 0; default the mean over heads.
        block: of the [CLS] attention, from 0; default the last.
    """
    scan, output_dir = _home(scan), _home(output_dir)
    check_exists(scan)
    check_output(output_dir)
    marking = Marking(percentile, region, components, smallest_ml)
    models = _models(model)
    report = show(
        scan,
        models,
        output_dir,
        marking,
        tumour=[_home(path) for path in listed(tumour)],
        tumour_region=listed(tumour_region),
        series=series,
        spacing=None if spacing is None else [spacing] * 3,
        crop_size=None if crop is None else [crop] * 3,
        overlap=overlap,
        head=head,
        block=block,
    )
    print(f"maps:   {output_dir}\nreport: {report}")


def heads(data: str, output_dir: str, model: str = "", scans: int = 4) -> None:
    """Measure how widely, how far and how differently attention heads look; write heads.json and heads.html.

    Args:
        data: folder or datalist of scans, or one scan; the middle of each is looked at.
        output_dir: where to write.
        model: as for `attend`, without "random".
        scans: how many.
    """
    output_dir = _home(output_dir)
    check_output(output_dir)
    if not isinstance(scans, int) or scans < 1:
        raise ConfigError("is no count", where="scans", expected="1 or more", found=scans)
    items = datalist(_home(data))[:scans]
    models = {name: (network_card(path), load_encoder(path)) for name, path in _models(model).items()}
    found: dict[str, Any] = {"crops": len(items), "models": {}}
    for name, (card, encoder) in models.items():
        with tempfile.TemporaryDirectory() as cache:  # voxels of patients must not stay behind
            volumes = VolumeCache(cache, card["spacing"])
            crops = probe_crops(items, volumes, card["crop_size"], card["hu_window"], len(items))
        found["models"][name] = head_diversity(encoder, crops, card["spacing"])
    for key in ("spacing", "crop_size"):  # models may differ in them
        values = [card[key] for card, _ in models.values()]
        found |= {key: values[0]} if values == values[:1] * len(values) else {}
    target = Path(output_dir) / "heads.json"
    write_json(target, found)
    print(f"report: {write_heads_report(target)}")


def _models(model: str) -> dict[str, str]:
    """Name -> path of every model; the shipped one if none is given."""
    named = [_named(text) for text in listed(model)]
    for name, count in Counter(name.lower() for name, _ in named).items():  # they become file names, on any disk
        if not re.fullmatch(NAME, name):
            remedy = "give name=PATH"
            raise ConfigError(
                "cannot be the name of a model", where="model", expected=NAME_IN_WORDS, found=name, remedy=remedy
            )
        if count > 1:
            found, remedy = f"{count} x {name}", "name them: first=PATH,second=PATH"
            what, expected = "models have the same name", "one of each name"
            raise ConfigError(what, where="model", expected=expected, found=found, remedy=remedy)
    return dict(named) or {SHIPPED: str(shipped_model())}


def _named(text: str) -> tuple[str, str]:
    """name=path, or a path that is named after the run that made it: run/models/model.pt is "run"."""
    name, told, path = text.partition("=")
    if told and "/" not in name:  # a folder of a path may hold the sign, too
        if not (name and path):
            raise ConfigError("is neither a path nor name=path", where="model", found=text)
        return name, path if path == "random" else _home(path)
    folder = Path(_home(text)).absolute().parent
    run = folder.parent if folder.name == "models" else folder
    return ("random", text) if text == "random" else (run.name, _home(text))


def _home(path: str) -> str:
    """A path with ~ spelt out: the shell leaves it in name=~/model.pt."""
    return str(Path(str(path)).expanduser())
