"""Given = used + rejected, always; stopped runs go on; nothing about a patient gets out."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.cache import VolumeCache
from smart_nets.lists.check import check_data
from smart_nets.lists.check_scan import Rules
from smart_nets.lists.manifest import datalist
from smart_nets.phantom import Phantom, write_dicom
from smart_nets.scans.monai_reader import LoadScand
from smart_nets.scans.read import read_options


@pytest.fixture
def tree(save, hu, affine, tmp_path: Path) -> Path:
    """Six candidates: two sound scans, a copy of one in another format, and three that must be refused."""
    save(hu, affine, "tree/a.nii.gz")
    save(hu, affine, "tree/b/copy_of_a.nii")
    save((hu > 0).astype(np.uint8), affine, "tree/a_msk.nii.gz")
    broken = save(hu, affine, "tree/broken.nii.gz")
    broken.write_bytes(broken.read_bytes()[:300])
    write_dicom(Phantom(hu[::-1], np.zeros(hu.shape, np.uint8), affine, (), "JOHN-DOE-17", 0), tmp_path / "tree/d")
    (tmp_path / "tree/e").mkdir()
    (tmp_path / "tree/e/slice.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"rubbish" * 9)
    (tmp_path / "tree/readme.txt").write_text("hello")
    return tmp_path / "tree"


def test_every_scan_is_used_or_refused_with_a_reason(tree, tmp_path):
    checked = check_data(tree, tmp_path / "out", workers=1)
    assert (checked.given, len(checked.used), len(checked.rejected), checked.exit_code) == (6, 2, 3, 3)
    assert [(Path(one["image"]).name, one["kind"]) for one in checked.companions] == [("a_msk.nii.gz", "label map")]
    assert checked.others == {".txt": 1}
    assert checked.files == {"of scans": 14, "of companions": 1, "other": 1, "ignored": 0}
    assert {Path(case["image"]).name: case["fault"] for case in checked.rejected} == {
        "broken.nii.gz": "ends early",
        "copy_of_a.nii": "same scan twice",
        "slice.dcm": "is no DICOM file: it lacks SOPClassUID and Modality",
    }

    for case in checked.rejected:
        assert Path(case["image"]).name in case["reason"]
    written = json.loads((tmp_path / "out/rejected.json").read_text())
    assert (written["given"], written["used"], written["rejected"], written["companions"][0]["kind"]) == (
        6,
        2,
        3,
        "label map",
    )
    assert written["cases"] == checked.rejected


def test_the_manifest_is_a_datalist_that_says_what_is_in_each_scan(tree, tmp_path):
    checked = check_data(tree, tmp_path / "out", workers=1)
    items = datalist(checked.manifest)
    assert [item["image"] for item in items] == [str(tree / "a.nii.gz"), str(tree / "d/JOHN-DOE-17")]
    assert items[0]["shape"] == [14, 12, 10] and items[0]["spacing"] == [2.0, 1.5, 3.0]
    assert items[0]["body_mm"] == [20.0, 12.0, 24.0] and items[0]["hu_percentiles"]["0.5"] == -1000
    assert len(items[0]["sha256"]) == 64 and items[1]["series"].startswith("1.2.826")


def test_no_identifier_of_a_patient_is_written(tree, tmp_path):
    (tree / "d/JOHN-DOE-17").rename(tree / "d/series")
    check_data(tree, tmp_path / "out", salt="secret", workers=1)
    for path in (tmp_path / "out").iterdir():
        text = path.read_text()
        assert "JOHN" not in text and "PHANTOM" not in text and "secret" not in text


def test_the_same_salt_gives_the_same_pseudonyms_elsewhere(tree, tmp_path):
    def patients(out: str, salt: str) -> list[str]:
        return [item["patient_id"] for item in check_data(tree, tmp_path / out, salt=salt, workers=1).used]

    assert patients("a", "x") == patients("b", "x")
    assert set(patients("a", "x")).isdisjoint(patients("c", "y"))


def test_all_used_is_exit_code_0(save, hu, affine, tmp_path):
    save(hu, affine, "tree/a.nii.gz")
    assert check_data(tmp_path / "tree", tmp_path / "out", workers=1).exit_code == 0


def test_one_or_many_processes_write_the_same(tree, tmp_path):
    first, second = (check_data(tree, tmp_path / f"out{workers}", workers=workers) for workers in (1, 3))
    assert (first.used, first.rejected) == (second.used, second.rejected)


def test_scans_that_did_not_change_are_not_read_again(tree, save, hu, affine, tmp_path, monkeypatch):
    before = check_data(tree, tmp_path / "out", workers=1)
    read: list[str] = []
    module = sys.modules["smart_nets.lists.check"]
    sound = module.check_scan
    monkeypatch.setattr(
        module, "check_scan", lambda candidate, rules: read.append(candidate.path.name) or sound(candidate, rules)
    )
    assert check_data(tree, tmp_path / "out", workers=1).used == before.used and read == []
    save(hu[:, ::-1], affine, "tree/new.nii.gz")
    save(hu, affine, "tree/broken.nii.gz")
    check_data(tree, tmp_path / "out", workers=1)
    assert read == ["broken.nii.gz", "new.nii.gz"]
    check_data(tree, tmp_path / "out", Rules(min_depth=3), workers=1)
    assert len(read) == 2 + 7  # other rules: everything again


def test_a_killed_run_goes_on_where_it_was(save, hu, affine, tmp_path):
    for number in range(300):
        hu[6, 6, 6] = number  # each scan unlike the others
        save(hu, affine, f"tree/{number:03d}.nii.gz")
    program = "import sys; from smart_nets.lists.check import check_data; check_data(*sys.argv[1:3], workers=1)"
    command = [sys.executable, "-c", program, str(tmp_path / "tree"), str(tmp_path / "out")]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    journal = tmp_path / "out/checked.jsonl"
    while not journal.exists() or journal.read_bytes().count(b"\n") < 20:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = journal.read_bytes().count(b"\n") - 1
    assert 0 < done < 300 and not (tmp_path / "out/manifest.json").exists()
    with journal.open("ab") as file:
        file.write(b'["half a li')  # what a kill in the middle of writing leaves
    assert len(check_data(tmp_path / "tree", tmp_path / "out", workers=1).used) == 300
    assert journal.read_bytes().count(b"\n") == 301


def test_too_small_for_the_crop(save, hu, affine, tmp_path):
    save(hu, affine, "tree/a.nii.gz")  # the body is 20 x 12 x 24 mm: 10 x 6 x 12 voxels of 2 mm
    assert check_data(tmp_path / "tree", tmp_path / "out", Rules(crop=12), workers=1).exit_code == 0
    (case,) = check_data(tmp_path / "tree", tmp_path / "out", Rules(crop=13), workers=1).rejected
    assert "at least 7 voxels of 2 mm per axis, found [10, 6, 12]" in case["reason"]


def test_a_missing_file_of_a_json_list_is_one_refused_case(save, hu, affine, tmp_path):
    save(hu, affine, "a.nii")
    (tmp_path / "list.json").write_text('[{"image": "a.nii", "label": 1},\n{"image": "b.nii"}]')
    checked = check_data(tmp_path / "list.json", tmp_path / "out", workers=1)
    assert checked.used[0]["label"] == 1
    assert "entry 2 (line 2): image does not exist" in checked.rejected[0]["reason"]


def test_strict_stops_at_the_first_refusal(tree, tmp_path):
    with pytest.raises(InputError, match=r"a_msk.nii.gz: refused"):
        check_data(tree, tmp_path / "out", workers=1, strict=True)


def test_an_output_that_cannot_be_written(tree, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / ("x" * 300)):
        with pytest.raises(InputError, match="cannot be written"):
            check_data(tree, out, workers=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_depth": 1}, "min_depth"),
        ({"tilt": "ignore"}, "refuse or correct"),
        ({"crop": -1}, "crop: is no count .expected a whole number from 0, found -1"),
    ],
)
def test_bad_rules(settings, message):
    with pytest.raises(ConfigError, match=message):
        Rules(**settings)


def test_bad_workers(tree, tmp_path):
    with pytest.raises(ConfigError, match=r"workers: is no count .expected a whole number from 1, found 0"):
        check_data(tree, tmp_path / "out", workers=0)


def test_1000_tiny_scans_with_5_percent_bad_are_counted_exactly(tmp_path):
    """As benchmarks/manifest.py does at 10,000; here every 20th of 1,000 is damaged in one of four ways."""
    rng = np.random.default_rng(0)
    (tmp_path / "tree").mkdir()
    for number in range(1000):
        path = tmp_path / f"tree/{number:04d}.nii.gz"
        nib.save(nib.Nifti1Image(rng.integers(-1000, 500, (6, 6, 6)).astype(np.int16), np.diag([2, 2, 2, 1.0])), path)
        if number % 20 == 0:
            sound = path.read_bytes()
            flipped = sound[:200] + bytes([sound[200] ^ 4]) + sound[201:]
            path.write_bytes([sound[:150], b"", flipped, b"hello"][number // 20 % 4])
    checked = check_data(tmp_path / "tree", tmp_path / "out")
    assert (checked.given, len(checked.used), len(checked.rejected)) == (1000, 950, 50)


def test_all_real_data_is_accounted_for(real_ct: Path, tmp_path):
    """582 nodules and 34 scans, of which 4 show nothing but lung; one scan is there as DICOM and as NRRD; 600 masks."""
    checked = check_data(real_ct, tmp_path / "out")
    faults = [case["fault"] for case in checked.rejected]
    assert (checked.given, len(checked.used), len(checked.companions), checked.exit_code) == (1216, 611, 600, 0)
    assert sorted(faults) == ["same scan twice"] + 4 * ["shows nothing but lung"]
    assert sum(checked.files.values()) == sum(path.is_file() for path in real_ct.rglob("*"))


def test_links_are_followed_once(save, hu, affine, tmp_path):
    save(hu, affine, "elsewhere/a.nii.gz")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/circle").symlink_to(tmp_path / "tree")
    assert check_data(tmp_path / "tree", tmp_path / "out", workers=1).given == 1


def test_files_that_cannot_be_read_are_refused_and_the_rest_goes_on(tree, tmp_path, monkeypatch):
    sound = Path.read_bytes

    def closed(path: Path) -> bytes:
        if path.name == "a.nii.gz":
            raise PermissionError(13, "Permission denied", str(path))
        return sound(path)

    monkeypatch.setattr(Path, "read_bytes", closed)
    checked = check_data(tree, tmp_path / "out", workers=1)
    reasons = {Path(case["image"]).name: case["reason"] for case in checked.rejected}
    assert "cannot be read (expected a readable file, found Permission denied)" in reasons["a.nii.gz"]
    assert checked.given == 6


def test_a_scan_too_large_for_memory_is_refused(tree, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 176. PiB")

    monkeypatch.setattr(sys.modules["smart_nets.lists.check_scan"], "read_volume", full)
    checked = check_data(tree, tmp_path / "out", workers=1)
    assert checked.exit_code == 3 and "fits into memory, found Unable to allocate" in checked.rejected[0]["reason"]


def test_a_killed_worker_is_named_and_no_hang(tree, tmp_path, monkeypatch):
    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(sys.modules["smart_nets.lists.check_scan"], "read_volume", die)
    with pytest.raises(InputError, match=r"2 workers: a process was killed"):
        check_data(tree, tmp_path / "out", workers=2)


def test_what_was_told_of_reading_stands_in_the_manifest_and_is_kept_by_later_readers(save, hu, affine, tmp_path):
    save((hu + 1024).astype(np.uint16), affine, "tree/stored.nii.gz")
    refused = check_data(tmp_path / "tree", tmp_path / "out", workers=1)
    assert "not in HU" in refused.rejected[0]["reason"]
    (item,) = check_data(tmp_path / "tree", tmp_path / "out", Rules(hu_offset=-1024), workers=1).used
    assert item["reading"] == {"hu_offset": -1024} and "-1024 added to every voxel (hu_offset)" in item["notes"]
    (listed,) = datalist(tmp_path / "out/manifest.json")
    cached = VolumeCache(tmp_path / "cache").get(listed["image"], **read_options(listed))
    assert cached.array.max() <= hu.max() and np.array_equal(LoadScand("image")(listed)["image"][0], hu)


def test_a_reading_that_nobody_knows_is_refused(save, hu, affine, tmp_path):
    entry = {"image": str(save(hu, affine)), "reading": {"hu_ofset": -1024}}
    (tmp_path / "list.json").write_text(json.dumps([entry]))
    (case,) = check_data(tmp_path / "list.json", tmp_path / "out", workers=1).rejected
    assert "reading is not known (expected volume, tilt, spacing, hu_offset" in case["reason"]
