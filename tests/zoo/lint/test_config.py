"""One thing of a real bundle is damaged: lint must name its file and key, and nothing else."""

from __future__ import annotations

import json

import pytest

from smart_nets.zoo.lint.bundle import lint

CLASSIFY, PRETRAIN, ZERO_SHOT = "smart_lidc_classify", "smart_pretrain", "smart_zeroshot_seg"
RUNS_CODE = "neither imported nor known to be harmless"
BUILDS = "builds what a configuration must not"
IMPORTS = "imports what a configuration must not"
REFERS = "which does not exist"
ABSOLUTE = "is an absolute path"
POSITION = "reaches a handler or transform by its position"

TARGETS = [
    (CLASSIFY, "train", "optimizer#_target_", "os.system", BUILDS),
    (CLASSIFY, "train", "optimizer#_target_", "subprocess.run", BUILDS),
    (CLASSIFY, "train", "optimizer#_target_", "builtins.eval", BUILDS),
    (CLASSIFY, "train", "optimizer#_target_", "torch.hub.load", BUILDS),
    (CLASSIFY, "train", "optimizer#_target_", "torch.optim.sgd.torch.os.system", BUILDS),
    (PRETRAIN, "multi_gpu_train", "network#_target_", "torch.nn.functional.torch.os.system", BUILDS),
    (CLASSIFY, "train", "train#inferer#_target_", "SimpleInfer", "perhaps SimpleInferer is meant"),
    (CLASSIFY, "train", "train#handlers#2#_target_", "ignite.handlers.param_scheduler.torch.load", BUILDS),
    (ZERO_SHOT, "inference", "inferer#_target_", "monai.bundle.scripts.run", BUILDS),
    (ZERO_SHOT, "inference", "inferer#_target_", "scripts.inferer.Inferer", BUILDS),
    (ZERO_SHOT, "inference", "inferer#_target_", "canary.SimpleInferer", BUILDS),
    (ZERO_SHOT, "evaluate", "marking#_target_", "$@network.to", BUILDS),
    (
        ZERO_SHOT,
        "evaluate",
        "marking#_target_",
        "smart_nets.localize.marking.Markin",
        "perhaps smart_nets.localize.marking.Marking",
    ),
    (PRETRAIN, "train", "volume_cache#_target_", "smart_nets.data.caches.VolumeCache", "does not exist"),
    (PRETRAIN, "train", "volume_cache#_target_", "smart_nets.lists.cache.Path", "does not exist"),  # imported there
    (PRETRAIN, "train", "volume_cache#_target_", "smart_nets.lists.cache.os.system", "does not exist"),
    (PRETRAIN, "train", "volume_cache#_mode_", "callable", "is not to be set"),
    (ZERO_SHOT, "inference", "preprocessing#transforms#0#reader", "os.system", "names a class by its path"),
    (ZERO_SHOT, "inference", "postprocessing#transforms#3#writer", "@model_path", "names a class by its path"),
]

EXPRESSIONS = [
    (PRETRAIN, "train", "run#0", "$__import__('os').system('true')", RUNS_CODE),
    (PRETRAIN, "train", "run#0", "$eval('1')", f"uses eval, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "run#0", "$exec('1')", f"uses exec, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "run#0", "$open('x', 'w')", f"uses open, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "run#0", "$compile('1', '', 'eval')", f"uses compile, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "run#0", "$getattr(@device, 'type')", f"uses getattr, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "run#0", "$setattr(@device, 'type', 1)", f"uses setattr, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "run#0", "$globals()", f"uses globals, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "run#0", "$__builtins__", f"uses __builtins__, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "run#0", "$os.system('true')", f"uses os.system, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "run#0", "$os.path.os.system('true')", f"uses os.path.os.system, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "run#0", "$os", f"uses os, which is {RUNS_CODE}"),  # else another key could do @key.system
    (PRETRAIN, "train", "run#0", "$sys.modules['os']", f"uses sys.modules, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "run#0", "$subprocess.run('true')", f"uses subprocess, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "run#0", "$monai.bundle.run()", f"uses monai.bundle, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "run#0", "$torch.load('x.pt', weights_only=False)", "uses torch.load, which is"),
    (PRETRAIN, "train", "run#0", "$[torch.hub for _ in 'a'][0].load('a', 'b')", "uses torch.hub, which is"),
    (PRETRAIN, "train", "run#0", "$().__class__.__base__.__subclasses__()", "uses .__subclasses__, which is"),
    (PRETRAIN, "train", "run#0", "$@encoder.__class__", "uses .__class__, which is"),
    (PRETRAIN, "train", "run#0", "$(side for side in @crop_size).gi_frame", "uses .gi_frame, which is"),
    (PRETRAIN, "train", "run#0", "$'{0.__class__}'.format(@encoder)", "uses .format, which is"),
    (PRETRAIN, "train", "run#0", "$[eval for eval in [1]] and eval('1')", "gives eval another meaning"),
    (PRETRAIN, "train", "run#0", "$[__builtins__ for __builtins__ in '']", "gives __builtins__ another meaning"),
    (PRETRAIN, "train", "run#0", "$lambda torch: torch", "gives torch another meaning"),
    (PRETRAIN, "train", "run#0", "$[sys for sys in ''] or sys", "gives sys another meaning"),
    (PRETRAIN, "train", "run#0", "$__local_refs['device']", "uses __local_refs, which is MONAI's own"),
    (PRETRAIN, "train", "run#0", "$pathlib.Path('x')", 'add "$import pathlib" to imports'),
    (PRETRAIN, "train", "run#0", "$@max_epochs * (", "is no Python expression ('(' was never closed)"),
    (PRETRAIN, "train", "run#0", "$ @max_epochs", "is no Python expression (unexpected indent)"),
    (PRETRAIN, "train", "run#0", f"$1{' + 1' * 5000}", "is no Python expression"),
    (PRETRAIN, "train", "run#0", "$import os", "imports outside of imports"),
    (CLASSIFY, "linear_probe", "name", "$show('x')", f"uses show, which is {RUNS_CODE}"),
    (CLASSIFY, "metadata", "description", "$open('x')", f"uses open, which is {RUNS_CODE}"),
    (PRETRAIN, "train", "imports#+", "$import subprocess", IMPORTS),
    (PRETRAIN, "train", "imports#+", "$from os import system", IMPORTS),
    (PRETRAIN, "train", "imports#+", "$from monai.bundle import run", IMPORTS),
    (PRETRAIN, "train", "imports#+", "$import smart_nets.files", IMPORTS),
    (PRETRAIN, "train", "imports#+", "$import os, subprocess", "imports more than one name"),
    (PRETRAIN, "train", "imports#+", "$import os; import subprocess", "imports more than one name"),
    (PRETRAIN, "train", "imports#+", "$len([1])", "is no import statement"),
    (PRETRAIN, "train", "imports#+", "$from smart_nets.files import check_outputs", "files.check_output is meant"),
    (PRETRAIN, "train", "imports#+", "$from smart_nets.files import os", "imports what does not exist"),
    (PRETRAIN, "train", "imports#+", "$from smart_nets.lists.check import find", "imports what does not exist"),
    (PRETRAIN, "train", "imports#+", "$from smart_nets.nothing import check_output", "imports what does not exist"),
]

TEXTS = [
    (CLASSIFY, "train", "run_dir", "$os.path.join(@output_dri, 'eval')", "refers to @output_dri, which does not exist"),
    (CLASSIFY, "train", "run_dir", "@outputdir", "perhaps @output_dir is meant"),
    (CLASSIFY, "train", "facts#data", "@train#nothing", REFERS),
    (CLASSIFY, "train", "facts#data", "@validate::nothing", "refers to @validate#nothing, which does not exist"),
    (CLASSIFY, "train", "facts#data", "@crop_size#0", REFERS),  # an expression's value has no keys yet
    (CLASSIFY, "train", "facts#data", "@classes#2", REFERS),
    (
        CLASSIFY,
        "train",
        "facts#data",
        "$'a@b'",
        "refers to @b, which does not exist",
    ),  # MONAI replaces it in quotes too
    (CLASSIFY, "train", "facts#data", "@encoder.stride", "is a text, not a reference"),
    (CLASSIFY, "few_shot", "train_fraction", "@train_fractions", "perhaps @train_fraction is meant"),
    (PRETRAIN, "multi_gpu_train", "ranks", "@train#batch_size", REFERS),
    (ZERO_SHOT, "evaluate", "overlap", "%inference.json#overlaps", "leads nowhere"),
    (ZERO_SHOT, "evaluate", "overlap", "%train.json#overlap", "leads nowhere"),  # this bundle has no such file
    (ZERO_SHOT, "evaluate", "overlap", "%../inference.json#overlap", "leads nowhere"),
    (ZERO_SHOT, "evaluate", "overlap", "%inference.yaml#overlap", "leads nowhere"),
    (ZERO_SHOT, "inference", "region", "@_meta_#name", "refers to @_meta_#name, which MONAI Label lacks"),
    (PRETRAIN, "inference", "dataset_dir", "/data/cts", ABSOLUTE),
    (PRETRAIN, "inference", "dataset_dir", "~/cts", ABSOLUTE),
    (PRETRAIN, "inference", "dataset_dir", "~", ABSOLUTE),
    (PRETRAIN, "inference", "dataset_dir", "D:\\cts", ABSOLUTE),
    (PRETRAIN, "inference", "dataset_dir", "\\\\server\\cts", ABSOLUTE),
    (PRETRAIN, "inference", "dataset_dir", "file:///data/cts", ABSOLUTE),
    (PRETRAIN, "inference", "dataset_dir", "$os.path.join('/data', 'cts')", "path below @bundle_root, found /data)"),
    (PRETRAIN, "inference", "dataset_dir", "$'/data' + '/cts'", "found /data)"),
    (CLASSIFY, "from_scratch", "pretrained", "/models/model.pt", ABSOLUTE),
    (CLASSIFY, "train", "train#trainer#train_handlers", "$@train#handlers[: -2]", POSITION),
    (CLASSIFY, "train", "train#trainer#train_handlers", "$[@train#handlers[0]]", POSITION),
    (CLASSIFY, "train", "train#trainer#train_handlers", "$[@train::handlers[@rank]]", POSITION),
    (CLASSIFY, "train", "facts#data", "@train#handlers#0", POSITION),
    (CLASSIFY, "train", "facts#data", "$@validate#preprocessing#transforms[0]", POSITION),
]


def row_name(row):
    return f"{row[1]}-{row[3]}"[:60] if isinstance(row[3], str) else row[1]


@pytest.mark.parametrize("row", TARGETS + EXPRESSIONS + TEXTS, ids=row_name)
def test_exactly_this_fault(row, copy, edit):
    bundle, file, key, value, says = row
    path = copy(bundle) / "configs" / f"{file}.json"
    key = edit(path, key, value)
    faults = lint(path.parents[1])
    assert {(fault.file, fault.key) for fault in faults} == {(path, key)}
    assert any(says in str(fault) for fault in faults), [str(fault) for fault in faults]


@pytest.mark.parametrize(
    ("bundle", "file", "key", "value"),
    [
        (CLASSIFY, "train", "facts#data", "@train::dataset"),
        (CLASSIFY, "train", "facts#data", "@presets#tiny#spacing#0"),
        (CLASSIFY, "train", "facts#data", "@_meta_#version"),
        (CLASSIFY, "train", "facts#data", "%presets#tiny"),
        (CLASSIFY, "train", "facts#data", "write to someone@example.org"),
        (CLASSIFY, "train", "facts#data", "$@output_dir + '/models/model.pt'"),
        (CLASSIFY, "train", "facts#data", "$@facts['settings']"),
        (CLASSIFY, "train", "facts#data", "$(lambda fold: fold + 1)(@fold)"),
        (CLASSIFY, "train", "imports#+", "$from smart_nets.phantom import make_dataset"),
        (CLASSIFY, "train", "optimizer#_target_", "torch.optim.SGD"),
        (CLASSIFY, "train", "train#inferer#_target_", "monai.inferers.SimpleInferer"),
        (CLASSIFY, "train", "train#handlers#2#_target_", "ignite.handlers.EMAHandler"),
        (ZERO_SHOT, "inference", "postprocessing#transforms#3#writer", "NibabelWriter"),
        (CLASSIFY, "few_shot", "max_epochs", "%train.json#folds"),
        (CLASSIFY, "few_shot", "+classes", ["unclear"]),
        (ZERO_SHOT, "evaluate", "overlap", "%configs/inference.json#overlap"),
        (ZERO_SHOT, "evaluate", "overlap", "%inference.json::overlap"),
    ],
)
def test_no_fault(bundle, file, key, value, copy, edit):
    folder = copy(bundle)
    edit(folder / "configs" / f"{file}.json", key, value)
    assert [str(fault) for fault in lint(folder)] == []


@pytest.mark.parametrize("key", ["train#handlers#2#total_epochs", "train::preprocessing::transforms::2::roi_size"])
def test_overlay_by_position(key, copy):
    folder = copy(CLASSIFY)
    path = folder / "configs" / "few_shot.json"
    path.write_text(json.dumps({key: 3}))
    assert [(fault.file, fault.key, fault.what) for fault in lint(folder)] == [(path, key, POSITION)]


@pytest.mark.parametrize("key", ["trian#sampler", "train#dataset#cache#size", "seed#first", "classes#5", "+seed"])
def test_overlay_key_that_leads_nowhere(key, copy):
    folder = copy(CLASSIFY)
    path = folder / "configs" / "few_shot.json"
    path.write_text(json.dumps({key: 3}))
    assert [(fault.file, fault.key, fault.what) for fault in lint(folder)] == [(path, key, "leads nowhere")]


def test_overlay_that_breaks_what_lies_below(copy):
    """An overlay that replaces the imports of train.json, instead of adding to them, must bring all of them."""
    folder = copy(CLASSIFY)
    path = folder / "configs" / "multi_gpu_train.json"
    overlay = json.loads(path.read_text())
    base = json.loads((folder / "configs" / "train.json").read_text())["imports"]
    overlay["imports"] = [line for line in base if line != "$import collections"] + overlay.pop("+imports")
    path.write_text(json.dumps(overlay))
    (fault,) = lint(folder)
    assert (fault.file, fault.key) == (path, "left_out")
    assert "once this file is laid over train.json" in str(fault) and 'add "$import collections"' in str(fault)


REQUIRED = [
    *[(CLASSIFY, "train", key) for key in ("bundle_root", "device", "dataset_dir", "run")],
    *[(CLASSIFY, "train", f"train#{key}") for key in ("trainer", "trainer#max_epochs", "dataset", "inferer")],
    *[(ZERO_SHOT, "inference", key) for key in ("bundle_root", "device", "dataset_dir", "dataset", "evaluator")],
    *[(ZERO_SHOT, "inference", key) for key in ("network_def", "inferer", "run")],
    *[(PRETRAIN, "evaluate", key) for key in ("bundle_root", "run")],
]


@pytest.mark.parametrize(("bundle", "file", "key"), REQUIRED)
def test_missing_key(bundle, file, key, copy):
    path = copy(bundle) / "configs" / f"{file}.json"
    content = json.loads(path.read_text())
    *parts, last = key.split("#")
    node = content
    for part in parts:
        node = node[part]
    del node[last]
    path.write_text(json.dumps(content))
    faults = lint(path.parents[1])
    assert [(fault.file, fault.key) for fault in faults if fault.what == "is missing"] == [(path, key)]
    assert all(f"refers to @{key}" in fault.what for fault in faults if fault.what != "is missing")


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("$check_output(@bundle_root)", "bundle_root"),
        ("$check_output(@run_dir)", "bundle_root"),  # run_dir is below output_dir, which is bundle_root
        ("$@network", "network"),
        ("$@train#trainer", "network"),
    ],
)
def test_initialize(expression, name, copy, edit):
    folder = copy(CLASSIFY)
    path = folder / "configs" / "train.json"
    edit(path, "initialize", ["$set_determinism(@seed)", expression])
    faults = lint(folder)
    assert {(fault.file, fault.key) for fault in faults} == {(path, "initialize#1")}
    assert f"needs {name}, which is not to be had yet when initialize runs" in [fault.what for fault in faults]
