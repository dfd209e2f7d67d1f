"""Does the method do what it says? Rules that turn logged numbers into verdicts, for the log (`watch`) and for the report.

A run whose losses fall can be void: the mask may repeat the teacher's noise, features may have one dimension. Each rule
reads what `instruments` and `Distilled` measure and gives a verdict in words; a number that was not logged has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from smart_nets.pretrain.health import rules
from smart_nets.pretrain.health.rules import Finding


class Summary(NamedTuple):
    """All findings in one: class of the page's style, a word, a remark of few words, a sentence."""

    kind: str
    word: str
    remark: str
    sentence: str


def judge(values: Mapping[str, float], mask_ratio: float = math.nan, uniform: float = math.nan) -> list[Finding]:
    """Findings on numbers by their flat names in the log ("gain/aitd", "instruments/rank_cls"), in a fixed order.

    Args:
        values: at one time; what is missing or not finite is left out.
        mask_ratio: r of the mask, which is what two masks share by chance; NaN leaves that finding out.
        uniform: ln K; NaN leaves entropy out.
    """
    v = {name: value for name, value in values.items() if math.isfinite(value)}
    findings = [
        rules.judge_mask(v),
        rules.judge_overlap(v, mask_ratio),
        rules.judge_brightness(v),
        rules.judge_variation(v),
        rules.judge_rank(v, "cls", "[CLS]", rules.RANK_CLS),
        rules.judge_rank(v, "pooled", "the pooled feature", rules.RANK_POOLED),
        rules.judge_entropy(v, uniform),
        rules.judge_information(v),
        rules.judge_gain(v),
        rules.judge_painting(v),
        rules.judge_teacher(v),
    ]
    return [each for each in findings if each is not None]


def summary(findings: Sequence[Finding]) -> Summary:
    """The worst verdict, with the clauses of those that share it. Entropy alone never makes a method good."""
    bad, watch = ([each for each in findings if each.kind == kind] for kind in ("bad", "watch"))
    checks = f"{len(findings)} check{'s' if len(findings) != 1 else ''}"
    if bad:
        remark = f"{len(bad)} of {checks} bad" + (f", {len(watch)} to watch" if watch else "")
        return Summary("bad", "degenerates", remark, f"The method does not do what it says: {_list(bad)}.")
    if not {each.name for each in findings} - {"entropy", "mask overlap"}:
        sentence = "Little that judges the method was logged, so its health cannot be judged."
        return Summary("quiet", "not known", "its instruments were not logged", sentence)
    if watch:
        remark = f"{len(watch)} of {checks} to watch"
        return Summary("watch", "to watch", remark, f"The method is in doubt: {_list(watch)}.")
    return Summary("good", "works", f"all of {checks} good", f"The method does what it says, by all of {checks}.")


def _list(findings: Sequence[Finding], most: int = 4) -> str:
    rest = len(findings) - most
    return "; ".join(each.clause for each in findings[:most]) + (f"; and {rest} more" if rest > 0 else "")
