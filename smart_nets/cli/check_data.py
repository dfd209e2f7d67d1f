"""The verb `check-data`."""

from __future__ import annotations

import sys

from smart_nets.lists.check import check_data as check
from smart_nets.lists.check_scan import Rules
from smart_nets.pages.data_page import write_data_report
from smart_nets.scans.read import Tilt


def check_data(
    data: str,
    output_dir: str,
    crop: int = 0,
    min_depth: int = 2,
    spacing: float = 2.0,
    tilt: Tilt = "refuse",
    salt: str = "",
    patient_pattern: str = "",
    workers: int | None = None,
    strict: bool = False,
    report: bool = True,
) -> None:
    """Check every scan of a folder or datalist; write manifest.json, rejected.json and report.html.

    Exit code 0 when all scans are used, 3 when some are refused, 1 on an error.

    Args:
        data: folder with scans, image file, or JSON datalist.
        output_dir: where to write.
        crop: voxels of the training crop per axis; scans shorter than half of it are refused. 0: no such check.
        min_depth: fewest slices on any axis.
        spacing: voxel size in mm at which the crop is taken.
        tilt: "refuse" or "correct" a gantry tilt.
        salt: secret for the pseudonyms of patients.
        patient_pattern: regular expression that finds the patient in a path, e.g. 'LIDC-IDRI-[0-9]+'.
        workers: processes; default one per core.
        strict: stop at the first scan that is refused.
        report: whether to write report.html.
    """
    rules = Rules(min_depth=min_depth, tilt=tilt, crop=crop, spacing=spacing)
    checked = check(data, output_dir, rules, salt=salt, patient_pattern=patient_pattern, workers=workers, strict=strict)
    print(f"{checked.given:,} scans: {len(checked.used):,} used, {len(checked.rejected):,} refused")
    if checked.others:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in checked.others.most_common())
        print(f"other files, no images: {kinds}")
    print(f"datalist: {checked.manifest}")
    if checked.rejected:
        print(f"reasons:  {checked.manifest.with_name('rejected.json')}")
    if report:
        print(f"report:   {write_data_report(checked.manifest)}")
    sys.exit(checked.exit_code)
