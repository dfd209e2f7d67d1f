"""Every flipped bit and every cut in a compressed file is noticed."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.scans.files import gz
from smart_nets.scans.read import read_volume

WHERE = Path("scan.nii.gz")
CONTENT = np.random.default_rng(0).integers(0, 50, 20_000).astype(np.uint8).tobytes()


def test_unpack_gives_back_what_was_packed():
    assert gz.inflate(gzip.compress(CONTENT, mtime=0), len(CONTENT), WHERE) == CONTENT


def test_pack_is_gzip_and_the_same_every_time():
    packed = gz.pack(CONTENT)
    assert gzip.decompress(packed) == CONTENT and gz.pack(CONTENT) == packed
    assert packed[4:8] == bytes(4)  # no time of writing


def test_several_members_are_one_stream():
    packed = gzip.compress(CONTENT[:7000]) + gzip.compress(CONTENT[7000:])
    assert gz.inflate(packed, len(CONTENT), WHERE) == CONTENT


def test_first_bytes_stops_early():
    assert gz.first_bytes(gzip.compress(CONTENT, mtime=0)[:3000], 100, WHERE) == CONTENT[:100]


def test_300_flipped_bits_of_300_are_caught(save, affine):
    """A flip that changes no voxel (in the time stamp, or in the last bits that only fill a byte) may pass."""
    path = save(np.random.default_rng(5).integers(-1000, 500, (30, 30, 30)).astype(np.int16), affine)
    sound = path.read_bytes()
    voxels = read_volume(path).array
    caught = 0
    for bit in np.random.default_rng(1).choice(np.arange(80, len(sound) * 8), 300, replace=False):
        damaged = bytearray(sound)
        damaged[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(damaged)
        try:
            assert np.array_equal(read_volume(path).array, voxels)
        except InputError as error:
            assert str(path) in str(error)
            caught += 1
    assert caught == 300


def test_100_truncations_of_100_are_caught(save, hu, affine):
    path = save(hu, affine)
    sound = path.read_bytes()
    for length in np.random.default_rng(3).choice(len(sound), 100, replace=False):
        path.write_bytes(sound[:length])
        with pytest.raises(InputError, match=path.name):
            read_volume(path)


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"", "is empty"),
        (b"just text", "no gzip file"),
        (gzip.compress(CONTENT, mtime=0)[:-8], "checksum is missing"),
        (gzip.compress(CONTENT, mtime=0)[:-3], "checksum is missing"),
        (gzip.compress(CONTENT, mtime=0)[:2000], "ends early .expected 20,000 bytes"),
        (gzip.compress(CONTENT, mtime=0) + b"tail", "foreign bytes"),
        (gzip.compress(CONTENT, mtime=0)[:-8] + b"\1\2\3\4" + gzip.compress(CONTENT, mtime=0)[-4:], "checksum differs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damage_is_named(packed, message):
    with pytest.raises(InputError, match=message):
        gz.first_bytes(packed, 10, WHERE)
        gz.inflate(packed, len(CONTENT), WHERE)


def test_without_isal_zlib_does_the_same(tmp_path: Path):
    """ISA-L is an option: block its import in a fresh interpreter and unpack, and refuse, as before."""
    program = """
import sys, gzip; sys.modules["isal"] = None
from pathlib import Path
from smart_nets.scans.files import gz
from smart_nets.errors import InputError
packed = gzip.compress(b"x" * 5000)
assert gz._zlib.__name__ == "zlib" and gz.inflate(packed, 5000, Path("a")) == b"x" * 5000
for bad in (packed[:-8], packed[:20], packed[:-8] + b"12345678"):
    try: gz.inflate(bad, 5000, Path("a"))
    except InputError: continue
    sys.exit(1)
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])
