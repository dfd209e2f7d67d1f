"""All scans prepared before training starts: by one process, several, or a cluster, with the same entries."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import nibabel as nib
import pytest
from monai.bundle import ConfigParser

from smart_nets.cli.data import prepare
from smart_nets.errors import ConfigError, InputError
from smart_nets.lists import store
from smart_nets.lists.cache import VolumeCache, fill_cache
from smart_nets.lists.manifest import datalist
from smart_nets.scans.read import read_volume

ROOT = Path(__file__).parents[2]
SCANS = 3


@pytest.fixture
def scans(tmp_path, phantom) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(SCANS):
        nib.save(nib.Nifti1Image(phantom.image + number, phantom.affine), folder / f"{number}.nii.gz")
    return folder


def entries(cache: VolumeCache) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(cache.folder.glob("*.scan"))}


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_prepared_is_read_later(scans, tmp_path, workers):
    items = datalist(scans)
    counts, refused = fill_cache(VolumeCache(tmp_path / "cache"), items, workers)
    assert counts == Counter(built=SCANS) and refused == []
    later = VolumeCache(tmp_path / "cache")
    for item in items:
        later.get(item["image"])
    assert later.counts == Counter(reused=SCANS)


def test_a_second_time_only_what_is_wrong_is_done(scans, tmp_path):
    cache, items = VolumeCache(tmp_path / "cache"), datalist(scans)
    fill_cache(cache, items, 1)
    damaged = next(path for path in cache.folder.glob("*.scan") if b"/0.nii.gz" in path.read_bytes()[:4096])
    damaged.write_bytes(damaged.read_bytes()[:-2])
    (scans / "1.nii.gz").write_bytes(b"cut")
    counts, refused = fill_cache(VolumeCache(tmp_path / "cache"), items, 1)
    assert counts == Counter(damaged=1, built=1, reused=1, refused=1)
    assert len(refused) == 1 and "1.nii.gz" in refused[0]


def test_a_cluster_prepares_the_same(scans, tmp_path):
    distributed = pytest.importorskip("distributed")
    alone, spread = VolumeCache(tmp_path / "alone"), VolumeCache(tmp_path / "spread")
    fill_cache(alone, datalist(scans), 1)
    plain = {"scheduler_kwargs": {"dashboard": False}, "dashboard_address": "127.0.0.1:0", "threads_per_worker": 1}
    with distributed.LocalCluster(n_workers=2, host="127.0.0.1", **plain) as cluster:
        counts, _ = fill_cache(spread, datalist(scans), scheduler=cluster.scheduler_address)
    assert counts == Counter(built=SCANS)
    assert entries(spread) == entries(alone)


def test_a_fault_of_the_cache_itself_ends_it(scans, tmp_path, monkeypatch):
    def full(volume, entry, identity):
        raise InputError("cannot be written", where=entry, found="No space left on device")

    monkeypatch.setattr(store, "_store", full)
    with pytest.raises(InputError, match="No space left"):
        fill_cache(VolumeCache(tmp_path / "cache"), datalist(scans), 1)


def test_one_scan_never_ends_the_others(scans, tmp_path, monkeypatch):
    def hungry(path, **how):
        if path.endswith("1.nii.gz"):
            raise MemoryError("no room")
        return read_volume(path, **how)

    cache = VolumeCache(tmp_path / "cache")
    cache.read = hungry
    counts, refused = fill_cache(cache, datalist(scans), 1)
    assert counts == Counter(built=SCANS - 1, refused=1)
    assert "1.nii.gz: cannot be prepared (found MemoryError: no room)" in refused[0]


def test_a_scan_that_is_listed_twice_counts_twice(scans, tmp_path):
    items = datalist(scans)[:1] * 2
    counts, _ = fill_cache(VolumeCache(tmp_path / "cache"), items, 1)
    assert counts == Counter(built=1, reused=1)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"workers": 0}, "workers: is no count"),
        ({"workers": 2, "scheduler": "tcp://node1:8786"}, "workers, scheduler: are given both"),
    ],
)
def test_settings_that_make_no_sense(scans, tmp_path, how, says):
    with pytest.raises(ConfigError, match=says):
        fill_cache(VolumeCache(tmp_path / "cache"), datalist(scans), **how)


def test_a_cache_of_no_name_is_refused(scans):
    with pytest.raises(InputError, match="folder to write to has no name"):
        prepare(str(scans), "", "tiny")


def test_pretraining_finds_what_the_verb_has_prepared(scans, tmp_path):
    (scans / "broken.nii.gz").write_bytes(b"")
    flags = ["--cache_dir", str(tmp_path / "cache"), "--for", "tiny", "--workers", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "smart_nets", "prepare", str(scans), *flags], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 3, done.stderr
    assert "4 scans at 4 x 4 x 4 mm: 3 prepared, 0 there already, 1 refused" in done.stdout
    assert "broken.nii.gz: " in done.stdout and done.stdout.strip().endswith("--preset tiny")
    parser = ConfigParser()
    parser.read_config(ROOT / "bundles/smart_pretrain/configs/train.json")
    parser.update({"cache_dir": str(tmp_path / "cache"), "preset": "tiny"})
    cache = parser.get_parsed_content("volume_cache")
    for item in datalist(scans):
        cache.get(item["image"])
    assert cache.counts == Counter(reused=SCANS)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--for", "huge"], "--for: is not known"),
        (["--for", "nowhere/model.pt"], "--for nowhere/model.pt: does not exist"),
        ([], "--for: is not told"),
        (["--spacing", "-1"], "spacing must be three lengths in mm"),
        (["--spacing", "nan"], "spacing must be three lengths in mm"),
        (["--for", "tiny", "--scheduler", "no:port"], "is no address of a scheduler"),
    ],
)
def test_what_the_verb_refuses(scans, tmp_path, flags, says):
    command = [sys.executable, "-m", "smart_nets", "prepare", str(scans), "--cache_dir", str(tmp_path / "cache")]
    done = subprocess.run([*command, *flags], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and says in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
