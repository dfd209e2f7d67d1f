"""A bundle's network as TorchScript, torch.export program and ONNX, each compared with the network itself."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from smart_nets.errors import CheckpointError, ConfigError, InputError
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.weights.build import build_classifier, build_segmenter, load_encoder
from smart_nets.weights.io import FED, kind_of, load_weights, read_card

TOLERANCE = 1e-3  # of the largest output, by which an exported network may differ before it is refused
ENDINGS = {"torchscript": "ts", "export": "pt2", "onnx": "onnx"}


@dataclass(frozen=True)
class Export:
    """One file: its format, and the largest difference of its output from the network's, over the largest output."""

    format: str
    path: Path
    difference: float


def export(model: str | Path, output_dir: str | Path, formats: tuple[str, ...] = tuple(ENDINGS)) -> list[Export]:
    """Write the network of a model for the crop size of its card, and compare it on another input.

    Encoders are exported as what inference shows, the attention map; classifiers as their scores. The batch is free in
    TorchScript only; sizes are those of the card everywhere.

    Args:
        model: weights with their card.
        formats: some of "torchscript", "export", "onnx".

    Raises:
        ConfigError: an unknown format. CheckpointError: a model that cannot be loaded, or an export that differs from it.
        InputError: ONNX without its packages.
    """
    unknown = set(formats) - set(ENDINGS)
    if unknown:
        raise ConfigError(
            "is no format", where="formats", expected=", ".join(ENDINGS), found=", ".join(sorted(unknown))
        )
    card = read_card(model, FED)
    network = _network(model, card)
    size = [int(side) for side in card["crop_size"]]
    generator = torch.Generator().manual_seed(0)
    example, other = (torch.rand(1, 1, *size, generator=generator) for _ in range(2))
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name in formats:
        path = folder / f"model.{ENDINGS[name]}"
        path.unlink(missing_ok=True)  # a link would lead what is written to another file
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes become constants, as they should; TorchScript is on its way out
            run = WRITERS[name](network, example, path)
            expected, found = network(other), run(other)
        difference = float((found - expected).abs().max() / expected.abs().max())
        if not (math.isfinite(difference) and difference <= TOLERANCE):
            limit, told = f"at most {TOLERANCE:g}", f"{difference:.2g}"
            remedy = "use another format"
            raise CheckpointError(
                "exported network differs from its own", where=path, expected=limit, found=told, remedy=remedy
            )
        made.append(Export(name, path, difference))
    return made


def _network(model: str | Path, card: dict[str, Any]) -> nn.Module:
    if kind_of(card) == "encoder":
        return AttentionNet(load_encoder(model)).eval()
    if kind_of(card) == "segmenter":
        segmenter = build_segmenter(card)
        load_weights(segmenter, model, left_out=("coarse.",))
        return segmenter.eval()
    classifier = build_classifier(card)
    load_weights(classifier, model)
    return classifier.eval()


def _torchscript(network: nn.Module, example: Tensor, path: Path) -> Callable[[Tensor], Tensor]:
    torch.jit.save(torch.jit.trace(network, example), str(path))
    return torch.jit.load(str(path))


def _program(network: nn.Module, example: Tensor, path: Path) -> Callable[[Tensor], Tensor]:
    torch.export.save(torch.export.export(network, (example,)), path)
    return torch.export.load(path).module()


def _onnx(network: nn.Module, example: Tensor, path: Path) -> Callable[[Tensor], Tensor]:
    try:
        runtime = importlib.import_module("onnxruntime")
        importlib.import_module("onnxscript")
    except ImportError as error:
        raise InputError(
            "needs onnxscript, onnxruntime", where="format onnx", found=error, remedy="pip install 'smart-nets[export]'"
        ) from error
    torch.onnx.export(network, (example,), path, dynamo=True, external_data=False, verbose=False)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: torch.from_numpy(session.run(None, {name: x.numpy()})[0])


WRITERS: dict[str, Callable[[nn.Module, Tensor, Path], Callable[[Tensor], Tensor]]] = {
    "torchscript": _torchscript,
    "export": _program,
    "onnx": _onnx,
}
