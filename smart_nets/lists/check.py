"""Check every scan of a data source: each is used, or refused with a reason; given = used + refused, always."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from smart_nets.errors import ConfigError, InputError
from smart_nets.files import open_to_append, write_text
from smart_nets.lists.check_scan import LUNG_ONLY, VERSION, Rules, check_scan
from smart_nets.lists.engines.dask_cluster import on_dask
from smart_nets.lists.engines.processes import in_processes
from smart_nets.lists.find import Candidate, find
from smart_nets.lists.pseudonym import fingerprint
from smart_nets.lists.store import file_identity
from smart_nets.settings import FROM_1

ALL_USED, SOME_REFUSED = 0, 3  # exit codes
SAME_TWICE, LABEL_MAP = "same scan twice", "label map"
LEFT_OUT = (SAME_TWICE, LUNG_ONLY)  # with nothing wrong
MANIFEST, REJECTED, PROGRESS = "manifest.json", "rejected.json", "checked.jsonl"


@dataclass(frozen=True)
class Checked:
    """The result of `check_data`: what is used, what is refused with its reasons, and what lay beside the scans.

    `companions` are images and series that are no scans but belong to some (label maps, structure sets, reports);
    `others` counts files that are no images, `ignored` those that systems leave (hidden, __MACOSX, DICOMDIR);
    `files` counts the files of each of these, so that every file of a folder is accounted for.
    """

    used: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    companions: list[dict[str, Any]]
    others: Counter[str]
    ignored: Counter[str]
    files: dict[str, int]
    manifest: Path

    @property
    def given(self) -> int:
        """How many images and series there were: scans and their companions."""
        return len(self.used) + len(self.rejected) + len(self.companions)

    @property
    def exit_code(self) -> int:
        """0 when nothing is wrong with any scan (copies, and pieces of lung alone, are left out all the same), else 3."""
        return SOME_REFUSED if any(case["fault"] not in LEFT_OUT for case in self.rejected) else ALL_USED


def check_data(
    source: str | Path,
    output_dir: str | Path,
    rules: Rules | None = None,
    *,
    key: str = "training",
    salt: str = "",
    patient_pattern: str = "",
    workers: int | None = None,
    strict: bool = False,
    scheduler: str = "",
) -> Checked:
    """Read every voxel of every scan; write `manifest.json`, a MONAI datalist, and `rejected.json` with the reasons.

    It may be stopped and started again: scans that were checked before and did not change are not read again.

    Args:
        source: folder, image file, or JSON datalist.
        output_dir: where to write; made if missing.
        rules: what a scan must fulfil.
        key: the list to take from a JSON file.
        salt: secret that goes into the pseudonyms of patients; the same salt gives the same pseudonyms.
        patient_pattern: regular expression that finds the patient in a path, for files that do not tell it.
        workers: processes, by default one per core.
        strict: stop at the first scan that is refused.
        scheduler: address of a dask scheduler, whose workers check in place of this machine, see `on_dask`; the files written
            are the same.

    Raises:
        InputError: the source does not exist or is empty, the output cannot be written, or (strict) a scan is refused.
        ConfigError: a setting makes no sense, or the scheduler or its workers cannot be used.
    """
    rules = rules or Rules()
    if scheduler and workers is not None:
        what, remedy = "are given both", "leave out --workers: dask worker says how many there are"
        raise ConfigError(what, where="workers, scheduler", expected="one of them", remedy=remedy)
    if workers is not None:
        FROM_1.check("workers", workers)
    others, ignored = Counter[str](), Counter[str]()
    candidates = find(Path(source).expanduser(), key, salt, patient_pattern, others, ignored)
    scans = [candidate for candidate in candidates if not candidate.companion]
    folder = Path(output_dir).expanduser()
    with _journal(folder, rules) as (known, journal):
        keys = [*map(_key, scans)]  # which reads the disk
        todo = [(key, scan) for key, scan in zip(keys, scans, strict=True) if key not in known]
        for position, result in _checked([scan for _, scan in todo], rules, workers, scheduler):
            key, candidate = todo[position]
            known[key] = result
            journal.write(json.dumps([key, result]) + "\n")
            if strict and "reason" in result:
                raise InputError(
                    f"refused: {result['reason']}", where=candidate.name, remedy="mend it, or leave out strict"
                )
        results = [(scan, {**scan.item(), **known[key]}) for key, scan in zip(keys, scans, strict=True)]
    return _written(source, folder, rules, salt, candidates, results, (others, ignored))


def _written(
    source: str | Path,
    folder: Path,
    rules: Rules,
    salt: str,
    candidates: Sequence[Candidate],
    results: Sequence[tuple[Candidate, dict[str, Any]]],
    counts: tuple[Counter[str], Counter[str]],
) -> Checked:
    """Write the manifest and what was refused."""
    masks = _masks(results)
    used, rejected = _without_doubles([result for candidate, result in results if candidate.name not in masks])
    companions = [
        {"image": one.item()["image"], "series": one.series, "kind": one.companion or LABEL_MAP}
        for one in candidates
        if one.companion or one.name in masks
    ]
    files = _files(candidates, masks) | {"other": counts[0].total(), "ignored": counts[1].total()}
    given = {"given": len(candidates), "used": len(used), "rejected": len(rejected), "companions": len(companions)}
    about = {
        **given,
        "companion_kinds": dict(Counter(one["kind"] for one in companions)),
        "other_files": dict(counts[0]),
        "ignored_files": dict(counts[1]),
        "files": files,
        "source": str(source),
        "rules": asdict(rules),
        "patients_hashed_with": fingerprint(salt),
    }
    _write(folder / MANIFEST, {"name": "checked scans", "modality": {"0": "CT"}, "checked": about, "training": used})
    _write(folder / REJECTED, {**given, "cases": rejected, "companions": companions})
    return Checked(used, rejected, companions, *counts, files, folder / MANIFEST)


def _masks(results: Sequence[tuple[Candidate, dict[str, Any]]]) -> set[str]:
    """Names of label maps that were found in a folder of scans: companions, unless they were given as scans."""
    masks = {one.name for one, result in results if result.get("fault", "").startswith(LABEL_MAP) and not one.listed}
    return masks if len(masks) < len(results) else set()


def _files(candidates: Sequence[Candidate], masks: set[str]) -> dict[str, int]:
    companions = [one for one in candidates if one.companion or one.name in masks]
    counts = [sum(len(one.files) or 1 for one in group) for group in (candidates, companions)]
    return {"of scans": counts[0] - counts[1], "of companions": counts[1]}


def _key(candidate: Candidate) -> str:
    """Changes whenever the scan must be read again."""
    if candidate.fault is not None:
        return f"{candidate.name}\n{candidate.fault}"
    return f"{candidate.name}\n{file_identity(candidate.path)}"


def _checked(
    todo: Sequence[Candidate], rules: Rules, workers: int | None, scheduler: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(position, result) of each of `todo`, in any order, with a progress bar on a terminal."""
    check = partial(check_scan, rules=rules)
    found = on_dask(scheduler, check, todo, [_common(todo)]) if scheduler else in_processes(check, todo, workers)
    yield from tqdm(found, total=len(todo), unit="scan", desc="checking", disable=None)


def _common(todo: Sequence[Candidate]) -> Path:
    """A path that whoever checks these must see: that of the first that is there."""
    return next((one.path for one in todo if one.path.exists()), Path("/"))


@contextmanager
def _journal(folder: Path, rules: Rules) -> Iterator[tuple[dict[str, dict[str, Any]], TextIO]]:
    """Results of an earlier run under the same rules, and the file to which new ones are appended."""
    path = folder / PROGRESS
    head = json.dumps({"version": VERSION, "rules": asdict(rules)})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
        known = dict(_results(lines[1:])) if lines[:1] == [head] else {}
        # written anew: the last line of a run that was killed may be half
        write_text(path, "".join(line + "\n" for line in [head, *map(json.dumps, known.items())]))
        with open_to_append(path) as file:
            yield known, file
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=folder, remedy="give another folder") from error


def _results(lines: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for line in lines:
        try:
            key, result = json.loads(line)
        except ValueError:  # the half line of a killed run
            continue
        yield key, result


def _without_doubles(results: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Used and rejected; of scans with the same voxels the first is used."""
    used, rejected = [], []
    seen: dict[str, str] = {}
    for result in results:
        if "reason" in result:
            rejected.append(result)
        elif result["voxels_sha256"] in seen:
            twin = seen[result["voxels_sha256"]]
            what, remedy = f"holds the same voxels as {twin}", "keep one of them"
            fault = InputError(what, where=result["image"], expected="each scan once", found="a copy", remedy=remedy)
            rejected.append({**result, "kind": "InputError", "fault": SAME_TWICE, "reason": str(fault)})
        else:
            seen[result["voxels_sha256"]] = result["image"]
            used.append(result)
    return used, rejected


def _write(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False))
