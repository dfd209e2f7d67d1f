"""metadata.json: what MONAI's schema of 2024-07-25 asks for, and what a model zoo needs beyond it."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from smart_nets.optional import needed
from smart_nets.zoo.lint.fault import Fault

SCHEMA = Path(__file__).parent / "meta_schema_20240725.json"  # MONAI's own, Apache-2.0; verify_metadata downloads it
NOT_A_DEVICE = "not for diagnostic"
VERSION = re.compile(r"\d(\.\d)*", re.ASCII)  # 0.10.0 would sort before 0.9.0: MONAI compares them as texts
EXACT = re.compile(r"\d+(\.\d+)+", re.ASCII)
KINDS = {"string": "a text", "object": "a table", "array": "a list", "integer": "a whole number", "number": "a number"}


def metadata_faults(path: Path, content: Mapping[str, Any]) -> list[Fault]:
    """Faults of the content of a metadata.json; ConfigError without the package jsonschema."""
    faults = [fault for error in _schema().iter_errors(content) for fault in _schema_faults(path, error)]
    if "changelog" not in content:
        faults.append(Fault(path, "changelog", "is missing", "a table"))
    if NOT_A_DEVICE not in str(content.get("intended_use", "")).lower():
        found = str(content.get("intended_use", "nothing"))
        faults.append(Fault(path, "intended_use", "does not warn", f'the words "{NOT_A_DEVICE}"', found))
    return [*dict.fromkeys(faults), *_version_faults(path, content), *_package_faults(path, content)]


@functools.cache
def _schema() -> Any:
    schema = json.loads(SCHEMA.read_text())
    return needed("jsonschema.validators", "zoo lint").validator_for(schema)(schema)


def _schema_faults(path: Path, error: Any) -> Iterator[Fault]:
    """What jsonschema found; of the alternatives that a table could be, the one that is a table."""
    key = "#".join(map(str, error.absolute_path))
    if error.validator == "anyOf" and isinstance(error.instance, dict):
        for inner in error.context:
            if inner.validator != "type" or len(inner.relative_path):
                yield from _schema_faults(path, inner)
    elif error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield Fault(path, f"{key}#{name}".lstrip("#"), "is missing")
    elif error.validator == "type":
        kinds = [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
        expected = " or ".join(KINDS.get(kind, kind) for kind in kinds)
        yield Fault(path, key, "is of another type", expected, str(error.instance))
    else:
        yield Fault(path, key, "does not follow MONAI's schema", found=error.message)


def _version_faults(path: Path, content: Mapping[str, Any]) -> list[Fault]:
    version, changelog = content.get("version"), content.get("changelog")
    faults = []
    if isinstance(version, str) and not VERSION.fullmatch(version):
        expected = "digits and dots, one digit between dots, such as 0.2.0"
        faults.append(Fault(path, "version", "cannot be sorted as a text, as MONAI does", expected, version))
    if isinstance(changelog, dict) and version not in changelog:
        versions = ", ".join(changelog) or "nothing"
        faults.append(Fault(path, "changelog", "does not tell what is new", f"an entry {version}", versions))
    return faults


def _package_faults(path: Path, content: Mapping[str, Any]) -> list[Fault]:
    faults, old = [], "optional_packages_version"
    if old in content:
        faults.append(Fault(path, old, "is not in the schema any more", remedy="name it required_packages_version"))
    packages = content.get("required_packages_version")
    for name, version in packages.items() if isinstance(packages, dict) else ():
        if not (isinstance(version, str) and EXACT.fullmatch(version)):
            key = f"required_packages_version#{name}"
            faults.append(Fault(path, key, "is no exact version", 'a text such as "1.2.3"', str(version)))
    return faults
