"""The verbs of `python -m smart_nets`: thin, each one calls a function that Python code may call as well."""

from __future__ import annotations

import logging

import fire

from smart_nets.cli.check_data import check_data
from smart_nets.cli.classify import compare_runs, features, probe
from smart_nets.cli.look import attend, heads
from smart_nets.errors import show_one_sentence

VERBS = {
    "check-data": check_data, "features": features, "probe": probe, "compare": compare_runs, "attend": attend, "heads": heads,
}  # fmt: skip


def main() -> None:
    """Run the verb that the command line names."""
    show_one_sentence()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    fire.Fire(VERBS, name="smart_nets")
