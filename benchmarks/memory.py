"""Peak memory and time of one full training step of the paper's configuration: 128^3, one scan (two views), AdamW.

    python benchmarks/memory.py            prints a table, writes benchmarks/results/memory.json

Each row runs in a process of its own. On a GPU the allocator's peak is reported, on a CPU the process's resident peak.
"""

from __future__ import annotations

import json
import multiprocessing
import platform
import resource
import time
from datetime import date
from pathlib import Path
from typing import Any

import torch

from smart_nets.networks.encoder import SmartEncoder
from smart_nets.pretrain.co_distillation import CoDistillation
from smart_nets.training.optimisation import clip_each, parameter_groups
from smart_nets.training.run_record import hardware

RESULTS = Path(__file__).parent / "results" / "memory.json"
ROWS: list[dict[str, Any]] = [
    {"checkpoint": False, "bf16": False},
    {"checkpoint": True, "bf16": False},
    {"checkpoint": False, "bf16": True},
]


def one_step(options: dict[str, Any], pipe: Any) -> None:
    """Two steps (the second has the optimiser's state too); sends seconds of the second and the peak in GB."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    model = CoDistillation(SmartEncoder(use_checkpoint=options["checkpoint"])).to(device)
    optimizer = torch.optim.AdamW(parameter_groups(model), lr=1e-4)
    views = torch.rand(2, 1, 128, 128, 128, device=device)
    for _ in range(2):
        clock = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=options["bf16"]):
            out = model(views)
        out["loss"].backward()
        clip_each(model.parameters(), 3.0)
        optimizer.step()
        optimizer.zero_grad()
        model.after_step(0.996)
        float(out["loss"].detach())  # waits for the GPU
        seconds = time.perf_counter() - clock
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**30
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    pipe.send((seconds, peak))


def main() -> None:
    context = multiprocessing.get_context("spawn")
    rows = []
    print(f"{'checkpoint':>10} {'bf16':>5} {'peak GB':>8} {'seconds':>8}")
    for options in ROWS:
        receive, send = context.Pipe(duplex=False)
        process = context.Process(target=one_step, args=(options, send))
        process.start()
        send.close()
        seconds, peak = receive.recv()
        process.join()
        rows.append({**options, "peak_gb": round(peak, 2), "seconds": round(seconds, 2)})
        print(f"{options['checkpoint']!s:>10} {options['bf16']!s:>5} {peak:8.2f} {seconds:8.2f}")
    record = {
        "command": "python benchmarks/memory.py", "date": date.today().isoformat(), "hardware": hardware(),
        "processor": platform.processor() or platform.machine(), "torch": torch.__version__, "rows": rows,
    }  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
