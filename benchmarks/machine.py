"""What benchmarks share: the ways a CPU is measured, and how results say on what machine they were made."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import monai
import torch

from smart_nets.training.run_record import hardware

JEMALLOC = [Path(f"/usr/lib/{kind}/libjemalloc.so.2") for kind in ("x86_64-linux-gnu", "aarch64-linux-gnu")]
WAYS = ("as it is", "jemalloc", "beside a busy process")
MARK = "RESULT "


def in_way(way: str, module: str, function: str, *arguments: Any) -> Any:
    """What `function` of a benchmark returns in a process of its own, measured in one of `WAYS`; [] without jemalloc."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    if way == "jemalloc":
        found = [path for path in JEMALLOC if path.exists()]
        if not found:
            print("jemalloc is not installed: its rows stay empty", file=sys.stderr)
            return []
        environment |= {"LD_PRELOAD": str(found[0]), "MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1"}
    call = f"{function}(*{arguments!r})"
    code = f"import json; from {module} import {function}\nprint({MARK!r} + json.dumps({call}))"
    with _busy(way == "beside a busy process"):
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    return json.loads(line.removeprefix(MARK))


@contextmanager
def _busy(wanted: bool) -> Iterator[None]:
    """One process that computes all the time, as on a machine that others use, too."""
    # it ends with this process, however that ends: one that stayed behind would slow whatever is measured next
    alone = "import os\nours = os.getppid()\nwhile os.getppid() == ours: pass"
    other = subprocess.Popen([sys.executable, "-c", alone]) if wanted else None
    try:
        yield
    finally:
        if other is not None:
            other.kill()
            other.wait()


def processor_name() -> str:
    """The model of the CPU, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def write(path: Path, command: str, **results: Any) -> None:
    """The results, with the machine and the versions they are from."""
    about = {
        "command": command,
        "date": date.today().isoformat(),
        "hardware": hardware(),
        "processor": processor_name(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch": torch.__version__,
        "monai": monai.__version__,
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**about, **results}, indent=1) + "\n")
