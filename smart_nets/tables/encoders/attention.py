"""Where the attention of frozen encoders lies: on tumours or beside them, without any training; others have none."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smart_nets.errors import ConfigError
from smart_nets.localize.marking import Marking
from smart_nets.localize.scan_attention import ScanAttention
from smart_nets.localize.scans import ENCODER, LocalizeScans
from smart_nets.localize.summary import paired_difference
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.networks.encoder import Encoder
from smart_nets.optional import bar
from smart_nets.tables.encoders.contenders import Contender, pairs_of

MEASURES = ("contrast", "dice", "pointing")
Rows = Mapping[tuple[str, str], Mapping[str, Any]]


def attention_table(contenders: Sequence[Contender], items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """{"protocol", "rows": name -> measure -> {"value", "low", "high"}, or None without attention, "differences": [...]}.

    Args:
        items: scans with tumours, as `tumour_list` and `with_names` give them.

    Raises:
        ConfigError: none of the encoders has attention. InputError: scans or masks that cannot be used.
    """
    looking = [one for one in contenders if one.encoder.has_attention]
    if not looking:
        raise ConfigError("none of the encoders has attention", where="tumours", remedy="leave tumours out")
    rows: dict[str, Any] = {one.name: None for one in contenders}
    figures: dict[str, Rows] = {}
    counts: dict[str, Any] = {}
    for one in bar(looking, "encoders, attention"):
        assert isinstance(one.encoder, Encoder)  # of others none has attention
        network = AttentionNet(one.encoder)
        attention = ScanAttention(network, one.card["crop_size"], one.card["spacing"], one.card["hu_window"])
        scans = LocalizeScans(items, attention, one.card["architecture"], Marking(), random_encoders=0)
        with tempfile.TemporaryDirectory() as folder:  # its table names scans
            found = scans.write(Path(folder) / "found.json")
        summary = found["methods"][ENCODER]["summary"]
        rows[one.name] = {
            name: {"value": summary[name]["mean"], "low": summary[name]["low"], "high": summary[name]["high"]}
            for name in MEASURES
        }
        figures[one.name] = {(str(row["scan"]), str(row["tumour"])): row for row in scans.rows[ENCODER]}
        counts = {name: found[name] for name in ("tumours", "scans", "patients")}
    return {"protocol": counts, "rows": rows, "differences": _differences(figures)}


def _differences(figures: Mapping[str, Rows]) -> list[dict[str, Any]]:
    """Of every two, on the tumours that both were measured on."""
    told = []
    for a, b in pairs_of(list(figures)):
        shared = [place for place in figures[a] if place in figures[b]]
        patients = [str(figures[a][place]["patient"]) for place in shared]
        for name in MEASURES if shared else ():
            ours, theirs = ([{name: figures[one][place][name]} for place in shared] for one in (a, b))
            gap = paired_difference(ours, theirs, name, patients)
            interval = {"value": gap["difference"], "low": gap["low"], "high": gap["high"]}
            told.append({"a": a, "b": b, "measure": name, **interval})
    return told
