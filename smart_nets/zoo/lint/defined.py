"""Which classes and functions the package `smart_nets` has, found by reading its files: nothing is imported."""

from __future__ import annotations

import ast
import difflib
from functools import lru_cache
from pathlib import Path

MOST_BYTES = 1_000_000  # of a module; the largest here has 10,000


class Package:
    """The names that the modules of a `smart_nets` folder define."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def missing(self, path: str) -> str | None:
        """None when a path such as "smart_nets.lists.cache.VolumeCache" is defined, else what to write instead."""
        module, _, name = path.rpartition(".")
        names = self._defined(module)
        if name in names:
            return None
        near = difflib.get_close_matches(name, names, n=1)
        return f"perhaps {module}.{near[0]} is meant" if near else "correct the path"

    def _defined(self, module: str) -> frozenset[str]:
        parts = module.split(".")[1:]
        if all(part.isidentifier() for part in parts):
            base = self.folder.joinpath(*parts)
            for file in (base / "__init__.py", base.with_suffix(".py")):
                if file.is_file():
                    return _top_names(file, file.stat().st_mtime_ns)
        return frozenset()


@lru_cache(maxsize=1024)
def _top_names(file: Path, _changed: int) -> frozenset[str]:
    """Classes, functions and constants of a module, and what an `__init__.py` hands on from its own package."""
    found: list[str] = []
    if file.stat().st_size > MOST_BYTES:
        return frozenset()
    try:
        module = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    for node in module.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.ImportFrom) and file.name == "__init__.py":
            own = (node.module or "").split(".")[0] == "smart_nets"
            found += [alias.asname or alias.name for alias in node.names if own]
    return frozenset(found)


def stated_version(file: Path) -> str:
    """The text that a module gives to `__version__` at its top, read without importing it; "" if there is none."""
    if file.is_file() and file.stat().st_size > MOST_BYTES:
        return ""
    try:
        module = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    for node in module.body:
        if isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == ["__version__"]:
            return str(node.value.value) if isinstance(node.value, ast.Constant) else ""
    return ""
