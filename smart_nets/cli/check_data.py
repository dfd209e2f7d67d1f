"""The verb `check-data`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from smart_nets.files import bundles_folder
from smart_nets.lists.check import LEFT_OUT, Checked
from smart_nets.lists.check import check_data as check
from smart_nets.lists.check_scan import Rules
from smart_nets.pages.data_page import write_data_report
from smart_nets.scans.dicom.series import Spacing
from smart_nets.scans.read import Tilt
from smart_nets.settings import one_of
from smart_nets.training.presets import choose_preset
from smart_nets.weights.io import read_card

MOST_SHOWN = 8  # reasons in the terminal


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
    crop, spacing = _purpose(for_, crop, spacing)
    rules = Rules(
        min_depth=min_depth, tilt=tilt, crop=crop, spacing=spacing, slice_spacing=slice_spacing, hu_offset=hu_offset
    )
    how: dict[str, Any] = {"workers": workers, "strict": strict, "scheduler": scheduler}
    checked = check(data, output_dir, rules, salt=salt, patient_pattern=patient_pattern, **how)
    _tell(checked)
    if report:
        print(f"report:   {write_data_report(checked.manifest)}")
    sys.exit(checked.exit_code)


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


def _purpose(name: str, crop: int | None, spacing: float | None) -> tuple[int, float]:
    """Crop and spacing as given, else those of a preset or of a model's card, else none and 2 mm."""
    told: dict[str, Any] = {}
    if name and Path(name).is_file():
        told = read_card(name, ("crop_size", "spacing"))
    elif name:
        file = bundles_folder() / "smart_pretrain" / "configs" / "train.json"
        presets = json.loads(file.read_text(encoding="utf-8"))["presets"]
        one_of("--for", name, presets, "give a preset, or the path of weights")
        told = choose_preset(name, presets)
    sides, steps = told.get("crop_size", [0]), told.get("spacing", [2.0])
    return max(sides) if crop is None else crop, float(max(steps)) if spacing is None else spacing
