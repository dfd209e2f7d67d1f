"""The verbs `check-data` and `prepare`."""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smart_nets.errors import ConfigError
from smart_nets.files import bundles_folder, check_output
from smart_nets.lists.cache import VolumeCache, fill_cache
from smart_nets.lists.check import ALL_USED, LEFT_OUT, SOME_REFUSED, Checked
from smart_nets.lists.check import check_data as check
from smart_nets.lists.check_scan import Rules
from smart_nets.lists.manifest import datalist
from smart_nets.pages.data_page import write_data_report
from smart_nets.scans.dicom.series import Spacing
from smart_nets.scans.read import Tilt
from smart_nets.settings import one_of
from smart_nets.training.presets import choose_preset
from smart_nets.weights.io import read_card

MOST_SHOWN = 8  # reasons in the terminal
WORDS = {"built": "prepared", "reused": "there already", "refused": "refused"}
WEIGHTS = (".pt", ".pth", ".safetensors")
VOLUMES = "volumes"  # where smart_pretrain looks below its cache_dir


def check_data(
    data: str,
    output_dir: str,
    for_: str = "",
    crop: int | None = None,
    min_depth: int = 2,
    spacing: float | None = None,
    tilt: Tilt = "refuse",
    slice_spacing: Spacing = "refuse",
    hu_offset: float | None = None,
    salt: str = "",
    patient_pattern: str = "",
    workers: int | None = None,
    strict: bool = False,
    scheduler: str = "",
    report: bool = True,
) -> None:
    """Check every scan of a folder or datalist; write manifest.json, rejected.json and report.html.

    Exit code 0 when all scans can be used, 3 when some are refused, 1 on an error. Copies of a scan are left out; masks,
    structure sets, reports and localisers beside scans are counted apart.

    Args:
        data: folder with scans, image file, or JSON datalist.
        output_dir: where to write.
        for_: what the scans are for: a preset of smart_pretrain (tiny, small, base) or weights with their card, whose crop and
            spacing are taken.
        crop: voxels of the training crop per axis; scans shorter than half of it are refused. Default that of --for, else no
            such check.
        min_depth: fewest slices on any axis.
        spacing: voxel size in mm at which the crop is taken; default that of --for, else 2.
        tilt: "refuse" or "correct" a gantry tilt.
        slice_spacing: "refuse" uneven slice distances of DICOM, or "resample" the slices to even ones.
        hu_offset: added to every voxel of every scan, for files that store HU + 1024 without saying so (-1024); 0: they are HU.
        salt: secret for the pseudonyms of patients.
        patient_pattern: regular expression that finds the patient in a path, e.g. 'LIDC-IDRI-[0-9]+'.
        workers: processes; default one per core.
        strict: stop at the first scan that is refused.
        scheduler: address of a dask scheduler (tcp://node1:8786), or the file it wrote, whose workers check the scans; they
            must see them at the same paths.
        report: whether to write report.html.
    """
    side, steps = purpose(for_)
    crop, spacing = side if crop is None else crop, max(steps) if spacing is None else spacing
    rules = Rules(
        min_depth=min_depth, tilt=tilt, crop=crop, spacing=spacing, slice_spacing=slice_spacing, hu_offset=hu_offset
    )
    how: dict[str, Any] = {"workers": workers, "strict": strict, "scheduler": scheduler}
    with _goes_on():
        checked = check(data, output_dir, rules, salt=salt, patient_pattern=patient_pattern, **how)
    _tell(checked)
    if report:
        print(f"report:   {write_data_report(checked.manifest)}")
    sys.exit(checked.exit_code)


def prepare(
    data: str,
    cache_dir: str,
    for_: str = "",
    spacing: float | None = None,
    workers: int | None = None,
    scheduler: str = "",
) -> None:
    """Prepare all scans for pretraining before it starts; with the same cache_dir it then only reads.

    What is prepared already stays. Files of a folder that are no CT are left out, as in pretraining. Exit code 0 when all
    scans are prepared, 3 when some are refused, 1 on an error.

    Args:
        data: folder with scans, or JSON datalist, such as the manifest that check-data wrote.
        cache_dir: the cache_dir of pretraining.
        for_: what the scans are for: a preset of smart_pretrain (tiny, small, base) or weights with their card, whose
            spacing is taken. This or spacing must be given.
        spacing: voxel size in mm.
        workers: processes; default one per core.
        scheduler: address of a dask scheduler (tcp://node1:8786), or the file it wrote, whose workers prepare the scans; they
            must see scans and cache at the same paths.
    """
    if not for_ and spacing is None:
        what, remedy = "is not told", "give the --preset of pretraining, or --spacing"
        raise ConfigError(what, where="--for", expected="tiny, small, base, or weights with their card", remedy=remedy)
    check_output(cache_dir)
    steps = purpose(for_)[1] if spacing is None else [float(spacing)] * 3
    cache = VolumeCache(Path(cache_dir).expanduser().resolve() / VOLUMES, steps)
    with _goes_on():
        counts, refused = fill_cache(cache, datalist(data, keep_broken=True), workers, scheduler)
    told = ", ".join(f"{counts[name]:,} {word}" for name, word in WORDS.items())
    print(f"{sum(counts[name] for name in WORDS):,} scans at {' x '.join(f'{step:g}' for step in steps)} mm: {told}")
    for name in ("damaged", "stale"):
        if counts[name]:
            print(f"{counts[name]:,} of those prepared were {name} before")
    for sentence in refused[:MOST_SHOWN]:
        print(f"  {sentence}")
    if refused:
        more = f"and {len(refused) - MOST_SHOWN:,} others; " if len(refused) > MOST_SHOWN else ""
        print(f"  {more}check-data tells all reasons, and writes a manifest of the scans that can be used")
    preset = f"--preset {for_}" if for_ and spacing is None and not Path(for_).is_file() else f"--spacing '{steps}'"
    print(f"now: smart-nets pretrain --dataset_dir {shlex.quote(data)} --cache_dir {shlex.quote(cache_dir)} {preset}")
    sys.exit(SOME_REFUSED if refused else ALL_USED)


@contextmanager
def _goes_on() -> Iterator[None]:
    """Whoever stops a long run is told what becomes of it."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt("finished scans are kept, the same command goes on") from stop


def _tell(checked: Checked) -> None:
    """What was found, in words: counts, what lay beside, and the reasons of refusals."""
    scans = len(checked.used) + len(checked.rejected)
    left_out = [case for case in checked.rejected if case["fault"] in LEFT_OUT]  # nothing is wrong with these
    refused = len(checked.rejected) - len(left_out)
    more = f", {len(left_out):,} left out ({' or '.join(LEFT_OUT)})" if left_out else ""
    print(f"{scans:,} scans: {len(checked.used):,} used, {refused:,} refused{more}")
    kinds = Counter(str(one["kind"]) for one in checked.companions)
    beside = {"companions, no scans": kinds, "other files, no images": checked.others, "ignored files": checked.ignored}
    for what, counts in beside.items():
        if counts:
            print(f"{what}: " + ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common()))
    print(f"{sum(checked.files.values()):,} files: " + ", ".join(f"{n:,} {what}" for what, n in checked.files.items()))
    print(f"datalist: {checked.manifest}")
    faults = Counter(str(case["fault"]) for case in checked.rejected)
    for fault, count in faults.most_common(MOST_SHOWN):
        print(f"  {count:,} x {fault}")
    if len(faults) > MOST_SHOWN:
        print(f"  and {len(faults) - MOST_SHOWN:,} other reasons")
    if checked.rejected:
        print(f"reasons:  {checked.manifest.with_name('rejected.json')}")


def purpose(name: str) -> tuple[int, list[float]]:
    """Crop (0: none) and spacing (3,) in mm of a preset of smart_pretrain or of a model's card; 2 mm where nothing is told.

    Raises:
        ConfigError: no such preset. CheckpointError, InputError: the card cannot be read.
    """
    told: dict[str, Any] = {}
    if name and Path(name).is_file():
        told = read_card(name, ("crop_size", "spacing"))
    elif Path(name).suffix in WEIGHTS:
        raise ConfigError("does not exist", where=f"--for {name}", remedy="give a preset, or the path of weights")
    elif name:
        file = bundles_folder() / "smart_pretrain" / "configs" / "train.json"
        presets = json.loads(file.read_text(encoding="utf-8"))["presets"]
        one_of("--for", name, presets, "give a preset, or the path of weights")
        told = choose_preset(name, presets)
    return max(told.get("crop_size", [0])), [float(step) for step in told.get("spacing", [2.0] * 3)]
