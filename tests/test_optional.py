"""Packages that are not installed are named once, and what needs them says so."""

import logging
import sys

import numpy as np
import pytest

from smart_nets.errors import ConfigError
from smart_nets.localize.marking import Marking
from smart_nets.localize.regions import region_mask
from smart_nets.optional import _tell, absent, bar, needed
from smart_nets.scans.volume import Volume


@pytest.fixture
def hide(monkeypatch):
    """A function that makes packages look as if they were not installed."""
    _tell.cache_clear()
    return lambda *names: [monkeypatch.setitem(sys.modules, name, None) for name in names]


def test_a_module_is_imported_when_it_is_needed(hide):
    assert needed("scipy.ndimage", "a test").label([1, 0, 1])[1] == 2
    hide("PIL", "PIL.Image")
    with pytest.raises(ConfigError, match=r"^a test: needs pillow; pip install pillow\.$"):
        needed("PIL.Image", "a test")


def test_a_fault_inside_a_package_is_not_taken_for_its_absence(tmp_path, monkeypatch):
    (tmp_path / "broken_one.py").write_text("raise ImportError('built for another numpy')")
    monkeypatch.syspath_prepend(tmp_path)
    for call in (needed, absent):
        with pytest.raises(ImportError, match="another numpy"):
            call("broken_one", "broken_one")


def test_what_is_left_out_is_told_once(hide, caplog):
    assert not absent("a chart", "numpy")
    hide("sklearn", "scipy")
    for _ in range(3):
        assert absent("a chart", "numpy", "sklearn", "scipy", later="draw it elsewhere")
    assert [record.message for record in caplog.records] == [
        "left out: a chart (not installed: scikit-learn, scipy); draw it elsewhere"
    ]
    assert caplog.records[0].levelno == logging.WARNING


def test_without_a_terminal_the_log_tells_what_takes_long(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    assert list(bar([1, 2], "things")) == [1, 2]
    assert [record.message for record in caplog.records] == ["things, 2 ..."]
    monkeypatch.setattr("smart_nets.optional.LONG", -1.0)
    assert list(bar(iter([1]), "others")) == [1]
    assert [record.message for record in caplog.records][1:] == ["others ...", "others: 0 s"]


def test_a_bar_gives_the_items_with_and_without_tqdm(hide, monkeypatch, capsys):
    assert list(bar([1, 2], "things")) == [1, 2]
    assert capsys.readouterr().err == ""  # no terminal, no bar
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(bar([1, 2], "things")) == [1, 2]
    assert "things" in capsys.readouterr().err
    hide("tqdm")
    assert list(bar([1, 2], "things")) == [1, 2]
    assert "things" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: Marking(region="body"),
            "region body or lungs: needs scipy; pip install scipy, or take --region image",
        ),
        (
            lambda: Marking(region="image", components=1),
            "components and smallest_ml: needs scipy.*, or leave both at 0",
        ),
        (lambda: Marking(region="image", smallest_ml=1.0), "components and smallest_ml: needs scipy"),
        (
            lambda: region_mask(Volume(np.zeros((9, 9, 9)), np.eye(4), "scan"), "lungs"),
            "region body or lungs: needs scipy",
        ),
    ],
)
def test_without_scipy_only_the_whole_image_is_marked(call, says, hide):
    hide("scipy", "scipy.ndimage")
    with pytest.raises(ConfigError, match=says):
        call()
    assert Marking(region="image").percentile == 90
