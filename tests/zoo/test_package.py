"""One self-contained archive per bundle: what is in it, what lies beside it, and what is not packed."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigParser, download, load_bundle_config

import smart_nets
from smart_nets.errors import CheckpointError
from smart_nets.weights.default_model import shipped_model
from smart_nets.weights.io import card_path
from smart_nets.zoo.package import package
from smart_nets.zoo.verify import verify

NAMES = {
    "smart_pretrain": "smart_pretrain",
    "smart_lidc_classify": "smart_lidc_classify",
    "smart_lidc_classification": "smart_lidc_classify",
    "smart_zeroshot_seg": "smart_zeroshot_seg",
    "smart_zeroshot_segmentation": "smart_zeroshot_seg",
    "smart_organ_cluster": "smart_organ_cluster",
    "smart_segment": "smart_segment",
}
PLAIN = "smart_pretrain"
METADATA = Path(__file__).parents[2] / "bundles" / PLAIN / "configs" / "metadata.json"
VERSION = json.loads(METADATA.read_text(encoding="utf-8"))["version"]  # all bundles have the same


def files(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as one:
        return {member.filename: one.read(member) for member in one.infolist()}


def pack(output: Path, bundles: Path, **options: Any) -> list[Path]:
    return package(output, bundles, [PLAIN], **options)


def test_what_lies_in_the_folder(release):
    expected = {f"{name}_v{VERSION}{ending}" for name in NAMES for ending in (".zip", ".cdx.json")}
    assert {path.name for path in release.iterdir()} == {*expected, "SHA256SUMS", "SHA256SUMS.sig", "model_info.json"}
    lines = (release / "SHA256SUMS").read_text().splitlines()
    listed = {line[66:]: line[:64] for line in lines if not line.startswith("#")}
    sizes = [f"# {(release / name).stat().st_size} bytes  {name}" for name in sorted(listed)]
    assert [line for line in lines if line.startswith("#")] == sizes
    assert listed.keys() == {*expected, "model_info.json"}
    assert all(hashlib.sha256((release / name).read_bytes()).hexdigest() == digest for name, digest in listed.items())


@pytest.mark.parametrize(("name", "bundle"), NAMES.items())
def test_what_is_in_an_archive(name, bundle, release, bundles):
    """The bundle's own files, one model with its card, the package as it is here, and the bill of materials."""
    found = files(release / f"{name}_v{VERSION}.zip")
    source = bundles / bundle
    own = [path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()]
    root = Path(smart_nets.__path__[0])
    parts = [*root.rglob("*.py"), *(root / "pages" / "templates").iterdir()]
    parts += [*(root / "zoo" / "lint").glob("*.json"), *(root / "weights").rglob("*.json")]
    code = {f"smart_nets/{path.relative_to(root).as_posix()}": path.read_bytes() for path in parts}
    expected = {*own, *code, "sbom.cdx.json"} - {"configs/monai_label.json"}
    if name != bundle:  # MONAI Label has nothing to train with: no image of labels tells a lesion's class and place
        kept = {"configs/metadata.json", "configs/inference.json", "configs/logging.conf"}
        expected = {path for path in expected if not path.startswith("configs/")} | kept
    assert {*found} == {f"{name}/{path}" for path in expected}
    assert [path for path in found if path.endswith((".pt", ".ts", ".pth"))] == [f"{name}/models/model.pt"]
    assert all(found[f"{name}/{path}"] == content for path, content in code.items())
    assert found[f"{name}/models/model.pt"] == (source / "models" / "model.pt").read_bytes()
    if name == bundle:
        told = (
            {"configs/metadata.json", "configs/train.json"} if name == "smart_segment" else set()
        )  # its model's labels
        alike = [path for path in own if path in expected and path not in told]
        assert all(found[f"{name}/{path}"] == (source / path).read_bytes() for path in alike)


def test_nothing_but_one_model_is_taken(own, tmp_path):
    """MONAI Label takes the model with the shortest name; results and caches stay at home."""
    for path in ("models/m.pt", "models/epoch1.pt", "eval/patient.nii.gz", "cache/a", "mlruns/a"):
        (own / PLAIN / path).parent.mkdir(exist_ok=True)
        (own / PLAIN / path).write_text("")
    (archive,) = pack(tmp_path / "out", own)
    assert not [name for name in files(archive) if re.search(r"m\.pt|epoch1|/eval/|/cache/|mlruns", name)]


def test_monai_label_shows_the_classes_of_the_model(bundles, tmp_path):
    own = tmp_path / "bundles"
    shutil.copytree(bundles / "smart_lidc_classify", own / "smart_lidc_classify")
    card = own / "smart_lidc_classify" / "models" / "model.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "classes": ["no benefit", "benefit"]}))
    (archive,) = package(tmp_path / "out", own, ["smart_lidc_classification"])
    metadata = json.loads(files(archive)["smart_lidc_classification/configs/metadata.json"])
    assert metadata["network_data_format"]["outputs"]["pred"]["channel_def"] == {"0": "no benefit", "1": "benefit"}


@pytest.mark.parametrize(("name", "bundle"), [pair for pair in NAMES.items() if pair[0] != pair[1]])
def test_variants_for_monai_label(name, bundle, release, bundles):
    """bundle_root looks for the folder's own name, and inference is what MONAI Label needs."""
    found = files(release / f"{name}_v{VERSION}.zip")
    configs = [path for path in found if "/configs/" in path and path.endswith(".json")]
    assert not [path for path in configs if f"'{bundle}'".encode() in found[path]]
    inference = json.loads(found[f"{name}/configs/inference.json"])
    assert f"== '{name}'" in inference["bundle_root"]
    overlay = bundles / bundle / "configs" / "monai_label.json"
    changed = json.loads(overlay.read_text()) if overlay.is_file() else {}
    plain = json.loads((bundles / bundle / "configs" / "inference.json").read_text())
    for key, value in inference.items():
        assert value == changed.get(key, plain.get(key)) or key == "bundle_root" or f"'{name}'" in str(value), key
    assert {*inference} == {*plain, *changed}


def test_the_overlay_is_merged(release, bundles):
    overlay = json.loads((bundles / "smart_lidc_classify" / "configs" / "monai_label.json").read_text())
    for name, there in (("smart_lidc_classification", True), ("smart_lidc_classify", False)):
        inference = json.loads(files(release / f"{name}_v{VERSION}.zip")[f"{name}/configs/inference.json"])
        assert all((inference.get(key) == value) is there for key, value in overlay.items())


def test_model_info(release):
    """The zoo's form: sha1 of the archive, and where it lies."""
    info = json.loads((release / "model_info.json").read_text())
    assert info == {
        f"{name}_v{VERSION}": {
            "checksum": hashlib.sha1((release / f"{name}_v{VERSION}.zip").read_bytes()).hexdigest(),
            "source": f"https://zoo.hospital.example/smart/{name}_v{VERSION}.zip",
        }
        for name in NAMES
    }


@pytest.mark.parametrize("name", NAMES)
def test_bill_of_materials(name, release):
    """What CycloneDX 1.6 requires, and hashes of what is really in the archive."""
    beside = (release / f"{name}_v{VERSION}.cdx.json").read_bytes()
    found = files(release / f"{name}_v{VERSION}.zip")
    assert found[f"{name}/sbom.cdx.json"] == beside
    bill = json.loads(beside)
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    parts = [bill["metadata"]["component"], *bill["components"]]
    assert all(part["name"] and part["version"] for part in parts)
    assert {part["type"] for part in parts} == {"application", "library", "machine-learning-model"}
    references = [part["bom-ref"] for part in parts]
    assert len({*references}) == len(references)
    assert bill["dependencies"] == [{"ref": references[0], "dependsOn": references[1:]}]
    metadata = json.loads(found[f"{name}/configs/metadata.json"])
    assert f"pkg:pypi/monai@{metadata['monai_version']}" in [part.get("purl") for part in parts]
    assert {*metadata["required_packages_version"]} <= {part["name"] for part in parts}
    hashes = {part["name"]: part["hashes"] for part in parts if "hashes" in part}
    code = b"".join(found[path] for path in sorted(found) if path.startswith(f"{name}/smart_nets/"))
    expected = {"smart-nets": code, f"{name}/models/model.pt": found[f"{name}/models/model.pt"]}
    assert hashes == {
        part: [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}] for part, content in expected.items()
    }


def test_the_same_bundle_is_the_same_release(own, keys, tree, tmp_path):
    """Two calls into one folder, and another folder with other dates; the signature as well."""
    pack(tmp_path / "one", own, key=keys[0])
    first = tree(tmp_path / "one")
    pack(tmp_path / "one", own, key=keys[0])
    shutil.copytree(own, tmp_path / "elsewhere" / "bundles", copy_function=shutil.copyfile)
    pack(tmp_path / "two", tmp_path / "elsewhere" / "bundles", key=keys[0])
    assert len(first) == 5 and first == tree(tmp_path / "one") == tree(tmp_path / "two")


def test_without_weights(own, tmp_path):
    shutil.rmtree(own / PLAIN / "models")
    with pytest.raises(CheckpointError, match=r"has no weights .*without_weights"):
        pack(tmp_path / "out", own)
    assert not (tmp_path / "out").exists()
    (archive,) = pack(tmp_path / "out", own, without_weights=True)
    assert not [name for name in files(archive) if "/models/" in name]
    bill = json.loads((tmp_path / "out" / f"{PLAIN}_v{VERSION}.cdx.json").read_text())
    assert "machine-learning-model" not in [part["type"] for part in bill["components"]]


def test_an_earlier_release_and_what_a_killed_call_left_make_room(own, earlier):
    drafts = (f".{PLAIN}_v0.0.9.zip.123.01234abc.part", ".SHA256SUMS.7.01234abc.part")
    for name in ("smart_zeroshot_segmentation_v0.0.9.zip", *drafts):
        (earlier / name).write_text("old")
    pack(earlier, own)
    assert {path.name for path in earlier.iterdir()} == {
        f"{PLAIN}_v{VERSION}.zip",
        f"{PLAIN}_v{VERSION}.cdx.json",
        "SHA256SUMS",
        "model_info.json",
    }


def test_a_folder_with_the_longest_name_there_is(own, tmp_path):
    (archive,) = pack(tmp_path / ("x" * 255), own)
    assert archive.is_file()


def test_home_is_spelt_out(own, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert pack(Path("~/out"), own) == [tmp_path / "out" / f"{PLAIN}_v{VERSION}.zip"]


@pytest.mark.parametrize("name", ["smart_lidc_classification", "smart_zeroshot_seg"])
def test_monai_itself_downloads_and_reads_it(name, release, tmp_path):
    """`python -m monai.bundle download --url`, from a folder; the weights fit the network of the configuration."""
    url = (release / f"{name}_v{VERSION}.zip").as_uri()
    download(name=name, url=url, bundle_dir=str(tmp_path), progress=False)
    parser = load_bundle_config(str(tmp_path / name), "inference.json")
    assert isinstance(parser, ConfigParser) and parser.get("_meta_")["version"] == VERSION
    parser["bundle_root"] = str(tmp_path / name)
    network = parser.get_parsed_content("network_def")
    state = torch.load(tmp_path / name / "models" / "model.pt", weights_only=True)
    assert {*network.state_dict()} <= {*state}


@pytest.mark.parametrize(
    "name", ["smart_organ_cluster", "smart_pretrain", "smart_zeroshot_seg", "smart_zeroshot_segmentation"]
)
def test_a_bundle_without_own_weights_carries_the_shipped_encoder(name, tmp_path):
    """As in a fresh checkout; the archive's own model lies where all look for one, and it is verified as any other."""
    bundles = tmp_path / "bundles"
    for bundle in ("smart_organ_cluster", "smart_pretrain", "smart_zeroshot_seg"):
        shutil.copytree(
            METADATA.parents[2] / bundle, bundles / bundle, ignore=shutil.ignore_patterns("cache", "eval", "models")
        )
    weights = shipped_model()
    (bundles / "smart_pretrain" / "models").mkdir()
    for path in (weights, card_path(weights)):
        shutil.copy(path, bundles / "smart_pretrain" / "models")
    (archive,) = package(tmp_path / "out", bundles, [name])
    found = files(archive)
    assert [path for path in found if "/models/" in path] == [f"{name}/models/model.json", f"{name}/models/model.pt"]
    assert found[f"{name}/models/model.pt"] == weights.read_bytes()
    assert found[f"{name}/models/model.json"] == card_path(weights).read_bytes()
    (told,) = verify(tmp_path / "out")
    assert name in told


def test_a_classifier_has_no_shipped_weights(own, tmp_path):
    """An encoder names no classes."""
    for path in (own / PLAIN / "models").iterdir():
        path.rename(path.with_stem("small"))
    shutil.copytree(
        METADATA.parents[2] / "smart_lidc_classify",
        own / "smart_lidc_classify",
        ignore=shutil.ignore_patterns("cache", "eval", "models"),
    )
    with pytest.raises(CheckpointError, match="smart_lidc_classify: has no weights"):
        package(tmp_path / "out", own, ["smart_lidc_classify"])
    (archive,) = pack(tmp_path / "out", own)
    assert f"{PLAIN}/models/model.pt" in files(archive)
