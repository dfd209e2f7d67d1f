"""The verb `encoders`: frozen encoders beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from smart_nets.files import check_exists, check_output
from smart_nets.tables.encoders.contenders import named_models, open_contenders
from smart_nets.tables.encoders.page import write_encoders_report
from smart_nets.tables.encoders.run import PHANTOMS, Trials, compare_encoders


def encoders(
    models: str,
    output_dir: str,
    organs: str | None = None,
    lesions: str | None = None,
    tumours: str | None = None,
    cards: str = "",
    feature: Literal["cls", "pooled", "stages"] | None = None,
    side: int = 32,
    fields_spacing: float | None = None,
    orientation: str | None = None,
    rule: str = "median",
    coordinates: Literal["RAS", "LPS"] = "RAS",
    folds: int = 3,
    patients: int = 8,
    seed: int = 0,
    cache_dir: str | None = None,
    trust_remote_code: bool = False,
) -> None:
    """Compare frozen encoders of ours and of others in one table, with fresh weights and raw voxels: encoders.html.

    Args:
        models: name=MODEL joined by commas: weights with their card, hf:FOLDER, swinunetr:FILE, *.ts, *.pt2,
            package.module:factory (docs/encoders.md); and random (or random:SEED), the first of ours with fresh weights,
            and raw.
        output_dir: where to write.
        organs: a .npz of boxes around organs, or "phantoms".
        lesions: with labels, as for `features`, or "phantoms".
        tumours: scans with masks of tumours, or "phantoms"; for encoders that have attention.
        cards: name=FILE joined by commas, of models whose card does not lie beside them.
        feature: of encoders of ours; default the first that there is.
        side: voxels of a cube around an organ; all encoders see the same cube.
        fields_spacing: mm of a voxel, of a .npz that does not tell it.
        orientation: where the axes run, such as RAS, of a .npz that does not tell it.
        rule: how LIDC's ratings become labels: "median", "mean" or "drop 3".
        coordinates: of x, y, z in a table of lesions.
        folds: of the probe, by patient.
        patients: phantoms of each kind.
        seed: of folds, cubes and intervals.
        cache_dir: for prepared voxels; default a folder in output_dir.
        trust_remote_code: run the code that lies in a folder of hf:FOLDER.
    """
    check_output(output_dir)
    for source in (organs, lesions, tumours):
        if source and source != PHANTOMS:
            check_exists(source)
    trials = Trials(
        organs, lesions, tumours, fields_spacing, orientation, side, rule=rule, coordinates=coordinates, folds=folds,
        patients=patients, seed=seed,
    )  # fmt: skip
    opened = open_contenders(named_models(models), named_models(cards, "cards"), feature, trust_remote_code)
    target = Path(output_dir) / "encoders.json"
    compare_encoders(opened, trials, target, cache_dir or Path(output_dir) / "cache")
    print(f"report: {write_encoders_report(target)}")
