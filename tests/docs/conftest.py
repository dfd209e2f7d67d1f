"""A user's desk, laid once a session: bundles with small models, and all that the commands of the docs name, of phantoms.

Pages of the project are typed in the desk itself, where a checkout would be; pages of a bundle in a folder of their own, since
`run` is a classifier in one and a segmenter in another.
"""

from __future__ import annotations

import csv
import json
import re
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import numpy as np
import pytest
import torch
from cryptography.hazmat.primitives import serialization as of
from cryptography.hazmat.primitives.asymmetric import ed25519
from fixtures.commands import ROOT
from fixtures.runs import CLASSIFY_RUN, invent_predictions
from fixtures.small import SAVED
from monai.bundle import run
from monai.networks.nets.swin_unetr import SwinTransformer

from smart_nets import cli
from smart_nets.classify.probe.extract import features_of
from smart_nets.lists.check import check_data
from smart_nets.lists.collections import collect
from smart_nets.networks.classifier import Classifier
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.networks.segmenter import Segmenter
from smart_nets.phantom import ORGANS, Phantom, make_dataset, make_phantom, write_dicom
from smart_nets.phantom.write import write_image
from smart_nets.scans.read import read_volume
from smart_nets.segment.cases.names import PHANTOM_LABELS, PHANTOM_VALUES
from smart_nets.statistics.features import save_features
from smart_nets.weights.io import save_weights
from smart_nets.zoo.package import package

COARSE, COARSER = (8.0, 8.0, 8.0), (10.0, 10.0, 10.0)  # mm
FED = {"crop_size": [32] * 3, "spacing": [8.0] * 3, "hu_window": [-175, 250], "orientation": "RAS", "epochs": 1}
CARD = {"kind": "encoder", "architecture": {"name": "SmartEncoder", **SAVED}, **FED}
LABELS = {"liver": 1, "kidneys": [2, 3]}  # of cases.csv, as the docs name them


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, drawing: ModuleType) -> Path:
    """The folder; commands may write anywhere in it."""
    torch.manual_seed(0)
    desk = tmp_path_factory.mktemp("desk")
    _bundles(desk / "bundles")
    encoder = desk / "bundles" / "smart_pretrain" / "models" / "model.pt"
    for place in ("kept", "my/run/models", "smart_zeroshot_seg/run/models", "smart_organ_cluster/run/models",
                  "smart_zeroshot_seg/a", "smart_zeroshot_seg/b"):  # fmt: skip
        _copy_model(encoder, desk / place)
    _scans(desk)
    _lesions(desk)
    _outlined(desk, drawing)
    _organs(desk / "smart_organ_cluster")
    _releases(desk)
    _features(desk)
    _of_others(desk, encoder)
    return desk


def _bundles(folder: Path) -> None:
    """Copies of the bundles, each with a model that fits its task."""
    shutil.copytree(ROOT / "bundles", folder, ignore=shutil.ignore_patterns("cache", "eval", "model.*"))
    encoder = SmartEncoder(**SAVED)
    for name in ("smart_pretrain", "smart_zeroshot_seg", "smart_organ_cluster"):
        save_weights(encoder, folder / name / "models" / "model.pt", CARD)
    classes = {"kind": "classifier", "feature": "cls", "classes": ["benign", "malignant"]}
    save_weights(Classifier(encoder, "cls"), folder / "smart_lidc_classify" / "models" / "model.pt", CARD | classes)
    labels = {"kind": "segmenter", "labels": {"liver": [1], "kidneys": [2, 3]}}
    save_weights(Segmenter(encoder, 3), folder / "smart_segment" / "models" / "model.pt", CARD | labels)


def _features(desk: Path) -> None:
    """Frozen features of the lesions, with their places."""
    model = desk / "my" / "run" / "models" / "model.pt"
    save_features(desk / "features.npz", features_of(desk / "lesions.csv", model, desk / "features_cache"))


def _of_others(desk: Path, encoder: Path) -> None:
    """A model beside the reader, and Swins as MONAI published them and as SMIT names them."""
    _copy_model(encoder, desk, exist_ok=True)
    swin = SwinTransformer(1, 12, (4, 4, 4), (2, 2, 2), (1, 1, 1, 1), (1, 1, 2, 2), patch_norm=True).state_dict()
    named = {name.replace("linear", "fc"): value for name, value in swin.items()}
    torch.save({"state_dict": {f"module.{name}": value for name, value in named.items()}}, desk / "model_swinvit.pt")
    stages = re.compile(r"^layers(\d)\.0")
    torch.save({stages.sub(lambda found: f"layers.{int(found[1]) - 1}", name): value for name, value in named.items()},
               desk / "smit.pt")  # fmt: skip


def _copy_model(model: Path, folder: Path, exist_ok: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=exist_ok)
    for path in (model, model.with_suffix(".json")):
        shutil.copy(path, folder)


def _patient(seed: int, region: str = "chest", spacing: tuple[float, float, float] = COARSE) -> Phantom:
    return make_phantom(seed, spacing, region=region, task="response")


def _scans(desk: Path) -> None:
    """Folders of scans, a DICOM series, and what `check-data` and `collect` write of them."""
    one, two, three = (_patient(seed) for seed in range(3))
    for folder in ("my/cts", "SCANS", "smart_segment/scans", "smart_pretrain", "smart_zeroshot_seg"):
        write_image(one.image, one.affine, desk / folder / "scan.nii.gz")
    write_image((one.labels == ORGANS["nodule"]).astype(np.uint8), one.affine, desk / "my/cts/scan__tumour.nii.gz")
    for number, patient in enumerate((two, three, two, three)):
        write_image(
            patient.image, patient.affine, desk / f"my/volumes/{('liver', 'spleen')[number % 2]}/{number}.nii.gz"
        )
    shutil.move(write_dicom(two, desk / "written"), desk / "my/cts/series")
    for number, patient in enumerate((two, three), start=1):
        write_image(patient.image, patient.affine, desk / f"FOLDER/LIDC-IDRI-000{number}.nii.gz")
        write_image(patient.image, patient.affine, desk / f"data/pretraining/MELA/p{number}.nii.gz")
    write_image(one.image, one.affine, desk / "lidc_scans/q.nii.gz")
    check_data(desk / "FOLDER", desk / "checked")
    check_data(desk / "lidc_scans", desk / "lidc", salt="SECRET")
    collect(str(desk / "data/pretraining"), str(desk / "checked"), "SECRET", "", 1)


def _lesions(desk: Path) -> None:
    """Tables of nodules, and the runs that are compared."""
    folder = desk / "smart_lidc_classify"
    make_dataset(folder, 4, spacing=(4.0, 4.0, 4.0), nodules=2, region="chest")
    shutil.copytree(folder, desk, dirs_exist_ok=True)
    shutil.copy(folder / "lesions.csv", folder / "cohort.csv")
    _other_patients(folder)
    shutil.copy(folder / "phantom-0000.nii.gz", folder / "scan.nii.gz")
    for place, name in {"fold": "fine-tuned", "run": "fine-tuned", "scratch": "from scratch"}.items():
        for fold in range(2):
            where = desk / "compared" / f"{place}{fold}"
            found = invent_predictions(30, seed=fold)
            found.folds[:], found.rows[:] = fold, found.rows + 30 * fold
            found.write(where / "eval" / "predictions.csv")
            told = {**CLASSIFY_RUN, "classify": {**CLASSIFY_RUN["classify"], "name": name, "fold": fold}}
            (where / "eval" / "run.json").write_text(json.dumps(told))
            shutil.copytree(where, folder / f"{place}{fold}")
    options = {"dataset_dir": str(folder / "lesions.csv"), "output_dir": str(folder / "run"), "max_epochs": 1,
               "preset": "tiny", "crop_size": [32] * 3, "margin": 1, "folds": 2, "num_workers": 0,
               "feature": "cls", "batch_size": 8, "pretrained": str(desk / "kept/model.pt")}  # fmt: skip
    run(config_file=str(desk / "bundles/smart_lidc_classify/configs/train.json"), **options)


def _other_patients(folder: Path) -> None:
    """other.csv: lesions of two patients that no model has seen."""
    make_dataset(folder / "others", 2, seed=50, spacing=(4.0, 4.0, 4.0), nodules=2, region="chest")
    lines = (folder / "others" / "lesions.csv").read_text().splitlines()
    (folder / "other.csv").write_text("\n".join(line.replace(",phantom", ",others/phantom", 1) for line in lines))


def _outlined(desk: Path, drawing: ModuleType) -> None:
    """Data sets of outlined patients in every form that the docs name, and the runs that are compared."""
    folder = desk / "smart_segment"
    patients = [_patient(seed, "trunk", COARSER) for seed in range(3)]
    rows = []
    for number, one in enumerate(patients):
        drawn = np.select([one.labels == ORGANS[name] for name in ("liver", "kidney_right", "kidney_left")], [1, 2, 3])
        for place in ("cases", "others"):
            write_image(one.image, one.affine, folder / place / "images" / f"{place}{number}.nii.gz")
            write_image(drawn.astype(np.uint8), one.affine, folder / place / "labels" / f"{place}{number}.nii.gz")
        rows.append((f"cases/images/cases{number}.nii.gz", f"cases/labels/cases{number}.nii.gz", f"p{number}"))
    with (folder / "cases.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "label", "patient_id"), *rows])
    _nnunet(desk / "nnUNet_raw" / "Dataset007", patients)
    shutil.copytree(desk / "nnUNet_raw/Dataset007", folder / "nnUNet_raw" / "Dataset007_Pancreas")
    _decathlon(shutil.copytree(desk / "nnUNet_raw/Dataset007", desk / "Task06_Lung"))
    for number, one in enumerate(patients):
        series = Path(write_dicom(one, folder / "NSCLC-Radiomics" / f"LUNG1-00{number}"))
        volume = read_volume(series)
        middle = [side / 2 for side in volume.array.shape]
        corners = [(middle[0] + x, middle[1] + y) for x, y in ((-4, -4), (4, -4), (4, 4), (-4, 4))]
        drawn = [drawing.contour_of(volume, corners, int(middle[2]) + z) for z in range(-2, 3)]
        drawing.structures(series, volume, {"GTV-1": drawn, "Lung-Left": drawn})
    options = {"dataset_dir": str(folder / "cases.csv"), "labels": LABELS, "output_dir": str(folder / "run"), "folds": 3,
               "preset": "tiny", "max_epochs": 1, "steps_per_epoch": 1, "batch_size": 1, "crop_size": [64, 32, 32],
               "num_workers": 0, "pretrained": str(desk / "kept/model.pt"), "spacing": COARSER}  # fmt: skip
    run(config_file=str(desk / "bundles/smart_segment/configs/train.json"), **options)
    scratch = Path(shutil.copytree(folder / "run", folder / "scratch")) / "eval" / "run.json"
    told = json.loads(scratch.read_text())
    scratch.write_text(json.dumps({**told, "segment": {**told["segment"], "name": "from scratch"}}))


def _nnunet(folder: Path, patients: list[Phantom]) -> None:
    for number, one in enumerate(patients):
        drawn = np.zeros(one.labels.shape, np.uint8)
        for name, value in PHANTOM_VALUES.items():
            drawn[one.labels == value] = PHANTOM_LABELS[name][0]
        write_image(one.image, one.affine, folder / "imagesTr" / f"p{number}_0000.nii.gz")
        write_image(drawn, one.affine, folder / "labelsTr" / f"p{number}.nii.gz")
    labels = {"background": 0, **{name: values[0] for name, values in PHANTOM_LABELS.items()}}
    plan = {"channel_names": {"0": "CT"}, "labels": labels, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(plan))


def _decathlon(folder: Path) -> None:
    """dataset.json as the Medical Segmentation Decathlon writes it, over the same files."""
    for image in (folder / "imagesTr").iterdir():
        image.rename(image.with_name(image.name.replace("_0000", "")))
    labels = {"0": "background", **{str(values[0]): name for name, values in PHANTOM_LABELS.items()}}
    names = sorted(path.name for path in (folder / "imagesTr").iterdir())
    listed = [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names]
    plan = {"modality": {"0": "CT"}, "labels": labels, "training": listed, "numTraining": len(names)}
    (folder / "dataset.json").write_text(json.dumps(plan))


def _organs(folder: Path) -> None:
    """OrganMNIST3D's form, boxes, fields, and scans with label maps."""
    cubes: dict[str, np.ndarray] = {}
    grey = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        cubes[f"{split}_images"] = grey.integers(0, 255, (22, 28, 28, 28), np.uint8)
        cubes[f"{split}_labels"] = np.arange(22, dtype=np.uint8)[:, None] % 11
    for path in (folder / "organmnist3d_64.npz", folder.parent / "organmnist3d.npz"):
        np.savez(path, **cubes)
    boxes = grey.integers(-150, 200, (8, 46, 46, 46)).astype(np.int16)
    told = {"x": boxes, "organ": np.array([*"abab" * 2]), "scan": np.array([*"ppqqrrss"])}
    np.savez(folder / "boxes.npz", **told)  # of 2 mm, as the docs say
    np.savez(folder.parent / "smart_pretrain" / "fields.npz", **told, spacing=2.0, orientation="RAS")
    for number in range(2):
        one = _patient(number, "trunk")
        case = folder.parent / "my/cases" / f"case{number}"
        write_image(one.image, one.affine, case / "ct.nii.gz")
        for organ in ("liver", "spleen", "heart"):
            mask = (one.labels == ORGANS[organ]).astype(np.uint8)
            write_image(mask, one.affine, case / "segmentations" / f"{organ}.nii.gz")


def _releases(desk: Path) -> None:
    """A pair of keys, signed archives in OUT, and a bundle in DIR as `zoo install` leaves it."""
    key = ed25519.Ed25519PrivateKey.generate()
    plain = of.NoEncryption()
    (desk / "private.pem").write_bytes(key.private_bytes(of.Encoding.PEM, of.PrivateFormat.PKCS8, plain))
    public = key.public_key().public_bytes(of.Encoding.PEM, of.PublicFormat.SubjectPublicKeyInfo)
    (desk / "public.pem").write_bytes(public)
    package(desk / "OUT", desk / "bundles", key=desk / "private.pem")
    shutil.copytree(desk / "OUT", desk / "served")
    for name in ("smart_pretrain", "smart_zeroshot_seg"):
        shutil.copytree(desk / "bundles" / name, desk / "DIR" / name)


@pytest.fixture(scope="session")
def server(desk: Path) -> Iterator[str]:
    """The address that the archives are served at."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(desk / "served"))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str], Path], None]:
    """A function that runs a command in this process, as `python` would in a folder; AssertionError if it fails."""

    def type_in(words: list[str], folder: Path) -> None:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "path", [*sys.path])  # MONAI adds the bundle's folder
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        monkeypatch.setitem(
            sys.modules, "umap", None
        )  # compiling its loops takes longer than all commands of its bundle
        start = next(n for n, word in enumerate(words) if word in ("smart-nets", "smart_nets", "monai.bundle"))
        monkeypatch.setattr(sys, "argv", words[start:])
        try:
            if words[start] == "monai.bundle":
                runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
            else:
                cli.main()
        except SystemExit as end:
            assert not end.code, f"exit code {end.code}"

    return type_in
