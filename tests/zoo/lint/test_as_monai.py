"""Lint reads without MONAI; here MONAI says whether it reads the same."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from pydoc import locate

import pytest
from monai.bundle import ConfigParser, ReferenceResolver
from monai.bundle.config_item import ComponentLocator

from smart_nets.zoo.lint.allowed.libraries import MONAI
from smart_nets.zoo.lint.allowed.names import IMPORTS
from smart_nets.zoo.lint.json_text import read_texts, texts
from smart_nets.zoo.lint.layers import fill_macros, lay_over
from smart_nets.zoo.lint.syntax import as_monai_evaluates, references

BUNDLES = Path(__file__).parents[3] / "bundles"
CONFIGS = sorted(path for path in BUNDLES.glob("*/configs/*.json") if path.name != "metadata.json")
EXPRESSIONS = [
    "$@a + @ab + @abc",
    "$@a#b#0 + @a::b",
    "$'@a' + \"@a\"",
    "$'@or'",  # in MONAI's hands the quotes end before the word
    "$a @ b",
    "$f(@a)[@b] # @c",
    "$@",
]


def everywhere():
    return [str(text) for path in CONFIGS for _, text in texts(read_texts(path)[0]) if "@" in text]


def test_references():
    found = 0
    for text in everywhere() + EXPRESSIONS:
        assert set(references(text)) == set(ReferenceResolver.match_refs_pattern(text))
        found += len(references(text))
    assert found > 500


def test_expressions():
    for text in [text for text in everywhere() if text.startswith("$")] + EXPRESSIONS:
        refs = dict.fromkeys(ReferenceResolver.match_refs_pattern(text))
        assert "$" + as_monai_evaluates(text) == ReferenceResolver.update_refs_pattern(text, refs)


@pytest.mark.parametrize("path", [path for path in CONFIGS if (path.parent / "train.json").exists()], ids=str)
def test_overlays(path):
    base = path.parent / "train.json"
    below, _ = lay_over({}, read_texts(base)[0], base)
    tree, faults = lay_over(below, read_texts(path)[0], path)
    assert faults == [] and below == ConfigParser.load_config_files(str(base))  # which stays as it was
    assert tree == ConfigParser.load_config_files([str(base), str(path)])


def test_additions_and_macros(tmp_path, monkeypatch):
    """A table and a list that are added to; macros with a file, without one, and inside of what a macro gives."""
    monkeypatch.chdir(tmp_path)
    first = {"a": {"b": [1, 2], "c": "x"}, "d": [3], "m": "%a", "n": "%first.json#a::b", "o": "%m"}
    second = {"+a": {"e": 5}, "+d": [4], "a#b": [6], "a::b::0": 7}
    for name, content in (("first.json", first), ("second.json", second)):
        Path(name).write_text(json.dumps(content))
    own = {name: read_texts(Path(name))[0] for name in ("first.json", "second.json")}
    tree, _ = lay_over(lay_over({}, own["first.json"], Path("first.json"))[0], own["second.json"], Path("second.json"))
    parser = ConfigParser(ConfigParser.load_config_files(["first.json", "second.json"]))
    assert tree == parser.get()
    parser.resolve_macro_and_relative_ids()
    filled = fill_macros(tree, tree, own)
    assert {**filled, "o": None} == {**parser.get(), "o": None}
    assert filled["o"] == "%a"  # which lint tells; MONAI's answer hangs on the order of the keys


def test_listed_names_exist():
    locator = ComponentLocator()
    assert [name for name in MONAI if locator.get_component_module_name(name) is None] == []
    for statement, names in IMPORTS.items():
        node = ast.parse(statement).body[0]
        alias = node.names[0]
        prefix = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        for name in names:
            path = prefix + name.replace(alias.asname or alias.name, alias.name, 1)
            assert locate(path) is not None, path
