"""One scan that cannot be used does not cost the figures of the others."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fixtures.small import SMALL

from smart_nets.errors import ConfigError, GeometryError
from smart_nets.lists.scan_names import with_names
from smart_nets.localize.marking import Marking
from smart_nets.localize.scan_attention import ScanAttention
from smart_nets.localize.scans import ENCODER, LocalizeScans
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.phantom.write import write_image
from smart_nets.scans.volume import Volume

AFFINE = np.diag([3.0, 3, 3, 1])


@dataclass(frozen=True)
class Brightness(ScanAttention):
    def __call__(self, scan: Volume) -> np.ndarray:
        return scan.array.astype(np.float32) + 1024


def patient(folder: Path, name: str, shift: float = 0.0) -> dict:
    """A block of tissue with a bright tumour; the mask lies `shift` mm beside the scan's grid."""
    image, mask = np.full((30, 30, 20), -1000, np.int16), np.zeros((30, 30, 20), np.uint8)
    image[5:25, 5:25] = 40
    image[10:14, 10:14, 8:12], mask[10:14, 10:14, 8:12] = 90, 1
    moved = AFFINE.copy()
    moved[0, 3] = shift
    readers = {"tumour": [{"file": str(write_image(mask, moved, folder / f"{name}_mask.nii.gz")), "region": None}]}
    scan = str(write_image(image, AFFINE, folder / f"{name}.nii.gz"))
    return {"image": scan, "patient_id": name, "readers": readers}


def results(items: list[dict], **settings) -> LocalizeScans:
    look = Brightness(AttentionNet(SmartEncoder(**SMALL)), (32,) * 3, (3.0,) * 3, (-175.0, 250.0))
    architecture = {"name": "SmartEncoder", **SMALL}
    return LocalizeScans(
        with_names(items), look, architecture, Marking(90, "image"), **{"random_encoders": 0, **settings}
    )


def test_a_scan_that_cannot_be_used_is_left_out_and_told(tmp_path):
    items = [patient(tmp_path, "good"), patient(tmp_path, "moved", shift=30.0)]
    results(items).write(tmp_path / "localize.json")
    table = json.loads((tmp_path / "localize.json").read_text())
    assert [row["scan"] for row in table["methods"][ENCODER]["rows"]] == ["good"]
    (left,) = table["left_out"]
    assert left["scan"] == "moved" and "label lies on another grid" in left["why"]


def test_when_no_scan_can_be_used_the_first_reason_is_told(tmp_path):
    with pytest.raises(GeometryError, match=r"moved_mask.nii.gz: label lies on another grid"):
        results([patient(tmp_path, "moved", shift=30.0)]).write(tmp_path / "localize.json")
    assert not (tmp_path / "localize.json").exists()


@pytest.mark.parametrize("count", [-1, 1.5, "two", True])
def test_a_count_of_random_encoders_that_is_none(tmp_path, count):
    with pytest.raises(ConfigError, match="random_encoders: is no count"):
        results([patient(tmp_path, "good")], random_encoders=count).write(tmp_path / "localize.json")
