"""The page around a report, and its parts: one HTML file with its own style, no script, nothing fetched from anywhere.

The HTML is in templates/; jinja2 escapes every text on its way in.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from smart_nets.files import write_text
from smart_nets.pages.style import colours

TEMPLATES = Path(__file__).parent / "templates"


@functools.cache
def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True)
    environment.filters["plain"] = plain
    return environment


def _part(name: str, *values: object) -> str:
    """A macro of parts.html as HTML."""
    return str(getattr(_environment().get_template("parts.html").module, name)(*values))


def page(title: str, kicker: str, summary: str, sections: Iterable[tuple[str, str, str]]) -> str:
    """The whole document; summary is HTML, sections are (id, title, inner HTML)."""
    template = _environment().get_template("page.html")
    return template.render(title=title, kicker=kicker, summary=summary, sections=list(sections), colours=colours())


def paragraph(text: str, kind: str = "") -> str:
    return _part("paragraph", text, kind)


def box(kind: str, html: str | Iterable[str]) -> str:
    """Pieces of HTML in a block of a class of the style sheet, such as "charts wide"."""
    return _part("box", kind, "".join(html))


def tiles(entries: Iterable[tuple[str, str, str, str]]) -> str:
    """Key figures: (label, value, remark, class of the value)."""
    return _part("tiles", entries)


def chart(svg: str, title: str, remark: str = "", value: str = "", keys: str = "") -> str:
    """A card with a chart; svg and keys (a legend, a verdict) are HTML, the rest is text."""
    return _part("chart", svg, title, remark, value, keys)


def keys(entries: Iterable[tuple[str, str, str]], dots: Iterable[tuple[str, str, str]] = ()) -> str:
    """A legend: (text, colour of the palette, dashes of the line as in SVG), after dots of (text, SVG path, colour)."""
    return _part("keys", entries, dots)


def picture(uri: str, caption: str, letters: tuple[str, str] | None = None) -> str:
    """A picture with its caption and, on request, the letters of the patient's sides at its left and top."""
    return _part("picture", uri, caption, letters)


def frame(uri: str, alt: str, letters: tuple[str, str] | None = None, bar: tuple[float, str] | None = None) -> str:
    """The picture alone; letters as in `picture`; on request a scale bar: percent of the width, and its length in words."""
    return _part("frame", uri, alt, letters, bar)


def film(name: str, told: str, html: str | Iterable[str]) -> str:
    """Pictures on black below a line: a name in bold and what is told of it."""
    return _part("film", name, told, "".join(html))


def planes(names: Iterable[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Frames in columns of planes: names of the columns, then rows of a name and its frames."""
    return _part("planes", names, rows)


def scale(gradient: str, low: str, high: str) -> str:
    """A colour scale between two words; gradient is CSS."""
    return _part("scale", gradient, low, high)


def table(rows: Iterable[tuple[str, object]]) -> str:
    """Names and settings, these as `plain` writes them."""
    return _part("table", rows)


def grid(head: Sequence[str], rows: Iterable[Sequence[str | tuple[str, str]]]) -> str:
    """A table with a head; a cell is a text, or a text with a remark below it."""
    return _part("grid", head, rows)


def heading(text: str) -> str:
    return _part("heading", text)


def command(text: str) -> str:
    """What to type, as it is."""
    return _part("command", text)


def tables(named: Iterable[tuple[str, str]]) -> str:
    """Tables in columns, each below its name."""
    return _part("tables", named)


def notes(sentences: Iterable[str]) -> str:
    """What a reader must know before the numbers; nothing if there is nothing."""
    return _part("notes", list(sentences))


def verdict(kind: str, sentence: str, word: str = "") -> str:
    """A sentence marked "good", "watch", "bad" or "quiet", on request with a word in that colour before it."""
    return _part("verdict", kind, sentence, word)


def save(html: str, target: Path) -> Path:
    """Write a page; an old one stays until the new one is complete. InputError if it cannot be written."""
    write_text(target, html)
    return target


def plain(value: object) -> str:
    """A setting as text: 0.0008 not 8.0e-04, lists without brackets, None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(entry)}" for name, entry in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(plain(entry) for entry in value)
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)


def duration(seconds: float) -> str:
    """8.4 -> "8 s", 4980 -> "1 h 23 min": the two largest units that are not zero."""
    rest, parts = round(seconds), []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def number(value: float) -> str:
    """Three significant digits, with thousands separators where they help."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")
