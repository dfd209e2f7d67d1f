"""What must hold between the packaged bundles and MONAI Label; each check's first line says what it proves."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from archives import bundle_run, package
from server import Server

from smart_nets.weights.io import sha256_of

SEGMENTATION, CLASSIFICATION, PLAIN = "smart_zeroshot_segmentation", "smart_lidc_classification", "smart_lidc_classify"
SEGMENTER = "smart_segment"


@dataclass
class Bench:
    """A running server with what it serves.

    Args:
        work: folder for what the checks write.
        bundles: with their weights, as they were packaged.
        models: the unpacked archives that the server serves; plain: those for MONAI alone.
        studies: the images; centres: of two lesions of the phantom, RAS mm.
    """

    server: Server
    work: Path
    bundles: Path
    models: Path
    plain: Path
    studies: Path
    centres: list[list[float]]

    def scores(self, **params: object) -> dict[str, float]:
        """Class -> probability, as the server answers for the phantom."""
        answer = self.server.infer(CLASSIFICATION, "phantom", "json", **params)
        assert answer.status_code == 200, f"status {answer.status_code}"
        return {one["label"]: one["score"] for one in answer.json()["prediction"]}

    def expected_scores(self, name: str, **options: object) -> dict[str, float]:
        """The same from `monai.bundle run` on the archive without MONAI Label's changes."""
        folder = bundle_run(
            self.plain / PLAIN, self.work / name, dataset_dir=self.studies / "phantom.nii.gz", **options
        )
        (row,) = csv.DictReader((folder / "predictions.csv").open())
        begin = "probability of "
        return {key.removeprefix(begin): float(value) for key, value in row.items() if key.startswith(begin)}


def lists_all_models(bench: Bench) -> None:
    """/info/ lists all models with their types and labels"""
    found = {name: (model["type"], model["labels"]) for name, model in bench.server.info()["models"].items()}
    classes = json.loads((bench.models / CLASSIFICATION / "models" / "model.json").read_text())["classes"]
    expected = {
        SEGMENTATION: ("segmentation", {"attention": 1}),
        SEGMENTER: ("segmentation", {"liver": 1, "heart": 2}),
        CLASSIFICATION: ("classification", {name.lower(): number for number, name in enumerate(classes)}),
    }
    assert found == expected, found


def same_mask(bench: Bench, image: str) -> None:
    """Compare a mask of the server with that of `monai.bundle run`, voxel for voxel."""
    answer = bench.server.infer(SEGMENTATION, image, "image")
    assert answer.status_code == 200, f"status {answer.status_code}"
    path = bench.work / f"{image}_served.nii.gz"
    path.write_bytes(answer.content)
    scan = bench.studies / f"{image}.nii.gz"
    folder = bundle_run(bench.models / SEGMENTATION, bench.work / f"{image}_run", dataset_dir=scan)
    served, run = nib.load(path), nib.load(folder / f"{image}_mask.nii.gz")
    ours, theirs = np.asarray(served.dataobj), np.asarray(run.dataobj)
    assert 0 < theirs.sum() < theirs.size, "the mask is empty or full"
    assert ours.shape == theirs.shape and (ours != theirs).sum() == 0, f"{(ours != theirs).sum()} voxels differ"
    np.testing.assert_allclose(served.affine, run.affine, atol=1e-4)


def segments_a_phantom(bench: Bench) -> None:
    """the mask of a phantom is that of `monai.bundle run`, voxel for voxel"""
    same_mask(bench, "phantom")


def segments_a_real_chest(bench: Bench) -> None:
    """the mask of a real chest is that of `monai.bundle run`, voxel for voxel"""
    same_mask(bench, "real")


def classifies_a_lesion(bench: Bench) -> None:
    """scores of two lesions, given as centre_mm, are those of `monai.bundle run`"""
    answers = []
    for number, centre in enumerate(bench.centres):
        answers.append(bench.scores(centre_mm=centre))
        expected = bench.expected_scores(f"lesion{number}", centre=json.dumps(centre))
        assert answers[-1].keys() == expected.keys(), answers[-1]
        assert all(abs(answers[-1][name] - expected[name]) < 1e-4 for name in expected), (answers[-1], expected)
    first, second = answers
    assert any(abs(first[name] - second[name]) > 1e-3 for name in first), f"two places have one answer: {first}"


def classifies_the_middle(bench: Bench) -> None:
    """without centre_mm the middle of the image is classified"""
    answer, expected = bench.scores(), bench.expected_scores("middle")
    assert all(abs(answer[name] - expected[name]) < 1e-4 for name in expected), (answer, expected)


def tells_a_wrong_place(bench: Bench) -> None:
    """a centre outside the scan is refused, and the server's log says why"""
    answer = bench.server.infer(CLASSIFICATION, "phantom", "json", centre_mm=[9000, 0, 0])
    assert answer.status_code == 500, f"status {answer.status_code}"
    assert bench.server.logs("lesion lies outside its scan"), "the log does not say why"


def infers_a_batch(bench: Bench) -> None:
    """batch inference leaves one label per image, the same as asked one by one"""
    answer = bench.server.post(f"batch/infer/{SEGMENTATION}?images=all", {"device": "cpu", "multi_gpu": False})
    assert answer.status_code == 200, f"status {answer.status_code}"
    names = {path.name for path in bench.studies.glob("*.nii.gz")}
    written = {path.name: path for path in (bench.studies / "labels" / "original").glob("*.nii.gz")}
    assert written.keys() == names, written.keys()
    alone, batch = (nib.load(path) for path in (bench.work / "phantom_served.nii.gz", written["phantom.nii.gz"]))
    np.testing.assert_array_equal(np.asarray(alone.dataobj), np.asarray(batch.dataobj))


def trains_nothing(bench: Bench) -> None:
    """a classifier is not offered for training, asking for it is refused, and its weights stay as they were"""
    path = bench.models / CLASSIFICATION / "models" / "model.pt"
    before, offered = sha256_of(path), bench.server.info()["trainers"]
    assert list(offered) == [SEGMENTER], f"offered: {', '.join(offered)}"
    answer = bench.server.post(f"train/{CLASSIFICATION}", {"max_epochs": 1, "device": "cpu", "multi_gpu": False})
    assert answer.status_code == 500, f"status {answer.status_code}"
    assert bench.server.logs("Train Task is not Initialized"), "the log does not say why"
    assert sha256_of(path) == before


def learns_from_labels(bench: Bench) -> None:
    """the segmenter learns from label maps that clinicians save: the Dice of a phantom rises"""
    before = drawn_dice(bench)
    for name in ("phantom", "other"):
        answer = bench.server.save_label(name, bench.work / "drawn" / f"{name}.nii.gz")
        assert answer.status_code == 200, f"status {answer.status_code}"
    request = {"max_epochs": 8, "val_split": 0.5, "device": "cpu", "multi_gpu": False}
    answer = bench.server.post(f"train/{SEGMENTER}", request)
    assert answer.status_code == 200, f"status {answer.status_code}"
    after = drawn_dice(bench)
    assert after > max(0.5, before + 0.2), f"Dice of the liver {before:.2f} before, {after:.2f} after"
    assert (bench.models / SEGMENTER / "eval" / "report.html").is_file(), "no report"


def drawn_dice(bench: Bench) -> float:
    """Mean Dice of the liver of both phantoms, as the server outlines it now."""
    found = []
    for name in ("phantom", "other"):
        answer = bench.server.infer(SEGMENTER, name, "image")
        assert answer.status_code == 200, f"status {answer.status_code}"
        path = bench.work / f"{name}_outlined.nii.gz"
        path.write_bytes(answer.content)
        marked, drawn = (
            np.asarray(nib.load(one).dataobj) == 1 for one in (path, bench.work / "drawn" / f"{name}.nii.gz")
        )
        found.append(2 * (marked & drawn).sum() / (marked.sum() + drawn.sum()))
    return float(np.mean(found))


def refused(bench: Bench, bundles: Path, says: str) -> None:
    """`zoo package` refuses these bundles in one sentence, and writes no archive."""
    output = bench.work / f"{bundles.name}_zips"
    done = package(bundles, output, SEGMENTATION)
    assert done.returncode == 1 and says in done.stderr, done.stderr[-300:] or "packaged"
    assert "Traceback" not in done.stderr and not list(output.glob("*.zip"))


def refuses_no_weights(bench: Bench) -> None:
    """`zoo package` refuses a bundle without weights"""
    bundles = Path(shutil.copytree(bench.bundles, bench.work / "no_weights"))
    (bundles / "smart_zeroshot_seg" / "models" / "model.pt").unlink()
    refused(bench, bundles, "has no weights")


def refuses_wrong_weights(bench: Bench) -> None:
    """`zoo package` refuses weights that are not those of their card, and a card that was bent to them"""
    bundles = Path(shutil.copytree(bench.bundles, bench.work / "wrong_weights"))
    model = bundles / "smart_zeroshot_seg" / "models" / "model.pt"
    shutil.copy(bundles / PLAIN / "models" / "model.pt", model)
    refused(bench, bundles, "differs from its card")
    card = json.loads(model.with_suffix(".json").read_text())
    model.with_suffix(".json").write_text(json.dumps(card | {"sha256": sha256_of(model)}))
    refused(bench, bundles, "unexpected: ")


CHECKS = (
    refuses_no_weights, refuses_wrong_weights, lists_all_models, segments_a_phantom, classifies_a_lesion,
    classifies_the_middle, tells_a_wrong_place, trains_nothing,
)  # fmt: skip
