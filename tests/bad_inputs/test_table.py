"""docs/data.md tells what these tests promise: the table there is made from rows.json.

python tests/bad_inputs/test_table.py     writes the table anew
"""

import json
import re
from pathlib import Path

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs" / "data.md"
START, END = "<!-- bad inputs: made by tests/bad_inputs/test_table.py -->", "<!-- end of bad inputs -->"


def table() -> str:
    """The rows as Markdown."""
    lines = ["| # | input | MONAI 1.6.1 | here |", "|---|---|---|---|"]
    for row in json.loads((HERE / "rows.json").read_text()):
        lines.append(f"| {row['row']} | {row['input']} | {row['today']} | {row['here']} |")
    return "\n".join(lines)


def with_table(text: str) -> str:
    """The document with its table made anew."""
    before, rest = text.split(START)
    return f"{before}{START}\n{table()}\n{END}{rest.split(END)[1]}"


def test_the_documented_table_is_up_to_date():
    text = DOCS.read_text(encoding="utf-8")
    assert text == with_table(text), "run python tests/bad_inputs/test_table.py"


def test_every_row_has_a_test():
    """A row is tested where a test or a table of cases names its number."""
    source = "".join(path.read_text() for path in HERE.glob("test_*.py"))
    named = {int(number) for number in re.findall(r"(?:test_row_|^    )(\d+)(?:_|: )", source, re.MULTILINE)}
    assert named >= {row["row"] for row in json.loads((HERE / "rows.json").read_text())} == set(range(1, 52))


def test_every_row_of_what_is_read_names_a_test_that_exists():
    named = re.findall(r"`tests/([\w/]+\.py)::(\w+)`", DOCS.read_text(encoding="utf-8"))
    lacking = [name for file, name in named if f"def {name}(" not in (HERE.parent / file).read_text()]
    assert len(named) > 40 and not lacking


if __name__ == "__main__":
    DOCS.write_text(with_table(DOCS.read_text(encoding="utf-8")), encoding="utf-8")
