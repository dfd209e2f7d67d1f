"""Tables as Excel, LibreOffice, pandas and R write them read the same; what is no table is refused with what to do."""

import gzip

import pytest

from smart_nets.errors import InputError
from smart_nets.lists.tables.table import read_table

PLAIN = "id,x,note\np1,-1.5,a\np2,20,\n"
CELLS = [{"id": "p1", "note": "a", "x": -1.5}, {"id": "p2", "note": "", "x": 20}]


def read(tmp_path, content: str | bytes):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [
        {"id": row.text("id"), "note": row.cells["note"], "x": row.number("x")} for row in read_table(path, ("id", "x"))
    ]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        "\ufeff".encode("utf-16-be") + PLAIN.replace(",", "\t").encode("utf-16-be"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        PLAIN.replace(",", ";").replace("1.5", "1,5"),
        "sep=;\n" + PLAIN.replace(",", ";").replace("1.5", "1,5"),
        PLAIN.replace("-1.5", '"-1,5"'),
        PLAIN.replace("-1.5", "\u22121.5\u00a0"),
        PLAIN.replace("\n", ",,\n"),
        "id,x,note\np1,-1.5,a,,\np2,20,\n\n,,\n",
        "\n".join(mark + line for mark, line in zip(("", "0", "1"), [f",{one}" for one in PLAIN.split()], strict=True)),
        "\n".join(("Unnamed: 0,id,x,note", "1,p1,-1.5,a", "2,p2,20,")),
        '"id","x","note"\n"p1","-1.5","a"\n"p2","20",""\n',
        "\u200bid , x,note\n p1,-1.5 ,a\np2,20,\n",
    ],
)
def test_dialects(tmp_path, content):
    assert read(tmp_path, content) == CELLS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", r"is no table in text .expected CSV, found a workbook .*; save it as CSV in UTF-8"),
        (b"\xd0\xcf\x11\xe0rest", r"found a workbook \(.xls\)"),
        (b'\xef\xbb\xbf\n[{"id": 1, "x": 2}]', "found JSON"),
        (b'{"training": []}', "found JSON"),
        (b"<table><tr><td>id</td></tr></table>", "found HTML or XML"),
        (gzip.compress(PLAIN.encode(), mtime=0), "found gzip"),
        (b"PAR1rest", "found Parquet"),
        (PLAIN.encode("utf-16")[2:], "line 1: is no table in text .*control sign"),  # without a byte order mark
        (b"id,x\np1,1\x00\n", "line 2: is no table in text"),
        ("id,x\np\u00fc,1\n".encode("latin-1"), "line 2: is not UTF-8"),
        ("ID,x\np1,1\n", "line 1: column id is missing .*; rename ID if it is meant"),
        ("idd,x\np1,1\n", "rename idd if it is meant"),
        ("id x\np1 1\n", "column id is missing"),
        ("id,x,x\np1,1,2\n", "column x occurs twice"),
        ("id,x,X\np1,1,2\n", "columns X and x are one name"),
        ("id,x,Note,note \np1,1,2,3\n", "columns Note and note are one name"),
        ("id,,x\np1,7,2\n", "line 1: column 2 has no name .*; name it, or remove it"),
        (",id,x\n7,p1,2\n", "column 1 has no name"),  # it counts nothing
        ("id,x\np1,1,2\n", "line 2: row has another number of cells .expected 2, found 3"),
        ("id,x\n\np1\n", "line 3: row has another number of cells .expected 2, found 1"),
        ("id,x\n,1\n", "line 2, column id: cell is empty .*fill it, also where cells were merged"),
        ("id,x\nN/A,1\n", "line 2, column id: cell is empty .*found N/A"),
        ('id,x\np1,"1\n2"\n', "line 3, column x: cell is no number .*found 1 2"),
        ("id,x\np1,N/A\n", "line 2, column x: cell is no number .*found N/A"),
        ('id,x\np1,"1,234"\n', "line 2, column x: cell may be thousands or a fraction .*write the whole table"),
        ("id;x\np1;1,5\np2;1.5\n", "line 2, column x: column has decimal points and decimal commas"),
        (",".join(f"column {n}" for n in range(999)) + "\n", "column id is missing"),
    ],
)
def test_what_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message) as told:
        path = tmp_path / "t.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        for row in read_table(path, ("id", "x")):
            row.text("id"), row.number("x")
    assert len(str(told.value)) <= 600 and "\n" not in str(told.value)
