"""logging.conf: Python's `fileConfig` runs parts of it as code, so only logging classes and literals pass."""

from __future__ import annotations

import ast
import configparser
import logging.handlers
from pathlib import Path
from typing import Any

from smart_nets.zoo.lint.expression import ABSOLUTE, NOT_PARSED
from smart_nets.zoo.lint.fault import Fault

STREAMS = ("sys.stdout", "sys.stderr")
MODULES = {"": logging, "logging": logging, "logging.handlers": logging.handlers}


def logging_faults(path: Path) -> list[Fault]:
    """Faults of a logging configuration: what MONAI refuses to run, `defaults` (Python 3.13 runs it), absolute paths."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, configparser.Error, UnicodeDecodeError) as error:
        return [Fault(path, "", "is no logging configuration", found=str(error))]
    faults = []
    for section in parser.sections():
        for field, value in parser.items(section):
            key = f"{section}#{field}"
            if field == "class" and not _is_logging_class(value):
                faults.append(Fault(path, key, "is no logging class", "such as StreamHandler", value))
            if field in ("args", "kwargs", "defaults"):
                faults += _argument_faults(path, key, value)
    return faults


def _is_logging_class(name: str) -> bool:
    module, _, last = name.rpartition(".")
    found = vars(MODULES[module]).get(last) if module in MODULES else None
    return isinstance(found, type) and issubclass(found, (logging.Handler, logging.Formatter))


class _Streams(ast.NodeTransformer):
    """Puts a constant in place of sys.stdout and sys.stderr."""

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        return ast.Constant(None) if ast.unparse(node) in STREAMS else node


def _argument_faults(path: Path, key: str, value: str) -> list[Fault]:
    try:
        tree = _Streams().visit(ast.parse(value, mode="eval"))
        ast.literal_eval(tree)
    except (*NOT_PARSED, TypeError):
        return [Fault(path, key, "are no literals", f"constants, {' or '.join(STREAMS)}", value)]
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [Fault(path, key, "is an absolute path", found=text) for text in texts if ABSOLUTE.match(text)]
