"""The verbs `collect` and `overlap`: one list of several collections, and what lists share."""

from __future__ import annotations

import sys

from smart_nets.errors import ConfigError
from smart_nets.files import check_output
from smart_nets.lists.collections import DATALIST, collect, listed_parts, overlap_report, salt_of

SHARED = 3  # exit code


def collect_scans(
    data: str, output_dir: str, salt: str = "", patient_pattern: str = "", workers: int | None = None
) -> None:
    """Check the collections below a folder and join them into one datalist with tags (pretraining.json).

    The paper's eight collections are known by the names of their folders: MSKCC-Lung, MSKCC-HeadNeck, MELA, AMOS22,
    COVID-19, NSCLC-Radiomics, TCGA-KIRC, Pancreas-CT. Others are taken too, and tagged "other".

    Args:
        data: folder with one sub-folder for each collection.
        output_dir: where to write.
        salt: secret for the pseudonyms of patients.
        patient_pattern: regular expression that finds the patient in a path.
        workers: processes; default one per core.
    """
    check_output(output_dir)
    about = collect(data, output_dir, salt, patient_pattern, workers)
    for name, one in about["collections"].items():
        paper = "" if one["published"] is None else f" (paper: {one['published']:,})"
        print(f"{name}: {one['used']:,} used, {one['refused']:,} refused{paper}, tag {one['tag']}")
    for name, where in about["absent"].items():
        print(f"absent: {name}, {where}")
    _tell(about["overlaps"])
    print(f"datalist: {output_dir}/{DATALIST}")


def overlap(*lists: str) -> None:
    """Tell which patients, series and scans several lists share; exit code 3 if they share any.

    Give pretraining beside every downstream set, validation beside test: datalists, manifests, or folders of check-data.
    Patients are compared by pseudonym, so make all lists with the same --salt.

    Args:
        lists: two or more.
    """
    parts = {name: items for path in lists for name, items in listed_parts(str(path)).items()}
    salts = {str(path): salt_of(str(path)) for path in lists}
    if len({salt for salt in salts.values() if salt is not None}) > 1:
        what, remedy = "patients are hashed with different salts, so that none would be found twice", "use one --salt"
        raise ConfigError(what, where="overlap", found=", ".join(salts), remedy=remedy)
    if len(parts) < 2:
        raise ConfigError("needs two lists", where="overlap", expected="two or more", found=len(parts))
    shared = overlap_report(parts)
    for name, items in parts.items():
        print(f"{name}: {len(items):,} scans of {len({str(one.get('patient_id')) for one in items}):,} patients")
    _tell(shared)
    sys.exit(SHARED if shared else 0)


def _tell(overlaps: list[dict[str, object]]) -> None:
    for one in overlaps:
        counts = ", ".join(f"{one[kind]} {kind}" for kind in ("patients", "series", "scans") if one[kind])
        print(f"shared by {one['first']} and {one['second']}: {counts}")
    if not overlaps:
        print("nothing is shared")
