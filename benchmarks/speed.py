"""Speed of the Swin encoder against MONAI's, with the same weights on the same crops.

    python benchmarks/speed.py [--sizes 64,96,128] [--repeats 5] [--precisions float32,bf16]

The two take turns within one process, so that what else the machine does hits both; ratios are medians of MONAI's time
over ours, turn by turn. On a CPU every row is measured three ways: with the C library's allocator as it is, with one
that keeps what it got (jemalloc, where it is installed, for both), and beside one busy process. Prints a table and
writes benchmarks/results/speed.json.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fire
import torch
from machine import WAYS, in_way, write
from monai.networks.nets.swin_unetr import SwinTransformer as MonaiSwin
from torch import Tensor, nn

from smart_nets.networks.swin import SwinTransformer

RESULTS = Path(__file__).parent / "results" / "speed.json"
Run = Callable[[Tensor], list[Tensor]]
COLUMNS = ("device", "way", "precision", "crop", "pass", "ours_s", "monai_s", "times_faster", "max_difference")


def pair(device: str) -> tuple[SwinTransformer, nn.Module]:
    """Ours and MONAI's at the size of the paper, with the same weights."""
    depths, heads = (2, 2, 8, 2), (4, 4, 8, 16)
    ours = SwinTransformer(1, 48, depths, heads, drop_path_rate=0.1)
    theirs = MonaiSwin(
        in_chans=1,
        embed_dim=48,
        window_size=(4, 4, 4),
        patch_size=(2, 2, 2),
        depths=depths,
        num_heads=heads,
        drop_path_rate=0.1,
        patch_norm=True,
        spatial_dims=3,
        downsample="mergingv2",
    )
    theirs.load_state_dict(ours.state_dict(), strict=True)
    return ours.to(device), theirs.to(device)


def once(net: nn.Module, run: Run, x: Tensor, train: bool) -> float:
    """Wall seconds of one forward, or of one forward and backward with stochastic depth."""
    net.train(train)
    net.zero_grad(set_to_none=True)
    start = time.perf_counter()
    with torch.set_grad_enabled(train):
        maps = run(x)
        if train:
            sum(each.float().mean() for each in maps).backward()  # type: ignore[union-attr]
    if x.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(size: int, train: bool, repeats: int, device: str, precision: str) -> dict[str, Any]:
    """One row of the table."""
    ours, theirs = pair(device)
    nets: dict[str, tuple[nn.Module, Run]] = {
        "ours": (ours, ours.forward),
        "monai": (theirs, lambda x: theirs(x, normalize=False)),
    }
    x = torch.rand(1, 1, size, size, size, device=device)
    times: dict[str, list[float]] = {name: [] for name in nets}
    with torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bf16"):
        for turn in range(repeats + 1):
            for name, (net, run) in nets.items():
                spent = once(net, run, x, train)
                if turn:  # the first turn warms up
                    times[name].append(spent)
    ours.eval()
    theirs.eval()
    with torch.no_grad():
        difference = max((a - b).abs().max().item() for a, b in zip(ours(x), theirs(x, normalize=False), strict=True))
    turns = [monai / own for own, monai in zip(times["ours"], times["monai"], strict=True)]
    return {
        "device": device,
        "precision": precision,
        "crop": size,
        "pass": "forward + backward" if train else "forward",
        "ours_s": round(statistics.median(times["ours"]), 3),
        "monai_s": round(statistics.median(times["monai"]), 3),
        "times_faster": round(statistics.median(turns), 2),
        "lowest": round(min(turns), 2),
        "highest": round(max(turns), 2),
        "max_difference": difference,
    }


def rows(
    sizes: tuple[int, ...], precisions: tuple[str, ...], repeats: int, device: str = "cpu"
) -> list[dict[str, Any]]:
    """All rows of one device, here and now."""
    found = []
    for precision in precisions:
        for size in sizes:
            for train in (False, True):
                found.append(compare(size, train, repeats, device, precision))
                told = {**found[-1], "way": "as it is"}
                print(" | ".join(str(told[column]) for column in COLUMNS), file=sys.stderr, flush=True)
    return found


def main(sizes: Any = (64, 96, 128), repeats: int = 5, precisions: Any = ("float32",)) -> None:
    """Runs the table.

    Args:
        sizes: crop sides, multiples of 32.
        repeats: timed turns of each network, after one that warms up.
        precisions: float32, bf16 or both.
    """
    sizes = sizes if isinstance(sizes, (tuple, list)) else (sizes,)
    precisions = precisions if isinstance(precisions, (tuple, list)) else (precisions,)
    found = []
    for way in WAYS:
        there = sizes if way == "as it is" else sizes[-1:]
        found += [{"way": way, **row} for row in in_way(way, "speed", "rows", there, precisions, repeats)]
        write(RESULTS, "python benchmarks/speed.py", repeats=repeats, batch=1, rows=found)
    if torch.cuda.is_available():
        found += [{"way": "", **row} for row in rows(sizes, ("float32", "bf16"), repeats, "cuda")]
    print(" | ".join(COLUMNS))
    for row in found:
        print(" | ".join(str(row[column]) for column in COLUMNS))
    write(RESULTS, "python benchmarks/speed.py", repeats=repeats, batch=1, rows=found)


if __name__ == "__main__":
    fire.Fire(main)
