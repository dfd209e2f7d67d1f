"""Files are written whole or not at all; folders that could not hold results are told before anything is computed."""

import os
import re

import pytest

from smart_nets.cli.classify import features
from smart_nets.errors import InputError
from smart_nets.files import DRAFT, check_output, whole, write_json, write_text


def test_folders_to_come_pass(tmp_path):
    check_output(tmp_path)
    check_output(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", " "])
def test_an_unset_variable_of_a_shell_is_no_folder(name):
    with pytest.raises(InputError, match=r"folder to write to has no name .*empty text"):
        check_output(name)


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


def test_a_reader_never_sees_half_of_a_file(tmp_path):
    target = tmp_path / "new" / "run.json"
    write_text(target, "old")
    with whole(target) as draft:
        draft.write_text("new, half")
        assert target.read_text() == "old"
        assert re.fullmatch(r"\.run\.json" + DRAFT, draft.name)
        draft.write_text("new")
    assert target.read_text() == "new" and list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError("half-way"), KeyboardInterrupt()])
def test_what_fails_half_way_leaves_the_old_file(tmp_path, error):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(type(error)), whole(target) as draft:
        draft.write_text("half")
        raise error
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_a_sentence(tmp_path):
    def full(draft):
        draft.write_text("half")
        raise OSError(28, "No space left on device")

    says = r"a\.txt: cannot be written .found No space left on device.; give room"
    with pytest.raises(InputError, match=says), whole(tmp_path / "a.txt", "give room") as draft:
        full(draft)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["file/a.json", "."])
def test_a_place_that_holds_no_file(tmp_path, place):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        write_json(tmp_path / place, {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127])  # both as long as a disk takes
def test_a_draft_of_a_long_name_is_not_too_long(tmp_path, name):
    write_text(tmp_path / name, "there")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_link_gives_way_to_the_file(tmp_path):
    (tmp_path / "other").write_text("not ours")
    (tmp_path / "run.json").symlink_to(tmp_path / "other")
    write_text(tmp_path / "run.json", "ours")
    assert (tmp_path / "other").read_text() == "not ours" and not (tmp_path / "run.json").is_symlink()
