"""A workflow as MONAI would put it together: an overlay laid over train.json, macros filled in, nothing evaluated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smart_nets.zoo.lint.fault import Fault
from smart_nets.zoo.lint.json_text import Text, value_at

MACRO = re.compile(r"%(?:(?:configs/)?(?P<file>[\w.-]+\.json)(?:#|::|$))?(?P<key>[^.]*)")


def lay_over(base: Mapping[str, Any], overlay: Mapping[str, Any], file: Path) -> tuple[dict[str, Any], list[Fault]]:
    """A new table: the base with the keys of an overlay; "a#b" replaces inside, "+a" adds to a list or table.

    The base is {} for a file that stands alone. A key into something that is not there is a fault, as it is for MONAI.
    """
    merged, faults = _own_tables(dict(base)), []
    for key, value in overlay.items():
        *path, last = key.removeprefix("+").replace("::", "#").split("#")
        try:
            node = value_at(merged, "#".join(path)) if path else merged
            where: Any = int(last) if isinstance(node, list) else last
            node[where] = _added(node[where], value) if key.startswith("+") else value
        except (LookupError, TypeError, ValueError):
            faults.append(Fault(file, key, "leads nowhere", "a key whose table is there", remedy="correct the key"))
    return merged, faults


def _added(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return old | new
    if isinstance(old, list) and isinstance(new, list):
        return old + new
    raise TypeError("not two tables or two lists")


def _own_tables(node: Any) -> Any:
    """A copy that shares only the texts and numbers."""
    if isinstance(node, dict):
        return {name: _own_tables(value) for name, value in node.items()}
    return [_own_tables(value) for value in node] if isinstance(node, list) else node


def fill_macros(node: Any, workflow: Mapping[str, Any], files: Mapping[str, Any]) -> Any:
    """The node with the value of every macro, such as "%train.json#presets", in its place.

    Args:
        node: what to fill.
        workflow: where a macro without a file looks.
        files: name -> content of the files in configs; no other file is looked into, for no other is checked.

    A macro that leads nowhere stays as it is, and so does a macro inside of what a macro gave: MONAI fills in once.
    """
    if isinstance(node, dict):
        return {name: fill_macros(value, workflow, files) for name, value in node.items()}
    if isinstance(node, list):
        return [fill_macros(value, workflow, files) for value in node]
    macro = MACRO.fullmatch(node) if isinstance(node, Text) else None
    if macro is None:
        return node
    try:
        source = files[macro["file"]] if macro["file"] else workflow
        return value_at(source, macro["key"]) if macro["key"] else source
    except LookupError:
        return node
