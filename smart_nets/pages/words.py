"""Words that several pages use."""

from __future__ import annotations

import math

CLEAR = 0.05  # p below this is told as a difference


FEW = 30  # cases of a class, or patients, below which curves and intervals are rough


def count(number: int, noun: str) -> str:
    """1 step, 2,000 steps"""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def are(number: int) -> str:
    return "is" if number == 1 else "are"


def p_text(p: float) -> str:
    """ "p = 0.021", "p < 0.001", with spaces that do not break."""
    return "p not known" if not math.isfinite(p) else "p\u00a0<\u00a00.001" if p < 0.001 else f"p\u00a0=\u00a0{p:.2g}"
