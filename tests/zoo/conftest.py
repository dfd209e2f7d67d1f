"""Copies of the real bundles that a test may damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BUNDLES = Path(__file__).parents[2] / "bundles"

Copy = Callable[[str], Path]
Edit = Callable[..., str]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A function that copies what is in git of a bundle."""

    def copy(name: str) -> Path:
        parts = shutil.ignore_patterns("cache", "eval", "models")
        return shutil.copytree(BUNDLES / name, tmp_path / "bundles" / name, ignore=parts)

    return copy


@pytest.fixture
def edit() -> Edit:
    """A function that sets a key, such as "train#sampler" or (at the end of a list) "run#+", and returns the key."""

    def edit(path: Path, key: str, value: Any) -> str:
        content = json.loads(path.read_text(encoding="utf-8"))
        *parts, last = [key] if key in content else key.split("#")  # an overlay has keys such as "train#sampler"
        node = content
        for part in parts:
            node = node[int(part) if isinstance(node, list) else part]
        if last == "+":
            last = str(len(node))
            node.append(value)
        else:
            node[int(last) if isinstance(node, list) else last] = value
        path.write_text(json.dumps(content), encoding="utf-8")
        return "#".join([*parts, last])

    return edit
