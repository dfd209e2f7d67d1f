"""The cache: right voxels, written once, healed when damaged, never half."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from monai.transforms import Compose, CropForegroundd, LoadImaged, Orientationd, Spacingd

from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.cache import VolumeCache
from smart_nets.lists.store import HEADER_BYTES
from smart_nets.scans.files import gz


@pytest.fixture
def scan(save, hu, affine) -> Path:
    return save(hu, affine)


def only_entry(cache: VolumeCache) -> Path:
    (entry,) = cache.folder.glob("*.scan")
    return entry


def test_an_entry_is_ras_resampled_cropped_and_int16(scan, tmp_path):
    entry = VolumeCache(tmp_path / "cache").get(scan)
    chain = Compose(
        [
            LoadImaged("image", ensure_channel_first=True),
            Orientationd("image", "RAS", labels=None),
            Spacingd("image", (2, 2, 2)),
            CropForegroundd("image", source_key="image", select_fn=lambda x: x > -175, allow_smaller=True),
        ]
    )
    expected = chain({"image": str(scan)})["image"]
    assert isinstance(entry.array, np.memmap) and entry.array.dtype == np.int16
    np.testing.assert_array_equal(entry.array, np.rint(expected[0].numpy()))
    np.testing.assert_allclose(entry.affine, expected.affine.numpy())
    assert entry.source == str(scan)


def test_clip_margin_and_spacing_are_obeyed(scan, tmp_path):
    cache = VolumeCache(tmp_path / "cache", spacing=(2, 1.5, 3), clip=(-500, 300), margin=1)
    array = cache.get(scan).array
    assert array.shape == (12, 10, 10)  # the body of 10 x 8 x 8 and one voxel around it
    assert (array.min(), array.max()) == (-500, 300)


def test_the_second_time_it_is_read_not_built(scan, tmp_path):
    first, second = VolumeCache(tmp_path / "cache"), VolumeCache(tmp_path / "cache")
    np.testing.assert_array_equal(first.get(scan).array, second.get(scan).array)
    assert (dict(first.counts), dict(second.counts)) == ({"built": 1}, {"reused": 1})


def test_an_entry_is_verified_once_per_process(scan, tmp_path, monkeypatch):
    VolumeCache(tmp_path / "cache").get(scan)
    calls: list[int] = []
    sound = gz.crc32
    monkeypatch.setattr(gz, "crc32", lambda data: calls.append(1) or sound(data))
    cache = VolumeCache(tmp_path / "cache")
    for _ in range(5):
        cache.get(scan)
    assert len(calls) == 1


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "zeros": lambda content: b"\0" * len(content),
    "flipped byte": lambda content: content[:-5] + bytes([content[-5] ^ 255]) + content[-4:],
    "header only": lambda content: content[:HEADER_BYTES],
    "foreign": lambda content: b"hello",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_entries_are_built_again_and_counted(scan, tmp_path, caplog, name):
    cache = VolumeCache(tmp_path / "cache")
    sound = np.array(cache.get(scan).array)
    entry = only_entry(cache)
    content = entry.read_bytes()
    entry.unlink()  # a new file: the old one may still be mapped
    entry.write_bytes(DAMAGE[name](content))
    again = VolumeCache(tmp_path / "cache")
    np.testing.assert_array_equal(again.get(scan).array, sound)
    assert dict(again.counts) == {"damaged": 1, "built": 1}
    assert "is damaged and is built again" in caplog.text
    assert only_entry(cache).read_bytes() == content


def test_a_changed_source_makes_its_entry_stale(save, hu, affine, tmp_path):
    path = save(hu, affine)
    cache = VolumeCache(tmp_path / "cache")
    before = cache.get(path)
    save(hu[::-1], affine)
    os.utime(path, ns=(1, 1))  # a clock that jumps back must not hide the change
    again = VolumeCache(tmp_path / "cache")
    assert again.get(path).array[0, 0, 0] != before.array[0, 0, 0]
    assert dict(again.counts) == {"stale": 1, "built": 1}
    assert cache.get(path).array[0, 0, 0] == again.get(path).array[0, 0, 0]  # noticed by the other process too


def test_an_emptied_cache_is_filled_again(scan, tmp_path):
    cache = VolumeCache(tmp_path / "cache")
    shape = cache.get(scan).array.shape
    only_entry(cache).unlink()
    assert cache.get(scan).array.shape == shape and cache.counts["built"] == 2


def test_other_settings_have_entries_of_their_own(scan, tmp_path):
    fine, coarse = (VolumeCache(tmp_path / "cache", spacing=(s, s, s)) for s in (1, 3))
    assert fine.get(scan).array.shape != coarse.get(scan).array.shape
    assert fine.folder != coarse.folder
    assert json.loads((fine.folder / "recipe.json").read_text())["spacing"] == [1, 1, 1]


def _shape(cache: VolumeCache, path: Path) -> tuple[int, ...]:
    return cache.get(path).array.shape


def test_many_processes_share_a_folder(scan, tmp_path):
    cache = VolumeCache(tmp_path / "cache")
    with ProcessPoolExecutor(4) as pool:
        shapes = list(pool.map(_shape, [cache] * 16, [scan] * 16))
    assert set(shapes) == {cache.get(scan).array.shape}
    assert [path.suffix for path in cache.folder.iterdir() if path.name != "recipe.json"] == [".scan"]


MANY = """
import resource, sys
from pathlib import Path
from smart_nets.lists.cache import VolumeCache
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
cache = VolumeCache(sys.argv[1])
for _ in range(2):
    for path in sorted(Path(sys.argv[2]).glob("*.nii")):
        cache.get(path)
print(dict(cache.counts))
"""


def test_many_scans_do_not_need_many_open_files(save, hu, affine, tmp_path):
    for number in range(100):
        save(hu, affine, f"scans/{number}.nii")
    command = [sys.executable, "-c", MANY, str(tmp_path / "cache"), str(tmp_path / "scans")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "{'built': 100}", done.stderr


FULL_DISK = """
import resource, signal, sys
from smart_nets.scans.files import gz
from smart_nets.lists.cache import VolumeCache
from smart_nets.errors import InputError
cache = VolumeCache(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    cache.get(sys.argv[1])
except InputError as error:
    print(error)
    sys.exit(7)
"""


def test_a_full_disk_is_told_and_leaves_nothing_half(scan, tmp_path):
    command = [sys.executable, "-c", FULL_DISK, str(scan), str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 7, done.stderr
    assert "cannot be written (found File too large)" in done.stdout
    assert "free 5,536 bytes, or give another cache folder" in done.stdout
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == ["recipe.json"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 5000  # the limit was the child's


def test_only_the_voxels_of_a_crop_are_read(tmp_path, save):
    """A scan of 32 MB: the crop of one corner must leave most of the file untouched by this process."""
    big = np.random.default_rng(0).integers(0, 100, (256, 256, 256)).astype(np.int16)
    big[0] = -1000
    path = save(big, np.diag([2.0, 2, 2, 1]), "big.nii")
    VolumeCache(tmp_path / "cache").get(path)
    program = """
import resource, sys
import numpy as np
entry = np.memmap(sys.argv[1], np.int16, "r", 4096, (255, 256, 256))
before = resource.getrusage(resource.RUSAGE_SELF)
crop = entry[:32, :32, :32].sum()
after = resource.getrusage(resource.RUSAGE_SELF)
print((after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt) * resource.getpagesize())
"""
    entry = only_entry(VolumeCache(tmp_path / "cache"))
    done = subprocess.run([sys.executable, "-c", program, str(entry)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 8e6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"spacing": (2, 2)}, "three lengths"),
        ({"spacing": (2, 2, 0)}, "three lengths"),
        ({"clip": (100, 100)}, "low below high"),
        ({"clip": (-40000, 100)}, "low below high"),
        ({"margin": -1}, "not be negative"),
    ],
)
def test_bad_settings(tmp_path, settings, message):
    with pytest.raises(ConfigError, match=message):
        VolumeCache(tmp_path / "cache", **settings)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        VolumeCache(tmp_path / "file")


def test_scans_without_a_body_and_missing_scans(save, hu, affine, tmp_path):
    cache = VolumeCache(tmp_path / "cache", foreground=5000)
    with pytest.raises(InputError, match=r"no foreground .expected voxels above 5000 HU"):
        cache.get(save(hu, affine))
    with pytest.raises(InputError, match="does not exist"):
        cache.get(tmp_path / "none.nii.gz")
