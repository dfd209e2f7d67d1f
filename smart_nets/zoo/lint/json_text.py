"""JSON files of a bundle, read so that every text knows its place and no key is lost."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smart_nets.zoo.lint.fault import Fault

MOST_LEVELS, MOST_ENTRIES, MOST_BYTES = 50, 10_000, 60_000  # this collection needs 8, 600 and 22,000
# of a key: MONAI takes "#" and "::" apart wherever a key is looked up, and puts the value of an empty one in the place of all
KEY = re.compile(r"\w[\w .,()+/=-]*")


class Text(str):
    """A text of a configuration that knows its file and key, also after an overlay or a macro has moved it."""

    file: Path
    key: str

    def fault(self, what: str, expected: str = "", found: str = "", remedy: str = "") -> Fault:
        """A fault of this text."""
        return Fault(self.file, self.key, what, expected, found or str(self), remedy)


class _Table(dict[str, Any]):
    """A JSON object that remembers the keys it was given twice; Python keeps the last of them."""

    doubled: list[str]


def _table(pairs: list[tuple[str, Any]]) -> _Table:
    table = _Table(pairs)
    table.doubled = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    return table


def read_texts(path: Path) -> tuple[dict[str, Any] | None, list[Fault]]:
    """The object of a JSON file, its texts as `Text`, and the faults of the file; None where there is no object."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None, [Fault(path, "", "is too large", f"{MOST_BYTES:,} bytes", f"{path.stat().st_size:,}")]
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_table)
        keys = [key for key, _ in walk(content)]
        levels = max(key.count("#") for key in keys)
        if len(keys) > MOST_ENTRIES:
            return None, [Fault(path, "", "has too many entries", f"{MOST_ENTRIES:,}", f"{len(keys):,}")]
    except json.JSONDecodeError as error:
        what = f"is no JSON at line {error.lineno}, column {error.colno}"
        return None, [Fault(path, "", what, found=error.msg, remedy="mend the file there")]
    except UnicodeDecodeError:
        return None, [Fault(path, "", "is no JSON", "UTF-8 text", "other bytes", "save it as UTF-8")]
    except ValueError as error:  # a number with thousands of digits
        return None, [Fault(path, "", "is no JSON", found=str(error), remedy="mend the file")]
    except RecursionError:
        levels = 1000
    except OSError as error:
        return None, [Fault(path, "", f"cannot be read ({error.strerror})", remedy="check the file")]
    if levels > MOST_LEVELS:
        return None, [Fault(path, "", "is nested too deeply", f"{MOST_LEVELS} levels", f"{levels} or more")]
    if not isinstance(content, dict):
        return None, [Fault(path, "", "is no table of settings", "{...}", type(content).__name__)]
    doubles = [
        Fault(path, f"{key}#{name}" if key else name, "stands twice in one table", "each key once", remedy="remove one")
        for key, node in walk(content)
        if isinstance(node, _Table)
        for name in node.doubled
    ]
    return _placed(content, path, ""), doubles + _key_faults(content, path)


def _key_faults(content: dict[str, Any], path: Path) -> list[Fault]:
    """Keys that MONAI could take for others; those at the top may lead into a table, as an overlay's do."""
    names = [(key, name) for key, node in walk(content) if key and isinstance(node, dict) for name in node]
    names += [("", part) for name in content for part in name.removeprefix("+").replace("::", "#").split("#")]
    return [
        Fault(path, key, "has a key that MONAI could take for another", "letters and digits", repr(name), "rename it")
        for key, name in names
        if not KEY.fullmatch(name)
    ]


def _placed(node: Any, path: Path, key: str) -> Any:
    prefix = f"{key}#" if key else ""
    if isinstance(node, dict):
        return {name: _placed(value, path, f"{prefix}{name}") for name, value in node.items()}
    if isinstance(node, list):
        return [_placed(value, path, f"{prefix}{number}") for number, value in enumerate(node)]
    if isinstance(node, str):
        node = Text(node)
        node.file, node.key = path, key
    return node


def walk(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every key below a node, joined by "#", with its value; the node itself first."""
    left = [(key, node)]
    while left:
        key, node = left.pop()
        yield key, node
        pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        left += [(f"{key}#{name}" if key else str(name), value) for name, value in pairs][::-1]


def texts(node: Any) -> Iterator[tuple[str, Text]]:
    """Every text below a node with its key."""
    return ((key, value) for key, value in walk(node) if isinstance(value, Text))


def value_at(node: Any, key: str) -> Any:
    """What stands under a key such as "train#handlers#0" or "train::handlers::0".

    Raises:
        LookupError: nothing does.
    """
    for part in key.replace("::", "#").split("#"):
        if isinstance(node, list) and part.isdecimal():
            node = node[int(part)]
        elif isinstance(node, dict):
            node = node[part]
        else:
            raise KeyError(part)
    return node


def has(node: Any, key: str) -> bool:
    """Whether something stands under a key."""
    try:
        value_at(node, key)
    except LookupError:
        return False
    return True
