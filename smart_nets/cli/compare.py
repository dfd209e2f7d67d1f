"""The verb `compare`, for whatever the runs are of."""

from __future__ import annotations

from pathlib import Path

from smart_nets.classify.compare import compare
from smart_nets.classify.report.compare_page import write_compare_report
from smart_nets.errors import ConfigError
from smart_nets.files import check_exists, check_output, write_json
from smart_nets.pages.measures import measure_of
from smart_nets.segment.compare import compare_segmentations, is_segmentation
from smart_nets.segment.report.compare_page import write_segment_comparison


def compare_runs(*runs: str, output_dir: str) -> None:
    """Compare finished runs, of classification or of segmentation: compare.json and compare.html.

    Args:
        runs: output folders of training runs; those of the same name are joined over folds.
        output_dir: where to write.
    """
    folders, output_dir = [str(run) for run in runs], str(output_dir)
    check_output(output_dir)
    target = Path(output_dir) / "compare.json"
    outlined = [is_segmentation(folder) for folder in folders]
    if any(outlined) and not all(outlined):
        first = folders[outlined.index(False)]
        check_exists(Path(first))
        remedy = "compare runs of one kind"
        raise ConfigError("is no run of segmentation, as others are", where=first, remedy=remedy)
    if any(outlined):
        found = compare_segmentations(folders)
        write_json(target, found)
        for name, one in found["models"].items():
            print(f"{name}: mean Dice {measure_of(one['mean_dice']).text()}")
        print(f"report: {write_segment_comparison(target)}")
    else:
        write_json(target, compare(folders))
        print(f"report: {write_compare_report(target)}")
