"""Reads what runs leave behind, and shows what is needed to make one again."""

from __future__ import annotations

import contextlib
import json
import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.pages import page


def read_json(path: Path) -> Any:
    """The content of a JSON file; InputError if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("cannot be read", where=path, found=error.strerror, remedy="evaluate the run first") from error
    except ValueError as error:
        raise InputError("is not valid JSON", where=path, found=error, remedy="write it again") from error


@contextlib.contextmanager
def record_of(what: str, path: Path) -> Iterator[None]:
    """Raises InputError for whatever the block stumbles over while it takes apart the content of a file of this project."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
        raise InputError(f"is no record of {what}", where=path, found=found, remedy="evaluate again") from error


def read_about(path: Path, notes: list[str]) -> dict[str, Any]:
    """run.json without folder names, {} and a note if there is none; InputError if it is damaged."""
    if not path.is_file():
        notes.append("There is no run.json: settings, versions, hardware and data of this run are not known.")
        return {}
    about = read_json(path)
    if not isinstance(about, dict):
        raise InputError("holds no settings", where=path, expected="a JSON object", found=type(about).__name__)
    about = _without_folders(about)
    if isinstance(about.get("data"), dict) and about["data"].get("source"):
        about["data"]["source"] = _last_name(str(about["data"]["source"]))
    for name in ("settings", "versions", "data", "model", "weights"):
        if not isinstance(about.get(name, {}), dict):
            raise InputError(f"{name} is not a table", where=path, expected="a JSON object", found=about[name])
    data = about.get("data", {})
    for holder, name in ((about, "seconds"), (data, "given"), (data, "used"), (data, "rejected")):
        if name in holder:
            check_number(holder[name], name, path)
    return about


def check_number(value: Any, name: str, path: Path) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{name} is not a number", where=path, found=value, remedy="correct run.json")


def _without_folders(value: Any) -> Any:
    """The same record with only the last name of every absolute path: folders may name a user or a patient."""
    if isinstance(value, dict):
        return {name: _without_folders(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_without_folders(entry) for entry in value]
    absolute = isinstance(value, str) and re.match(r"[/~\\]|[A-Za-z]:[/\\]|\w+://", value)
    return _last_name(value) if absolute else value


def _last_name(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file, {} if there is no file; InputError if it is damaged."""
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError("cannot be read", where=path, found=error, remedy="delete it or make it again") from error


def record_tables(about: dict[str, Any], more: list[tuple[str, Any]] | None = None) -> str:
    """Everything run.json knows that is needed to make a run again: data (and `more` there), model, settings, versions."""
    data, model, weights = (about.get(name, {}) for name in ("data", "model", "weights"))
    names = {"source": "source", **{name: f"scans {name}" for name in ("given", "used", "rejected")}}
    names["manifest_sha256"] = "SHA-256 of the manifest"
    facts = (more or []) + [(text, data[name]) for name, text in names.items() if name in data]
    facts += [(f"weights, {name}", value) for name, value in weights.items()]
    facts += [(name, about[name]) for name in ("started", "hardware") if name in about]
    groups = {
        "Data and weights": facts,
        "Model": list(model.items()),
        "Settings": list(about.get("settings", {}).items()),
        "Versions": list(about.get("versions", {}).items()),
    }
    return page.tables((name, page.table(rows)) for name, rows in groups.items() if rows)
