"""The bundle as its users run it: train, look at a scan, evaluate, export; and what it says when something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser, create_workflow, load, run, verify_net_in_out
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from smart_nets.errors import SmartError, cause
from smart_nets.lists.check import check_data
from smart_nets.phantom import make_dataset

BUNDLE = Path(__file__).parents[2] / "bundles" / "smart_pretrain"
CONFIGS = BUNDLE / "configs"
QUICK = {
    "preset": "tiny", "max_epochs": 1, "visits_per_epoch": 2, "crop_size": [32, 32, 32], "batch_size": 2,
    "organ_patients": 2, "out_dim": 64, "num_workers": 0, "architecture#depths": [1, 1, 1, 1],
}  # fmt: skip


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    make_dataset(folder, 2, spacing=(4.0, 4.0, 4.0))
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory, scans) -> Path:
    """The output folder of one short training run."""
    output = tmp_path_factory.mktemp("run")
    before = set(BUNDLE.rglob("*"))
    run(config_file=str(CONFIGS / "train.json"), dataset_dir=str(scans), output_dir=str(output), **QUICK)
    assert set(BUNDLE.rglob("*")) == before  # with an output_dir, nothing else is touched
    assert {path.name for path in output.iterdir()} == {"models", "eval", "cache"}
    return output


def test_training_leaves_model_card_record_curves_and_report(trained):
    assert {"model.pt", "model.json"} == {path.name for path in (trained / "models").iterdir()}
    card = json.loads((trained / "models" / "model.json").read_text())
    assert card["architecture"]["name"] == "SmartEncoder"
    assert (card["orientation"], card["spacing"], card["hu_window"], card["epochs"]) == (
        "RAS",
        [4, 4, 4],
        [-175, 250],
        1,
    )
    record = json.loads((trained / "eval" / "run.json").read_text())
    assert record["weights"]["sha256"] == card["sha256"]
    assert set(record["knn"]) == set(record["knn_cls"]) == {"before", "after"}
    assert record["knn_raw"].keys() == record["knn"]["after"].keys()
    lines = [json.loads(line) for line in (trained / "eval" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]  # two scans, two visits, batches of two
    assert all("rank_cls" in line["instruments"] for line in lines), "before and after training"
    events = EventAccumulator(str(trained / "eval" / "tensorboard" / trained.name)).Reload()
    assert [one.step for one in events.Images("attention/crop_1")] == [0, 2] and events.Images("mask/crop_2")
    after = record["knn_cls"]["after"]["accuracy"]
    assert events.Scalars("knn/cls")[-1].value == pytest.approx(after) and events.Scalars("instruments/rank_cls")
    page = (trained / "eval" / "report.html").read_text()
    assert "not for diagnostic use" in page.lower()
    assert "The method does not do what it says" in page, "not after two steps"
    assert "https://" not in page and "http://" not in page.replace("http://www.w3.org", "")  # nothing is fetched


def test_inference_maps_a_scan_on_its_own_grid(trained, scans, tmp_path):
    scan = scans / "phantom-0000.nii.gz"
    weights = str(trained / "models" / "model.pt")
    run(
        config_file=str(CONFIGS / "inference.json"), dataset_dir=str(scan), model_path=weights, output_dir=str(tmp_path)
    )
    source, attention = nib.load(scan), nib.load(tmp_path / "phantom-0000_attention.nii.gz")
    assert attention.shape == source.shape
    assert np.allclose(attention.affine, source.affine, atol=1e-4)
    values = attention.get_fdata()
    assert values.min() >= 0
    assert values.mean() == pytest.approx(1.0, abs=0.2)  # relative to uniform
    embedding = np.load(tmp_path / "phantom-0000_embedding.npy")
    assert embedding.shape == (64,)
    assert np.isfinite(embedding).all()


def test_a_flipped_file_gives_the_flipped_map(trained, scans, tmp_path):
    source = nib.load(scans / "phantom-0000.nii.gz")
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = source.shape[0] - 1
    flipped = nib.Nifti1Image(np.asarray(source.dataobj)[::-1], source.affine @ flip)
    nib.save(flipped, tmp_path / "flipped.nii.gz")
    weights = str(trained / "models" / "model.pt")
    for scan in (scans / "phantom-0000.nii.gz", tmp_path / "flipped.nii.gz"):
        run(
            config_file=str(CONFIGS / "inference.json"), dataset_dir=str(scan), model_path=weights,
            output_dir=str(tmp_path / "out"), overlap=0.0,
        )  # fmt: skip
    one, other = (
        nib.load(tmp_path / "out" / f"{name}_attention.nii.gz").get_fdata() for name in ("phantom-0000", "flipped")
    )
    assert np.abs(one - other[::-1]).max() < 1e-4


def test_evaluation_writes_the_accuracy(trained, tmp_path):
    weights = str(trained / "models" / "model.pt")
    run(config_file=str(CONFIGS / "evaluate.json"), model_path=weights, output_dir=str(tmp_path), organ_patients=2)
    result = json.loads((tmp_path / "knn.json").read_text())
    assert set(result) == {"feature", "cls", "pooled", "stages"}
    assert (result["cls"]["classes"], result["cls"]["crops"]) == (11, 22)
    assert 0 <= result["cls"]["low"] <= result["cls"]["accuracy"] <= result["cls"]["high"] <= 1


def test_evaluation_on_real_organ_crops(trained, tmp_path, real_ct):
    with np.load(real_ct / "organ_fields_dev.npz") as fields:  # 192 mm a side, which it does not tell itself
        np.savez(tmp_path / "fields.npz", **fields, spacing=4.0)
    run(
        config_file=str(CONFIGS / "evaluate.json"), model_path=str(trained / "models" / "model.pt"),
        output_dir=str(tmp_path), dataset_dir=str(tmp_path / "fields.npz"), orientation="RAS",
    )  # fmt: skip
    assert json.loads((tmp_path / "knn.json").read_text())["cls"]["crops"] == 45


@pytest.mark.parametrize("source", ["phantoms", "file"])
def test_evaluation_beside_floors(trained, tmp_path, source):
    """Fields of a file, or of phantoms; nothing is resized."""
    options = {"fields_spacing": 8, "organ_patients": 2}
    if source == "file":
        noise = np.random.default_rng(0).integers(-100, 100, (4, 36, 36, 36)).astype(np.int16)
        np.savez(tmp_path / "fields.npz", x=noise, organ=np.array(["liver", "lung"] * 2), scan=np.array([*"ppqq"]))
        options = {"fields_spacing": 8, "orientation": "LPS", "dataset_dir": str(tmp_path / "fields.npz")}
    run(
        config_file=str(CONFIGS / "evaluate.json"), model_path=str(trained / "models" / "model.pt"),
        output_dir=str(tmp_path / "out"), **options,
    )  # fmt: skip
    result = json.loads((tmp_path / "out" / "knn.json").read_text())
    assert set(result) == {"protocol", "features", "floors", "differences"}
    assert set(result["features"]) == {"cls", "pooled", "stages"}
    assert result["protocol"]["crops"] == (132 if source == "phantoms" else 24)
    assert {"raw voxels", "brightness", "random pooled"} < set(result["floors"])


@pytest.mark.parametrize(("spacing", "says"), [("two", "fields_spacing: is no length"), (2, "smaller than a crop")])
def test_evaluation_of_fields_that_do_not_fit(trained, tmp_path, spacing, says):
    x, organs, scans = np.full((4, 36, 36, 36), -100, np.int16), np.array([*"abab"]), np.array([*"ppqq"])
    np.savez(tmp_path / "fields.npz", x=x, organ=organs, scan=scans)
    with pytest.raises(Exception) as caught:
        run(
            config_file=str(CONFIGS / "evaluate.json"), model_path=str(trained / "models" / "model.pt"),
            output_dir=str(tmp_path / "out"), dataset_dir=str(tmp_path / "fields.npz"), fields_spacing=spacing,
            orientation="RAS",
        )  # fmt: skip
    assert says in str(cause(caught.value)) and not (tmp_path / "out" / "knn.json").exists()


@pytest.mark.usefixtures("without_page")
def test_a_checked_manifest_is_a_data_set(trained, scans, tmp_path):
    checked = check_data(scans, tmp_path / "checked", workers=1)
    content = json.loads(checked.manifest.read_text())
    content["training"][0]["notes"] = ["padding became air", "two voxels repaired"]  # items need not look alike
    checked.manifest.write_text(json.dumps(content))
    options = {**QUICK, "dataset_dir": str(checked.manifest), "cache_dir": str(trained / "cache")}
    run(config_file=str(CONFIGS / "train.json"), output_dir=str(tmp_path / "run"), **options)
    assert json.loads((tmp_path / "run" / "eval" / "run.json").read_text())["data"]["used"] == 2


@pytest.mark.usefixtures("without_page")
def test_resume_goes_on_where_it_stopped(trained, scans, tmp_path):
    options = {
        "config_file": str(CONFIGS / "train.json"),
        "dataset_dir": str(scans),
        "output_dir": str(tmp_path),
        **QUICK,
    }
    options |= {"cache_dir": str(trained / "cache"), "max_epochs": 2, "visits_per_epoch": 1}
    state = tmp_path / "eval" / "training_state.pt"
    run(**options)
    saved = torch.load(state, weights_only=True)
    saved["iteration"], saved["finished"] = 1, False  # as if it had been stopped after the first epoch
    torch.save(saved, state)
    run(**options)
    steps = [json.loads(line)["step"] for line in (tmp_path / "eval" / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2]
    record = json.loads((tmp_path / "eval" / "run.json").read_text())
    assert [part["step"] for part in record["resumed"]] == [1] and set(record["knn"]) == {"before", "after"}


def write_slab(folder: Path, scans: Path) -> Path:
    """A folder with 40 mm of a patient."""
    image = nib.load(sorted(scans.glob("*.nii.gz"))[0])
    folder.mkdir()
    nib.save(image.slicer[:, :, 20:30], folder / "slab.nii.gz")
    return folder


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dataset_dir": "/no/such/folder"}, "/no/such/folder: does not exist"),
        ({"dataset_dir": "EMPTY"}, "holds no scans"),
        ({"dataset_dir": "TEXT"}, "note.txt"),
        (
            {"dataset_dir": "SLAB"},
            "no scan is large enough for half a crop (expected a body of at least 64 x 64 x 64 mm",
        ),
        ({"crop_size": [40, 64, 64]}, "multiples of 32, such as 32 or 64"),
        ({"mask_ratio": 0.1, "hint_ratio": 0.2}, "hint_ratio: hints would show every hidden token"),
        ({"preset": "huge"}, "preset: is not known (expected auto or base or small or tiny, found huge)"),
        ({"sa_stage": 7}, "sa_stage: cannot be (expected 1, 2, 3, 4 or null, found 7)"),
        ({"sa_stage": 0}, "needs semantic attention"),
        ({"sa_stage": 4}, "leaves too few cells for a mask"),
        ({"saved_branch": "both"}, "saved_branch: is not known (expected student or teacher, found both)"),
        ({"pretrained": "/no/such/model.pt"}, "/no/such/model.pt: there are no weights here"),
        ({"autocast": "fp16"}, "autocast: is not known"),
    ],
)
def test_faults_end_in_one_sentence_before_training(options, says, scans, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("no scan")
    slab = write_slab(tmp_path / "slab", scans)
    names = {"EMPTY": str(tmp_path / "empty"), "TEXT": str(tmp_path / "note.txt"), "SLAB": str(slab)}
    settings = {"dataset_dir": str(scans), **QUICK, **options}
    settings["dataset_dir"] = names.get(settings["dataset_dir"], settings["dataset_dir"])
    with pytest.raises((RuntimeError, SmartError)) as caught:
        run(config_file=str(CONFIGS / "train.json"), output_dir=str(tmp_path / "out"), **settings)
    assert says in str(cause(caught.value))
    assert not (tmp_path / "out" / "eval" / "metrics.jsonl").exists()


def test_the_command_prints_the_sentence_and_fails(tmp_path):
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str(CONFIGS / "train.json")]
    done = subprocess.run(
        [*command, "--dataset_dir", str(tmp_path / "nowhere")], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(f"InputError: {tmp_path / 'nowhere'}: does not exist")
    assert not list(tmp_path.iterdir())
    done = subprocess.run([*command, "--dataset_dri", "/my/cts"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "perhaps --dataset_dir is meant" in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("where", ["repository", "bundle", "elsewhere"])
def test_the_bundle_finds_its_folder_from_anywhere(where, tmp_path, monkeypatch):
    monkeypatch.chdir({"repository": BUNDLE.parents[1], "bundle": BUNDLE, "elsewhere": tmp_path}[where])
    monkeypatch.setattr(sys, "path", [str(BUNDLE), *sys.path])  # as `run` does
    parser = ConfigParser()
    parser.read_config(str(CONFIGS / "train.json"))
    assert Path(parser.get_parsed_content("bundle_root")).resolve() == BUNDLE.resolve()


def test_a_scan_too_small_for_the_crop_is_left_out_of_a_plain_folder(scans, tmp_path, caplog):
    folder = write_slab(tmp_path / "cts", scans)
    for scan in sorted(scans.glob("*.nii.gz")):
        (folder / scan.name).symlink_to(scan)
    parser = ConfigParser(ConfigParser.load_config_file(str(CONFIGS / "train.json")))
    parser.update({**QUICK, "dataset_dir": str(folder)})
    kept = [Path(item["image"]).name for item in parser.get_parsed_content("datalist")]
    assert "slab.nii.gz" not in kept and len(kept) == len(list(scans.glob("*.nii.gz")))
    (told,) = [record.message for record in caplog.records if "left out" in record.message]
    assert told.startswith(f"1 of {len(kept) + 1} scans left out: too small for half a crop") and "x 40 mm" in told


@pytest.mark.parametrize(("kind", "config"), [("train", "train.json"), ("infer", "inference.json")])
def test_monai_finds_every_property(kind, config, scans):
    workflow = create_workflow(
        config_file=str(CONFIGS / config), workflow_type=kind, bundle_root=str(BUNDLE), dataset_dir=str(scans)
    )
    assert workflow.check_properties() == []


def test_monai_loads_the_encoder_with_its_weights():
    """`monai.bundle.load` takes the configuration of training unless it is told otherwise, and tells of no weight it leaves."""
    network = load("smart_pretrain", bundle_dir=str(BUNDLE.parent), model_file="models/small.pt")
    saved = torch.load(BUNDLE / "models" / "small.pt", weights_only=True)
    state = network.state_dict()
    assert state.keys() == saved.keys() and all(torch.equal(state[name], value) for name, value in saved.items())


def test_the_network_agrees_with_its_metadata(monkeypatch):
    monkeypatch.chdir(BUNDLE)
    verify_net_in_out(net_id="network_def", meta_file="configs/metadata.json", config_file="configs/inference.json")


def test_two_processes_train_through_torchrun(scans, tmp_path):
    overlay = f"['{CONFIGS / 'train.json'}','{CONFIGS / 'multi_gpu_train.json'}']"
    options = {**QUICK, "visits_per_epoch": 1, "batch_size": 2, "dataset_dir": scans, "output_dir": tmp_path / "out"}
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "monai.bundle", "run",
         "--config_file", overlay, *flags],
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines = (tmp_path / "out" / "eval" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 1  # rank 0 alone writes; two scans on two ranks, so that batches of two become batches of one
    assert (tmp_path / "out" / "models" / "model.pt").is_file()
