"""Whether all of this works on the GPU at hand, and how fast: at most ten minutes.

    python benchmarks/gpu_check.py         prints a table, writes benchmarks/results/gpu-<name>.json

Exits 1 when a check fails, 2 without a GPU. A part that fails is recorded with its error, and the next goes on.
"""

from __future__ import annotations

import gc
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from speed import once, pair
from torch import Tensor, nn

from smart_nets.networks.encoder import Encoder, SmartEncoder
from smart_nets.networks.windows.triton_attention import OLDEST, usable
from smart_nets.pretrain.co_distillation import CoDistillation
from smart_nets.training.optimisation import clip_each, parameter_groups

ROOT = Path(__file__).parents[1]
CLOSE = 1e-4  # differences allowed in float32, as shares of the largest value
REPEATS = 10
STEPS = 20
SECONDS = 240  # for the pretraining
Facts = dict[str, Any]


def distance(found: Iterable[Tensor], expected: Iterable[Tensor]) -> float:
    """The largest difference, as a share of the largest value of its tensor."""
    pairs = [(a.detach().cpu(), b.detach().cpu()) for a, b in zip(found, expected, strict=True)]
    return max(float((a - b).abs().max() / b.abs().max().clamp(min=1e-12)) for a, b in pairs)


def on_both() -> Facts:
    """The paper's encoder on the GPU and on the CPU, float32 without TF32."""
    net = pair("cpu")[0].eval()
    x = torch.rand(1, 1, 96, 96, 96)
    with torch.no_grad():
        expected = net(x)
        far = distance(net.cuda()(x.cuda()), expected)
    return {"passed": far < CLOSE, "difference": far}


def kernel() -> Facts:
    """The encoder with the attention kernel and without: maps, and gradients of all parameters."""
    net = pair("cuda")[0].eval()
    x = torch.rand(2, 1, 64, 64, 64, device="cuda")
    with_kernel = maps_and_gradients(net, x)
    with mock.patch("smart_nets.networks.windows.attention.usable", return_value=False):
        plain = maps_and_gradients(net, x)
    forward, backward = (distance(a, b) for a, b in zip(with_kernel, plain, strict=True))
    used = usable(x.new_empty(1, 64, 3, 4, 12))
    wanted = torch.cuda.get_device_capability() >= OLDEST
    return {
        "passed": forward < CLOSE and backward < CLOSE and used == wanted,
        "used": used, "forward": forward, "backward": backward,
    }  # fmt: skip


def maps_and_gradients(net: nn.Module, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    net.zero_grad(set_to_none=True)
    maps = net(x)
    sum(each.square().mean() for each in maps).backward()
    return list(maps), [each.grad for each in net.parameters() if each.grad is not None]


def speeds() -> Facts:
    """The encoder at 128^3, two crops, beside MONAI's: the two take turns."""
    return {"passed": True, "rows": [race(bf16, train) for bf16 in (False, True) for train in (False, True)]}


def race(bf16: bool, train: bool) -> Facts:
    """Medians of seconds, and the peak of memory in GB, of one pass."""
    ours, theirs = pair("cuda")
    nets = {"ours": (ours, ours.forward), "monai": (theirs, lambda x: theirs(x, normalize=False))}
    x = torch.rand(2, 1, 128, 128, 128, device="cuda")
    seconds: dict[str, list[float]] = {name: [] for name in nets}
    peak = dict.fromkeys(nets, 0.0)
    with torch.autocast("cuda", torch.bfloat16, enabled=bf16):
        for turn in range(REPEATS + 1):
            for name, (net, run) in nets.items():
                torch.cuda.reset_peak_memory_stats()
                spent = once(net, run, x, train)
                net.zero_grad(set_to_none=True)
                peak[name] = round(torch.cuda.max_memory_allocated() / 2**30, 3)
                seconds[name] += [spent] if turn else []  # the first turn warms up
    row: Facts = {"precision": "bf16" if bf16 else "fp32", "pass": "forward + backward" if train else "forward"}
    row |= {f"{name}_s": round(statistics.median(each), 4) for name, each in seconds.items()}
    return row | {f"{name}_gb": gb for name, gb in peak.items()}


def pretraining(encoder: Encoder) -> Callable[[Tensor], float]:
    """A function that takes one step of the paper's size in bf16 on two views, and returns its loss."""
    torch.manual_seed(0)
    model = CoDistillation(encoder).cuda()
    optimizer = torch.optim.AdamW(parameter_groups(model), lr=1e-4)

    def step(views: Tensor) -> float:
        with torch.autocast("cuda", torch.bfloat16):
            loss = model(views)["loss"]
        loss.backward()
        clip_each(model.parameters(), 3.0)
        optimizer.step()
        optimizer.zero_grad()
        model.after_step(0.996)
        torch.cuda.synchronize()
        return float(loss.detach())

    return step


def views(seed: int, count: int) -> Iterator[Tensor]:
    """(2, 1, 128, 128, 128), as often as asked."""
    generator = torch.Generator("cuda").manual_seed(seed)
    for _ in range(count):
        yield torch.rand(2, 1, 128, 128, 128, device="cuda", generator=generator)


def steps() -> Facts:
    """A whole step, with this encoder and with MONAI's in its place."""
    facts: Facts = {"passed": True, "ours": one_of_many(SmartEncoder)}
    try:
        from step import MonaiEncoder
    except ImportError as error:
        return facts | {"monai": f"not measured: {error}"}
    return facts | {"monai": one_of_many(MonaiEncoder)}


def one_of_many(encoder: Callable[[], Encoder]) -> Facts:
    """The median of a step's seconds, and the peak of memory in GB."""
    free()
    step, seconds = pretraining(encoder()), []
    torch.cuda.reset_peak_memory_stats()
    for pair_of_views in views(0, REPEATS + 1):
        clock = time.perf_counter()
        step(pair_of_views)
        seconds.append(time.perf_counter() - clock)
    peak = torch.cuda.max_memory_allocated() / 2**30
    return {"seconds": round(statistics.median(seconds[1:]), 4), "gb": round(peak, 3)}


def streams() -> Facts:
    """The same start on two streams of data: losses are finite, and not the same."""
    losses = []
    for seed in (1, 2):
        free()
        step = pretraining(SmartEncoder())
        losses.append([round(step(each), 6) for each in views(seed, STEPS)])
        del step
    finite = all(map(torch.isfinite, torch.tensor(losses).flatten()))
    return {"passed": finite and losses[0] != losses[1], "losses": losses}


def bundle() -> Facts:
    """A short pretraining as the README starts it."""
    config = ROOT / "bundles" / "smart_pretrain" / "configs" / "train.json"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "monai.bundle", "run", "--config_file", str(config), "--preset", "tiny",
             "--max_epochs", "2", "--output_dir", folder],
            cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    return {"passed": done.returncode == 0} | ({"error": done.stderr[-2000:]} if done.returncode else {})


PARTS = {"same as on the CPU": on_both, "kernel": kernel, "speed": speeds, "step": steps, "two streams": streams,
         "pretraining": bundle}  # fmt: skip


def attempt(part: Callable[[], Facts]) -> Facts:
    """What a part found, and how long it took."""
    clock = time.perf_counter()
    torch.manual_seed(0)
    try:
        facts = part()
    except Exception as error:
        facts = {"passed": False, "error": f"{type(error).__name__}: {error}"[:2000]}
    free()
    return facts | {"took_s": round(time.perf_counter() - clock, 1)}


def free() -> None:
    gc.collect()
    torch.cuda.empty_cache()


def show(title: str, facts: Facts) -> None:
    print(f"{'pass' if facts['passed'] else 'FAIL'}  {title}, {facts['took_s']} s")
    for row in facts.get("rows", []):
        print("     ", *(f"{key} {value}" for key, value in row.items()), sep="  ")
    for key in [key for key in facts if key not in ("passed", "took_s", "rows", "losses")]:
        print(f"        {key}: {facts[key]}", flush=True)


def installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def main() -> None:
    if not torch.cuda.is_available():
        print("gpu_check.py needs a GPU that torch sees, and there is none", file=sys.stderr)
        sys.exit(2)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    name = torch.cuda.get_device_name()
    versions = {package: installed(package) for package in ("torch", "monai", "triton")}
    print(name, *(f"{package} {version}" for package, version in versions.items()), sep=", ")
    checks = {}
    for title, part in PARTS.items():
        checks[title] = attempt(part)
        show(title, checks[title])
    path = ROOT / "benchmarks" / "results" / f"gpu-{re.sub(r'[^A-Za-z0-9]+', '-', name)}.json"
    record = {"command": "python benchmarks/gpu_check.py", "date": str(date.today()), "gpu": name}
    path.write_text(json.dumps(record | {"versions": versions, "checks": checks}, indent=2) + "\n")
    sys.exit(not all(facts["passed"] for facts in checks.values()))


if __name__ == "__main__":
    main()
