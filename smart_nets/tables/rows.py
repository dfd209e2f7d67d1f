"""The rows of the papers' tables: the overlay of each, and the numbers that were published.

SMART arXiv:2310.01209v2: Table 1 (OrganMNIST3D distances), 4a and 4b (AUC on LIDC, fine-tuned), 5 (place of semantic
attention), 6 (backbones), Figure 10 (patch drop ratio, in words only).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SMART = "smart"
LARGER = {"crop_size": [64, 64, 64], "places": 1, "probe_size": [64, 64, 64]}
"""Stage 4 of a crop of 32 voxels is one cell, and one cell cannot be hidden: Table 5 takes larger crops, all rows alike."""


@dataclass(frozen=True)
class TableRow:
    """One model: its name in the paper, its overlay (configs/methods/NAME.json; None: SMART itself), what was published."""

    name: str
    words: str
    published: Mapping[str, float] = field(default_factory=dict)

    @property
    def overlay(self) -> str | None:
        return None if self.name == SMART else f"{self.name}.json"


@dataclass(frozen=True)
class PaperTable:
    """Rows that are compared, the number the paper compares them by, and settings that all of them share.

    `measure` is "ratio" (between over within organs) or "auc" (malignancy on LIDC-IDRI).
    """

    title: str
    measure: str
    rows: tuple[TableRow, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    reference: str = SMART


def _distances(name: str, words: str, intra: float, inter: float, auc: float | None = None) -> TableRow:
    published = {"intra": intra, "inter": inter, "ratio": inter / intra}
    return TableRow(name, words, published if auc is None else {**published, "auc": auc})


def _auc(name: str, words: str, auc: float) -> TableRow:
    return TableRow(name, words, {"auc": auc})


TABLES: dict[str, PaperTable] = {
    "1": PaperTable(
        "Table 1: organs without labels",
        "ratio",
        (
            _distances("attmask_vit", "AttMask, ViT", 1.59, 2.95),
            _distances("mst_vit", "MST, ViT", 2.22, 3.47),
            _distances("ibot_vit", "iBOT, ViT", 2.13, 3.29),
            _distances("smit", "SMIT, Swin", 1.53, 3.73),
            _distances("without_noise", "SMART without noisy teacher", 1.43, 4.18),
            _distances("without_attention", "SMART without semantic attention", 1.46, 5.17),
            _distances(SMART, "SMART", 1.28, 5.93),
        ),
    ),
    "4a": PaperTable(
        "Table 4a: semantic attention and noisy teacher",
        "auc",
        (
            _auc("smit", "neither, which is SMIT", 0.859),  # as methods/without_both.json: not run twice
            _auc("without_attention", "noisy teacher", 0.882),
            _auc("without_noise", "semantic attention", 0.875),
            _auc(SMART, "both", 0.895),
        ),
    ),
    "4b": PaperTable(
        "Table 4b: losses",
        "auc",
        (
            _auc("losses_1000", "AMIP", 0.859),
            _auc("losses_1100", "AMIP, AMPD", 0.869),
            _auc("losses_1110", "AMIP, AMPD, AITD", 0.878),
            _auc("losses_1011", "AMIP, AITD, GITD", 0.865),
            _auc("losses_0111", "AMPD, AITD, GITD", 0.829),
            _auc(SMART, "all four", 0.895),
        ),
    ),
    "5": PaperTable(
        "Table 5: place of semantic attention",
        "ratio",
        (
            _distances("sa_stage_1", "after stage 1", 1.83, 2.78, 0.597),
            _distances("sa_stage_2", "after stage 2", 1.66, 5.21, 0.647),
            _distances("sa_stage_3", "after stage 3", 1.28, 5.93, 0.895),
            _distances("sa_stage_4", "after stage 4", 1.41, 4.12, 0.684),
        ),
        LARGER,
        "sa_stage_3",
    ),
    "6": PaperTable(
        "Table 6: backbones and methods",
        "ratio",
        (
            _distances("ibot_swin", "iBOT, Swin", 2.13, 3.29, 0.819),
            _distances("ibot_smart", "iBOT with SMART's masks", 1.06, 5.36, 0.881),
            _distances("smit_vit", "SMIT, ViT", 1.30, 6.44, 0.816),
            _distances("smart_vit", "SMART, ViT", 1.15, 6.59, 0.847),
            _distances("smit", "SMIT, Swin", 1.53, 3.73, 0.859),
            _distances(SMART, "SMART, Swin", 1.28, 5.93, 0.895),
        ),
    ),
    "drop": PaperTable(
        "Figure 10: what the teacher loses",
        "ratio",
        tuple(TableRow(f"patch_drop_0{tenth}", f"{tenth * 10} %") for tenth in (0, 1, 3, 5, 7, 9)),
        reference="patch_drop_07",
    ),
    "masks": PaperTable(
        "Section 2.5: attention of noisy or whole crops; masks on a fixed grid",
        "ratio",
        (
            TableRow("clean_attention", "attention of whole crops"),
            TableRow("fixed_mask_grid", "masks in cells of 16 voxels"),
            TableRow(SMART, "SMART"),
        ),
    ),
    "data": PaperTable(
        "Section 4.6: what it was pretrained on",
        "auc",
        (_auc("lung_only", "lung scans", 0.883), _auc("other_than_lung", "others", 0.861), _auc(SMART, "all scans", 0.895)),
    ),
}  # fmt: skip
