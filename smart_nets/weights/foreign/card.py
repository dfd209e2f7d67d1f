"""The card of somebody else's encoder: what voxels and numbers it was trained on, and which of its outputs is the feature."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smart_nets.errors import CheckpointError
from smart_nets.weights.card import check_schema, read_table_of_card

SCHEMA = Path(__file__).with_name("card_schema.json")
EXAMPLE = {
    "spacing": [2, 2, 2], "hu_window": [-1000, 1000], "orientation": "RAS", "crop_size": [96, 96, 96], "in_chans": 1,
    "input_range": [0, 1], "feature": "last_hidden_state:mean",
}  # fmt: skip
AXIS = {"R": 0, "L": 0, "A": 1, "P": 1, "S": 2, "I": 2}  # of a crop in RAS, along which a letter runs
BACKWARDS = "LPI"
REMEDY = "correct it as docs/encoders.md tells"


@dataclass(frozen=True)
class Handling:
    """How crops become the input of a network, and its output the feature.

    Attributes:
        orientation: where the network's three axes run; crops come in RAS.
        input_range: what the ends of the HU window become; crops come in [0, 1].
        axes: the order of B, C, D, H and W, where D, H and W are the axes of `orientation`.
        repeat_channels: how often the one channel is given.
        input: the argument by name; by its place if empty.
        feature: see `read_out.read_feature`.
        batch_size: crops at once; as many as there are if 0.
    """

    orientation: str = "RAS"
    input_range: tuple[float, float] = (0.0, 1.0)
    axes: str = "B C D H W"
    repeat_channels: int = 1
    input: str = ""
    feature: str = "tensor"
    batch_size: int = 0


def read_foreign_card(path: Path, where: object) -> dict[str, Any]:
    """The card of an encoder, as its file says it.

    Args:
        path: of the card. where: whose card it is.

    Raises:
        CheckpointError: there is none, it is no JSON, or a field is unknown, missing, or of another type or range.
    """
    if not path.is_file():
        found, expected = (
            f"no {path.name}",
            "spacing, hu_window, orientation, crop_size, in_chans, input_range, feature",
        )
        remedy = f"write {path} such as {json.dumps(EXAMPLE)}"
        raise CheckpointError("has no card", where=where, expected=expected, found=found, remedy=remedy)
    card = read_table_of_card(path)
    check_schema(card, json.loads(SCHEMA.read_text(encoding="utf-8")), path, REMEDY)
    for name, expected in (
        ("hu_window", "[low, high] in HU, low below high"),
        ("input_range", "[low, high], low first"),
    ):
        if card[name][0] >= card[name][1]:
            raise _cannot_be(path, name, expected, card[name])
    if sorted(AXIS[letter] for letter in card["orientation"]) != [0, 1, 2]:
        expected = "three letters of R or L, A or P, S or I, each pair once"
        raise _cannot_be(path, "orientation", expected, card["orientation"])
    if sorted(card.get("axes", "BCDHW").replace(" ", "")) != sorted("BCDHW"):
        raise _cannot_be(path, "axes", "B C D H W, each once", card["axes"])
    return card


def handling_of(card: dict[str, Any], batch_size: int = 0) -> Handling:
    """How a checked card says the network is fed and read; `batch_size` where it does not say it."""
    named = {name: card[name] for name in Handling.__dataclass_fields__ if name in card}
    return Handling(**{"batch_size": batch_size, **named, "input_range": tuple(map(float, card["input_range"]))})


def in_ras(values: list[Any], orientation: str) -> list[Any]:
    """Numbers that a card gives in the order of the network's axes, in that of a crop's: R, A, S."""
    return [values[[AXIS[letter] for letter in orientation].index(axis)] for axis in range(3)]


def _cannot_be(path: Path, name: str, expected: str, found: object) -> CheckpointError:
    return CheckpointError("cannot be", where=f"{path}, {name}", expected=expected, found=found, remedy=REMEDY)
