"""A bundle with the library inside, far from the repository, where only what it must have is installed.

The packages it can do without are hidden from the programs that run it: `sys.modules[name] = None` makes Python say of a
package that it is not installed, to `import` as to `find_spec`.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import pytest
from fixtures.small import SAVED

from smart_nets.phantom import make_dataset

ROOT = Path(__file__).parents[2]
DRAWING = ("scipy", "sklearn", "matplotlib", "PIL", "tqdm", "tensorboard", "threadpoolctl", "einops", "yaml")
HIDDEN = (*DRAWING, "pydicom", "highdicom", "isal", "pylibjpeg", "openjpeg", "libjpeg")
PROGRAM = f"""
import json, sys
sys.modules |= dict.fromkeys({HIDDEN})
from monai.bundle import run
for options in json.load(sys.stdin):
    run(**options)
    print(sys.modules["smart_nets"].__file__, flush=True)
"""
NO_PHANTOMS = "ConfigError: phantoms: needs scipy; pip install scipy, or give your own scans with --dataset_dir."
NO_BODY = "ConfigError: region body or lungs: needs scipy; pip install scipy, or take --region image."
ARCHITECTURE = {"name": "SmartEncoder", **SAVED}
TINY = {"preset": "tiny", "max_epochs": 1, "crop_size": [32, 32, 32], "num_workers": 0}
STATES = ("training_state.pt", "training_state.previous.pt")


def run(bundle: Path, *runs: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run configurations of a bundle one after the other; "config" names each one's file."""
    options = [{**one, "config_file": str(bundle / "configs" / one["config"])} for one in runs]
    for one in options:
        del one["config"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    program = [sys.executable, "-c", PROGRAM]
    told = json.dumps(options)
    return subprocess.run(program, input=told, capture_output=True, text=True, cwd=bundle.parent, env=environment)


def vendored(name: str, folder: Path) -> Path:
    """A copy of a bundle as its zip unpacks: the library lies in it."""
    junk = shutil.ignore_patterns("__pycache__", "cache", "eval", "models")
    bundle = shutil.copytree(ROOT / "bundles" / name, folder / name, ignore=junk)
    shutil.copytree(ROOT / "smart_nets", bundle / "smart_nets", ignore=shutil.ignore_patterns("__pycache__"))
    return bundle


def check(done: subprocess.CompletedProcess[str], bundle: Path, runs: int, says: str = "") -> None:
    """So many runs ended well, and with the bundle's own copy of the library; what came after them in one sentence."""
    assert done.stdout.splitlines().count(str(bundle / "smart_nets" / "__init__.py")) == runs, done.stderr[-3000:]
    assert done.returncode == bool(says), done.stderr[-3000:]
    if says:
        assert done.stderr.strip().splitlines()[-1] == says


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four patients with nodules, small enough to be read in no time."""
    folder = tmp_path_factory.mktemp("scans")
    make_dataset(folder, 4, spacing=(4.0, 4.0, 4.0), nodules=4, region="chest")
    return folder


@pytest.fixture(scope="module")
def scan(scans: Path) -> str:
    return str(scans / "phantom-0000.nii.gz")


@pytest.fixture(scope="module")
def pretrained(scans: Path, scan: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Where smart_pretrain has trained on the scans and looked at one; and its log."""
    home = tmp_path_factory.mktemp("pretrain")
    bundle = vendored("smart_pretrain", home)
    out = {"dataset_dir": str(scans), "output_dir": str(home / "out")}
    sizes = {
        "batch_size": 2,
        "visits_per_epoch": 1,
        "out_dim": 64,
        "probe_size": [32, 32, 32],
        "architecture": ARCHITECTURE,
    }
    train = {"config": "train.json", **out, **TINY, **sizes}
    maps = {"dataset_dir": scan, "output_dir": str(home / "maps"), "overlap": 0.0}
    look = {"config": "inference.json", **maps, "model_path": str(home / "out" / "models" / "model.pt")}
    phantoms = {**train, "dataset_dir": None, "output_dir": str(home / "none")}
    done = run(bundle, train, look, phantoms)
    check(done, bundle, runs=2, says=NO_PHANTOMS)
    assert not (home / "none").exists()
    return home, done.stderr


def test_pretraining_writes_weights_and_maps_and_tells_what_it_leaves_out(pretrained, scan):
    home, log = pretrained
    card = json.loads((home / "out" / "models" / "model.json").read_text())
    assert card["epochs"] == 1
    assert len((home / "out" / "eval" / "metrics.jsonl").read_text().splitlines()) == 2  # 4 scans in batches of two
    assert nib.load(home / "maps" / "phantom-0000_attention.nii.gz").shape == nib.load(scan).shape
    assert "left out: kNN test of organ crops (not installed: scipy, scikit-learn)" in log
    assert log.count("left out: TensorBoard curves (not installed: tensorboard)") == 1
    assert log.count("left out: report.html (not installed: matplotlib, pillow, scikit-learn)") == 1
    names = {path.name for path in (home / "out" / "eval").iterdir()}
    assert names == {*STATES, ".running", "metrics.jsonl", "run.json", "snapshots.npz"}
    assert "epoch 1/1  loss" in log


def test_a_classifier_is_trained_and_used(scans, scan, tmp_path):
    bundle = vendored("smart_lidc_classify", tmp_path)
    with (scans / "lesions.csv").open() as file:
        lesion = next(csv.DictReader(file))
    places = {"dataset_dir": scans / "lesions.csv", "output_dir": tmp_path / "out", "cache_dir": tmp_path / "cache"}
    sizes = {"batch_size": 4, "margin": 2, "spacing": [4.0, 4.0, 4.0], "folds": 2, "pretrained": "none"}
    told = {name: str(path) for name, path in places.items()}
    train = {"config": "train.json", **told, **TINY, **sizes, "default_card#architecture": ARCHITECTURE}
    used = {"output_dir": str(tmp_path / "used"), "model_path": str(tmp_path / "out" / "models" / "model.pt")}
    centre = [float(lesion[axis]) for axis in "xyz"]
    use = {"config": "inference.json", "dataset_dir": scan, "centre": centre, **used}
    done = run(bundle, train, use)
    check(done, bundle, runs=2)
    with (tmp_path / "out" / "eval" / "predictions.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 8  # half of 4 patients with 4 nodules each
    assert not (tmp_path / "out" / "eval" / "metrics.json").exists()
    told = (
        "left out: metrics of held-out lesions (not installed: scipy, scikit-learn); run evaluate.json where they are"
    )
    assert done.stderr.count(told) == 1
    assert done.stderr.count("left out: pictures of lesions (not installed: matplotlib)") == 1
    with (tmp_path / "used" / "predictions.csv").open() as file:
        (row,) = csv.DictReader(file)
    chances = [float(row[f"probability of {name}"]) for name in ("benign", "malignant")]
    assert sum(chances) == pytest.approx(1, abs=2e-4)
    (shown,) = (tmp_path / "used").glob("*.nii.gz")
    assert nib.load(shown).shape == nib.load(scan).shape


def test_attention_is_marked_in_the_whole_image(pretrained, scan, tmp_path):
    bundle = vendored("smart_zeroshot_seg", tmp_path)
    model = str(pretrained[0] / "out" / "models" / "model.pt")
    maps = {"model_path": model, "output_dir": str(tmp_path / "out"), "overlap": 0.0}
    look = {"config": "inference.json", "dataset_dir": scan, **maps}
    done = run(bundle, {**look, "region": "image"}, look)
    check(done, bundle, runs=1, says=NO_BODY)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "phantom-0000_attention.nii.gz",
        "phantom-0000_mask.nii.gz",
        "attention.json",
        "names.csv",
    }
    mask = nib.load(tmp_path / "out" / "phantom-0000_mask.nii.gz")
    assert mask.get_fdata().mean() == pytest.approx(0.1, abs=0.01)  # above the 90th percentile
    (entry,) = json.loads((tmp_path / "out" / "attention.json").read_text())["scans"]
    assert entry["picture"] is None
    assert done.stderr.count("left out: pictures and report.html (not installed: matplotlib, pillow)") == 1
