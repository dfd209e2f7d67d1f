# mypy: disallow-untyped-defs=False
"""The kernels of `triton_attention`, which alone imports this: a file of its own, for Triton may not be installed.

A program takes a run of windows, one after the other, for one head. `n_pad` and `d_pad` are n and d rounded up to what
products of matrices want; places beyond n and d are zero, and no softmax sees them. Products are taken of numbers of type
`product`; their sums, the scores and the softmax are float32. Windows that follow each other mostly have the same mask, so
bias and mask are fetched when the kind changes, and stay in registers.
"""

import triton
import triton.language as tl


@triton.jit
def _tokens(first, stride, n: tl.constexpr, d: tl.constexpr, n_pad: tl.constexpr, d_pad: tl.constexpr):
    """Where n rows of d numbers lie, (n_pad, d_pad), and which of these places there are."""
    row, column = tl.arange(0, n_pad)[:, None], tl.arange(0, d_pad)[None, :]
    return first + row * stride + column, (row < n) & (column < d)


@triton.jit
def _offsets(bias, masks, kind, head, n: tl.constexpr, n_pad: tl.constexpr):
    """What is added to the scores: bias + mask (n_pad, n_pad), and -inf beyond the last token."""
    row, column = tl.arange(0, n_pad)[:, None], tl.arange(0, n_pad)[None, :]
    there = (row < n) & (column < n)
    added = tl.load(bias + (head * n + row) * n + column, there, 0.0).to(tl.float32)
    added += tl.load(masks + (kind * n + row) * n + column, there, 0.0).to(tl.float32)
    return tl.where(column < n, added, float("-inf"))


@triton.jit
def _softmax(q, k, offsets, scale):
    """softmax(q k^T * scale + offsets), (n_pad, n_pad)."""
    scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale + offsets
    raised = tl.exp(scores - tl.max(scores, 1)[:, None])
    return raised / tl.sum(raised, 1)[:, None]


@triton.jit(do_not_specialize=["windows", "run"])  # they change from step to step, which must not compile anew
def attend_kernel(
    qkv, bias, masks, kinds, out, windows, run, scale,
    heads: tl.constexpr, n: tl.constexpr, d: tl.constexpr,
    n_pad: tl.constexpr, d_pad: tl.constexpr, product: tl.constexpr,
):  # fmt: skip
    """qkv (R, n, 3, heads, d) -> out (R, n, heads, d); bias (heads, n, n), masks (kinds, n, n), kinds (R,)."""
    begin, head = tl.program_id(0) * run, tl.program_id(1)
    held = tl.load(kinds + begin)
    offsets = _offsets(bias, masks, held, head, n, n_pad)
    for window in range(begin, tl.minimum(begin + run, windows)):
        kind = tl.load(kinds + window)
        if kind != held:
            held, offsets = kind, _offsets(bias, masks, kind, head, n, n_pad)
        token = tl.cast(window, tl.int64) * n  # there may be more numbers than an int32 counts
        place, there = _tokens(qkv + (token * 3 * heads + head) * d, 3 * heads * d, n, d, n_pad, d_pad)
        q = tl.load(place, there, 0.0).to(product)
        k = tl.load(place + heads * d, there, 0.0).to(product)
        v = tl.load(place + 2 * heads * d, there, 0.0).to(product)
        mixed = tl.dot(_softmax(q, k, offsets, scale).to(product), v, input_precision="ieee")
        place, there = _tokens(out + (token * heads + head) * d, heads * d, n, d, n_pad, d_pad)
        tl.store(place, mixed.to(out.dtype.element_ty), there)


@triton.jit(do_not_specialize=["windows", "run"])
def attend_backward_kernel(
    qkv, bias, masks, kinds, grad, grad_qkv, grad_bias, windows, run, scale,
    heads: tl.constexpr, n: tl.constexpr, d: tl.constexpr,
    n_pad: tl.constexpr, d_pad: tl.constexpr, product: tl.constexpr,
):  # fmt: skip
    """The gradient of `out` -> grad_qkv, laid out as qkv, and grad_bias (programs, heads, n, n): the sum of each run."""
    begin, head = tl.program_id(0) * run, tl.program_id(1)
    held = tl.load(kinds + begin)
    offsets = _offsets(bias, masks, held, head, n, n_pad)
    total = tl.zeros((n_pad, n_pad), tl.float32)
    for window in range(begin, tl.minimum(begin + run, windows)):
        kind = tl.load(kinds + window)
        if kind != held:
            held, offsets = kind, _offsets(bias, masks, kind, head, n, n_pad)
        token = tl.cast(window, tl.int64) * n
        place, there = _tokens(qkv + (token * 3 * heads + head) * d, 3 * heads * d, n, d, n_pad, d_pad)
        q = tl.load(place, there, 0.0).to(product)
        k = tl.load(place + heads * d, there, 0.0).to(product)
        v = tl.load(place + 2 * heads * d, there, 0.0).to(product)
        place, there = _tokens(grad + (token * heads + head) * d, heads * d, n, d, n_pad, d_pad)
        of_out = tl.load(place, there, 0.0).to(product)

        attention = _softmax(q, k, offsets, scale)
        of_v = tl.dot(tl.trans(attention.to(product)), of_out, input_precision="ieee")
        of_attention = tl.dot(of_out, tl.trans(v), input_precision="ieee")
        of_scores = attention * (of_attention - tl.sum(attention * of_attention, 1)[:, None])
        total += of_scores
        of_q = tl.dot(of_scores.to(product), k, input_precision="ieee") * scale
        of_k = tl.dot(tl.trans(of_scores.to(product)), q, input_precision="ieee") * scale

        place, there = _tokens(grad_qkv + (token * 3 * heads + head) * d, 3 * heads * d, n, d, n_pad, d_pad)
        tl.store(place, of_q.to(grad_qkv.dtype.element_ty), there)
        tl.store(place + heads * d, of_k.to(grad_qkv.dtype.element_ty), there)
        tl.store(place + 2 * heads * d, of_v.to(grad_qkv.dtype.element_ty), there)
    place, there = _tokens(grad_bias + (tl.program_id(0) * heads + head) * n * n, n, n, n, n_pad, n_pad)
    tl.store(place, total, there)
