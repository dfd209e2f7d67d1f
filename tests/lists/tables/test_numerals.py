"""Numbers of spreadsheets: read right, or not at all."""

import pytest

from smart_nets.lists.tables.numerals import Numerals, is_missing


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("12", 12),
        ("-56.25", -56.25),
        ("\u221256.25", -56.25),  # the minus sign of typesetting
        ("\u201356.25", -56.25),  # an en dash
        ("+3.5e-1", 0.35),
        (".5", 0.5),
        ("5.", 5),
        ("12.345", 12.345),  # as programs write it
        ("1,5", 1.5),
        ("1.234,5", 1234.5),
        ("1,234.5", 1234.5),
        ("1.234.567", 1234567),
        ("1'234.5", 1234.5),
        ("1\u202f234,5", 1234.5),
    ],
)
def test_a_cell_alone(cell, value):
    assert Numerals({"x": [cell]}, ",").read("x", cell) == value


@pytest.mark.parametrize(
    "cell", ["", "wide", "12 mm", "1 2 3", "1_000", "nan", "inf", "1e999", "0x10", "1.2.3", "1,2,3", "--5", "5-", "١٢"]
)
def test_no_number(cell):
    assert Numerals({"x": [cell]}, ",").read("x", cell) is None


@pytest.mark.parametrize(
    ("delimiter", "columns", "value"),
    [
        (";", {"x": ["12,345"]}, 12.345),  # programs that write semicolons write decimal commas
        (";", {"x": ["12.345"]}, 12.345),
        ("\t", {"x": ["12,345", "1,5"]}, 12.345),  # another row shows the decimal mark
        ("\t", {"x": ["12,345"], "y": ["1,5"]}, 12.345),  # so does another column
        ("\t", {"x": ["12,345"], "y": ["1,5"], "name": ["v1.5"]}, 12.345),  # words show nothing
    ],
)
def test_three_digits_behind_a_mark_are_a_fraction_where_the_table_shows_it(delimiter, columns, value):
    assert Numerals(columns, delimiter).read("x", columns["x"][0]) == value


@pytest.mark.parametrize(
    ("delimiter", "columns", "reason"),
    [
        (",", {"x": ["1,234"]}, "thousands or a fraction"),
        ("\t", {"x": ["1,234"]}, "thousands or a fraction"),
        (";", {"x": ["1.234", "1,5"]}, "thousands or a fraction"),
        (";", {"x": ["1,234", "1.5"]}, "thousands or a fraction"),
        (";", {"x": ["1.234"], "y": ["1,5"]}, "thousands or a fraction"),
        (";", {"x": ["1.5", "1,5"]}, "decimal points and decimal commas"),
    ],
)
def test_numbers_that_may_be_two(delimiter, columns, reason):
    with pytest.raises(ValueError, match=reason):
        Numerals(columns, delimiter).read("x", columns["x"][0])


def test_words_for_nothing():
    assert all(map(is_missing, ("", " ", "nan", "NaN", "N/A", "NULL", "None", "-", "\u2013", "#N/A", "<NA>")))
    assert not any(map(is_missing, ("0", "no", "-1", "middle")))
