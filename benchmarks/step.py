"""The whole pretraining step against the same step on MONAI's encoder, in one process, taking turns.

    python benchmarks/step.py [--repeats 3] [--against CHECKOUT]

Rows: the paper's step at 128^3 with 70 % hidden (time, on a CPU in the ways of `machine.WAYS`; peak memory of a process
of its own), `small` and `tiny`, and the bytes that the operators of the encoder read and write. With `--against`, the
steps of `small` and `tiny` are also timed with the package of another checkout. Writes benchmarks/results/step.json.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fire
import torch
from machine import WAYS, in_way, write
from monai.networks.nets.swin_unetr import SwinTransformer as MonaiSwin
from torch import Tensor, nn

from smart_nets.networks.encoder import Encoder, SmartEncoder
from smart_nets.pretrain.co_distillation import CoDistillation
from smart_nets.pretrain.masking import StudentMask
from smart_nets.pretrain.taps import Taps
from smart_nets.training.optimisation import clip_each, parameter_groups

RESULTS = Path(__file__).parent / "results" / "step.json"
SMALL: dict[str, Any] = {
    "embed_dim": 16,
    "depths": (1, 1, 2, 1),
    "num_heads": (1, 2, 4, 8),
    "sa_stage": 2,
    "sa_heads": 4,
}
SMALL |= {"sa_position": "sincos", "input_mean": 0.35, "input_std": 0.35, "init_gain": 0.5}
VIEWS = {"paper": (2, 128), "small": (48, 32), "tiny": (32, 32)}  # views of a step, their side


class MonaiMaps(nn.Module):
    """MONAI's Swin transformer behind the two calls that `SmartEncoder` makes."""

    def __init__(self, embed_dim: int, depths: tuple[int, ...], heads: tuple[int, ...]) -> None:
        super().__init__()
        sizes: dict[str, Any] = {"embed_dim": embed_dim, "depths": depths, "num_heads": heads, "drop_path_rate": 0.1}
        shape: dict[str, Any] = {"in_chans": 1, "window_size": (4, 4, 4), "patch_size": (2, 2, 2), "spatial_dims": 3}
        self.net = MonaiSwin(**sizes, **shape, patch_norm=True, downsample="mergingv2")

    def both(self, x: Tensor, mask: Tensor | None, token: Tensor, stages: int) -> tuple[list[Tensor], list[Tensor]]:
        x = self.net.patch_embed(x)
        if mask is not None:
            x = torch.where(mask.unsqueeze(1), token.to(x.dtype).view(1, -1, 1, 1, 1), x)
        maps = [x]
        for stage in (self.net.layers1, self.net.layers2, self.net.layers3, self.net.layers4)[:stages]:
            maps.append(stage[0](maps[-1].contiguous()))
        return maps, maps[1:]


class MonaiEncoder(SmartEncoder):
    """The encoder of this project with MONAI's Swin transformer in it."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        of = {"embed_dim": 48, "depths": (2, 2, 8, 2), "num_heads": (4, 4, 8, 16)} | settings
        self.swin = MonaiMaps(of["embed_dim"], of["depths"], of["num_heads"])  # type: ignore[assignment]


def network(kind: str, encoder: Callable[..., Encoder]) -> CoDistillation:
    """The method at the size of the paper, or of the presets small and tiny, on an encoder."""
    if kind == "paper":
        return CoDistillation(encoder()).train()
    weights = {"amip": 1.0, "ampd": 0.1, "aitd": 0.3, "gitd": 0.3, "koleo": 0.3}
    heads: dict[str, Any] = {
        "out_dim": 1024,
        "hidden": 512,
        "bottleneck": 128,
        "head_layers": 1,
        "centring": "sinkhorn",
    }
    rest: dict[str, Any] = {"drop_grid": "patch", "taps": Taps(image_stage=3), "image_start": 0.3}
    mask = StudentMask(ratio=0.6, share=0.5)
    standardised = ("aitd", "gitd")
    return CoDistillation(encoder(**SMALL), mask, weights, **heads, **rest, standardised_heads=standardised).train()


def stepper(kind: str, encoder: Callable[..., Encoder], precision: str) -> Callable[[Tensor], float]:
    """A function that takes one step on some views and tells its seconds."""
    model = network(kind, encoder)
    optimizer = torch.optim.AdamW(parameter_groups(model), lr=1e-4)

    def step(views: Tensor) -> float:
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            out = model(views)
        out["loss"].backward()
        clip_each(model.parameters(), 3.0)
        optimizer.step()
        optimizer.zero_grad()
        model.after_step(0.996)
        return time.perf_counter() - start

    return step


def views_of(kind: str) -> Tensor:
    count, side = VIEWS[kind]
    return torch.rand(count, 1, side, side, side)


def compare(kind: str, precision: str, repeats: int) -> dict[str, Any]:
    """Both steps, taking turns."""
    torch.manual_seed(0)
    views = views_of(kind)
    steps = {"ours": stepper(kind, SmartEncoder, precision), "monai": stepper(kind, MonaiEncoder, precision)}
    turns = [{name: step(views) for name, step in steps.items()} for _ in range(repeats + 1)][1:]
    ratios = [turn["monai"] / turn["ours"] for turn in turns]
    row = {f"{name}_s": round(statistics.median(turn[name] for turn in turns), 3) for name in steps}
    row |= {"times_faster": round(statistics.median(ratios), 2), "lowest": round(min(ratios), 2)}
    return {"step": kind, "precision": precision, **row, "highest": round(max(ratios), 2)}


def alone(kind: str, name: str, repeats: int) -> float:
    """Median seconds of ours or MONAI's step, nothing else in the process."""
    torch.manual_seed(0)
    views, step = views_of(kind), stepper(kind, SmartEncoder if name == "ours" else MonaiEncoder, "float32")
    return statistics.median([step(views) for _ in range(repeats + 1)][1:])


def peak(name: str) -> float:
    """GB that a process of its own occupies at most in two steps of the paper's size."""
    alone("paper", name, 1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def before(checkout: str, kind: str, repeats: int) -> dict[str, Any]:
    """Our step with this package and with that of another checkout, in processes that take turns."""
    code = f"from step import alone; print(alone({kind!r}, 'ours', {repeats}))"
    here, times = Path(__file__).parent, []
    for _ in range(3):
        turn = []
        for package in (str(here.parent), checkout):
            environment = {**os.environ, "PYTHONPATH": f"{package}:{here}"}
            done = subprocess.run(
                [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
            )
            turn.append(float(done.stdout.splitlines()[-1]))
        times.append(turn)
    now, then = (statistics.median(turn[i] for turn in times) for i in (0, 1))
    return {"step": kind, "now_s": round(now, 3), "then_s": round(then, 3), "times_faster": round(then / now, 2)}


def times(
    ways: tuple[str, ...], precisions: tuple[str, ...], repeats: int, known: list[dict[str, Any]]
) -> Iterator[list[dict[str, Any]]]:
    """All rows after each step, precision and way that was measured; what is not measured keeps its last row."""
    rows = {(row["way"], row["step"], row["precision"]): row for row in known}
    for way in ways:
        for kind, precision in (("paper", "float32"), ("paper", "bf16"), ("small", "float32"), ("tiny", "float32")):
            if precision in precisions and (precision == "float32" or way == "jemalloc"):
                row = in_way(way, "step", "compare", kind, precision, repeats if kind == "paper" else 3 * repeats)
                if row:
                    rows[way, kind, precision] = {"way": way, **row}
                    print(json.dumps(rows[way, kind, precision]), flush=True)
                yield sorted(rows.values(), key=lambda row: (list(VIEWS).index(row["step"]), WAYS.index(row["way"])))


def main(
    parts: Any = ("times", "memory", "bytes"),
    ways: Any = WAYS,
    precisions: Any = ("float32",),
    repeats: int = 3,
    against: str | None = None,
) -> None:
    """Measures, prints and writes; parts that are not measured keep their last results.

    Args:
        parts: some of "times", "memory", "bytes".
        ways: of `machine.WAYS`, for the times.
        precisions: float32, bf16 or both; processors without bf16 take minutes for a step of the paper's size.
        repeats: timed turns of the paper's step; three times as many of the small ones.
        against: folder of another checkout, for a table of "before".
    """
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept = {name: results[name] for name in ("rows", "peak_gb", "bytes", "before") if name in results}
    ways, precisions = (tuple(one) if isinstance(one, (tuple, list)) else (one,) for one in (ways, precisions))
    for rows in times(ways, precisions, repeats, kept.get("rows", [])) if "times" in parts else ():
        kept["rows"] = rows
        write(RESULTS, "python benchmarks/step.py", repeats=repeats, **kept)
    if "memory" in parts:
        memory = {name: round(in_way("as it is", "step", "peak", name), 2) for name in ("ours", "monai")}
        kept["peak_gb"] = memory | {"ratio": round(memory["ours"] / memory["monai"], 2)}
    if "bytes" in parts:
        kept["bytes"] = in_way("as it is", "moved_bytes", "moved")
    if against:
        kept["before"] = [before(against, kind, 9) for kind in ("small", "tiny")]
    print(json.dumps({name: value for name, value in kept.items() if name != "rows"}, indent=1))
    write(RESULTS, "python benchmarks/step.py", repeats=repeats, **kept)


if __name__ == "__main__":
    fire.Fire(main)
