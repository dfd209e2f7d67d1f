"""What a classification run's numbers mean in words: the headline, the verdict on size alone, and the warnings."""

from __future__ import annotations

import math
from collections.abc import Iterator

from smart_nets.classify.report.evaluation import Results
from smart_nets.classify.report.run import ClassifyRun
from smart_nets.pages import page
from smart_nets.pages.measures import Measure
from smart_nets.pages.words import CLEAR, FEW, count, p_text

CHANCE = 0.5  # the AUC of guessing
WIDE = 0.8  # of the cube, a lesion that leaves no room around it


def what_ran(run: ClassifyRun) -> str:
    """Who was trained on what and tested on what, in a sentence or two."""
    about, results, classify = run.about, run.results, run.facts("classify")
    name = f"The network “{classify['name']}”" if classify.get("name") else "A network"
    learned = run.facts("lesions").get("training") or {}
    fraction = classify.get("train_fraction", 1)
    share = f" ({fraction:.0%} of the training part)" if isinstance(fraction, float) and fraction < 1 else ""
    trained = f" on {_lesions(learned)}{share}" if "lesions" in learned else ""
    tested = _lesions({"lesions": results.cases, "patients": results.patients})
    time = f" It took {page.duration(about['seconds'])}" if "seconds" in about else ""
    place = f" on {about['hardware']}" if time and about.get("hardware") else ""
    return (
        f"{name} learned to tell “{run.classes[1]}” from “{run.classes[0]}”{trained}. It was tested on {tested} held "
        f"out of training, {results.positives:,} of them {run.classes[1]}.{time}{place}" + ("." if time else "")
    )


def headline(results: Results) -> str:
    """AUC, AUC of size alone and AUC among lesions of like size, in two sentences."""
    auc = results.measure("auc")
    if not auc.known:
        return f"Its AUC has {auc.text()}."
    alone = results.size.get("auc", Measure())
    beside = f"the lesions' size alone reaches {alone.text()}" if alone.known else "of size alone nothing is known"
    doubt = ", not clearly better than chance" if auc.low <= CHANCE else ""
    return f"Its AUC is {_spelt(auc)}{doubt}; {beside}. {matched(results)}"


def matched(results: Results) -> str:
    """The AUC among lesions of like size, where size tells little."""
    auc, alone = (results.matched.get(name, Measure()) for name in ("auc", "size_only_auc"))
    if not auc.known:
        why = auc.why or ("not computed" if results.size else "sizes are not recorded")
        return f"Among lesions of like size there is no AUC: {why}."
    low, high = results.matched_range or (math.nan, math.nan)
    cases = results.matched.get("cases", Measure())
    which = f"the {cases.value:,.0f} lesions" if cases.known else "lesions"
    beside = f"; size alone reaches {alone.text()} there" if alone.known else ""
    chance = "clearly" if auc.low > CHANCE else "not clearly"
    return f"Among {which} of {low:g} to {high:g} mm its AUC is {auc.text()}, {chance} better than chance{beside}."


def size_verdict(results: Results) -> tuple[str, str, str]:
    """Judge the network against the lesions' size alone.

    Returns:
        class of the page's style ("good", "watch", "bad" or "quiet"), a few words, and a sentence.
    """
    auc, alone, p = results.measure("auc"), results.size.get("auc", Measure()), results.size.get("delong_p", Measure())
    if not alone.known or not auc.known:
        sentence = "No comparison with lesion size: sizes are not recorded or an AUC is missing."
        doubt = "Class and size often go together, so this AUC may be that of a ruler."
        return "quiet", "not compared", f"{sentence} {doubt}"
    gain = auc.value - alone.value
    cases = results.size.get("cases", Measure())
    part = f" Size is known of {cases.value:,.0f} lesions only." if cases.value < results.cases else ""
    if not p.known:
        sentence = f"Its AUC differs from that of size alone by {_signed(gain)}"
        doubt = f"whether by chance is not known ({p.why or 'not tested'})"
        return "watch", "not tested", f"{sentence}; {doubt}.{part}"
    told = p_text(p.value)
    if p.value < CLEAR and gain > 0:
        return "good", "better than size alone", f"Better than size alone by {gain:.3f} in AUC ({told}).{part}"
    if p.value < CLEAR:
        sentence = f"Worse than size alone by {-gain:.3f} in AUC ({told}): a ruler would do better.{part}"
        return "bad", "worse than size alone", sentence
    sentence = f"Not better than size alone: the difference of {_signed(gain)} in AUC may be chance ({told}).{part}"
    return "watch", "not better than size alone", sentence


def warnings(run: ClassifyRun) -> Iterator[str]:
    """What a reader must know before the numbers, the worst first."""
    if "lesion" in (run.facts("classify").get("split_mode"), run.facts("settings").get("split_mode")):
        yield (
            "The split is by lesion, not by patient: lesions of one patient can be in training and in test, so the "
            "numbers are too good. Split by patient to trust them."
        )
    if run.facts("classify").get("allow_overlap") is True:
        yield "Patients were allowed to be on both sides of the split: where they are, the numbers are too good."
    results, names = run.results, run.classes
    for name, number in zip(names, (results.cases - results.positives, results.positives), strict=True):
        if number < FEW:
            yield f"Few cases: only {count(number, 'lesion')} of the class “{name}”. Curves are rough and intervals wide."
    if results.patients < FEW:
        yield f"Few patients: only {count(results.patients, 'patient')}, however many lesions they have."
    yield from _too_wide(run)
    if run.about.get("encoder") == "from scratch":
        yield "The network was trained from scratch, because no pretrained encoder was given: this is a baseline."
    if "phantom" in str(run.facts("data").get("source", "")).lower():
        yield "The lesions are synthetic (phantoms): the numbers show that the program works, and nothing about patients."
    yield from map(str, run.about.get("outside_card") or [])
    yield from run.notes


def _too_wide(run: ClassifyRun) -> Iterator[str]:
    """That some lesions fill the cube that is cut around them, where sizes and cube are known."""
    model = run.facts("model")
    sides = [model.get(name) for name in ("crop", "spacing")]
    if run.predictions is None or not all(isinstance(one, list) and len(one) == 3 for one in sides):
        return
    side = min(float(voxels) * float(step) for voxels, step in zip(*sides, strict=True))
    wide = int((run.predictions.sizes > WIDE * side).sum())  # NaN, a size that is not known, is not wider
    if wide:
        yield (
            f"{count(wide, 'lesion')} wider than {WIDE:.0%} of the cube of {side:g} mm: nothing around them is seen, and where "
            "they end may lie outside."
        )


def _lesions(counts: dict[str, int]) -> str:
    patients = f" of {count(counts['patients'], 'patient')}" if "patients" in counts else ""
    return count(counts["lesions"], "lesion") + patients


def _spelt(measure: Measure) -> str:
    interval = f" (95% interval {measure.interval()})" if measure.interval() else " (no interval)"
    return f"{measure.value:.3f}{interval}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
