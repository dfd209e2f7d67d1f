"""What is no HU is refused with a guess, and what is HU never is: a small CT, spoiled in the ways of real exports."""

import numpy as np
import pytest

from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.find import find
from smart_nets.scans.hounsfield import check_hu
from smart_nets.scans.hu_likelihood import _LOG, _fit
from smart_nets.scans.read import read_checked
from smart_nets.scans.volume import Volume


@pytest.fixture(scope="module")
def ct() -> np.ndarray:
    """Air around a body of 288 x 240 x 216 mm with fat, two lungs and a spine, with the noise of a scanner: int16 HU."""
    rng = np.random.default_rng(0)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in (48, 40, 36)], indexing="ij")
    hu = np.where((x / 0.9) ** 2 + (y / 0.8) ** 2 < 1, -100.0, -1000)
    hu[(x / 0.8) ** 2 + (y / 0.7) ** 2 < 1] = 40
    hu[((abs(x) - 0.42) / 0.3) ** 2 + (y / 0.45) ** 2 + (z / 0.9) ** 2 < 1] = -850
    hu[x**2 + (y + 0.55) ** 2 < 0.02] = 500
    return (hu + rng.normal(0, 12, hu.shape)).clip(-1024, 3071).astype(np.int16)


def volume(array: np.ndarray, spacing: float = 6.0) -> Volume:
    return Volume(np.asarray(array), np.diag([spacing, spacing, spacing, 1.0]), "scan.nii.gz")


def ringed(array: np.ndarray, value: float) -> np.ndarray:
    """With the scanner's circle: one value all around it."""
    x, y, _ = np.meshgrid(*[np.linspace(-1, 1, n) for n in array.shape], indexing="ij")
    return np.where(x**2 + y**2 > 1.1, value, array)


SPOILED = {
    "stored values": (lambda hu: hu + 1024, "soft tissue lies at 1,064, values look like HU .1,024.*hu_offset=-1024"),
    "stored values, padding": (lambda hu: ringed(hu + 1024, -2000), "values look like HU .1,024"),
    "stored values, one voxel lower": (lambda hu: np.where(np.arange(hu.size).reshape(hu.shape), hu + 1024, -11), "HU .1,024"),
    "air at 0": (lambda hu: hu + 1000, "values look like HU .1,024"),
    "intercept twice": (lambda hu: hu - 1024, "values look like HU -1,000"),
    "another intercept": (lambda hu: hu + 500, "values look like HU .500"),
    "inverted": (lambda hu: -hu, "the sign is turned around"),
    "inverted about -500": (lambda hu: -1000 - hu, "a wrong slope"),
    "times 5": (lambda hu: hu.astype(np.int32) * 5, "a wrong slope"),
    "half": (lambda hu: hu // 2, "not in HU"),
    "a tenth": (lambda hu: hu / 10, "not in HU"),
    "a thousandth": (lambda hu: hu / 1000, "not in HU"),
    "0 to 255": (lambda hu: ((hu.clip(-160, 240) + 160) / 400 * 255).astype(np.uint8), "not in HU: range 0..255"),
    "signed bytes": (lambda hu: ((hu + 1024) / 4095 * 255 - 128).astype(np.int8), "rescaled to 8 bits"),
    "signed bytes as int16": (lambda hu: (hu.clip(-1000, 1000) / 2000 * 255).astype(np.int16), "rescaled to 8 bits"),
    "z-scores": (lambda hu: (hu - hu.mean()) / hu.std(), "not in HU"),
    "MR with noise around 0": (
        lambda hu: (hu > -500) * 600.0 + np.random.default_rng(0).normal(0, 20, hu.shape),
        "not in HU",
    ),
    "dose": (lambda hu: np.random.default_rng(0).random(hu.shape) * 70, "not in HU"),
}  # fmt: skip
SOUND = {
    "as it is": lambda hu: hu,
    "padding": lambda hu: ringed(hu, -3024),
    "clipped to the scanner's range": lambda hu: hu.clip(-1000, 400),
    "clipped to a window": lambda hu: hu.clip(-175, 250),
    "float": lambda hu: hu.astype(np.float32),
    "metal": lambda hu: np.where(np.arange(hu.size).reshape(hu.shape) % 5000, hu, 20000),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_no_hu_is_refused_with_a_guess(ct, name):
    spoil, said = SPOILED[name]
    with pytest.raises(InputError, match=said):
        check_hu(volume(spoil(ct)))


@pytest.mark.parametrize("name", SOUND)
def test_what_is_hu_passes(ct, name):
    array = SOUND[name](ct)
    assert np.array_equal(check_hu(volume(array)).array, np.maximum(array, -1024))


def test_an_offset_mends_stored_values(ct):
    mended = check_hu(volume((ct + 1024).astype(np.uint16)), offset=-1024)
    assert np.array_equal(mended.array, ct) and mended.notes == ["-1024 added to every voxel (hu_offset)"]


def test_who_gives_an_offset_vouches_for_hu(ct):
    clipped = volume(ct.clip(0, 1500))
    with pytest.raises(InputError, match="give hu_offset=0 if you know that it is"):
        check_hu(clipped)
    assert np.array_equal(check_hu(clipped, offset=0).array, clipped.array)
    with pytest.raises(InputError, match="label map, not HU"):  # which nobody can vouch for
        check_hu(volume((ct > -500).astype(np.uint8)), offset=0)


@pytest.mark.parametrize("spoil", [lambda hu: hu + 100, lambda hu: hu - 100, lambda hu: hu * 0.9])
def test_small_shifts_are_not_noticed(ct, spoil):
    """Contrast, thick slices and dose move tissues by as much: a limit, stated in docs/data.md."""
    check_hu(volume(spoil(ct)))


@pytest.mark.parametrize("offset", [float("nan"), float("inf"), 1e6])
def test_an_offset_no_scanner_has(ct, offset):
    with pytest.raises(ConfigError, match="hu_offset: is no offset in HU"):
        check_hu(volume(ct), offset=offset)


def test_no_real_scan_is_refused(real_ct):
    """33 scans, and 582 crops of nodules that hold lung, wall or vessel only."""
    scans = [one for one in find(real_ct / "chest_2mm") + find(real_ct / "sts") if "__" not in one.path.name]
    for candidate in scans + find(real_ct / "lidc_vois/image")[::20]:
        read_checked(candidate.path)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_bins_are_those_of_a_histogram(dtype):
    """Counted by arithmetic, three times as fast; numpy's own search says the same of every edge."""
    values = np.array([-5000, -1201, -1200, -1199, -1191, -1190, 0, 9, 10, 3099, 3100, 9000], dtype)
    places = np.digitize(values, np.arange(-1200, 3101, 10))
    for value, place in zip(values, places, strict=True):
        assert _fit(np.array([value])) == _LOG[place]
