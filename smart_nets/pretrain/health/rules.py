"""One rule per instrument: when a number is good, to be watched, or bad, and the words for it; used by `health`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from smart_nets.pretrain.losses.distillation import DISTILLED

Kind = Literal["good", "watch", "bad"]

# Pairs are (good up to or from, watch up to or from); beyond the second a value is bad.
# Share of hidden cells off chance: batches scatter by a few hundredths, a tenth is a habit.
GAP = (0.03, 0.10)
# Dimensions. The crops of the neighbour test show 11 organs, which take about 10; below 4 there is little but brightness.
# Pooled features also tell where in an organ a crop lies: twice as many.
RANK_CLS, RANK_POOLED = (10.0, 4.0), (20.0, 8.0)
# Nats. 1 tells about three kinds of input apart, 0.3 is less than half of what tells two (ln 2 = 0.69).
INFORMATION = (1.0, 0.3)
# Nats by which the student beats the best answer that is the same for every input: without any it has learned nothing.
GAIN = (0.5, 0.0)
# Error over that of one grey value: a blurred picture saves a quarter; from 1 on painting is worthless.
AMIP = (0.75, 1.0)
# Correlation: 0.3 explains a tenth of the attention, 0.6 more than a third.
BRIGHTNESS = (0.3, 0.6)
FLAT, PEAKED = 0.02, 3.0  # deviation over mean: below, ranking cells is ranking noise; above, a few cells have it all
OVERLAP = 0.1  # above chance: less cannot be told from a mask drawn at random
MOVED = 0.05  # of the length of the weights: less leaves the features those of a random network
COLLAPSED, UNIFORM = 0.02, 0.98  # shares of ln K beyond which the teacher's answer carries no information


class Finding(NamedTuple):
    """What one instrument says: `name` is its short name, `clause` fits into a list, `sentence` stands alone."""

    name: str
    kind: Kind
    clause: str
    sentence: str


def entropy_verdict(last: Mapping[str, float], uniform: float) -> tuple[str, str, str]:
    """Judge the teacher by its last entropies.

    Collapse has two faces (DINO, section 5.3): all outputs equally likely (entropy ln K), or one output always (0).

    Args:
        last: distillation loss -> mean entropy in nats at the end of the run.
        uniform: ln K, or NaN if K is not known.

    Returns:
        class of the page's style ("good", "bad" or "quiet"), a few words, and a sentence.
    """
    known = {name: value for name, value in last.items() if math.isfinite(value)}
    if not known or not math.isfinite(uniform):
        return "quiet", "not known", "The teacher's entropy was not logged, so its health cannot be judged."
    shares = {name.upper(): value / uniform for name, value in known.items()}
    flat = ", ".join(name for name, share in shares.items() if share > UNIFORM)
    stuck = ", ".join(name for name, share in shares.items() if share < COLLAPSED)
    if flat:
        why = "gives all outputs nearly the same probability, so the student has nothing to learn from it"
        todo = "Lower the teacher temperature or the learning rate."
        return "bad", "collapsed to uniform", f"Collapsed: for {flat} the teacher {why}. {todo}"
    if stuck:
        todo = "Raise the teacher temperature and check the centring."
        why = "always gives one and the same output"
        return "bad", "collapsed to one output", f"Collapsed: for {stuck} the teacher {why}. {todo}"
    low, high = min(shares.values()), max(shares.values())
    spread = f"{low:.0%}" if f"{low:.0%}" == f"{high:.0%}" else f"{low:.0%} to {high:.0%}"
    had = f"at the end the teacher's answers had {spread} of the entropy of a uniform guess"
    ends = "neither everything alike (100%) nor always one output (0%)"
    return "good", "not collapsed", f"Not collapsed: {had}, {ends}."


def judge_mask(v: Mapping[str, float]) -> Finding | None:
    if not {"mask_lost", "lost"} <= v.keys():
        return None
    hidden, chance = v["mask_lost"], v["lost"]
    off = round(abs(hidden - chance), 9)  # 0.73 - 0.7 is not more than 0.03
    kind: Kind = "good" if off <= GAP[0] else "watch" if off <= GAP[1] else "bad"
    does = {"good": "does not repeat", "watch": "leans on", "bad": "repeats"}[kind] + " the teacher's noise"
    if hidden < chance and kind != "good":
        does = "avoids what the teacher has lost"
    share = f"{hidden:.0%} of the hidden cells are cells the teacher never saw, chance is {chance:.0%}"
    return Finding("mask", kind, f"the mask {does}", f"The mask {does}: {share}.")


def judge_overlap(v: Mapping[str, float], chance: float) -> Finding | None:
    share = v.get("instruments/mask_overlap", v.get("mask_overlap"))
    if share is None or not math.isfinite(chance):
        return None
    kind: Kind = "good" if share > chance + OVERLAP else "watch"
    clause = "the teacher's noise decides which cells are chosen"
    start = "With and without its noise the teacher chooses much the same cells" if kind == "good" else _upper(clause)
    alike = f"{share:.0%} of the top cells are the same, chance is {chance:.0%}"
    return Finding("mask overlap", kind, clause, f"{start}: {alike}.")


def judge_brightness(v: Mapping[str, float]) -> Finding | None:
    r = v.get("instruments/attention_brightness")
    if r is None:
        return None
    kind: Kind = "good" if abs(r) < BRIGHTNESS[0] else "watch" if abs(r) < BRIGHTNESS[1] else "bad"
    what = "bright" if r > 0 else "dark"
    does = {"good": "is more than brightness", "watch": f"leans towards {what} cells", "bad": f"follows {what} cells"}
    more = ", whatever they show" if kind == "bad" else ""
    clause = f"attention {does[kind]}"
    measured = f"its correlation with the intensity of a cell is {r:.2f}".replace("-", "−")
    return Finding("brightness", kind, clause, f"{_upper(clause)}{more}: {measured}.")


def judge_variation(v: Mapping[str, float]) -> Finding | None:
    x = v.get("instruments/attention_variation")
    if x is None:
        return None
    if x < FLAT:
        clause, why = "attention is flat", "every cell gets nearly the same, so which cells are hidden means nothing"
        return Finding("variation", "bad", clause, f"{_upper(clause)}: {why} (spread {x:.1%} of the mean).")
    if x > PEAKED:
        clause, spread = "attention sits on a few cells", f"spread {x:.1f} times the mean"
        return Finding("variation", "bad", clause, f"{_upper(clause)} and says nothing of the others ({spread}).")
    clause = "attention differs from cell to cell"
    return Finding("variation", "good", clause, f"{_upper(clause)}, by {x:.0%} of its mean.")


def judge_rank(v: Mapping[str, float], name: str, what: str, steps: tuple[float, float]) -> Finding | None:
    """`name` in the log, `what` in words: "[CLS]", "the pooled feature"."""
    x = v.get(f"instruments/rank_{name}")
    if x is None:
        return None
    kind = _high(x, *steps)
    count = "one dimension" if round(x, 1) <= 1 else f"{x:.1f} dimensions" if x < 10 else f"{x:.0f} dimensions"
    ways = "many ways" if kind == "good" else "a few ways only"
    says = "as a rule it says how bright a crop is, and little else"
    clause, says = f"{what} has {count}", says if kind == "bad" else f"it tells crops apart in {ways}"
    return Finding(f"rank of {name}", kind, clause, f"{_upper(clause)}: {says}.")


def judge_entropy(v: Mapping[str, float], uniform: float) -> Finding | None:
    kind, word, sentence = entropy_verdict(_by_loss(v, "teacher_entropy"), uniform)
    if kind == "good":
        return Finding("entropy", "good", f"the teacher's answers have {word}", sentence)
    return Finding("entropy", "bad", f"the teacher's answers have {word}", sentence) if kind == "bad" else None


def judge_information(v: Mapping[str, float]) -> Finding | None:
    kind, names, numbers = _worst(_by_loss(v, "teacher_information"), INFORMATION)
    if kind is None:
        return None
    depend = {"good": "depend", "watch": "depend little", "bad": "hardly depend"}[kind]
    clause = f"the teacher's answers {depend} on what it sees" + ("" if kind == "good" else f" ({names})")
    tell = f"they tell {numbers} nats about it; telling two kinds of input apart takes 0.69"
    return Finding("information", kind, clause, f"{_upper(clause)}: {tell}.")


def judge_gain(v: Mapping[str, float]) -> Finding | None:
    kind, names, numbers = _worst(_by_loss(v, "gain"), GAIN)
    if kind is None:
        return None
    better = "hardly does better" if kind == "watch" else "does no better"
    does = "answers by what it sees" if kind == "good" else f"{better} than one answer for everything ({names})"
    behind = f"falls behind that answer by {numbers.replace('−', '')}"
    ahead = behind if kind == "bad" else f"beats one answer by {numbers}"
    return Finding("gain", kind, f"the student {does}", f"The student {does}: it {ahead} nats.")


def judge_painting(v: Mapping[str, float]) -> Finding | None:
    x = v.get("amip_relative")
    if x is None:
        return None
    kind: Kind = "good" if x <= AMIP[0] else "watch" if x < AMIP[1] else "bad"
    if kind == "bad":
        missed = f"painting misses {x:.0%} of what the best single grey of each crop would miss"
        return Finding("AMIP", kind, "one grey value would paint better", f"One grey value would do better: {missed}.")
    how = "Painting shows more than brightness" if kind == "good" else "Painting shows little more than brightness"
    less = f"its error is {1 - x:.0%} less than one grey value per crop would miss"
    return Finding("AMIP", kind, "painting is little better than one grey value", f"{how}: {less}.")


def judge_teacher(v: Mapping[str, float]) -> Finding | None:
    x = v.get("instruments/teacher_moved")
    if x is None:
        return None
    near = x < MOVED
    clause = "the teacher is still nearly its random start" if near else "the teacher has left its random start"
    moved = f"{x:.1%}" if near else f"{x:.0%}"
    sentence = f"{_upper(clause)}: its weights moved by {moved} of their length."
    return Finding("teacher", "watch" if near else "good", clause, sentence)


def _by_loss(v: Mapping[str, float], what: str) -> dict[str, float]:
    return {name: v[f"{what}/{name}"] for name in DISTILLED if f"{what}/{name}" in v}


def _worst(found: Mapping[str, float], steps: tuple[float, float]) -> tuple[Kind | None, str, str]:
    """The worst verdict of the losses, whose it is, and their numbers, with a comma or "and"; None if there are none."""
    kinds = {name: ("bad" if value <= 0 else _high(value, *steps)) for name, value in found.items()}
    for kind in ("bad", "watch", "good"):
        names = [name for name, of in kinds.items() if of == kind]
        if names:
            return kind, _and([n.upper() for n in names]), _and([f"{found[n]:.2f}".replace("-", "−") for n in names])
    return None, "", ""


def _high(value: float, good: float, watch: float) -> Kind:
    return "good" if value >= good else "watch" if value >= watch else "bad"


def _and(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]
