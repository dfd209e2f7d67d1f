"""`doctor`: what this machine has, and what would make it faster."""

from __future__ import annotations

from smart_nets.cpu import findings


def doctor() -> str:
    """What matters for speed on this machine, and what to do about it."""
    rows = findings()
    width = max(len(name) for name, _, _ in rows)
    return "\n".join(f"{name:<{width}}  {found}" + (f"  -> {remedy}" if remedy else "") for name, found, remedy in rows)
