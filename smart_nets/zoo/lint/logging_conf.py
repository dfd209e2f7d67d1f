"""logging.conf: Python's `fileConfig` evaluates parts of it, so only the few forms that are spelt out here may stand in it.

A console on sys.stdout or sys.stderr, a file NAME.log that is appended to where the command runs, and formats.
"""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from smart_nets.zoo.lint.fault import Fault

NAMES = re.compile(r"[\w.]*(, ?[\w.]+)*", re.ASCII)
LEVEL = re.compile(r"NOTSET|DEBUG|INFO|WARNING|ERROR|CRITICAL")
CONSOLE = re.compile(r"\(\)|\(sys\.(stdout|stderr),\)")
FILE = re.compile(r"""\((['"])[\w-]+(/[\w-]+)*\.log\1, ?(['"])a\3(, ?None, ?True)?\)""", re.ASCII)
FORMAT = re.compile(r"([^%{}$]|%%|%\([A-Za-z]+\)[-+0 #]{0,5}\d{0,3}(\.\d{1,3})?[sdf])*")
DATE = re.compile(r"[\w%:/., +-]*", re.ASCII)
HANDLERS = {"StreamHandler": CONSOLE, "FileHandler": FILE}
MOST_BYTES = 20_000
LISTS = ("loggers", "handlers", "formatters")
# beginning of a section's name -> its fields, what each may say, and how that is told
FIELDS: dict[str, dict[str, tuple[re.Pattern[str], str]]] = {
    "logger": {
        "level": (LEVEL, "a level such as INFO"),
        "handlers": (NAMES, "names"),
        "propagate": (re.compile("[01]"), "0 or 1"),
        "qualname": (NAMES, "a name"),
    },
    "handler": {
        "class": (re.compile("|".join(f"(logging\\.)?{name}" for name in HANDLERS)), " or ".join(HANDLERS)),
        "level": (LEVEL, "a level such as INFO"),
        "formatter": (NAMES, "a name"),
        "args": (re.compile(".*", re.DOTALL), ""),  # by its class
    },
    "formatter": {
        "format": (FORMAT, "texts and parts such as %(message)s"),
        "datefmt": (DATE, "a format of time"),
        "class": (re.compile(r"(logging\.)?Formatter"), "logging.Formatter"),
    },
}
ARGUMENTS = {
    "StreamHandler": "(sys.stdout,) or (sys.stderr,)",
    "FileHandler": "('NAME.log', 'a'), a relative path without dots before the last",
}


def logging_faults(path: Path) -> list[Fault]:
    """Faults of a logging configuration: every section, field and value that is not spelt out above."""
    parser = configparser.RawConfigParser()
    try:
        if path.stat().st_size > MOST_BYTES:
            return [Fault(path, "", "is too large", f"{MOST_BYTES:,} bytes", f"{path.stat().st_size:,}")]
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, configparser.Error, UnicodeDecodeError) as error:
        return [Fault(path, "", "is no logging configuration", found=str(error))]
    faults = [Fault(path, f"DEFAULT#{name}", "is a default for other sections", "none") for name in parser.defaults()]
    for section in parser.sections():
        kind, _, name = section.partition("_")
        if section in LISTS:
            fields = {"keys": (NAMES, "names")}
        elif kind in FIELDS and re.fullmatch(r"\w+", name, re.ASCII):
            fields = FIELDS[kind]
        else:
            expected = ", ".join([*LISTS, *(f"{kind}_NAME" for kind in FIELDS)])
            faults.append(Fault(path, section, "is no section of a logging configuration", expected))
            continue
        found = [
            fault for field, value in parser.items(section) for fault in _field(path, section, field, value, fields)
        ]
        if kind == "handler" and not found:
            found = _arguments(path, section, dict(parser.items(section)))
        faults += found
    return faults


def _field(
    path: Path, section: str, name: str, value: str, fields: dict[str, tuple[re.Pattern[str], str]]
) -> list[Fault]:
    key = f"{section}#{name}"
    if name not in fields:
        return [Fault(path, key, "may not be set", ", ".join(fields), value, "leave it out")]
    form, expected = fields[name]
    return [] if form.fullmatch(value) else [Fault(path, key, "says what it may not", expected, value)]


def _arguments(path: Path, section: str, values: dict[str, str]) -> list[Fault]:
    """What a handler is given, as literals of its class."""
    kind = values.get("class", "").removeprefix("logging.")
    if kind not in HANDLERS:
        return [Fault(path, f"{section}#class", "is missing", " or ".join(HANDLERS))]
    given = values.get("args", "()")
    if HANDLERS[kind].fullmatch(given):
        return []
    return [Fault(path, f"{section}#args", "are not what this handler may be given", ARGUMENTS[kind], given)]
