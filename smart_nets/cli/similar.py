"""The verb `similar`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

from smart_nets.cli.parse import listed
from smart_nets.errors import ConfigError
from smart_nets.files import check_output
from smart_nets.settings import FROM_1
from smart_nets.similar.find import FEATURE, Found, find_similar
from smart_nets.similar.page import write_similar_page
from smart_nets.statistics.retrieval import CHANCE
from smart_nets.weights.default_model import shipped_model


def similar(
    *scan: str,
    in_: str,
    output_dir: str,
    at: str = "",
    row: int | None = None,
    model: str = "",
    count: int = 12,
    feature: Literal["cls", "pooled", "stages"] | None = None,
    coordinates: Literal["RAS", "LPS"] = "RAS",
    series: str | None = None,
    patient: str = "",
    cache_dir: str = "",
) -> None:
    """Show the crops of other patients that look most like a place in a scan: similar.html and similar.json.

    Args:
        scan: a file, or the folder of a DICOM series; none with --row.
        in_: what the verb `features` wrote, or inference.json of smart_organ_cluster; several joined by commas.
        output_dir: where to write.
        at: x,y,z of the place in mm; --at=-12,4,88 where the first is below 0.
        row: a row of the features file, in place of a scan and a place.
        model: what made the features, ours or of others (docs/encoders.md); default the encoder that the project ships.
        count: how many are shown.
        feature: "cls", "pooled" or "stages"; default "pooled", or the first of the others that the file holds.
        coordinates: of --at, "RAS" as a NIfTI affine counts, or "LPS" as DICOM and ITK do.
        series: SeriesInstanceUID, where the folder holds several.
        patient: of the scan, whose rows are left out, where neither scan nor file tells it.
        cache_dir: where crops are kept; default that of `features` beside the file, else nowhere.
    """
    FROM_1.check("count", count)
    check_output(output_dir)
    if len(scan) > 1:
        raise ConfigError("has more values than arguments", where="similar", expected="one scan", found=len(scan))
    files = listed(in_)
    point = _point(at, coordinates) if at else None
    weights = str(model or shipped_model()) if scan else ""
    beside = Path(files[0]).with_suffix("") if files else Path()
    kept = cache_dir or str(beside) + "_cache"
    with tempfile.TemporaryDirectory() as nowhere:  # voxels of patients must not stay behind
        cache = kept if cache_dir or Path(kept).is_dir() else nowhere
        found = find_similar(
            files, output_dir, cache, scan=scan[0] if scan else None, at=point, row=row, model=weights, count=count,
            feature=feature, coordinates=coordinates, series=series, patient=patient,
        )  # fmt: skip
    _tell(found)
    print(f"report: {write_similar_page(found, output_dir)}")


def _tell(found: Found) -> None:
    for rank, one in enumerate(found.neighbours, 1):
        facts = one.facts
        label = f", label {facts['label']}" if facts["label"] else ""
        print(f"{rank:3d}. row {facts['row']}, patient {facts['patient']}, distance {facts['distance']:.3f}{label}")
    for depth, values in found.told["precision"].get("at", {}).items():
        told = f"{values[FEATURE]['value']:.3f}, chance {values[CHANCE]['value']:.3f}"
        print(f"precision at {depth}: {told}")


def _point(text: str, coordinates: str) -> list[float]:
    """x,y,z as numbers; ConfigError if they are none."""
    try:
        point = [float(part) for part in text.split(",")]
    except ValueError:
        point = []
    if len(point) != 3:
        raise ConfigError("is no point", where="--at", expected=f"x,y,z in {coordinates} mm", found=text)
    return point
