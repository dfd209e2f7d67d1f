"""The verb check-data, as a user types it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "smart_nets", "check-data", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def save(path: Path) -> None:
    image = np.full((12, 12, 12), -1000, np.int16)
    image[3:9, 3:9, 3:9] = np.random.default_rng(0).integers(0, 100, (6, 6, 6))
    path.parent.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(image, np.diag([2.0, 2, 2, 1])), path)


def test_exit_codes_files_and_words(tmp_path: Path):
    save(tmp_path / "in/a.nii.gz")
    done = run(str(tmp_path / "in"), "--output_dir", str(tmp_path / "out"), "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "1 scans: 1 used, 0 refused" in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"manifest.json", "rejected.json", "report.html"}
    (tmp_path / "in/b.nii.gz").write_bytes(b"")
    done = run(str(tmp_path / "in"), "--output_dir", str(tmp_path / "out"), "--workers", "1")
    assert done.returncode == 3
    assert "2 scans: 1 used, 1 refused" in done.stdout and "rejected.json" in done.stdout


def test_an_error_is_one_sentence(tmp_path: Path):
    done = run(str(tmp_path / "none"), "--output_dir", str(tmp_path / "out"))
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"InputError: {tmp_path}/none: does not exist; check the path and that the disk is mounted."
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_is_one_line_and_the_same_command_goes_on(tmp_path: Path, workers: str):
    scans, out = 800, tmp_path / "out"
    save(tmp_path / "in/a.nii.gz")
    for number in range(scans - 1):
        os.link(tmp_path / "in/a.nii.gz", tmp_path / f"in/{number}.nii.gz")
    words = [str(tmp_path / "in"), "--output_dir", str(out), "--workers", workers]
    command = [sys.executable, "-m", "smart_nets", "check-data", *words]
    child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (out / "checked.jsonl").exists() or (out / "checked.jsonl").read_bytes().count(b"\n") < 20:
        assert child.poll() is None
        time.sleep(0.002)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to all processes of the command
    (_, told) = child.communicate(timeout=20)
    assert child.returncode == -signal.SIGINT
    assert told.splitlines()[-1] == "Interrupted: finished scans are kept, the same command goes on."
    assert "Traceback" not in told and not (out / "manifest.json").exists()
    assert 20 <= (out / "checked.jsonl").read_bytes().count(b"\n") < scans
    done = run(*words)
    assert done.returncode == 0 and f"{scans} scans: 1 used" in done.stdout.replace(",", ""), done.stdout


@pytest.mark.parametrize(
    ("purpose", "used"),
    [
        ([], 1),
        (["--for", "tiny"], 0),
        (["--for", "bundles/smart_pretrain/models/small.pt"], 0),
        (["--for", "tiny", "--crop", "6"], 1),
    ],
)
def test_what_the_scans_are_for_sets_crop_and_spacing(tmp_path: Path, purpose, used):
    save(tmp_path / "in/a.nii.gz")  # a body of 12 mm
    done = run(str(tmp_path / "in"), "--output_dir", str(tmp_path / "out"), "--workers", "1", *purpose)
    assert done.returncode == (0 if used else 3), done.stderr
    assert ("  1 x is smaller than half the crop" in done.stdout) is (not used)


def test_an_unknown_purpose(tmp_path: Path):
    done = run(str(tmp_path), "--output_dir", str(tmp_path / "out"), "--for", "huge")
    assert done.returncode == 1 and "--for: is not known (expected base or small or tiny, found huge)" in done.stderr
