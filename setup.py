"""The wheel carries the bundles inside the package, so that `smart-nets pretrain` works where only it is installed."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

LEFT_OUT = shutil.ignore_patterns(
    "eval", "cache", "model.*", "__pycache__", "*.part", "phantoms"
)  # what runs leave there


class BuildWithBundles(build_py):
    """Builds the package, then copies the bundles into it; an editable install finds them beside it."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copytree(
                "bundles", Path(self.build_lib, "smart_nets", "bundles"), ignore=LEFT_OUT, dirs_exist_ok=True
            )


setup(cmdclass={"build_py": BuildWithBundles})
