"""Speed of the Swin encoder against MONAI's, with the same weights on the same crops.

    python benchmarks/speed.py [--sizes 64,96,128] [--repeats 7] [--threads 0]

The two take turns within one process, so that what else the machine does hits both; medians are reported. Time is the
wall clock; on a CPU also the processor time, which other programs disturb less. Prints a table and writes
benchmarks/results/speed.json.
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import fire
import monai
import torch
from monai.networks.nets.swin_unetr import SwinTransformer as MonaiSwin
from torch import Tensor, nn

from smart_nets.networks.swin import SwinTransformer

RESULTS = Path(__file__).parent / "results" / "speed.json"
Run = Callable[[Tensor], list[Tensor]]


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


def once(net: nn.Module, run: Run, x: Tensor, train: bool) -> tuple[float, float]:
    """Wall and processor seconds of one forward, or of one forward and backward with stochastic depth."""
    net.train(train)
    net.zero_grad(set_to_none=True)
    wall, processor = time.perf_counter(), time.process_time()
    with torch.set_grad_enabled(train):
        maps = run(x)
        if train:
            sum(each.float().mean() for each in maps).backward()  # type: ignore[union-attr]
    if x.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - processor


def compare(size: int, train: bool, repeats: int, device: str, precision: str) -> dict[str, Any]:
    """One row of the table."""
    ours, theirs = pair(device)
    nets: dict[str, tuple[nn.Module, Run]] = {
        "ours": (ours, ours.forward),
        "monai": (theirs, lambda x: theirs(x, normalize=False)),
    }
    x = torch.rand(1, 1, size, size, size, device=device)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in nets}
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
    wall, processor = ({name: statistics.median(t[i] for t in times[name]) for name in nets} for i in (0, 1))
    row = {
        "device": device,
        "precision": precision,
        "crop": size,
        "pass": "forward + backward" if train else "forward",
        "ours_s": round(wall["ours"], 4),
        "monai_s": round(wall["monai"], 4),
        "ratio": round(wall["ours"] / wall["monai"], 3),
        "max_difference": difference,
    }
    if device == "cpu":
        row["processor_ratio"] = round(processor["ours"] / processor["monai"], 3)
    return row


def processor_name() -> str:
    """The model of the CPU, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def main(sizes: tuple[int, ...] | int = (64, 96, 128), repeats: int = 7, threads: int = 0) -> None:
    """Runs the table.

    Args:
        sizes: crop sides, multiples of 32.
        repeats: timed turns of each network, after one that warms up.
        threads: threads of the CPU; 0 leaves torch's choice.
    """
    if threads:
        torch.set_num_threads(threads)
    columns = ("device", "precision", "crop", "pass", "ours_s", "monai_s", "ratio", "processor_ratio", "max_difference")
    print(" | ".join(columns))
    settings = [("cpu", "float32")]
    if torch.cuda.is_available():
        settings += [("cuda", "float32"), ("cuda", "bf16")]
    rows = []
    for device, precision in settings:
        for size in (sizes,) if isinstance(sizes, int) else sizes:
            for train in (False, True):
                rows.append(compare(size, train, repeats, device, precision))
                print(" | ".join(str(rows[-1].get(column, "")) for column in columns), flush=True)
    record = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "torch": torch.__version__,
        "monai": monai.__version__,
        "cpu": processor_name(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "batch": 1,
        "repeats": repeats,
        "rows": rows,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    fire.Fire(main)
