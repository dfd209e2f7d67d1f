"""A command line as the arguments of a verb: numbers, truths, and texts as they were typed; what is wrong is one sentence."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from smart_nets.cli.verbs import VERBS, Argument, Verb, read_verb
from smart_nets.errors import ConfigError

FLAG = re.compile(r"--?[A-Za-z]")
HELP = {"--help", "-h"}
TRUTH = {"true": True, "false": False}
WORDS = (*TRUTH, "yes", "no", "none", "1", "0")  # what somebody may mean by a truth
WIDTH = 110
Given = tuple[list[str], dict[str, Any]]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        remedy = "give a value that begins with a dash as --name=VALUE" if "expected one" in message else "see --help"
        raise ConfigError(message, where=self.prog, remedy=remedy)


class _Once(argparse.Action):
    """Takes a value, and refuses a second one instead of letting the first fall."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        if hasattr(namespace, self.dest):
            raise ConfigError(
                "is given twice", where=option_string, remedy="give it once; several are joined by commas"
            )
        setattr(namespace, self.dest, values)


def parse(verb: Verb, words: Sequence[str]) -> Given:
    """Values without a name, and the others by name, of what follows the verb.

    Whatever must be given may be given by place or by name (of a verb that needs nothing, its first argument); all else only
    by name.

    Raises:
        ConfigError: a name that the verb does not know, with the nearest; a value that is no number, truth or choice; too
            many values, or too few.
    """
    if verb.open:
        return _split(verb, words)
    parser = _Parser(prog=verb.name, add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    for one in verb.arguments:
        if not one.many:
            parser.add_argument(one.flag, type=_reader(one), dest=one.name, action=_Once)
    parser.add_argument("values", nargs="*", default=[])
    end = list(words).index("--") if "--" in words else len(words)  # what follows is taken as it is
    found, unknown = parser.parse_known_intermixed_args(_spelt_all(verb, words[:end]))
    for word in unknown:
        _refuse(verb, word)
    named = vars(found)
    return _placed(verb, [*named.pop("values"), *words[end + 1 :]], named)


def help_of(verb: Verb) -> str:
    """What --help shows of a verb."""
    usage = " ".join(
        [verb.name, *(_usage(one) for one in verb.arguments), *(["[--NAME VALUE ...]"] if verb.open else [])]
    )
    lines = [f"usage: smart-nets {usage}", "", verb.text, ""]
    for one in verb.arguments:
        choices = f" ({', '.join(one.kind)})" if isinstance(one.kind, tuple) else f" ({one.kind})"
        default = "" if one.default in (None, "None", "''") or "(" in one.default else f" [default {one.default}]"
        head = f"  {one.name if one.many else one.flag}{choices}"
        lines += [
            head,
            *textwrap.wrap(f"{one.told}{default}", WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6),
        ]
    return "\n".join(lines)


def help_of_all(begin: str = "") -> str:
    """What --help shows: each verb that begins so, with its first sentence."""
    names = [name for name in VERBS if name.startswith(begin)]
    width = max(map(len, names)) + 4
    lines = ["usage: smart-nets VERB [ARGUMENTS]; smart-nets VERB --help tells them, --version the version", ""]
    for name in names:
        told = textwrap.wrap(read_verb(name).summary, WIDTH - width, subsequent_indent=" " * width)
        lines.append(f"  {name:<{width - 2}}" + "\n".join(told))
    return "\n".join(lines)


def listed(value: str) -> list[str]:
    """What commas join, without empty parts."""
    return [part.strip() for part in value.split(",") if part.strip()]


def _reader(one: Argument) -> Callable[[str], Any]:
    """Text -> value; what is none raises."""

    def read(text: str) -> Any:
        good: Any
        if isinstance(one.kind, tuple):
            expected, good = " or ".join(one.kind), text if text in one.kind else None
        elif one.kind == "bool":
            expected, good = "true or false", TRUTH.get(text.lower())
        elif one.kind in ("int", "float"):
            expected = "a whole number" if one.kind == "int" else "a number"
            good = _number(text, one.kind)
        else:
            return text
        if good is None:
            raise ConfigError("cannot be", where=one.flag, expected=expected, found=text)
        return good

    return read


def _number(text: str, kind: str) -> float | None:
    for read in (int,) if kind == "int" else (int, float):  # a whole number stays one, in sentences and cards
        with contextlib.suppress(ValueError):
            return read(text)
    return None


def _spelt(word: str, verb: Verb) -> str:
    """A flag with underscores, --nostrict as --strict=false; other words as they are."""
    if not FLAG.match(word):
        return word
    name, sign, value = word.partition("=")
    name = name.lstrip("-").replace("-", "_")
    truths = {one.name for one in verb.arguments if one.kind == "bool"}
    for off in ("no_", "no"):
        if not sign and name not in truths and name.removeprefix(off) in truths:
            return f"--{name.removeprefix(off)}=false"
    dashes = "--" if word.startswith("--") else "-"
    return f"{dashes}{name}{sign}{value}"


def _spelt_all(verb: Verb, words: Sequence[str]) -> list[str]:
    """Flags as `_spelt` has them; a truth that is not told is true."""
    found: list[str] = []
    for word, after in zip(words, [*words[1:], ""], strict=False):
        spelt = _spelt(word, verb)
        truth = any(spelt == one.flag and one.kind == "bool" for one in verb.arguments)
        found.append(
            f"{spelt}=true" if truth and (FLAG.match(after) or not after or after.lower() not in WORDS) else spelt
        )
    return found


def _split(verb: Verb, words: Sequence[str]) -> Given:
    """For a verb that hands on all names: words before the first flag are its values, the others are kept as they are.

    Raises:
        ConfigError: a word that belongs to no name: what runs the bundle would take it for something else.
    """
    first = next((at for at, word in enumerate(words) if FLAG.match(word)), len(words))
    told, valued = list(words[first:]), True
    for word in told:
        if FLAG.match(word):
            valued = "=" in word
        elif valued:
            what, remedy = (
                "belongs to no name",
                "quote a value that has spaces; configurations stand before the first --name",
            )
            raise ConfigError(what, where=word, remedy=remedy)
        else:
            valued = True
    return list(words[:first]), {"told": told}


def _placed(verb: Verb, values: list[str], named: dict[str, Any]) -> Given:
    """Values given by place to the arguments that must be given, in their order."""
    many = any(one.many for one in verb.arguments)
    needed = [one for one in verb.arguments if one.needed]
    open_places = [one for one in needed or verb.arguments[:1] if one.name not in named]
    if not many:
        for one, value in zip(open_places, values, strict=False):
            named[one.name] = _reader(one)(value)
        if len(values) > len(open_places):
            expected = ", ".join(one.name for one in verb.arguments)
            found = f"{len(values)} without a name"
            what, remedy = "has more values than arguments", "give the others as --name value"
            raise ConfigError(what, where=verb.name, expected=expected, found=found, remedy=remedy)
    missing = [one.flag for one in needed if one.name not in named]
    if missing:
        raise ConfigError("is not given", where=f"{verb.name} {missing[0]}", remedy=f"see {verb.name} --help")
    return values if many else [], named


def _refuse(verb: Verb, word: str) -> NoReturn:
    known = [one.flag.lstrip("-") for one in verb.arguments if not one.many]
    name = word.partition("=")[0].lstrip("-")
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"perhaps --{near[0]} is meant" if near else "see --help"
    hint = "give them without a name" if any(one.many and one.name == name for one in verb.arguments) else hint
    raise ConfigError("is no argument", where=f"{verb.name} --{name}", expected=", ".join(known), remedy=hint)


def _usage(one: Argument) -> str:
    if one.many:
        return f"{one.name.upper()} ..."
    return f"{one.flag} {one.name.upper()}" if one.needed else f"[{one.flag}]"
