"""The verbs `zoo lint`, `zoo package`, `zoo verify`, `zoo install` and `zoo export`."""

from __future__ import annotations

import sys

from smart_nets.cli.parse import listed
from smart_nets.zoo.export import ENDINGS
from smart_nets.zoo.export import export as write
from smart_nets.zoo.install import install as put
from smart_nets.zoo.lint.bundle import lint as check
from smart_nets.zoo.package import package as pack
from smart_nets.zoo.verify import verify as prove


def lint(folder: str = "bundles") -> None:
    """List what is wrong with bundles, all faults at once; nothing in them is run. Exit code 1 if there is a fault.

    Args:
        folder: a bundle, or a folder of bundles.
    """
    faults = check(folder)
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults" if faults else "no faults")
    sys.exit(1 if faults else 0)


def package(
    output_dir: str,
    bundles: str | None = None,
    names: str = "",
    without_weights: bool = False,
    base_url: str = "",
    key: str | None = None,
) -> None:
    """Write one self-contained zip per bundle, with SHA256SUMS, model_info.json and a bill of materials.

    Args:
        output_dir: an empty folder, or one that this verb filled before.
        bundles: folder of the bundles; default that beside the package.
        names: only these archives, joined by commas; default all.
        without_weights: also bundles that have no models/model.pt.
        base_url: of the server the archives will lie on, for model_info.json.
        key: private Ed25519 key (PEM) to sign SHA256SUMS with.
    """
    wanted = listed(names)
    for path in pack(output_dir, bundles, wanted, without_weights, base_url, key):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")


def verify(folder: str, key: str | None = None) -> None:
    """Check archives: hashes, signature, safe names, lint, weights against their card.

    Args:
        folder: that `zoo package` wrote.
        key: public Ed25519 key (PEM) that SHA256SUMS must be signed for.
    """
    for line in prove(folder, key):
        print(line)


def install(
    name: str,
    source: str,
    bundle_dir: str = "bundles",
    version: str | None = None,
    allow_older: bool = False,
    key: str | None = None,
    unpin: bool = False,
) -> None:
    """Install or upgrade a bundle from a folder or an internal web server, checked first.

    Args:
        name: of the bundle, e.g. smart_zeroshot_segmentation.
        source: folder or URL that `zoo package` wrote.
        bundle_dir: the folder that will hold it.
        version: default the newest.
        allow_older: whether a newer version that is installed may be replaced.
        key: public Ed25519 key (PEM); with one, unsigned sources are refused.
        unpin: whether a bundle that was installed with a key may be replaced by one without it, or with another.
    """
    found = put(name, source, bundle_dir, version, allow_older, key, unpin)
    print(f"{found.path}: version {found.version} ({found.told})")


def export(model: str, output_dir: str, formats: str = ",".join(ENDINGS)) -> None:
    """Write a model's network as TorchScript, torch.export program and ONNX; print how far each is from the network.

    Args:
        model: weights with the card beside them.
        output_dir: where to write.
        formats: some of torchscript, export, onnx, joined by commas.
    """
    for one in write(model, output_dir, tuple(listed(formats))):
        print(f"{one.path}: {one.format}, largest difference {one.difference:.1e} of the largest output")
