"""Configurations that a stranger could send: each is told by lint, and nothing of it runs, is written or is sent."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from smart_nets.zoo.lint.bundle import lint

NOT_LISTED = "builds what a configuration must not"
NO_IMPORT = "imports what a configuration must not"
NO_NAME = "neither imported nor known to be harmless"
ANOTHER_KEY = "has a key that MONAI could take for another"
OUTSIDE = "writes outside of the folder of results"
ADDED = "zz_hostile"  # the key under which a row puts its thing into smart_zeroshot_seg/configs/inference.json


def build(target: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": target, **arguments}


COMPONENTS = [
    (build("subprocess.run", args=["touch", "canary"]), NOT_LISTED),
    (build("functools.partial", func="$print"), NOT_LISTED),
    (build("operator.attrgetter", attr="__class__"), NOT_LISTED),
    (build("pathlib.Path.touch", self="canary"), NOT_LISTED),
    (build("shutil.rmtree", path="eval"), NOT_LISTED),
    (build("numpy.load", file="x.npy", allow_pickle=True), NOT_LISTED),
    (build("numpy.memmap", filename="canary", mode="w+", shape=[1]), NOT_LISTED),
    (build("nibabel.save", img="@network", filename="canary.nii"), NOT_LISTED),
    (build("torch.load", f="x.pt", weights_only=False), NOT_LISTED),
    (build("torch.hub.load", repo_or_dir="a/b", model="c"), NOT_LISTED),
    (build("torch.utils.cpp_extension.load", name="x", sources=["x.cpp"]), NOT_LISTED),
    (build("torch.jit.load", f="x.ts"), NOT_LISTED),
    (build("monai.bundle.run", config_file="x.json"), NOT_LISTED),
    (build("monai.bundle.ConfigParser", config={}), NOT_LISTED),
    (build("monai.bundle.download", name="x"), NOT_LISTED),
    (build("monai.utils.optional_import", module="subprocess"), NOT_LISTED),
    (build("monai.apps.download_url", url="http://x", filepath="canary"), NOT_LISTED),
    (build("PersistentDataset", data=[], transform=None, cache_dir="canary"), NOT_LISTED),
    (build("CheckpointLoader", load_path="x.pt", load_dict={}), NOT_LISTED),
    (build("Lambdad", keys="image", func="$print"), NOT_LISTED),
    (build("monai.transforms.Lambda", func="$print"), NOT_LISTED),
    (build("TorchVisiond", keys="image", name="ColorJitter"), NOT_LISTED),
    (build("WriteFileMappingd", keys="image", mapping_file_path="canary"), NOT_LISTED),
    (build("MLFlowHandler", tracking_uri="http://x"), NOT_LISTED),
    (build("monai.losses.PerceptualLoss", spatial_dims=3), NOT_LISTED),
    (build("DenseNet121", spatial_dims=2, pretrained=True), NOT_LISTED),
    (build("ignite.handlers.Checkpoint", to_save={}, save_handler="canary"), NOT_LISTED),
    (build("ignite.handlers.DiskSaver", dirname="canary"), NOT_LISTED),
    (build("ignite.metrics.FID"), NOT_LISTED),
    (build("monai.transforms.io.array.torch.os.system", command="touch canary"), NOT_LISTED),
    (build("monai.data.utils.Compose"), NOT_LISTED),
    (build("ѕubprocess.run", args="true"), NOT_LISTED),  # a Cyrillic letter
    (build("Compose\n"), NOT_LISTED),
    (build("smart_nets.optional.needed", module="subprocess", where=""), NOT_LISTED),
    (build("smart_nets.files.write_json", path="canary", content={}), NOT_LISTED),
    (build("smart_nets.zoo.install.install", name="x", source="http://x"), NOT_LISTED),
    (build("smart_nets.weights.io.save_weights", module="@network", path="canary", card={}), NOT_LISTED),
    ({"_target_": ["os.system"], "command": "touch canary"}, NOT_LISTED),
    ({"_target_": build("Compose"), "x": 1}, "whose _target_ is no text"),
    ({**build("Compose"), "_mode_": "debug"}, "is not to be set"),
    ({**build("Compose"), "_mode_": "partial"}, "is not to be set"),
    ({**build("Compose"), "_mode_": ["debug"]}, "is not to be set"),
    ({**build("Compose"), "_debug_": True}, "is not to be set"),
    ({"a": {"b::c": "../canary", "b": {"c": "$@output_dir"}}}, ANOTHER_KEY),
    ({"a": {"b#c": 1}}, ANOTHER_KEY),
    ({"": 1}, ANOTHER_KEY),
    ({"@a": 1}, ANOTHER_KEY),
    ({**build("Compose"), "_requires_": "$eval('1')"}, f"uses eval, which is {NO_NAME}"),
    ({**build("Compose"), "_disabled_": "$open('canary', 'w')"}, f"uses open, which is {NO_NAME}"),
    (build("LoadImaged", keys="image", reader="NumpyReader"), "names a class by its path"),
    (build("LoadImaged", keys="image", allow_pickle=True), "is given allow_pickle"),
    (build("SaveImaged", keys="pred", output_dir="@output_dir", writer="os.system"), "names a class by its path"),
]

IMPORTS = [
    ("$from smart_nets.optional import needed", NO_IMPORT),
    ("$from smart_nets.optional import needed as check_output", "imports under another name"),
    ("$from smart_nets.files import write_text", NO_IMPORT),
    ("$from smart_nets.pages.planes import png", NO_IMPORT),
    ("$from smart_nets.zoo.source import Source", NO_IMPORT),
    ("$from smart_nets.cli.zoo import install", NO_IMPORT),
    ("$from monai.utils import optional_import", NO_IMPORT),
    ("$from torch import load", NO_IMPORT),
    ("$import os as np", NO_IMPORT),
    ("$from . import canary", NO_IMPORT),
]

EXPRESSIONS = [
    ("$'{0.__class__.__init__.__globals__}'.format(@network)", "uses .format, which is"),
    ("$str.format('{0.__class__}', @network)", "uses str.format, which is"),
    ("$getattr(@marking, 'percentile')", "uses getattr, which is"),
    ("$@marking.__dataclass_fields__", "uses .__dataclass_fields__, which is"),
    ("$ｏpen('canary', 'w')", "uses open, which is"),  # Python takes this letter for a plain o
    ("$[0 for sys.path[0] in ['/x']]", "has an assignment to sys.path[0]"),
    ("$[0 for @network.to in [1]]", "has an assignment to"),
    ("$(x := 1)", "has a NamedExpr"),
    ("$f'{1!r}'", "has a JoinedStr"),
    ("$[check_output for check_output in [1]]", "gives check_output another meaning"),
    ("$(lambda f: f('canary'))(@draw)", "calls f, which may be anything"),
    ("$[f('canary') for f in [@named]]", "calls f, which may be anything"),
    ("${'a': check_output}['a']('canary')", "calls {'a': check_output}['a']"),
    ("$sorted(['canary'], key=@draw)", "has a key that may be anything"),
    ("$sorted(['canary'], **{'key': @draw})", "has a key that may be anything"),
    ("$@draw('../../canary')", "calls @draw, which may write anywhere"),
    ("$@named('canary')", "calls @named, which may write anywhere"),
    ("$[@draw][0]('canary')", "calls [__local_refs['draw']][0]"),
    ("$make_dataset", "hands on smart_nets.phantom.make_dataset, which writes"),
    ("$[make_dataset][0]", "hands on smart_nets.phantom.make_dataset, which writes"),
    ("$make_dataset('canary', 1)", OUTSIDE),
    ("$make_dataset(sys.argv[0], 1)", OUTSIDE),
    ("$make_dataset(@dataset_dir, 1)", OUTSIDE),  # the user's scans lie there
    ("$all(make_dataset(p, 1) for p in ['canary'])", OUTSIDE),
    ("$(lambda p: make_dataset(p, 1))(@output_dir)", OUTSIDE),
    ("$make_dataset(*[@output_dir, 1])", "does not tell its folder in the call itself"),
    ("$make_dataset(**{'folder': 'canary'})", "does not tell its folder in the call itself"),
    ("$make_dataset(os.path.join(@output_dir, '..', '..', 'x'), 1)", OUTSIDE),
    ("$make_dataset(os.path.join(@bundle_root, 'configs'), 1)", OUTSIDE),
    ("$make_dataset(@bundle_root + '/../../x', 1)", OUTSIDE),
    ("$make_dataset(@bundle_root + 'x', 1)", OUTSIDE),
    ("$make_dataset(os.path.join(@output_dir, '.' + '.', 'x'), 1)", OUTSIDE),
    ("$make_dataset(os.path.dirname(@output_dir), 1)", OUTSIDE),
    ("$make_dataset(os.path.join(@output_dir, os.path.expanduser('x')), 1)", OUTSIDE),
    ("$make_dataset(@output_dir if 0 else 'canary', 1)", OUTSIDE),
    ("$make_dataset(@output_dir and 'canary', 1)", OUTSIDE),
    ("$@results.write('canary')", OUTSIDE),
    ("$@results.write", "hands on .write"),
]

TEXTS = [
    ("%../../../etc/passwd#x", "leads nowhere"),
    ("%../inference.json#overlap", "leads nowhere"),
    ("%inference.yaml#overlap", "leads nowhere"),
    ("%%inference.json#overlap", "leads nowhere"),
    ("/etc/passwd", "is an absolute path"),
    ("file:///etc/passwd", "is an absolute path"),
    ("@##output_dir", "which does not exist"),
]

SAVED = {"keys": "pred", "output_dir": "@output_dir", "output_name_formatter": "$result_name"}
PLACES = [
    (build("SaveImaged", keys="pred"), "does not tell its output_dir"),
    (build("SaveImaged", **SAVED, output_postfix="x/../../canary"), "may lead to another folder"),
    (build("SaveImaged", **SAVED, output_ext="x/../../canary.nii"), "may lead to another folder"),
    (build("SaveImaged", **SAVED, folder_layout="$print"), "is given folder_layout"),
    (build("SaveImaged", **{**SAVED, "output_name_formatter": "$len"}), "needs output_name_formatter"),
    (build("SaveImaged", keys="pred", output_dir="@output_dir"), "needs output_name_formatter"),
    (build("SaveImaged", **{**SAVED, "output_name_formatter": "$lambda m, s: {'idx': '/../x'}"}), "needs output_name"),
    (build("SaveImaged", **SAVED, data_root_dir="x"), "is given data_root_dir"),
    (build("SaveImaged", keys="pred", output_dir="canary"), OUTSIDE),
    (build("SaveImaged", keys="pred", output_dir="@phantom#task"), OUTSIDE),
    (build("SaveImaged", keys="pred", output_dir="$@output_dir + '/../x'"), OUTSIDE),
    (build("CheckpointSaver", save_dir="canary", save_dict={}), OUTSIDE),
    (build("CheckpointSaver", save_dir="@output_dir", final_filename="../x.pt"), "may lead to another folder"),
    (build("TensorBoardStatsHandler"), "does not tell its log_dir"),
    (build("TensorBoardStatsHandler", log_dir=None), OUTSIDE),
    (build("CheckpointSaver", save_dir="@output_dir", save_dict={"../../canary": "@network"}), "keys may lead to"),
    (build("CheckpointSaver", save_dir="@output_dir", save_dict="$dict([['../x', @network]])"), "keys may lead to"),
    (build("MetricsSaver", save_dir="@output_dir", metric_details="*"), "may lead to another folder"),
    (build("MetricsSaver", save_dir="@output_dir", metric_details=["a", "../../canary"]), "may lead to another folder"),
    (build("ignite.handlers.ProgressBar", file="@results", bar_format="x/../../canary"), "is given file"),
    (
        build("smart_nets.training.bad_batches.BadBatches", folder="@output_dir", rank="x/../../x"),
        "may lead to another folder",
    ),
    (
        build("smart_nets.training.distributed.main_first", make="$make_dataset"),
        "hands on smart_nets.phantom.make_dataset",
    ),
    (build("torch.utils.tensorboard.SummaryWriter", log_dir="canary"), OUTSIDE),
    (build("ignite.handlers.ModelCheckpoint", dirname="@output_dir"), NOT_LISTED),
    (build("smart_nets.training.logs.JsonLines", path="../canary"), OUTSIDE),
    (build("smart_nets.training.logs.JsonLines", path="$os.path.join(@bundle_root, 'configs', 'train.json')"), OUTSIDE),
    (build("smart_nets.training.logs.JsonLines", path="$os.path.join(@bundle_root, 'LICENSE')"), OUTSIDE),
    (build("smart_nets.training.logs.JsonLines", path="$@zz_hostile#path"), OUTSIDE),  # of itself
    (build("smart_nets.training.report.Report", run_dir="canary", write="$write_localize_report"), OUTSIDE),
    (
        build("smart_nets.training.report.Report", run_dir="@output_dir", write="$print"),
        "writes a report by other means",
    ),
]

ROWS = [*COMPONENTS, *EXPRESSIONS, *TEXTS, *PLACES]


def name_of(row: tuple[Any, str]) -> str:
    return json.dumps(row[0])[:60]


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_hostile_things(row, hostile):
    value, says = row
    faults = hostile(ADDED, value)
    assert any(says in fault for fault in faults), faults


@pytest.mark.parametrize("row", IMPORTS, ids=name_of)
def test_hostile_imports(row, hostile):
    statement, says = row
    faults = hostile("imports#+", statement)
    assert any(says in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("inference.yaml", "run: $open('canary', 'w')", "is not checked"),
        ("extra.json", {"bundle_root": "$os.path.expanduser('x')"}, "is found in another way than lint knows"),
        ("extra.json", {"bundle_root": ".."}, "is found in another way than lint knows"),
        ("extra.json", {"bundle_root": ".", "run": ["$open('canary', 'w')"]}, f"uses open, which is {NO_NAME}"),
        ("extra.json", {"+imports": ["$from smart_nets.optional import needed"]}, NO_IMPORT),
        ("extra.json", {"+run": ["$__import__('os').system('touch canary')"]}, NO_NAME),
        ("extra.json", {"train#trainer#_target_": "os.system"}, NOT_LISTED),
        ("extra.json", {"output_dir": "$os.path.join(@bundle_root, 'configs')"}, OUTSIDE),
        ("extra.json", {"output_dir": ".."}, OUTSIDE),
        ("extra.json", {"run_dir": "$@output_dir + '/../../x'"}, OUTSIDE),
        ("extra.json", {"phantom_task": "x/../../../y"}, OUTSIDE),
        ("extra.json", {"train::handlers": [{"_target_": "CheckpointLoader"}]}, NOT_LISTED),
        ("extra.json", {"": {"output_dir": ".."}}, ANOTHER_KEY),
        ("extra.json", {"train##trainer": 1}, ANOTHER_KEY),
        ("extra.json", {"_meta_": {"x": "$open('canary', 'w')"}}, "stands in for metadata.json"),
        ("extra.json", {"_meta_#x": "$open('canary', 'w')"}, "stands in for metadata.json"),
        ("extra.json", '{"seed": 1, "seed": "$open(1)"}', "stands twice in one table"),
    ],
)
def test_hostile_files(name, content, says, copy, tmp_path, monkeypatch):
    """Laid over train.json, beside it, or with a root of its own."""
    folder = copy("smart_lidc_classify")
    monkeypatch.chdir(tmp_path)
    (folder / "configs" / name).write_text(content if isinstance(content, str) else json.dumps(content))
    faults = [str(fault) for fault in lint(folder)]
    assert any(says in fault and name in fault for fault in faults), faults
    assert os.listdir(tmp_path) == ["bundles"]
