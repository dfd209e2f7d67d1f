"""What several tests share: one thread, a fixed seed, a network small enough for a laptop, and the real CT if it is there."""

import os
from pathlib import Path

import pytest
import torch
from fixtures.small import SMALL

from smart_nets.networks.encoder import SmartEncoder

pytest_plugins = ["fixtures.phantoms", "fixtures.scans", "fixtures.runs", "fixtures.training", "fixtures.foreign"]


@pytest.fixture(autouse=True)
def _same_start():
    torch.manual_seed(0)


@pytest.fixture
def small_encoder() -> SmartEncoder:
    """A SMART encoder with 4^3 attention cells on a 64^3 crop."""
    return SmartEncoder(**SMALL)


@pytest.fixture(scope="session")
def real_ct() -> Path:
    """The folder of real CT that SMART_REAL_DATA names."""
    folder = os.environ.get("SMART_REAL_DATA")
    if not folder:
        pytest.skip("real CT is not at hand: set SMART_REAL_DATA to its folder to run this test")
    return Path(folder)
