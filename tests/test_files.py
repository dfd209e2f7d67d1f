"""Folders that could not hold results are told before anything is computed; and nothing is made yet."""

import os

import pytest

from smart_nets.cli import features
from smart_nets.errors import InputError
from smart_nets.files import check_output


def test_folders_to_come_pass(tmp_path):
    check_output(tmp_path)
    check_output(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("inside", ["", "run", "run/eval"])
def test_a_file_in_the_way(tmp_path, inside):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"cannot hold results .expected a folder, found .*file is a file"):
        check_output(tmp_path / "file" / inside)


def test_no_permission(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(InputError, match="permission to write, found none in"):
        check_output(tmp_path / "run")


def test_features_need_a_file_name(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        features("lesions.csv", "model.pt", str(tmp_path))


def test_a_name_too_long_for_the_disk(tmp_path):
    check_output(tmp_path / ("x" * 255))
    with pytest.raises(InputError, match=r"cannot hold results .*File name too long"):
        check_output(tmp_path / ("x" * 256))
