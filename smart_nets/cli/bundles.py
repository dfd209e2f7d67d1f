"""The verbs that run a bundle from anywhere: `smart-nets pretrain --dataset_dir /my/cts` is `python -m monai.bundle run`."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from smart_nets.bundle_keys import keys_of
from smart_nets.errors import ConfigError
from smart_nets.files import bundles_folder
from smart_nets.settings import one_of

Words = Sequence[str]
RUNNABLE, DEFAULTS = ("train", "evaluate", "inference"), {"zeroshot": "inference", "cluster": "evaluate"}


def pretrain(*configs: str, told: Words = ()) -> None:
    """Pretrain an encoder on scans, or on embedded phantoms: smart-nets pretrain --dataset_dir /my/cts.

    Results land in ./smart_pretrain, or where --output_dir says. `smart-nets settings pretrain` lists what may be set.

    Args:
        configs: of the bundle smart_pretrain, each changing the one before: train (if none is named), evaluate, inference, and
            overlays such as multi_gpu_train; or paths of your own files.
    """
    run_bundle("pretrain", configs, told)


def classify(*configs: str, told: Words = ()) -> None:
    """Train, judge or use a classifier of lesions: smart-nets classify --dataset_dir lesions.csv.

    Results land in ./smart_lidc_classify, or where --output_dir says. `smart-nets settings classify` lists what may be set.

    Args:
        configs: of the bundle smart_lidc_classify: train (if none is named), evaluate, inference, and overlays such as
            linear_probe, from_scratch or few_shot; or paths of your own files.
    """
    run_bundle("classify", configs, told)


def segment(*configs: str, told: Words = ()) -> None:
    """Train, judge or use a network that outlines tumours and organs: smart-nets segment --dataset_dir nnUNet_raw/Dataset007.

    Results land in ./smart_segment, or where --output_dir says. `smart-nets settings segment` lists what may be set.

    Args:
        configs: of the bundle smart_segment: train (if none is named), evaluate, inference, and overlays such as frozen,
            from_scratch or few_shot; or paths of your own files.
    """
    run_bundle("segment", configs, told)


def zeroshot(*configs: str, told: Words = ()) -> None:
    """Outline what an encoder's attention finds, without any label: smart-nets zeroshot --dataset_dir /my/cts.

    Results land in ./smart_zeroshot_seg, or where --output_dir says.

    Args:
        configs: of the bundle smart_zeroshot_seg: inference (if none is named) or evaluate; or paths of your own files.
    """
    run_bundle("zeroshot", configs, told)


def cluster(*configs: str, told: Words = ()) -> None:
    """Tell how well an encoder keeps organs apart without labels: smart-nets cluster --dataset_dir organmnist3d.npz.

    Results land in ./smart_organ_cluster, or where --output_dir says.

    Args:
        configs: of the bundle smart_organ_cluster: evaluate (if none is named) or inference; or paths of your own files.
    """
    run_bundle("cluster", configs, told)


BUNDLES = {
    "pretrain": "smart_pretrain", "classify": "smart_lidc_classify", "segment": "smart_segment",
    "zeroshot": "smart_zeroshot_seg", "cluster": "smart_organ_cluster",
}  # fmt: skip


def settings(task: str, config: str = "") -> str:
    """List what may be set of a task, with its default and meaning: smart-nets settings pretrain.

    Args:
        task: pretrain, classify, segment, zeroshot or cluster; or the name of its bundle.
        config: train, evaluate or inference; by default what the task runs if nothing is said.
    """
    bundle = _bundle(task)
    short = next(name for name, one in BUNDLES.items() if one == bundle)
    folder = bundles_folder() / bundle
    there = [name for name in RUNNABLE if (folder / "configs" / f"{name}.json").is_file()]
    config = config or DEFAULTS.get(short, "train")
    one_of("--config", config, there)
    return keys_of(folder, config)


def run_bundle(task: str, configs: Sequence[str], told: Words) -> None:
    """Run configurations of a bundle with further names and values; the bundle's own folder is left as it is.

    Raises:
        ConfigError: a configuration that is neither in the bundle nor a file.
    """
    bundle = _bundle(task)
    folder = bundles_folder() / bundle / "configs"
    there = {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.json"))}
    there.pop("metadata", None)
    names = list(configs)
    if not {Path(name).stem for name in names} & set(RUNNABLE):
        names.insert(0, DEFAULTS.get(task, "train"))
    files = [str(_file(name, there)) for name in names]
    root = (
        []
        if any(word.partition("=")[0] == "--bundle_root" for word in told)
        else ["--bundle_root", str(Path.cwd() / bundle)]
    )
    # ten seconds in which nobody says anything else
    print(f"{bundle}: loading libraries ...", file=sys.stderr, flush=True)
    sys.argv = ["monai.bundle", "run", "--config_file", str(files), *root, *told]
    runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)


def _file(name: str, there: dict[str, Path]) -> Path:
    if name.endswith(".json") and Path(name).is_file():
        return Path(name).absolute()  # the user's own, whatever the bundle's are called
    found = there.get(name.removesuffix(".json")) or there.get(f"methods/{name}")
    if found is None:
        expected = ", ".join(one for one in there if "/" not in one)
        raise ConfigError(
            "is no configuration", where=name, expected=f"a file, or {expected}", remedy="choose one of them"
        )
    return found


def _bundle(task: str) -> str:
    name = BUNDLES.get(task, task)
    if name not in BUNDLES.values():
        raise ConfigError("is no task", where=task, expected=", ".join(BUNDLES), remedy="choose one of them")
    return name
