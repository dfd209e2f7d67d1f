"""Damaged cards and checkpoints: the same network, or one sentence of ours; nothing else, and nothing that takes long."""

import copy
import io
import json
import math
import pickle
import random
import time
import zipfile

import pytest
import torch

from smart_nets.errors import CheckpointError, ConfigError
from smart_nets.weights.build import card_or, load_encoder
from smart_nets.weights.io import card_path, load_weights, read_card, save_weights

ARCHITECTURE = {"name": "SmartEncoder", "embed_dim": 4, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 1, 1], "window_size": 2,
                "sa_stage": 1, "sa_heads": 1, "sa_blocks": 1, "layer_scale": 0.1, "input_mean": 0.1, "input_std": 0.3,
                "sa_position": "none", "drop_path_rate": 0.1, "init_gain": 0.5}  # fmt: skip
CARD = {"kind": "encoder", "architecture": ARCHITECTURE, "orientation": "RAS", "spacing": [2.0, 2.0, 2.0],
        "hu_window": [-175, 250], "crop_size": [32, 32, 32], "attention_cell": 4, "epochs": 3, "name": "tiny",
        "data": {"source": "x", "used": 2, "manifest_sha256": "0" * 64}, "intended_use": "research"}  # fmt: skip
STRANGE = [None, True, False, 0, -1, 1.5, 2.0, 1_000_000, 10**30, 1e308, float("nan"), float("inf"), "", "x", "\x00", "3",
           "9" * 5000, [], [None], [1, 2], [True] * 3, [1e9] * 4, [[]], {}, {"a": {}}, [0] * 3, [10**9] * 4, [-1]]  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A small encoder with its card; tests work on copies."""
    from smart_nets.weights.build import build_encoder

    path = tmp_path_factory.mktemp("saved") / "model.pt"
    save_weights(build_encoder(ARCHITECTURE), path, CARD)
    return path


@pytest.fixture
def damaged(saved, tmp_path):
    """Puts text and weights where they are read: (card's text, bytes of the weights) -> path."""

    def put(text=None, weights=None):
        path = tmp_path / "model.pt"
        path.write_bytes(saved.read_bytes() if weights is None else weights)
        card_path(path).write_text(card_path(saved).read_text() if text is None else text)
        return path

    return put


def outcome(call):
    """What a call gives: "loaded", or our sentence; anything else is raised."""
    begun = time.perf_counter()
    try:
        call()
        told = "loaded"
    except (CheckpointError, ConfigError) as error:
        told = str(error)
        assert len(told) <= 600 and "\n" not in told
    assert time.perf_counter() - begun < 5
    return told


def places(content, path=()):
    """The path of every value in nested tables and lists."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, value in pairs:
        yield (*path, name)
        yield from places(value, (*path, name))


def changed(card, path, value, rename=False):
    card = copy.deepcopy(card)
    inner = card
    for name in path[:-1]:
        inner = inner[name]
    if rename and isinstance(inner, dict):
        inner["strange"] = inner.pop(path[-1])
    else:
        inner[path[-1]] = value
    return card


def test_every_value_of_a_card_replaced_by_strange_ones(saved):
    """Some eight hundred cards; what loads must be a card that means something, as its hash is not looked at here."""
    card = json.loads(card_path(saved).read_text())
    cards = [changed(card, path, value) for path in places(card) for value in STRANGE]
    assert len(cards) > 800
    fine = 0
    for one in cards:
        told = outcome(lambda one=one: _as_used(one))
        fine += told == "loaded"
    assert 0 < fine < 0.12 * len(cards)


def _as_used(card):
    from smart_nets.weights.build import build_encoder
    from smart_nets.weights.card import check_card

    check_card(card)
    encoder = build_encoder({**card["architecture"]}) if card["architecture"] != ARCHITECTURE else None
    side, low, high = card["crop_size"][0], *card["hu_window"]
    assert type(side) is int and 0 < side <= 512 and math.isfinite(low) and low < high
    assert encoder is None or encoder.stride > 0
    assert all(0.1 <= step <= 20 for step in card["spacing"])


def test_renamed_and_lost_fields(saved, damaged):
    card = json.loads(card_path(saved).read_text())
    for path in places(card):
        if isinstance(path[-1], str):
            told = outcome(lambda path=path: read_card(damaged(json.dumps(changed(card, path, 0, rename=True)))))
            assert "strange" in told or "lacks a field" in told
    for name in card:
        path = damaged(json.dumps({key: value for key, value in card.items() if key != name}))
        outcome(lambda path=path: (card_or(path, CARD), load_encoder(path)))


@pytest.mark.parametrize("text", [
    "", "[]", "null", "3", "{", "\ufeff{}", '{"spacing": ' + "[" * 100_000, '{"a": 1, "a": 2}',
    '{"epochs": ' + "9" * 5000 + "}",
    '{"epochs": NaN}', '{"epochs": 1e999}', '{"' + "k" * 5000 + '": 1}', "x" * 1_100_000, '{"name": "\\ud800"}',
])  # fmt: skip
def test_texts_that_are_no_card(damaged, text):
    told = outcome(lambda: load_encoder(damaged(text)))
    assert told != "loaded" and "model.json" in told


def test_bytes_of_a_card_flipped(saved, damaged):
    draw, text = random.Random(0), bytearray(card_path(saved).read_bytes())
    for _ in range(120):
        bent = bytearray(text)
        bent[draw.randrange(len(bent))] = draw.randrange(256)
        path = damaged()
        card_path(path).write_bytes(bytes(bent))
        outcome(lambda path=path: load_encoder(path))


def test_bytes_of_weights_flipped_and_cut(saved, damaged):
    draw, content = random.Random(1), saved.read_bytes()
    network = load_encoder(saved)
    for number in range(45):
        bent = bytearray(content if number % 3 else content[: draw.randrange(len(content))])
        for _ in range(draw.choice((1, 1, 8))):
            if bent:
                bent[draw.randrange(len(bent))] ^= 1 << draw.randrange(8)
        path = damaged(weights=bytes(bent))
        outcome(lambda path=path: load_weights(network, path, check_card=False))
    assert outcome(lambda: load_encoder(path)) != "loaded"  # the card has its hash


def dumped(state):
    out = io.BytesIO()
    torch.save(state, out)
    return out.getvalue()


def first(state, value):
    return {name: value(tensor) if index == 0 else tensor for index, (name, tensor) in enumerate(state.items())}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: first(s, lambda t: t * math.nan), "1 NaN or infinite|NaN or infinite"),
        (lambda s: first(s, lambda t: t + math.inf), "NaN or infinite"),
        (
            lambda s: first(s, torch.Tensor.half),
            "has weights of another type .expected torch.float32, found torch.float16",
        ),
        (lambda s: first(s, torch.Tensor.bfloat16), "found torch.bfloat16"),
        (lambda s: first(s, torch.Tensor.double), "found torch.float64"),
        (lambda s: first(s, lambda t: t.to(torch.complex64)), "found torch.complex64"),
        (lambda s: first(s, lambda t: t.int()), "found torch.int32"),
        (lambda s: first(s, torch.Tensor.to_sparse), "torch.sparse"),
        (lambda s: first(s, lambda t: t.to("meta")), "on meta|cannot be read"),
        (lambda s: first(s, lambda t: t.new_zeros(1).expand(10**6, 10**6)), "does not fit this network"),
        (lambda s: {**s, 3: torch.zeros(1)}, "names that are no texts|does not fit"),
        (lambda s: {**s, "x" * 5000: torch.zeros(1)}, "unexpected: xxx"),
        (lambda s: {"model": {}}, "holds no state dict"),
        (lambda s: {}, "holds no state dict"),
        (lambda s: [*s.values()], "holds no state dict"),
        (lambda s: None, "holds no state dict"),
        (lambda s: dict.fromkeys(s, "text"), "holds no state dict"),
    ],
)
def test_states_that_no_network_can_compute_with(saved, damaged, change, says):
    network = load_encoder(saved)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    path = damaged(weights=dumped(change(network.state_dict())))
    with pytest.raises(CheckpointError, match=says):
        load_weights(network, path, check_card=False)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_files_that_are_something_else(saved, damaged):
    network, empty = load_encoder(saved), io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": [1] * 3}))
        archive.writestr("archive/version", "x")
    contents = [
        empty.getvalue(),
        pickle.dumps(print),
        pickle.dumps({"a": 1}),
        b"PK\x03\x04",
        b"\x80" * 1000,
        b"<html>",
        b"\n" * 99,
    ]
    for content in contents:
        told = outcome(lambda content=content: load_weights(network, damaged(weights=content), check_card=False))
        assert "model.pt" in told and told != "loaded"
