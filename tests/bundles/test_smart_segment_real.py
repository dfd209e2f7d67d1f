"""The segmenter on real tumours: masks beside scans as they lie in the folder of real CT."""

import json
from pathlib import Path

from monai.bundle import run

CONFIGS = Path(__file__).parents[2] / "bundles" / "smart_segment" / "configs"


def test_sarcomas_are_learned_from_and_judged(real_ct, tmp_path, page_of):
    run(
        config_file=str(CONFIGS / "train.json"), dataset_dir=str(real_ct / "sts"), tumour_pattern="GTV", folds=2, preset="tiny",
        spacing=[6.0, 6.0, 6.0], crop_size=[64, 32, 32], max_epochs=1, steps_per_epoch=2, batch_size=1,
        output_dir=str(tmp_path), cache_dir=str(tmp_path / "cache"),
    )  # fmt: skip
    found = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    assert found["cases"] == 2 and found["classes"]["tumour"]["lesions"]["count"] >= 2
    assert "STS_0" not in page_of(tmp_path / "eval" / "report.html").text  # file names may name a patient
