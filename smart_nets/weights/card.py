"""What a card may say: types, ranges, and a network that fits the memory; told before anything is built."""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smart_nets.errors import CheckpointError
from smart_nets.optional import needed

SCHEMA = Path(__file__).with_name("card_schema.json")
REMEDY = "correct it, or copy the card that was made with the weights"
LONGEST = 1_000_000  # bytes of a card


def parse_card(path: Path) -> dict[str, Any]:
    """The content of a card's file, checked.

    Raises:
        CheckpointError: see `read_table_of_card`, or it is no card (`check_card`).
    """
    card = read_table_of_card(path)
    check_card(card, path)
    return card


def read_table_of_card(path: Path) -> dict[str, Any]:
    """The content of a card's file, whatever it says.

    Raises:
        CheckpointError: it cannot be read, is no JSON object, or gives a field twice.
    """
    try:
        size = path.stat().st_size
        if size > LONGEST:
            raise CheckpointError("is too long for a card", where=path, expected="up to 1 MB", found=f"{size:,} bytes")
        card = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=functools.partial(_once, path))
    except (ValueError, RecursionError, OSError) as error:
        found = (str(error).splitlines() or [type(error).__name__])[0][:90]
        raise CheckpointError("is no JSON", where=path, found=found, remedy="copy it again") from error
    if not isinstance(card, dict):
        raise CheckpointError("is no card", where=path, expected="a JSON object", found=type(card).__name__)
    return card


def check_card(card: Mapping[str, Any], where: object = "card") -> None:
    """Compare a card with card_schema.json; fields may be missing, since callers need different ones.

    Raises:
        CheckpointError: an unknown field, or one of another type or range.
    """
    check_schema(card, _schema(), where)
    low, high = card.get("hu_window", (0, 1))
    if low >= high:
        raise _fault(where, "hu_window", "[low, high] in HU, low below high", [low, high])
    if "architecture" in card:
        check_architecture(card["architecture"], where)


def check_architecture(architecture: Mapping[str, Any], where: object = "") -> None:
    """Compare an architecture with what its network can be, and its size with the machine's memory.

    Raises:
        CheckpointError: an unknown option or name, one of another type or range, or a network too large to build.
    """
    known = _schema()["architectures"]
    if not isinstance(architecture, Mapping) or architecture.get("name") not in [*known]:
        found = architecture.get("name") if isinstance(architecture, Mapping) else architecture
        raise CheckpointError("is an encoder this version does not know", where=_place(where),
                              expected=" or ".join(known), found=_short(found), remedy="update smart-nets")  # fmt: skip
    name = architecture["name"]
    check_schema(architecture, known[name], _place(where))
    size, memory = 4 * weights_of(architecture), _memory()
    if size > memory / 2:
        expected = f"up to {memory / 2e9:.0f} GB, half of this machine's memory"
        raise CheckpointError(f"describes a {name} too large to build", where=_place(where),
                              expected=expected, found=f"{size / 1e9:,.0f} GB of weights", remedy=REMEDY)  # fmt: skip


def _memory() -> float:
    """Bytes of this machine; where the system does not tell, as on Windows, any network may be built."""
    if not hasattr(os, "sysconf"):
        return math.inf
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def weights_of(architecture: Mapping[str, Any]) -> int:
    """Roughly how many weights a checked architecture has: its linear layers, patches and tables."""
    told = {"in_chans": 1, "mlp_ratio": 4.0, **architecture}
    block = 4 + 2 * told["mlp_ratio"]  # linear weights of a block, in squares of its width
    if told["name"] == "ResNetEncoder":
        return 85_000_000  # of the deepest
    if told["name"] == "ViTEncoder":
        told = {"img_size": 128, "patch_size": 16, "dim": 768, "depth": 12, **told}
        places = told["patch_size"] ** 3 * told["in_chans"] + (told["img_size"] // told["patch_size"]) ** 3
        return int(told["depth"] * block * told["dim"] ** 2 + places * told["dim"])
    told = {"embed_dim": 48, "depths": (2, 2, 8, 2), "num_heads": (4, 4, 8, 16), "window_size": 4, "patch_size": 2,
            "sa_stage": 3, "sa_blocks": 2, **told}  # fmt: skip
    widths = [told["embed_dim"] * 2**stage for stage in range(5)]
    window = told["window_size"]
    stages = sum(
        depth * (block * width**2 + heads * (2 * window - 1) ** 3 + 2 * window**6) + 16 * width**2
        for depth, heads, width in zip(told["depths"], told["num_heads"], widths, strict=False)
    )
    attention = told["sa_blocks"] * block * widths[told["sa_stage"] or 0] ** 2
    return int(stages + attention + told["patch_size"] ** 3 * told["in_chans"] * told["embed_dim"])


def check_schema(content: Any, schema: Mapping[str, Any], where: object, remedy: str = REMEDY) -> None:
    """Compare with a JSON schema in which every part says in its description what it wants.

    Raises:
        CheckpointError: the first field that is unknown, missing, or of another type or range.
    """
    for error in _validators()(schema).iter_errors(content):
        path = [str(part) for part in error.absolute_path]
        place, found = f"{where}, {'#'.join(path)}" if path else where, error.instance
        if error.validator == "additionalProperties":
            known = error.schema["properties"]
            strange = next(one for one in error.instance if one not in known)
            raise CheckpointError("is no field of a card", where=f"{place}, {_short(strange)}",
                                  expected=", ".join(known), remedy="remove it, or update smart-nets")  # fmt: skip
        if error.validator in ("required", "dependencies"):
            raise CheckpointError("lacks a field", where=place, found=_short(error.message), remedy=remedy)
        raise _fault(where, "#".join(path), _expected(schema, list(error.absolute_path)), found)


def _fault(where: object, key: str, expected: str, found: Any) -> CheckpointError:
    place = f"{where}, {key}" if key else where
    return CheckpointError("cannot be", where=place, expected=expected, found=_short(found), remedy=REMEDY)


def _expected(schema: Mapping[str, Any], path: list[Any]) -> str:
    """In words what the nearest part of the schema wants that says so."""
    told = str(schema.get("description", ""))
    for part in path:
        schema = schema.get("properties", {}).get(part) or schema.get("items") or {}
        told = str(schema.get("description", told))
    return told


def _place(where: object) -> str:
    return f"{where}, architecture" if where else "architecture"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) and value else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _once(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise CheckpointError(
                "is given twice", where=f"{path}, {_short(name)}", expected="each field once", remedy=REMEDY
            )
        found[name] = value
    return found


@functools.cache
def _schema() -> dict[str, Any]:
    return dict(json.loads(SCHEMA.read_text(encoding="utf-8")))


@functools.cache
def _validators() -> Any:
    """Of a schema: 2.0 is no whole number here, NaN no number, and a tuple a list."""
    validators = needed("jsonschema.validators", "a weight card")
    base = validators.Draft7Validator
    types = base.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    types = types.redefine("number", lambda _, value: type(value) in (int, float) and -1e300 < value < 1e300)
    types = types.redefine("array", lambda _, value: isinstance(value, (list, tuple)))
    types = types.redefine("object", lambda _, value: isinstance(value, Mapping))
    return validators.extend(base, type_checker=types)
