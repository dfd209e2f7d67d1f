"""The eight collections that SMART was pretrained on (section 4.1), joined into one datalist with tags, and counted."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smart_nets.errors import InputError
from smart_nets.files import is_litter, write_json
from smart_nets.lists.check import MANIFEST, check_data
from smart_nets.lists.check_scan import Rules
from smart_nets.lists.pseudonym import fingerprint
from smart_nets.lists.splits import shared_identifiers
from smart_nets.scans.read import FILES

log = logging.getLogger(__name__)
LUNG, OTHER = "lung", "other"
DATALIST = "pretraining.json"


@dataclass(frozen=True)
class Collection:
    """Scans of one source: how many the paper took, how the paper groups them, and where they are had."""

    scans: int
    tag: str
    where: str


COLLECTIONS = {
    "MSKCC-Lung": Collection(5124, LUNG, "not public (Memorial Sloan Kettering Cancer Center)"),
    "MSKCC-HeadNeck": Collection(2632, OTHER, "not public (Memorial Sloan Kettering Cancer Center)"),
    "MELA": Collection(880, LUNG, "mela.grand-challenge.org"),
    # abdominal, yet only with it do the paper's lung scans add up to 7,289 (section 4.6)
    "AMOS22": Collection(360, LUNG, "amos22.grand-challenge.org"),
    "COVID-19": Collection(
        609, LUNG, "Harmon et al., Nat Commun 2020, on the Cancer Imaging Archive: CT Images in COVID-19"
    ),
    "NSCLC-Radiomics": Collection(316, LUNG, "the Cancer Imaging Archive, doi 10.7937/K9/TCIA.2015.PF0M9REI"),
    "TCGA-KIRC": Collection(411, OTHER, "the Cancer Imaging Archive, doi 10.7937/K9/TCIA.2016.V6PBVTDR"),
    "Pancreas-CT": Collection(80, OTHER, "the Cancer Imaging Archive, doi 10.7937/K9/TCIA.2016.tNB1kqBU"),
}


def collect(
    folder: str | Path, output_dir: str | Path, salt: str = "", patient_pattern: str = "", workers: int | None = None
) -> dict[str, Any]:
    """Check each collection below a folder and join them: pretraining.json, a datalist with "collection" and "tag".

    Sub-folders are called as in `COLLECTIONS`; those of other names are taken too, and tagged "other".

    Args:
        salt, patient_pattern, workers: see `check_data`.

    Returns:
        what pretraining.json tells of itself: per collection the scans found, used and published, and what collections share.

    Raises:
        InputError: there is no sub-folder, or no scan in any of them.
    """
    root, target = Path(folder).expanduser(), Path(output_dir)
    inside = [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    names = sorted(name for name in inside if not is_litter(name))
    if not names:
        expected = f"sub-folders such as {', '.join(list(COLLECTIONS)[2:5])}"
        raise InputError("holds no collections", where=root, expected=expected, found="none")
    if root.resolve() in (target.resolve(), *target.resolve().parents):
        remedy = "give a folder outside the data"
        raise InputError(
            "lies among the scans", where=target, expected=f"another place than below {root}", remedy=remedy
        )
    items, told = [], {}
    for name in names:
        known = COLLECTIONS.get({one.lower(): one for one in COLLECTIONS}.get(name.lower(), ""))
        try:
            checked = check_data(
                root / name, target / name, Rules(), salt=salt, patient_pattern=patient_pattern, workers=workers
            )
        except InputError as error:
            log.warning("left out: %s", error)
            told[name] = {"given": 0, "used": 0, "refused": 0, "published": known.scans if known else None,
                          "collection": name, "tag": known.tag if known else OTHER}  # fmt: skip
            continue
        facts = {"collection": name, "tag": known.tag if known else OTHER}
        items += [{**item, **facts} for item in checked.used]
        told[name] = {
            "given": checked.given - len(checked.companions), "used": len(checked.used), "refused": len(checked.rejected),
            "published": known.scans if known else None, **facts,
        }  # fmt: skip
        for line in counts_in_words(name, told[name]):
            log.info(line)
    if not items:
        raise InputError("none of the collections holds a scan that can be used", where=root, found=", ".join(names))
    absent = {name: one.where for name, one in COLLECTIONS.items() if name.lower() not in map(str.lower, names)}
    overlaps = overlap_report({name: [one for one in items if one["collection"] == name] for name in names})
    about = {"collections": told, "absent": absent, "overlaps": overlaps, "patients_hashed_with": fingerprint(salt)}
    write_json(
        target / DATALIST, {"name": "pretraining", "modality": {"0": "CT"}, "collected": about, "training": items}
    )
    return about


def counts_in_words(name: str, told: Mapping[str, Any]) -> Iterator[str]:
    """A line for each collection: how many scans, and how many the paper has."""
    known = told["published"]
    paper = "not one of the paper's" if known is None else f"the paper has {known:,}"
    yield f"{name}: {told['given']:,} scans, {told['used']:,} used, {told['refused']:,} refused; {paper}; tag {told['tag']}"


def overlap_report(parts: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Pairs of lists that share patients, series or scans, with how many of each."""
    names, found = list(parts), []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            common = shared_identifiers(parts[first], parts[second])
            if common:
                counts = {"patients": len(common.patients), "series": len(common.series), "scans": len(common.scans)}
                found.append({"first": first, "second": second, **counts, "examples": common.patients[:5]})
    return found


def listed_parts(path: str | Path) -> dict[str, list[dict[str, Any]]]:
    """The lists of a datalist or manifest, "training", "validation", "test" and others, by path and name.

    Images are paths that begin where the file lies, as in MONAI's datalists.

    Raises:
        InputError: the file is missing, no JSON, has no list, or an entry of a list names no image.
    """
    file = Path(path).expanduser()
    file = file / MANIFEST if file.is_dir() else file
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError("cannot be read", where=file, found=error.strerror, remedy="run check-data first") from error
    except (ValueError, RecursionError) as error:
        raise InputError("is no JSON", where=file, found=error) from error
    lists = content if isinstance(content, dict) else {"training": content}
    found = {name: items for name, items in lists.items() if isinstance(items, list) and _lists_images(items)}
    if not found:
        raise InputError("has no datalist", where=file, expected='{"training": [{"image": "path"}]}', found="none")
    return {f"{path} {name}": [_placed(one, file, name) for one in items] for name, items in found.items()}


def salt_of(path: str | Path) -> str | None:
    """By what the patients of a manifest of `check_data` are hashed; None where the file does not tell."""
    file = Path(path).expanduser()
    content = json.loads((file / MANIFEST if file.is_dir() else file).read_text(encoding="utf-8-sig"))
    about = content.get("checked") or content.get("collected") if isinstance(content, dict) else None
    return str(about["patients_hashed_with"]) if isinstance(about, dict) and "patients_hashed_with" in about else None


def _lists_images(items: list[Any]) -> bool:
    """Whether a list of a file is one of scans: MONAI's files hold lists of label names, too."""
    return any(isinstance(one, dict) and "image" in one for one in items) or any(
        isinstance(one, str) and one.lower().endswith(FILES) for one in items
    )


def _placed(entry: Any, file: Path, name: str) -> dict[str, Any]:
    item = {"image": entry} if isinstance(entry, str) else entry
    if not isinstance(item, dict) or not isinstance(item.get("image"), str):
        where, expected = f"{file}, {name}", '{"image": "path"}'
        raise InputError("entry names no image", where=where, expected=expected, found=entry, remedy="correct it")
    return {**item, "image": str((file.parent / item["image"]).resolve())}
