"""The verbs `features` and `probe`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from smart_nets.classify.probe.extract import features_of
from smart_nets.classify.probe.run import probe_features
from smart_nets.classify.report.page import write_classify_report
from smart_nets.classify.results import results_in_words
from smart_nets.errors import InputError
from smart_nets.files import check_output
from smart_nets.settings import check_settings
from smart_nets.statistics.features import IN_WORDS, save_features
from smart_nets.weights.default_model import shipped_model


def features(
    data: str,
    model: str = "",
    output: str = "features.npz",
    spacing: float | None = None,
    crop: int | None = None,
    cache_dir: str | None = None,
    rule: str = "median",
    feature: Literal["cls", "pooled", "stages", "all"] = "all",
    coordinates: Literal["RAS", "LPS"] = "RAS",
    places: bool = False,
    card: str | None = None,
    trust_remote_code: bool = False,
) -> None:
    """Write the frozen features of lesions, or of whole scans, to one .npz file.

    Args:
        data: a table or collection of lesions, or a folder or manifest of scans.
        model: weights of a pretrained encoder or of a classifier, with the card beside them; default the encoder that
            the project ships. Or one of others (docs/encoders.md): hf:FOLDER, swinunetr:FILE, a TorchScript file *.ts, a
            torch.export program *.pt2, package.module:factory.
        output: the file to write.
        spacing: voxel size in mm; default that of the model's card.
        crop: voxels of a crop; default that of the model's card.
        cache_dir: for prepared voxels; default a folder beside the output.
        rule: how LIDC's ratings become labels: "median", "mean" or "drop 3".
        feature: which to write: "cls", "pooled" (mean of the last stage), "stages" (means and spreads of all), or "all".
        coordinates: of x, y, z in a table of lesions: "RAS" as a NIfTI affine counts, or "LPS" as DICOM and ITK do.
        places: whether the file tells the path of each scan, by which `similar` shows pictures. Paths may name patients: not
            for a file that leaves the house.
        card: of an encoder of others: spacing, window, crop, input range, feature; default the one beside it.
        trust_remote_code: run the code that lies in a folder of hf:FOLDER.
    """
    data, output = str(data), str(output)  # Fire makes a number of a name such as 5
    model = str(model or shipped_model())
    check_output(Path(output).parent)
    if Path(output).is_dir():
        raise InputError(
            "is a folder", where=output, expected="a file to write", remedy="add a name, e.g. features.npz"
        )
    cache = cache_dir or str(Path(output).with_suffix("")) + "_cache"
    steps = None if spacing is None else [spacing] * 3
    sides = None if crop is None else [crop] * 3
    found = features_of(data, model, cache, steps, sides, rule, feature, coordinates, card, trust_remote_code)
    hidden = None if found.places is None else found.places.without_paths()
    save_features(output, found if places else replace(found, places=hidden))
    kinds = ", ".join(f"{name} ({value.shape[1]})" for name, value in found.vectors.items())
    if "places" in found.card:
        print(f"places: {found.card['places']}")
    print(f"{len(found.rows):,} rows of {len(set(found.patients.tolist())):,} patients: {kinds}\nfeatures: {output}")


def probe(
    features: str,
    output_dir: str,
    kind: Literal["linear", "knn"] = "linear",
    feature: str | None = None,
    folds: int = 3,
    seed: int = 0,
    test: str | None = None,
) -> None:
    """Probe frozen features, cross-validated by patient or on another list: predictions.csv, metrics.json, report.html.

    Args:
        features: a file that the verb `features` wrote of labelled lesions.
        output_dir: where to write.
        kind: "linear" (logistic regression) or "knn".
        feature: "cls", "pooled" or "stages"; default the first of these that the file holds.
        folds: how many, stratified and grouped by patient.
        seed: of the folds.
        test: features of other patients by the same model, to judge the probe on instead of folds.
    """
    features, output_dir = str(features), str(output_dir)
    check_settings({"folds": folds, "seed": seed})
    check_output(output_dir)
    found = probe_features(features, output_dir, kind, feature, folds, seed, None if test is None else str(test))
    print(f"{kind} probe of {IN_WORDS[found['feature']]}: {results_in_words(found)}")
    print(f"report: {write_classify_report(output_dir)}")
