"""The wheel carries the bundles inside the package, so that `smart-nets pretrain` works where only it is installed."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = {"small.pt", "small.json"}
RUNS = {"eval", "cache", "phantoms", "__pycache__"}  # what runs leave in a bundle


def left_out(folder: str, names: list[str]) -> set[str]:
    """Whatever runs left there: a model of somebody's patients must not travel with the package."""
    models = set(names) - SHIPPED if Path(folder).name == "models" else set()
    return models | (set(names) & RUNS) | {name for name in names if name.endswith(".part")}


class BuildWithBundles(build_py):
    """Builds the package, then copies the bundles into it; an editable install finds them beside it."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copytree(
                "bundles", Path(self.build_lib, "smart_nets", "bundles"), ignore=left_out, dirs_exist_ok=True
            )


setup(cmdclass={"build_py": BuildWithBundles})
