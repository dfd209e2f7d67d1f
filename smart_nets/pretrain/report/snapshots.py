"""What the networks saw and painted on a few fixed crops: the raw material of the report's pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.networks.utils import eval_mode
from torch import Tensor

from smart_nets.files import whole
from smart_nets.lists.cache import VolumeCache
from smart_nets.networks.cells import expand, grid_of
from smart_nets.pages.record import read_arrays
from smart_nets.pretrain.co_distillation import CoDistillation
from smart_nets.scans.crop import crop_or_pad
from smart_nets.scans.read import read_options
from smart_nets.scans.window import window_hu


class Snapshots:
    """Handler: keeps attention before training; at the end masks, reconstructions and attention; rank 0 only.

    Args:
        network: the CoDistillation (wrapped or not).
        crops: (n, 1, D, H, W) in [0, 1], always the same.
        path: of snapshots.npz.
        spacing: mm.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        crops: Tensor,
        path: str | Path,
        spacing: tuple[float, float, float],
        rank: int = 0,
    ) -> None:
        self.network, self.crops, self.path, self.spacing, self.rank = network, crops, Path(path), spacing, rank

    def attach(self, engine: Engine) -> None:
        if self.rank == 0:
            engine.add_event_handler(Events.STARTED, self.start)
            engine.add_event_handler(Events.COMPLETED, self.after)

    def start(self, engine: Engine) -> None:
        self.before()
        if not engine.state.iteration:
            self._save()
            return
        self.arrays.pop("attention_before", None)  # what the weights of a run that goes on see now is not "before"
        kept = read_arrays(self.path)
        self.arrays |= {name: kept[name] for name in ("attention_before",) if name in kept}

    def before(self) -> None:
        self.arrays = {"image": self.crops[:, 0].numpy(), "spacing": np.asarray(self.spacing, dtype=np.float32)}
        self._attention("attention_before")

    @torch.no_grad()
    def after(self) -> None:
        self._attention("attention_after")
        model, crops = self._model(), self._to_device()
        size = grid_of(crops.shape[2:], 1)
        with eval_mode(model.student), torch.random.fork_rng():
            torch.manual_seed(0)
            seen = model.look(crops)
        for name, mask in (("mask", seen.hidden), ("dropped", seen.dropped)):
            if mask is not None:
                self.arrays[name] = mask.reshape(-1, *_grid(mask, size)).cpu().numpy()  # (n, N) -> (n, d, h, w)
        if seen.painted is not None:
            painted = torch.where(expand(seen.hidden, size), seen.painted[:, 0], crops[:, 0])
            self.arrays["reconstruction"] = painted.float().cpu().numpy()
        self._save()

    def _save(self) -> None:
        with whole(self.path) as draft, draft.open("wb") as file:
            np.savez_compressed(file, **self.arrays)  # type: ignore[arg-type]

    def _model(self) -> CoDistillation:
        model = getattr(self.network, "module", self.network)
        assert isinstance(model, CoDistillation)
        return model

    def _to_device(self) -> Tensor:
        return self.crops.to(next(self.network.parameters()).device)

    @torch.no_grad()
    def _attention(self, name: str) -> None:
        encoder = self._model().student.encoder
        with eval_mode(encoder):
            encoding = encoder(self._to_device())
        if encoding.attention is not None:
            attention = relative(encoding.satt).reshape(-1, *encoding.grid)  # (n, N) -> (n, d, h, w)
            self.arrays[name] = attention.cpu().numpy()


def relative(attention: Tensor) -> Tensor:
    """Attention (n, N) scaled so that uniform attention is 1 everywhere."""
    return attention / attention.mean(dim=1, keepdim=True)


def _grid(mask: Tensor, size: tuple[int, ...]) -> tuple[int, int, int]:
    cell = round((torch.Size(size).numel() / mask.shape[1]) ** (1 / 3))
    return grid_of(size, cell)


def probe_crops(
    datalist: Sequence[Mapping[str, Any]],
    cache: VolumeCache,
    size: Sequence[int],
    window: tuple[float, float],
    count: int = 3,
) -> Tensor:
    """The middle of the first `count` scans, always the same: (n, 1, D, H, W) in [0, 1]."""
    crops = []
    for item in datalist[:count]:
        scan = cache.get(item["image"], **read_options(item)).array
        start = (np.asarray(scan.shape) - np.asarray(size)) // 2
        crops.append(window_hu(torch.from_numpy(crop_or_pad(scan, start, np.asarray(size)).copy()), *window))
    return torch.stack(crops).unsqueeze(1)  # n of (D, H, W) -> (n, 1, D, H, W)
