"""A classification run as one self-contained HTML page: how good, better than a ruler or not, where it errs, on what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smart_nets.classify.report.evaluation import Results
from smart_nets.classify.report.examples import examples_section
from smart_nets.classify.report.record import again_section, data_section, learning_section
from smart_nets.classify.report.run import ClassifyRun, read_classify_run
from smart_nets.classify.report.sections import calibration_section, curves_section, size_section
from smart_nets.classify.report.sentences import headline, size_verdict, warnings, what_ran
from smart_nets.classify.report.tables import numbers_table
from smart_nets.pages import page
from smart_nets.pages.measures import Measure
from smart_nets.pages.record import record_of


def write_classify_report(run_dir: str | Path) -> Path:
    """Turn a classification run into report.html, a file that needs no network, no script and no other file.

    Args:
        run_dir: the run folder (results in its folder eval) or that folder itself. It must hold metrics.json; of
            run.json, metrics.jsonl, predictions.csv and examples.npz the page says what is missing.

    Returns:
        the report's path, beside metrics.json.

    Raises:
        InputError: metrics.json is missing, a file is damaged or of another form, or the report cannot be written.
    """
    run = read_classify_run(Path(run_dir))
    with record_of("a classification run", run.folder):
        html = classify_html(run)
    return page.save(html, run.folder / "report.html")


def classify_html(run: ClassifyRun) -> str:
    """The report of a run as HTML."""
    about = run.about
    started = str(about.get("started", ""))[:10]
    parts = ("Classification report", str(about.get("preset", "")), started, "not for diagnostic use")
    sections = [
        ("curves", "How well it ranks", curves_section(run)),
        ("size", "More than size?", size_section(run)),
        ("calibration", "Honest probabilities?", calibration_section(run)),
        ("numbers", "All numbers", numbers_table(run.results, run.classes)),
        ("examples", "Surest answers", examples_section(run)),
        ("training", "How training went", learning_section(run)),
        ("data", "Which lesions", data_section(run)),
        ("reproduce", "Do it again", again_section(run)),
    ]
    title = str(about.get("title") or "Classification of lesions")
    return page.page(title, " · ".join(filter(None, parts)), _summary(run), sections)


def _summary(run: ClassifyRun) -> str:
    kind, _, sentence = size_verdict(run.results)
    lead = page.paragraph(what_ran(run), "lead") + page.paragraph(headline(run.results), "lead")
    return lead + page.verdict(kind, sentence) + page.tiles(_tiles(run.results)) + page.notes(warnings(run))


def _tiles(results: Results) -> Iterator[tuple[str, str, str, str]]:
    auc, alone = results.measure("auc"), results.size.get("auc", Measure())
    like = results.matched.get("auc", Measure())
    kind, word, _ = size_verdict(results)
    yield "AUC", _short(auc), _interval(auc), ""
    yield "AUC of size alone", _short(alone), _interval(alone) if alone.known else "sizes are not recorded", ""
    low, high = results.matched_range or (0, 0)
    name = f"AUC at {low:g}–{high:g} mm" if high else "AUC at like size"
    yield name, _short(like), _interval(like), ""
    yield "Verdict", word, "DeLong's test against size alone", kind
    found, spared = (results.operating.get(name, Measure()) for name in ("sensitivity", "specificity"))
    if found.known and spared.known:
        yield "Operating point", f"{spared.value:.0%}", f"specificity at {found.value:.0%} sensitivity", ""


def _short(measure: Measure) -> str:
    return measure.number() if measure.known else "–"


def _interval(measure: Measure) -> str:
    return f"95%: {measure.interval()}" if measure.interval() else measure.why or "no interval"
