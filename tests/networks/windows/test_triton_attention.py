"""The kernel against the plain path, by Triton's interpreter on the CPU; and that its compiler takes it for GPUs.

The interpreter is chosen when triton is imported, which another test may have done: it runs in a process of its own.
"""

import json
import os
import subprocess
import sys

import pytest
import torch
from monai.data import MetaTensor

from smart_nets.networks.windows import triton_attention
from smart_nets.networks.windows.attention import attend_windows
from smart_nets.networks.windows.plan import BLOCKED

pytest.importorskip("triton", reason="the kernel of windowed attention is tested where triton is installed")

CASES = [  # n, d, heads, windows, kinds of masks, type; with 6 programs some take several windows, the last of them fewer
    (64, 12, 4, 5, 3, "float32"),
    (64, 24, 2, 3, 1, "float32"),
    (8, 16, 1, 4, 3, "float32"),
    (24, 12, 2, 7, 3, "float32"),
    (1, 12, 2, 3, 1, "float32"),
    (64, 24, 2, 4, 3, "bfloat16"),
    (24, 48, 4, 5, 1, "float16"),
]
CLOSE = {"float32": 1e-5, "bfloat16": 2e-2, "float16": 2e-3}
KERNELS = ("attend_kernel", "attend_backward_kernel")
SMALLEST = 99 * 1024  # bytes of shared memory that a program may have on compute capability 8.6


def parts(n, d, heads, windows, kinds, dtype):
    torch.manual_seed(0)
    qkv = torch.randn(windows, n, 3, heads, d).to(getattr(torch, dtype)).requires_grad_()
    bias = torch.randn(heads, n, n, requires_grad=True)
    some = torch.where(torch.rand(n, n) < 0.3, BLOCKED, 0.0)
    others = torch.where(torch.eye(n, dtype=torch.bool), 0.0, BLOCKED)  # a token sees itself alone
    masks = torch.stack([torch.zeros(n, n), some, others])[:kinds]
    return qkv, bias, masks, torch.arange(windows) // 2 % kinds  # windows that follow each other: alike, and not


def results(attend, case, wrap=None):
    """The output, and the gradients of qkv and bias."""
    qkv, bias, masks, kind = parts(*case)
    out = attend(wrap(qkv) if wrap else qkv, bias, masks, kind, qkv.shape[4] ** -0.5)
    grads = torch.autograd.grad(out, (qkv, bias), torch.cos(torch.arange(out.numel())).view_as(out).to(out.dtype))
    return out.detach(), *grads


def differences(case, wrap=None):
    """The largest of each result, as a share of the expected value where that is above 1."""
    pairs = list(
        zip(*[results(attend, case) for attend in (triton_attention.attend_fused, attend_windows)], strict=True)
    )
    assert all(a.dtype == b.dtype and a.shape == b.shape and a.is_contiguous() for a, b in pairs)
    return [float(((a - b).abs() / b.abs().clamp(min=1)).max()) for a, b in pairs]


@pytest.fixture(scope="module")
def found():
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("number", range(len(CASES)), ids=[str(case) for case in CASES])
def test_the_kernel_gives_what_the_plain_path_gives(found, number):
    assert max(found[number]) < CLOSE[CASES[number][-1]]


def test_tensors_of_monai_are_served(found):
    assert max(found[-1]) < 1e-5


class Compiled:
    """Stands for a kernel: compiles what is launched, for a GPU that is not there."""

    def __init__(self, kernel, capability):
        self.kernel, self.capability, self.shared = kernel, capability, 0

    def __getitem__(self, grid):
        return self.launch

    def launch(self, *given, **options):
        import triton
        from triton.backends.compiler import GPUTarget
        from triton.compiler import ASTSource

        words = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.int64: "*i64", int: "i32", float: "fp32"}
        signature, constants, aligned = {}, {}, {}
        for parameter, value in zip(self.kernel.params, given, strict=True):
            if parameter.is_constexpr:
                constants[parameter.num,] = value
            elif isinstance(value, torch.Tensor):
                aligned[parameter.num,] = [["tt.divisibility", 16]]
            word = words.get(getattr(value, "dtype", type(value)))
            signature[parameter.name] = "constexpr" if parameter.is_constexpr else word
        source = ASTSource(self.kernel, signature, constants, aligned)
        done = triton.compile(source, GPUTarget("cuda", self.capability, 32), options)
        self.shared = done.metadata.shared


@pytest.mark.parametrize(("capability", "dtype"), [(90, "bfloat16"), (86, "float32")])
def test_triton_compiles_it_for_a_gpu_and_it_fits(monkeypatch, tmp_path, capability, dtype):
    from smart_nets.networks.windows import triton_kernels

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    both = {name: Compiled(getattr(triton_kernels, name), capability) for name in KERNELS}
    for name, kernel in both.items():
        monkeypatch.setattr(triton_kernels, name, kernel)
    results(triton_attention.attend_fused, (64, 24, 8, 2, 3, dtype))
    assert all(0 < kernel.shared <= SMALLEST for kernel in both.values())


def test_only_a_gpu_takes_it():
    assert not triton_attention.usable(torch.zeros(1, 8, 3, 1, 16))


if __name__ == "__main__":
    triton_attention.PROGRAMS = 6
    print(json.dumps([*map(differences, CASES), differences(CASES[2], MetaTensor)]))
