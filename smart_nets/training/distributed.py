"""Joining and leaving a group of processes that torchrun started: nccl on GPUs, gloo on CPUs."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from smart_nets.errors import ConfigError

T = TypeVar("T")


def start(timeout_minutes: float = 10) -> None:
    """Join the group; each process takes the GPU of its local rank. A rank that hangs ends all after the timeout.

    Raises:
        ConfigError: the process was not started by torchrun.
    """
    if "LOCAL_RANK" not in os.environ:
        remedy = "start with torchrun --standalone --nproc_per_node=2 -m monai.bundle run ..."
        raise ConfigError("this overlay runs under torchrun only", where="multi_gpu_train.json", remedy=remedy)
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=timedelta(minutes=timeout_minutes))


def check_alone() -> None:
    """Tell several processes that none of them knows of the others; for programs that are made for one.

    Raises:
        ConfigError: torchrun, or a cluster, started several processes and they have not joined (`start`).
    """
    started = os.environ.get("WORLD_SIZE", "1").strip()
    if started not in ("", "1") and not (dist.is_available() and dist.is_initialized()):
        overlay = "--config_file \"['configs/train.json','configs/multi_gpu_train.json']\""
        remedy = f"to train on several GPUs add multi_gpu_train.json: {overlay}; else start one, without torchrun"
        what = "several processes would do the same work and write the same files"
        raise ConfigError(what, where="WORLD_SIZE", expected="1 process", found=started, remedy=remedy)


def own_device() -> torch.device:
    """The GPU that `start` gave to this process, or the CPU."""
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


def main_first(make: Callable[[], T]) -> T:
    """Call `make` on rank 0, then on the others: for work that leaves files which the others find ready."""
    if not dist.is_initialized():
        return make()
    if dist.get_rank() == 0:
        result = make()
        dist.barrier()
        return result
    dist.barrier()
    return make()


def of_first_rank(value: T) -> T:
    """The value that rank 0 has, on all ranks: for decisions that must be one."""
    if not (dist.is_available() and dist.is_initialized()):
        return value
    told = [value]
    dist.broadcast_object_list(told)
    return told[0]


def stop() -> None:
    """Leave the group, if this process is in one."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    """This process's number in its group; 0 without one."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def ranks() -> int:
    """Processes in the group; 1 without one."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
