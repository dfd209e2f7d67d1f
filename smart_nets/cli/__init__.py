"""The command `smart-nets`, or `python -m smart_nets`: thin verbs, each calls a function that Python code may call as well."""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import sys

import smart_nets
from smart_nets.cli.parse import HELP, help_of, help_of_all, parse
from smart_nets.cli.verbs import VERBS, read_verb
from smart_nets.errors import ConfigError, show_one_sentence


def main() -> None:
    """Run the verb that the command line names; whoever reads its output may stop reading, as `| head` does."""
    show_one_sentence()
    try:
        run_verb(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what Python flushes at its end goes nowhere
        sys.exit(1)


def run_verb(words: list[str]) -> None:
    """A verb with its arguments; help, the version and wrong words cost no import of what is behind it."""
    if words[:1] == ["--version"]:
        print(f"smart-nets {smart_nets.__version__}")
        return
    name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in VERBS), "")
    if not name:
        _without_verb(words)
        return
    verb, rest = read_verb(name), words[len(name.split()) :]
    if HELP & set(rest):
        print(help_of(verb))
        return
    values, named = parse(verb, rest)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    if "WORLD_SIZE" in os.environ and not verb.open:  # a bundle tells for itself whether it may run on several
        importlib.import_module("smart_nets.training.distributed").check_alone()
    told = verb.load()(*values, **named)
    if told is not None:
        print(told)


def _without_verb(words: list[str]) -> None:
    """The list of verbs, or of those that begin with the first word; ConfigError for a word that none begins with."""
    group = words[0] + " " if words and any(name.startswith(words[0] + " ") for name in VERBS) else ""
    given = words[1:2] if group else words[:1]
    if given and given[0] not in HELP:
        word = group + given[0]
        near = difflib.get_close_matches(word, VERBS, n=1)
        remedy = f"perhaps {near[0]} is meant" if near else "see smart-nets --help"
        raise ConfigError("is no verb", where=word, remedy=remedy)
    print(help_of_all(group))
