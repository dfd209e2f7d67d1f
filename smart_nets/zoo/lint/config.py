"""The configurations of one bundle: what they build, run, refer to and leave out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from smart_nets.zoo.lint.defined import Package
from smart_nets.zoo.lint.expression import (
    ABSOLUTE,
    BY_POSITION,
    POSITION,
    absolute_fault,
    expression_faults,
    import_faults,
    import_of,
    position_fault,
    references,
)
from smart_nets.zoo.lint.fault import Fault
from smart_nets.zoo.lint.json_text import Text, has, texts, value_at, walk
from smart_nets.zoo.lint.layers import fill_macros, lay_over
from smart_nets.zoo.lint.names import CLASSES, IO, MONAI

BASE, INFERENCE, METADATA = "train.json", "inference.json", "metadata.json"
ALONE = ("bundle_root", "run")
TRAINS = (
    *ALONE,
    "device",
    "dataset_dir",
    "train#trainer",
    "train#trainer#max_epochs",
    "train#dataset",
    "train#inferer",
)
NEEDED = {  # what `monai.bundle` and MONAI Label look for
    BASE: TRAINS,
    INFERENCE: (*ALONE, "device", "dataset_dir", "dataset", "evaluator", "network_def", "inferer"),
    "evaluate.json": ALONE,
}
LATE = ("bundle_root", "network", "network_def")  # not to be had yet when `initialize` runs
LIST_IT = "list it in smart_nets/zoo/lint/names.py if it is harmless"
BUILT = "smart_nets, torch.optim, torch.nn, ignite, or a MONAI class that is listed"

Files = Mapping[Path, dict[str, Any] | None]


def config_faults(files: Files, package: Package) -> list[Fault]:
    """Faults of the configurations of one bundle; a file without a `bundle_root` of its own is laid over train.json.

    Args:
        files: path -> content of every JSON file in configs, metadata.json among them; None where there is no content.
        package: where the names of smart_nets are looked up.
    """
    contents = {path.name: content for path, content in files.items() if content is not None}
    base, _ = lay_over({}, contents.get(BASE, {}), Path(BASE))
    of_base = _workflow_faults(base, contents, package)
    base_is_broken = any(path.name == BASE for path in files) and BASE not in contents
    faults: list[Fault] = []
    for path, content in files.items():
        if content is None or path.name == METADATA:
            continue
        faults += [Fault(path, key, BY_POSITION, "a name") for key in content if POSITION.search(key)]
        if path.name in NEEDED or "bundle_root" in content:
            tree, of_keys = lay_over({}, content, path)
            faults += of_keys + _lacking(tree, NEEDED.get(path.name, ALONE), path)
            label = path.name == INFERENCE
            faults += of_base if path.name == BASE else _workflow_faults(tree, contents, package, label)
        elif not base_is_broken:
            tree, of_keys = lay_over(base, content, path)
            of_both = [fault for fault in _workflow_faults(tree, contents, package) if fault not in of_base]
            faults += of_keys + [_blamed(fault, path) for fault in of_both]
    return faults


def _blamed(fault: Fault, overlay: Path) -> Fault:
    """What an overlay breaks in the file below it is told of the overlay."""
    if fault.file == overlay:
        return fault
    return replace(fault, file=overlay, what=f"{fault.what}, once this file is laid over {fault.file.name}")


def _lacking(tree: Mapping[str, Any], needed: tuple[str, ...], path: Path) -> list[Fault]:
    missing = [key for key in needed if not has(tree, key)]
    whole = [key for key in missing if not any(key.startswith(f"{other}#") for other in missing)]
    return [Fault(path, key, "is missing", remedy="MONAI looks for it by this key") for key in whole]


def _workflow_faults(
    tree: Mapping[str, Any], contents: Mapping[str, Any], package: Package, label: bool = False
) -> list[Fault]:
    """Faults of all texts of a workflow; `label` when MONAI Label reads it, which knows no metadata."""
    tree = {**tree, "_meta_": contents.get(METADATA, {})}
    tree = fill_macros(tree, tree, contents)
    granted: set[str] = set()
    faults: list[Fault] = []
    for _, text in texts(tree.get("imports")):
        brought, found = import_faults(text, package)
        granted |= brought
        faults += found
    for key, text in texts({name: value for name, value in tree.items() if name != "imports"}):
        faults += _component_faults(key, text, package) + _text_faults(text, granted)
        faults += _reference_faults(text, tree, label)
    return faults + _initialize_faults(tree)


def _text_faults(text: Text, granted: set[str]) -> list[Fault]:
    if import_of(text) is not None:
        return [text.fault("imports outside of imports, and MONAI does it at once", remedy="move it there")]
    if text.startswith("$"):
        return expression_faults(text, granted)
    if text.startswith("%"):
        return [text.fault("leads nowhere", "%file#key or %key", remedy="name a file in configs and its key")]
    return [absolute_fault(text, str(text))] if ABSOLUTE.match(text) else []


def _component_faults(key: str, text: Text, package: Package) -> list[Fault]:
    """What a component is, and those of its arguments by which MONAI would take any class, or hand out the class itself."""
    name = re.sub(r"(#\d+)+$", "", key).rpartition("#")[2]
    if name == "_target_":
        return _target_faults(text, package)
    if name in ("reader", "writer") and not IO.fullmatch(text):
        return [text.fault("names a class by its path, and MONAI takes any", "such as NibabelReader", remedy=LIST_IT)]
    return [text.fault("is not to be set", "components that are built at once")] if name == "_mode_" else []


def _target_faults(target: Text, package: Package) -> list[Fault]:
    """A class that may be built: of this project, where it must exist, or on a short list of others."""
    module, _, name = target.rpartition(".")
    if CLASSES.fullmatch(target) or (name in MONAI and re.fullmatch(r"(monai(\.[a-z_]+)+)?", module)):
        return []
    if target.startswith("smart_nets."):
        remedy = package.missing(target)
        return [] if remedy is None else [target.fault("does not exist", remedy=remedy)]
    near = difflib.get_close_matches(target, MONAI, n=1)
    remedy = f"perhaps {near[0]} is meant" if near else LIST_IT
    return [target.fault("builds what a configuration must not", BUILT, remedy=remedy)]


def _reference_faults(text: Text, tree: Mapping[str, Any], label: bool) -> list[Fault]:
    if import_of(text) is not None:
        return []
    found = list(dict.fromkeys(references(text)))
    faults = [position_fault(text)] if any(map(POSITION.search, found)) else []
    if text.startswith("@") and not found:
        faults.append(text.fault("is a text, not a reference", remedy="begin it with $"))
    for reference in found:
        name = "@" + reference.replace("::", "#")
        if label and reference.split("::")[0] == "_meta_":
            faults.append(text.fault(f"refers to {name}, which MONAI Label lacks", remedy="write the value here"))
        elif not has(tree, reference):
            near = difflib.get_close_matches(name[1:], [key for key, _ in walk(tree)], n=1)
            remedy = f"perhaps @{near[0]} is meant" if near else "write the whole key, from the top of the file"
            faults.append(text.fault(f"refers to {name}, which does not exist", remedy=remedy))
    return faults


def _initialize_faults(tree: Mapping[str, Any]) -> list[Fault]:
    """The bundle's own folder can be imported from only when `run` begins; what needs it must not come before."""
    return [
        text.fault(f"needs {name}, which is not to be had yet when initialize runs", remedy="do it in run")
        for _, text in texts(tree.get("initialize"))
        for name in LATE
        if name in _reached(text, tree)
    ]


def _reached(text: Text, tree: Mapping[str, Any]) -> set[str]:
    """The top keys that a text refers to, directly or through others."""
    todo, seen = references(text), set[str]()
    while todo:
        key = todo.pop()
        if key not in seen and has(tree, key):
            todo += [further for _, other in texts(value_at(tree, key)) for further in references(other)]
        seen.add(key)
    return {key.split("::")[0] for key in seen}
