"""The run that nothing happens to, with which all others are compared."""

from pathlib import Path

import pytest
from faults.small_run import start


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    child = start(folder)
    child.join()
    assert child.exitcode == 0
    return folder
