"""What a bundle is made of, for a hospital's security office: a bill of materials in CycloneDX 1.6."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

import smart_nets

NAMESPACE = uuid.UUID("8c1f3f0e-4f0e-5c0b-9c55-3c7f0a4d2a10")
LICENCE = [{"license": {"id": "Apache-2.0"}}]


def bill_of_materials(name: str, metadata: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """The bill of one bundle as JSON; the same content gives the same bytes.

    Args:
        name: of the bundle.
        metadata: of its configs/metadata.json.
        files: name in the archive -> content.
    """
    needed = {
        "monai": metadata["monai_version"],
        "torch": metadata["pytorch_version"],
        "numpy": metadata["numpy_version"],
        **metadata["required_packages_version"],
    }
    parts = []
    for package, version in sorted(needed.items()):
        link = f"pkg:pypi/{package}@{version}"
        parts.append(_part("library", link, package, version, purl=link))
    code = _hash(b"".join(content for path, content in sorted(files.items()) if "/smart_nets/" in path))
    own = smart_nets.__version__
    parts.append(_part("library", "smart-nets", "smart-nets", own, licenses=LICENCE, hashes=[code]))
    own = metadata["version"]
    for path, weights in files.items():
        if path.endswith(".pt"):
            parts.append(_part("machine-learning-model", path, path, own, hashes=[_hash(weights)]))
    bundle = _part("application", name, name, own, description=metadata["intended_use"], licenses=LICENCE)
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": bundle},
        "components": parts,
        "dependencies": [{"ref": name, "dependsOn": [part["bom-ref"] for part in parts]}],
    }
    serial = uuid.uuid5(NAMESPACE, json.dumps(content, sort_keys=True))
    return (json.dumps({**content, "serialNumber": f"urn:uuid:{serial}"}, indent=2) + "\n").encode()


def _part(kind: str, ref: str, name: str, version: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "bom-ref": ref, "name": name, "version": version, **more}


def _hash(content: bytes) -> dict[str, str]:
    return {"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}
