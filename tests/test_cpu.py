"""Freed memory is kept for the next step, but nobody's own settings are touched; and what doctor tells."""

import os
import subprocess
import sys

import pytest
import torch

from smart_nets.allocator import allocator, keep_freed_memory
from smart_nets.cpu import findings

# Six blocks of 20 MB, filled and freed: what the process then holds more than before are those 120 MB, or little of them.
# (Page faults would tell the same, but not where the kernel gives huge pages.)
PROGRAM = """
import sys, torch
from smart_nets.allocator import keep_freed_memory

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 // 2**20

print(keep_freed_memory() if sys.argv[1] == "keep" else None)
before = held()
blocks = [torch.ones(5 * 2**20) for _ in range(6)]
del blocks
print(held() - before)
"""


def run(word, **more):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, word], env=environment | more, capture_output=True, text=True, check=True
    )
    answer, held = done.stdout.split()
    return answer, int(held)


def test_freed_memory_stays_with_the_process():
    (answer, kept), (_, left) = run("keep"), run("leave")
    assert answer == "True"
    assert kept > 110 and left < 60


@pytest.mark.parametrize(
    "setting", [{"MALLOC_TRIM_THRESHOLD_": "1000000"}, {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=7"}]
)
def test_own_settings_of_the_allocator_stay(setting):
    assert run("keep", **setting)[0] == "False"


def test_what_dask_sets_for_its_workers_is_nobodys_own():
    answer, kept = run("keep", MALLOC_TRIM_THRESHOLD_="65536")
    assert answer == "True" and kept > 110


def test_another_allocator_is_left_alone(monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libfirst.so /opt/lib/libjemalloc.so.2")
    assert allocator() == "libjemalloc.so.2"
    assert not keep_freed_memory()


def test_doctor_tells_threads_that_are_too_many(monkeypatch):
    cores = len(os.sched_getaffinity(0))
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores + 1)
    told = {name: (found, remedy) for name, found, remedy in findings()}
    assert told["threads"] == (str(cores + 1), f"set OMP_NUM_THREADS={cores}: more only wait")
    assert told["cores"] == (str(cores), "")


@pytest.mark.parametrize(
    ("policy", "remedy"), [("PASSIVE", ""), (None, "OMP_WAIT_POLICY=PASSIVE on a machine that others use")]
)
def test_doctor_tells_threads_that_spin(monkeypatch, policy, remedy):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if policy:
        monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    assert {name: remedy for name, _, remedy in findings()}["waiting threads"] == remedy
