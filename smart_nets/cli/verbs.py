"""The verbs and what they take, read from their source without running it: what is behind them takes seconds to import."""

from __future__ import annotations

import ast
import functools
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VERBS = {  # verb: module and function
    "pretrain": ("bundles", "pretrain"),
    "classify": ("bundles", "classify"),
    "segment": ("bundles", "segment"),
    "zeroshot": ("bundles", "zeroshot"),
    "cluster": ("bundles", "cluster"),
    "settings": ("bundles", "settings"),
    "check-data": ("data", "check_data"),
    "prepare": ("data", "prepare"),
    "collect": ("lists", "collect_scans"),
    "overlap": ("lists", "overlap"),
    "features": ("classify", "features"),
    "probe": ("classify", "probe"),
    "similar": ("similar", "similar"),
    "compare": ("compare", "compare_runs"),
    "encoders": ("encoders", "encoders"),
    "attend": ("look", "attend"),
    "heads": ("look", "heads"),
    "convert": ("weights", "convert"),
    "doctor": ("doctor", "doctor"),
    "completion": ("completion", "completion"),
    **{f"zoo {name}": ("zoo", name) for name in ("lint", "package", "verify", "install", "export")},
}


@dataclass(frozen=True)
class Argument:
    """What a verb takes.

    Attributes:
        name: as in Python; on the command line with a dash or an underscore.
        kind: "str", "int", "float", "bool", or the choices of a Literal.
        default: as the source says it, None if it must be given.
        told: what it means.
        many: takes whatever is given without a name.
    """

    name: str
    kind: str | tuple[str, ...]
    default: str | None
    told: str
    many: bool = False

    @property
    def flag(self) -> str:
        """As it is typed; Python's own words bear a trailing underscore here, as in for_."""
        return f"--{self.name.rstrip('_')}"

    @property
    def needed(self) -> bool:
        return self.default is None and not self.many


@dataclass(frozen=True)
class Verb:
    """A verb: its first sentence, all of its text, its arguments, and whether it hands on names that it does not know."""

    name: str
    summary: str
    text: str
    arguments: tuple[Argument, ...]
    open: bool
    module: str
    function: str

    def load(self) -> Callable[..., Any]:
        """The function, its module imported now."""
        found: Callable[..., Any] = getattr(importlib.import_module(f"smart_nets.cli.{self.module}"), self.function)
        return found


@functools.cache
def read_verb(name: str) -> Verb:
    """The verb of `VERBS` with this name, from the source of its function."""
    module, function = VERBS[name]
    tree = ast.parse((HERE / f"{module}.py").read_text(encoding="utf-8"))
    return verb_of(
        next(one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == function), name, module
    )


def verb_of(source: ast.FunctionDef, name: str, module: str) -> Verb:
    """What the definition of a function says."""
    text, _, rest = (ast.get_docstring(source) or "").partition("\n\nArgs:\n")
    told, taken = _told(rest), source.args
    plain = list(zip(taken.args, [*[None] * (len(taken.args) - len(taken.defaults)), *taken.defaults], strict=True))
    named = [pair for pair in zip(taken.kwonlyargs, taken.kw_defaults, strict=True) if not _is_open(pair[0])]
    arguments = [_argument(one, default, told) for one, default in (*plain, *named)]
    if taken.vararg is not None:
        arguments.insert(0, Argument(taken.vararg.arg, "str", None, told.get(taken.vararg.arg, ""), many=True))
    summary = " ".join(text.split("\n\n")[0].split())
    return Verb(name, summary, text, tuple(arguments), any(map(_is_open, taken.kwonlyargs)), module, source.name)


def _is_open(one: ast.arg) -> bool:
    """Whether an argument takes all names and values that the verb does not know, as they were typed."""
    return one.annotation is not None and ast.unparse(one.annotation) == "Words"


def _argument(one: ast.arg, default: ast.expr | None, told: dict[str, str]) -> Argument:
    kind: str | tuple[str, ...] = ast.unparse(one.annotation).removesuffix(" | None") if one.annotation else "str"
    if str(kind).startswith("Literal["):
        kind = tuple(ast.literal_eval(f"[{str(kind)[8:-1]}]"))
    if isinstance(kind, str) and kind not in ("int", "float", "bool"):
        kind = "str"  # names of texts, which the verb itself knows
    return Argument(one.arg, kind, None if default is None else ast.unparse(default), told.get(one.arg, ""))


def _told(section: str) -> dict[str, str]:
    """The lines of an Args section: name -> meaning."""
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        head = re.match(r" {4}(\w+(?:, \w+)*): (.*)", line)
        if head:
            name = head[1]
            found |= dict.fromkeys(name.split(", "), head[2].strip())
        elif line.startswith(" " * 8) and name:
            found |= {one: f"{found[one]} {line.strip()}" for one in name.split(", ")}
        elif line.strip():
            break  # Returns, Raises
    return found
