"""metadata.json: what MONAI's schema of 2024-07-25 asks for, and what a model zoo needs beyond it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smart_nets.zoo.lint.fault import Fault

REQUIRED: dict[str, type] = {
    **dict.fromkeys(("schema", "version", "monai_version", "pytorch_version", "numpy_version"), str),
    **dict.fromkeys(("task", "description", "authors", "copyright"), str),
    **dict.fromkeys(("required_packages_version", "network_data_format", "changelog"), dict),
}
TENSOR = ("type", "format", "num_channels", "spatial_shape", "dtype", "value_range")
NOT_A_DEVICE = "not for diagnostic"
VERSION = re.compile(r"\d(\.\d)*", re.ASCII)  # 0.10.0 would sort before 0.9.0: MONAI compares them as texts
EXACT = re.compile(r"\d+(\.\d+)+", re.ASCII)
KINDS: dict[type, str] = {str: "a text", dict: "a table"}


def metadata_faults(path: Path, content: Mapping[str, Any]) -> list[Fault]:
    """Faults of the content of a metadata.json."""
    faults = []
    for name, kind in REQUIRED.items():
        if name not in content:
            faults.append(Fault(path, name, "is missing", KINDS[kind]))
        elif not isinstance(content[name], kind):
            faults.append(Fault(path, name, "is of another type", KINDS[kind], str(content[name])))
    if not isinstance(content.get("references", []), list):
        faults.append(Fault(path, "references", "is no list", "a list of texts", str(content["references"])))
    if NOT_A_DEVICE not in str(content.get("intended_use", "")).lower():
        found = str(content.get("intended_use", "nothing"))
        faults.append(Fault(path, "intended_use", "does not warn", f'the words "{NOT_A_DEVICE}"', found))
    return faults + _version_faults(path, content) + _package_faults(path, content) + _tensor_faults(path, content)


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


def _tensor_faults(path: Path, content: Mapping[str, Any]) -> list[Fault]:
    faults = []
    for network, sides in content.items():
        if not (network.endswith("_data_format") and isinstance(sides, dict)):
            continue
        faults += [
            Fault(path, f"{network}#{side}", "is missing", KINDS[dict])
            for side in ("inputs", "outputs")
            if side not in sides
        ]
        for side, tensors in sides.items():
            for tensor, facts in tensors.items() if isinstance(tensors, dict) else ():
                lacking = [name for name in TENSOR if isinstance(facts, dict) and name not in facts]
                faults += [Fault(path, f"{network}#{side}#{tensor}#{name}", "is missing") for name in lacking]
    return faults
