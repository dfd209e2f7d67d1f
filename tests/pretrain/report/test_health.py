from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smart_nets.pretrain.report.page import write_report

MakeRun = Callable[..., Path]
PageOf = Callable[[Path], Any]
TOLD = {"teacher_information": {"aitd": 1.4, "gitd": 1.1}, "teacher_entropy": {"aitd": 4.0, "gitd": 4.2}}
VOID = {"amip": 0.1, "amip_relative": 1.08, "mask_lost": 0.98, "lost": 0.7, "gain": {"aitd": 0.8, "gitd": -0.3}, **TOLD}
MEASURED = {
    "rank_cls": 1.0,
    "rank_pooled": 25.0,
    "attention_brightness": None,
    "attention_variation": 0.5,
    "teacher_moved": 0.2,
}
SOUND = {"amip_relative": 0.6, "mask_lost": 0.71, "gain": {"aitd": 0.8, "gitd": 0.9}}


def log(folder: Path, **changed: Any) -> Path:
    """A run of 30 steps in which every tenth is measured; old numbers are replaced."""
    measured = {"instruments": {**MEASURED, **changed.pop("instruments", {})}}
    steps = ({"step": i, "loss": 1.0, **VOID, **changed, **(measured if i % 10 == 1 else {})} for i in range(1, 31))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps))
    return folder


def test_a_void_method_is_told_first(make_run: MakeRun, page_of: PageOf) -> None:
    page = page_of(write_report(log(make_run(crops=0))))
    summary = page.text.index(
        "The method does not do what it says: the mask repeats the teacher's noise; [CLS] has one dimension; the student "
        "does no better than one answer for everything (GITD); one grey value would paint better."
    )
    assert summary < page.text.index("Method degenerates 4 of 9 checks bad") < page.text.index("How training went")
    assert "Bad. The mask repeats the teacher's noise: 98% of the hidden cells" in page.text
    assert "Good. The pooled feature has 25 dimensions" in page.text and "AITD 0.8 → 0.8" in page.text
    assert "Asked to paint hidden parts of an image, one grey value would do better" in page.text
    assert "Attention and brightness" not in page.text, "no number, no card"


def test_a_sound_method(make_run: MakeRun, page_of: PageOf) -> None:
    page = page_of(write_report(log(make_run(crops=0), **SOUND, instruments={"rank_cls": 11.0})))
    assert "The method does what it says, by all of 9 checks." in page.text
    assert "40% less than one grey value would miss." in page.text and "Bad." not in page.text
