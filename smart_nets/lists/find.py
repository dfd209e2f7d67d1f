"""Find what may be a scan: files by their extension, DICOM series by their content, entries of a JSON datalist."""

from __future__ import annotations

import json
import logging
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from smart_nets.errors import ConfigError, InputError, SmartError
from smart_nets.files import LITTER, check_exists, existing, is_litter
from smart_nets.lists.candidate import Candidate
from smart_nets.lists.find_series import only_companions, series_candidates
from smart_nets.lists.name_table import maps_in
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.scans.dicom.folder import DicomSeries, is_dicom, list_series
from smart_nets.scans.read import FILES

logger = logging.getLogger(__name__)
RESULT = "result of an earlier run"
NO_IMAGE = (".json", ".csv", ".txt", ".md", ".xml", ".html", ".png", ".jpg", ".zip")


def find(
    source: Path,
    key: str = "training",
    salt: str = "",
    patient_pattern: str = "",
    others: Counter[str] | None = None,
    ignored: Counter[str] | None = None,
) -> list[Candidate]:
    """All candidates of a folder (with everything below it), an image file, or a JSON datalist, in order.

    Args:
        source: folder, image file or JSON file.
        key: the list to take from a JSON file.
        salt: secret that goes into the pseudonyms of patients.
        patient_pattern: regular expression; what it finds in a path below the source is the patient. Without it (and a DICOM
            PatientID) every scan counts as a patient of its own.
        others: counts the files that are no images, by extension.
        ignored: counts the files that systems leave beside data (hidden, __MACOSX, DICOMDIR, Thumbs.db) and the maps that
            earlier runs wrote, by what they are.

    Raises:
        InputError: the source does not exist, or is empty or no datalist.
        ConfigError: the pattern is no regular expression.
    """
    try:
        pattern = re.compile(patient_pattern)
    except re.error as error:
        raise ConfigError(
            f"is no regular expression ({error})", where="patient_pattern", found=patient_pattern
        ) from error
    check_exists(source)
    if source.is_file() and source.suffix.lower() == ".json":
        return [_from_entry(source, entry, place) for entry, place in _entries(source, key)]
    if source.is_file():
        return [_pseudonymous(Candidate(source.resolve(), listed=True), salt, pattern)]
    counts = Counter[str]() if others is None else others, Counter[str]() if ignored is None else ignored
    walked = only_companions(_walk(source.resolve(), *counts))
    found = [_pseudonymous(candidate, salt, pattern, source.resolve()) for candidate in walked]
    if patient_pattern and not any(pattern.search(str(one.path.relative_to(source.resolve()))) for one in walked):
        logger.warning("patient_pattern %r finds nothing in %d paths, such as %s: no patient is known by it",
                       patient_pattern, len(walked), walked[0].path.name if walked else "none")  # fmt: skip
    if not found:
        expected, remedy = f"{', '.join(FILES)} or DICOM files", "give the folder above your scans"
        raise InputError("holds no scans", where=source, expected=expected, found="none", remedy=remedy)
    return found


def _walk(folder: Path, others: Counter[str], ignored: Counter[str]) -> list[Candidate]:
    closed: list[OSError] = []
    seen: set[Path] = set()
    found: dict[Path, list[Candidate]] = {}  # images, and what cannot be read
    series: dict[Path, dict[str, DicomSeries]] = {}
    for root, folders, names in os.walk(folder, onerror=closed.append, followlinks=True):
        here = Path(root)
        if here.resolve() in seen:  # links may lead around in circles
            folders.clear()
            continue
        seen.add(here.resolve())
        for name in filter(is_litter, folders):
            ignored[name if name.lower() in LITTER else "hidden"] += _file_count(here / name)
        folders[:] = sorted(name for name in folders if not is_litter(name))
        ignored.update(name if name.lower() in LITTER else "hidden" for name in filter(is_litter, names))
        maps = maps_in(here) & {here / name for name in names}
        ignored.update([RESULT] * len(maps))
        paths = [here / name for name in sorted(names) if not is_litter(name) and here / name not in maps]
        broken = [path for path in paths if not path.exists()]
        paths = [path for path in paths if path not in broken]
        images = [path for path in paths if path.name.lower().endswith(FILES)]
        found[here] = [Candidate(path) for path in images] + [Candidate(path, fault=_lost(path)) for path in broken]
        rest = sorted(set(paths) - set(images))
        slices = {path for path in rest if not path.name.lower().endswith(NO_IMAGE) and _may_be_dicom(path)}
        if slices:
            try:
                damaged: dict[Path, SmartError] = {}
                series[here] = list_series(here, damaged=damaged)
                found[here] += [Candidate(path, fault=fault, files=(path,)) for path, fault in damaged.items()]
            except (OSError, SmartError) as error:
                fault = _unreadable(error) if isinstance(error, OSError) else error
                found[here].append(Candidate(here, fault=fault, files=tuple(sorted(slices))))
        others.update(path.suffix.lower() or "no extension" for path in rest if path not in slices)
    for candidate in series_candidates(series):
        found[candidate.path if candidate.path in found else folder].append(candidate)
    faults = [Candidate(Path(error.filename), fault=_unreadable(error)) for error in closed]
    return [candidate for group in found.values() for candidate in group] + faults


def _lost(link: Path) -> InputError:
    expected, remedy = "a file", "fetch the data (git annex get, datalad get), or remove the link"
    return InputError("is a link to nothing", where=link, expected=expected, found="none", remedy=remedy)


def _file_count(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def _may_be_dicom(path: Path) -> bool:
    try:
        return is_dicom(path)
    except OSError:
        return True  # reading the series will tell what is wrong


def _unreadable(error: OSError) -> InputError:
    expected = "a readable folder"
    return InputError(
        "cannot be read", where=error.filename, found=error.strerror, remedy="check its permissions", expected=expected
    )


def _pseudonymous(candidate: Candidate, salt: str, pattern: re.Pattern[str], folder: Path | None = None) -> Candidate:
    """With the pseudonym of its patient, whom a pattern finds in its path from `folder` on."""
    path = candidate.path.relative_to(folder) if folder else candidate.path
    match = pattern.search(str(path)) if pattern.pattern else None
    known = (match[1] if match.groups() else match[0]) if match else candidate.patient
    return replace(candidate, patient=pseudonym(known or candidate.name, salt))


def _entries(path: Path, key: str) -> Iterator[tuple[Any, Callable[[], str]]]:
    """Entries of a JSON datalist, each with a function that tells its place in the file, for messages."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no JSON ({error})", where=path, remedy="correct the file") from error
    entries = content.get(key) if isinstance(content, dict) else content
    if not isinstance(entries, list):
        found = ", ".join(content) if isinstance(content, dict) else type(content).__name__

        expected, remedy = f"a list, or a list under '{key}'", 'write {"training": [{"image": "path"}]}'
        raise InputError("has no datalist", where=path, expected=expected, found=found, remedy=remedy)
    if not entries:
        raise InputError("lists no scans", where=path, expected="at least one", found="0", remedy="add scans")
    lines = cache(partial(_lines, text, entries))
    for number, entry in enumerate(entries):
        yield entry, partial(_place, path, number, lines)


def _lines(text: str, entries: Sequence[Any]) -> list[int]:
    """The line of each entry; looked for only when one is told, and then once for all."""
    found, line, position, escaped = [], 1, 0, "\\u" in text
    for entry in entries:
        image = entry.get("image") if isinstance(entry, dict) else entry
        at = text.find(json.dumps(image, ensure_ascii=escaped), position)
        line, position = line + text.count("\n", position, max(at, position)), max(at, position)
        found.append(line)
    return found


def _place(path: Path, number: int, lines: Callable[[], list[int]]) -> str:
    return f"{path}, entry {number + 1} (line {lines()[number]})"


def _from_entry(path: Path, entry: Any, place: Callable[[], str]) -> Candidate:
    fields = {"image": entry} if isinstance(entry, str) else entry
    if not isinstance(fields, dict) or not isinstance(fields.get("image"), str):
        fault = InputError(
            "entry has no image", where=place(), expected='{"image": "path"}', found=entry, remedy="correct it"
        )
        return Candidate(path, fault=fault)
    image = existing(path.parent, fields["image"])
    if image is None:
        remedy, found = "correct the path, or remove the entry", fields["image"]
        fault = InputError(
            "image does not exist", where=place(), expected="an existing file", found=found, remedy=remedy
        )
        return Candidate(Path(fields["image"]), fields.get("series"), fields=fields, fault=fault)
    candidate = Candidate(image, fields.get("series"), fields=fields, listed=True)
    patient = fields.get("patient_id")
    if isinstance(patient, float) and patient.is_integer():
        patient = int(patient)  # tables write 7 as 7.0
    if patient is None or patient == "" or patient != patient:
        patient = pseudonym(candidate.name)
    if isinstance(patient, bool) or not isinstance(patient, str | int):
        found, remedy = fields["patient_id"], "write one name or number"
        fault = InputError("patient_id is no name", where=place(), expected="text", found=found, remedy=remedy)
        return replace(candidate, fault=fault)
    return replace(candidate, patient=unicodedata.normalize("NFC", str(patient)))
