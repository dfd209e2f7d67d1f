"""Faults of metadata.json, named with their key; the fields are those of MONAI's schema."""

from __future__ import annotations

import json

import pytest

from smart_nets.zoo.lint.bundle import lint
from smart_nets.zoo.lint.metadata import SCHEMA as SCHEMA_FILE

SCHEMA = json.loads(SCHEMA_FILE.read_text())
TENSOR = SCHEMA["$defs"]["tensor"]["required"]
IMAGE, PRED = "network_data_format#inputs#image", "network_data_format#outputs#pred"


@pytest.fixture
def metadata(copy):
    return copy("smart_pretrain") / "configs" / "metadata.json"


def change(path, edits):
    """Set, or with None remove, keys."""
    content = json.loads(path.read_text())
    for key, value in edits.items():
        *parts, last = key.split("#")
        node = content
        for part in parts:
            node = node[part]
        node[last] = value
        if value is None:
            del node[last]
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("edits", "key", "says"),
    [
        *[({name: None}, name, "is missing") for name in (*SCHEMA["required"], "changelog") if name != "version"],
        *[({f"{IMAGE}#{name}": None}, f"{IMAGE}#{name}", "is missing") for name in TENSOR],
        ({f"{PRED}#dtype": None}, f"{PRED}#dtype", "is missing"),
        ({"network_data_format#outputs": None}, "network_data_format#outputs", "is missing"),
        ({"head_data_format": {"inputs": {}}}, "head_data_format#outputs", "is missing"),
        ({"task": ["a", "b"]}, "task", "is of another type (expected a text"),
        ({"changelog": "first release"}, "changelog", "is of another type (expected a table"),
        (
            {"changelog": {"0.0.9": "first"}},
            "changelog",
            "does not tell what is new (expected an entry 0.1.0, found 0.0.9)",
        ),
        ({"changelog": {}}, "changelog", "found nothing"),
        ({f"{IMAGE}#spatial_shape": ["32*n", 1.5]}, f"{IMAGE}#spatial_shape#1", "expected a text or a whole number"),
        ({f"{IMAGE}#num_channels": "one"}, f"{IMAGE}#num_channels", "expected a whole number, found one"),
        ({"supported_apps": ["label"]}, "supported_apps", "is of another type (expected a table"),
        ({"version": "0.10.0", "changelog": {"0.10.0": "x"}}, "version", "cannot be sorted as a text"),
        ({"version": "0.2.0rc1", "changelog": {"0.2.0rc1": "x"}}, "version", "cannot be sorted as a text"),
        ({"version": "v1", "changelog": {"v1": "x"}}, "version", "cannot be sorted as a text"),
        ({"required_packages_version#fire": ">=0.7"}, "required_packages_version#fire", "is no exact version"),
        ({"required_packages_version#fire": "0.7.*"}, "required_packages_version#fire", "is no exact version"),
        ({"required_packages_version#fire": ""}, "required_packages_version#fire", "is no exact version"),
        ({"required_packages_version#fire": 0.7}, "required_packages_version#fire", "is no exact version"),
        ({"optional_packages_version": {}}, "optional_packages_version", "name it required_packages_version"),
        ({"references": "Jiang J. et al."}, "references", "is of another type (expected a list"),
        ({"intended_use": "Research."}, "intended_use", 'does not warn (expected the words "not for diagnostic"'),
        ({"intended_use": None}, "intended_use", "found nothing"),
        ({"data_source": "/data/cts"}, "data_source", "is an absolute path"),
    ],
)
def test_exactly_this_fault(edits, key, says, metadata):
    change(metadata, edits)
    (fault,) = lint(metadata.parents[1])
    assert (fault.file, fault.key) == (metadata, key)
    assert says in str(fault)


def test_no_version(metadata):
    """Two faults: the version is missing, and no change can belong to it."""
    change(metadata, {"version": None})
    assert [fault.key for fault in lint(metadata.parents[1])] == ["version", "changelog"]


@pytest.mark.parametrize(
    "edits",
    [
        {"version": "1.2", "changelog": {"1.2": "new"}},
        {"intended_use": "NOT FOR DIAGNOSTIC purposes"},
        {"references": None},
        {"required_packages_version": {}},
        {f"{IMAGE}": "a scalar"},
    ],
)
def test_no_fault(edits, metadata):
    change(metadata, edits)
    assert [str(fault) for fault in lint(metadata.parents[1])] == []
