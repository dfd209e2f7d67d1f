"""The page around the report: one HTML file with its own style, no script, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from smart_nets.files import write_text
from smart_nets.pages.style import colours, rules

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # the browser itself refuses scripts and requests
)


def page(title: str, kicker: str, summary: str, sections: Iterable[tuple[str, str, str]]) -> str:
    """The whole document; summary is HTML, sections are (id, title, inner HTML)."""
    sections = list(sections)
    links = "".join(f'<a href="#{name}">{escape(heading)}</a>' for name, heading, _ in sections)
    body = "".join(
        f'<section id="{name}"><h2>{escape(heading)}</h2>{text}</section>' for name, heading, text in sections
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{colours()}{rules()}</style></head><body>"
        f'<header><p class="kicker">{escape(kicker)}</p><h1>{escape(title)}</h1>{summary}</header>'
        f"<nav><div>{links}</div></nav><main>{body}</main>"
        "<footer><b>Research software: not for diagnostic use.</b></footer></body></html>\n"
    )


def paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def tiles(entries: Iterable[tuple[str, str, str, str]]) -> str:
    """Key figures: (label, value, remark, class of the value)."""
    items = (
        f'<dl class="tile" style="margin:0"><dt>{escape(label)}</dt><dd class="{kind}">{escape(value)}</dd>'
        f"<dd>{escape(remark)}</dd></dl>"
        for label, value, remark, kind in entries
    )
    return f'<div class="tiles">{"".join(items)}</div>'


def chart(svg: str, title: str, remark: str = "", value: str = "", keys: str = "") -> str:
    """A card with a chart; svg and keys (a legend, a verdict) are HTML, the rest is text."""
    small = f"<small>{escape(remark)}</small>" if remark else ""
    output = f"<output>{escape(value)}</output>" if value else ""
    head = f"<figcaption><span><b>{escape(title)}</b>{small}</span>{output}</figcaption>"
    return f'<figure class="card">{head}{keys}{svg}</figure>'


def keys(entries: Iterable[tuple[str, str, str]]) -> str:
    """A legend: (text, colour of the palette, dashes of the line as in SVG)."""
    style = "stroke:var(--{});stroke-width:2.4;stroke-dasharray:{}"
    line = f'<svg viewBox="0 0 26 10"><path d="M0 5H26" style="{style}"/></svg>'
    parts = (f"<span>{line.format(colour, dashes)}{escape(text)}</span>" for text, colour, dashes in entries)
    return f'<div class="keys">{"".join(parts)}</div>'


def picture(uri: str, caption: str, letters: tuple[str, str] | None = None) -> str:
    """A picture with its caption and, on request, the letters of the patient's sides at its left and top."""
    caption_html = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{frame(uri, caption, letters)}{caption_html}</figure>"


def frame(uri: str, alt: str, letters: tuple[str, str] | None = None) -> str:
    """The picture alone; letters as in `picture`."""
    marks = f'<i class="l">{letters[0]}</i><i class="t">{letters[1]}</i>' if letters else ""
    return f'<div class="frame"><img src="{uri}" alt="{escape(alt)}">{marks}</div>'


def scale(gradient: str, low: str, high: str) -> str:
    """A colour scale between two words; gradient is CSS."""
    bar = f'<i style="background:{gradient}"></i>'
    return f'<div class="scale"><span>{escape(low)}</span>{bar}<span>{escape(high)}</span></div>'


def table(rows: Iterable[tuple[str, object]]) -> str:
    body = "".join(f"<tr><td>{escape(name)}</td><td>{escape(plain(value))}</td></tr>" for name, value in rows)
    return f'<div class="scroll"><table>{body}</table></div>'


def grid(head: Sequence[str], rows: Iterable[Sequence[str | tuple[str, str]]]) -> str:
    """A table with a head; a cell is a text, or a text with a remark below it."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table class="grid"><tr>{top}</tr>{body}</table></div>'


def _cell(cell: str | tuple[str, str]) -> str:
    text, remark = (cell, "") if isinstance(cell, str) else cell
    return f"<td>{escape(text)}{f'<small>{escape(remark)}</small>' if remark else ''}</td>"


def notes(sentences: Iterable[str]) -> str:
    """What a reader must know before the numbers; nothing if there is nothing."""
    items = "".join(f"<li>⚠ {escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="notes">{items}</ul>' if items else ""


def verdict(kind: str, sentence: str, word: str = "") -> str:
    """A sentence marked "good", "watch", "bad" or "quiet", on request with a word in that colour before it."""
    start = f"<b>{escape(word)}</b> " if word else ""
    return f'<p class="verdict {kind}">{start}<span>{escape(sentence)}</span></p>'


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
