"""Every promise of SECURITY.md names a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HOME = Path(__file__).parents[3]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (HOME / "SECURITY.md").read_text(encoding="utf-8"))


def test_there_are_promises():
    assert len(NAMED) >= 14


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_the_test_of_a_promise_is_there(file, test):
    assert f"def {test}(" in (HOME / file).read_text(encoding="utf-8")
