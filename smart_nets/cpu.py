"""What a machine has, and what of its settings makes training slow: for `smart_nets doctor`."""

from __future__ import annotations

import os
from importlib.metadata import version

import torch

from smart_nets.allocator import allocator, chosen


def findings() -> list[tuple[str, str, str]]:
    """What matters for the speed of this machine: name, what was found, what to do about it (empty: nothing)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads, load = torch.get_num_threads(), os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    cuda = torch.cuda.is_available()
    gpu = torch.cuda.get_device_name() if cuda else "none"
    waits = os.environ.get("OMP_WAIT_POLICY", "not set").lower()
    kept = "keeps freed memory while it trains" if allocator() == "glibc" and not chosen() else "as it is set"
    return [
        ("versions", ", ".join(f"{name} {version(name)}" for name in ("smart-nets", "torch", "monai")), ""),
        ("GPU", gpu, "" if cuda else "preset tiny or small; base takes a GPU"),
        ("bf16", "of the GPU" if cuda else "computed" if _has_bf16() else "emulated, ten times slower than float32",
         "" if cuda or _has_bf16() else "--autocast off"),
        ("cores", str(cores), ""),
        ("threads", str(threads), "" if threads <= cores else f"set OMP_NUM_THREADS={cores}: more only wait"),
        ("load", f"{load:.1f}",
         "" if load < cores / 2 or waits == "passive" else "others compute here: set OMP_WAIT_POLICY=PASSIVE"),
        ("waiting threads", "sleep" if waits == "passive" else "spin for a few milliseconds (OMP_WAIT_POLICY not set)",
         "" if waits == "passive" else "OMP_WAIT_POLICY=PASSIVE on a machine that others use"),
        ("memory of", f"{allocator()}, {kept}", ""),
    ]  # fmt: skip


def _has_bf16() -> bool:
    """Whether this processor multiplies bfloat16, as oneDNN judges it."""
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
