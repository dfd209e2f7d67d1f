"""A bundle into which a test puts one thing."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from smart_nets.zoo.lint.bundle import lint


@pytest.fixture
def hostile(copy, edit, tmp_path, monkeypatch):
    """A function that lints a bundle with one thing put into it; nothing may be written and nothing imported by that."""
    folder = copy("smart_zeroshot_seg")
    path = folder / "configs" / "inference.json"
    edit(path, "draw", {"_target_": "smart_nets.localize.report.outputs.OverlayWriter", "folder": "@output_dir"})
    edit(path, "results", {"_target_": "smart_nets.lists.usable.DoneScans", "data": []})
    (tmp_path / "canary.py").write_text("open('canary', 'w').close()")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def told(key: str, value: Any) -> list[str]:
        edit(path, key, value)
        before, loaded = sorted(tmp_path.rglob("*")), set(sys.modules)
        faults = [str(fault) for fault in lint(folder)]
        assert sorted(tmp_path.rglob("*")) == before and "canary" not in set(sys.modules) - loaded
        return faults

    return told
