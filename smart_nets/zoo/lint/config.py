"""The configurations of one bundle: what they build, run, refer to and leave out."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from smart_nets.zoo.lint.calls import call_faults
from smart_nets.zoo.lint.components import callbacks, component_faults
from smart_nets.zoo.lint.defined import Package
from smart_nets.zoo.lint.expression import (
    ABSOLUTE,
    BY_POSITION,
    POSITION,
    absolute_fault,
    expression_faults,
    position_fault,
)
from smart_nets.zoo.lint.fault import Fault
from smart_nets.zoo.lint.imports import import_faults
from smart_nets.zoo.lint.json_text import MOST_ENTRIES, Text, has, texts, value_at, walk
from smart_nets.zoo.lint.layers import fill_macros, lay_over
from smart_nets.zoo.lint.places import Places
from smart_nets.zoo.lint.syntax import import_of, references

MOST_FAULTS, MOST_HINTS = 200, 10  # of one workflow; whoever has more mends these first
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
OF_METADATA = f"stands in for {METADATA}, which MONAI reads there only if it is told to"
LATE = ("bundle_root", "network", "network_def")  # not to be had yet when `initialize` runs

WORD = re.compile(r"[A-Za-z0-9]+")
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
        faults += [Fault(path, key, OF_METADATA, remedy="write it there") for key in content if _is_metadata(key)]
        if path.name in NEEDED or "bundle_root" in content:
            tree, of_keys = lay_over({}, content, path)
            faults += of_keys + _lacking(tree, NEEDED.get(path.name, ALONE), path)
            label = path.name == INFERENCE
            faults += of_base if path.name == BASE else _workflow_faults(tree, contents, package, label)
        elif not base_is_broken and not _only_numbers(content, contents.get(BASE, {})):
            tree, of_keys = lay_over(base, content, path)
            of_both = [fault for fault in _workflow_faults(tree, contents, package) if fault not in of_base]
            faults += of_keys + [_blamed(fault, path) for fault in of_both]
    return faults


def _only_numbers(overlay: Mapping[str, Any], base: Mapping[str, Any]) -> bool:
    """Whether all that an overlay does is to give numbers, and single words for words, beside its comment.

    Numbers, truths and null take the place of any single value: there is nothing in them to run, or to lead anywhere.
    """
    return all(
        key == "_row_" and isinstance(value, str) and value[:1].isalnum()
        if key not in base
        else not isinstance(base[key], (dict, list))
        and (value is None or isinstance(value, (int, float)) or (_is_word(value) and _is_word(base[key])))
        for key, value in overlay.items()
    )


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and WORD.fullmatch(value) is not None


def _is_metadata(key: str) -> bool:
    return key.removeprefix("+").replace("::", "#").split("#")[0] == "_meta_"


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
    macro = next((text for _, text in texts(tree) if text.startswith("%")), None)
    tree = fill_macros(tree, tree, contents)
    if macro is not None and sum(1 for _ in islice(walk(tree), 2 * MOST_ENTRIES + 1)) > 2 * MOST_ENTRIES:
        return [macro.fault("brings too much, with the other macros", f"{2 * MOST_ENTRIES:,} entries in all")]
    granted: dict[str, str] = {}
    faults: list[Fault] = []
    for _, text in texts(tree.get("imports")):
        brought, found = import_faults(text, package)
        granted |= brought
        faults += found
    others = {name: value for name, value in tree.items() if name != "imports"}
    places, reports = Places(tree, granted), callbacks(others)
    faults += [*islice(component_faults(others, package, places), MOST_FAULTS), *_root_faults(tree, places)]
    for key, text in texts(others):
        if len(faults) >= MOST_FAULTS:
            return [
                *faults,
                text.fault("comes after so many faults that it was not looked at", remedy="mend these first"),
            ]
        faults += _text_faults(text, granted)
        faults += _reference_faults(text, tree, label, hints=len(faults) < MOST_HINTS)
        if text.startswith("$"):
            faults += call_faults(text, places, key in reports)
    return faults + _initialize_faults(tree)


def _root_faults(tree: Mapping[str, Any], places: Places) -> list[Fault]:
    """A `bundle_root` that is found in another way could be any folder, and results would be written there."""
    root = tree.get("bundle_root")
    if root is None or places.root_is_known() or not isinstance(root, Text):
        return []
    remedy = "take bundle_root and roots of a bundle of this collection"
    return [root.fault("is found in another way than lint knows", 'such as "."', remedy=remedy)]


def _text_faults(text: Text, granted: Mapping[str, str]) -> list[Fault]:
    if import_of(text) is not None:
        return [text.fault("imports outside of imports, and MONAI does it at once", remedy="move it there")]
    if text.startswith("$"):
        return expression_faults(text, granted)
    if text.startswith("%"):
        return [text.fault("leads nowhere", "%file#key or %key", remedy="name a file in configs and its key")]
    return [absolute_fault(text, str(text))] if ABSOLUTE.match(text) else []


def _reference_faults(text: Text, tree: Mapping[str, Any], label: bool, hints: bool) -> list[Fault]:
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
            near = difflib.get_close_matches(name[1:], [key for key, _ in walk(tree)], n=1) if hints else []
            hints = False  # looking for what was meant takes longest of all
            remedy = f"perhaps @{near[0]} is meant" if near else "write the whole key, from the top of the file"
            faults.append(text.fault(f"refers to {name}, which does not exist", remedy=remedy))
    return faults


def _initialize_faults(tree: Mapping[str, Any]) -> list[Fault]:
    """The bundle's own folder can be imported from only when `run` begins; what needs it must not come before."""
    begins = [*texts(tree.get("initialize"))]
    leading = {name: _leading_to(name, tree) for name in LATE} if begins else {}
    return [
        text.fault(f"needs {name}, which is not to be had yet when initialize runs", remedy="do it in run")
        for _, text in begins
        for name, keys in leading.items()
        if not keys.isdisjoint(references(text))
    ]


def _leading_to(name: str, tree: Mapping[str, Any]) -> set[str]:
    """The keys of a top key, and those that refer to it, directly or through others."""
    named = {key for _, text in texts(tree) for key in references(text)}
    sources = defaultdict(set)
    for key in named:
        for _, text in texts(value_at(tree, key)) if has(tree, key) else ():
            for further in references(text):
                sources[further].add(key)
    todo = [key for key in named if key.split("::")[0] == name]
    seen = set(todo)
    while todo:
        new = sources[todo.pop()] - seen
        seen |= new
        todo += new
    return seen
