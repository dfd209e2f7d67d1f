"""Which columns beside the known ones a table of lesions may have.

A column whose name nobody knows may be the place of the lesions under another name, and the crops would be cut elsewhere. So
what may pass are numbers and words whose names do not look like anything that a list tells in a column of its own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence

from smart_nets.errors import InputError
from smart_nets.lists.tables.table import Row, simplified

LOOKS = {  # each part of a name is compared: coordX is coord and x
    "x, y, z": r"[cpvw]?[xyz]{1,3}|[xyz](c|mm|vox|px|pos|min|max|loc)|(c|pos|loc|min|max|mean)[xyz]"
    r"|.*(coord|koord|cent(er|re|ro)|zentr|bbox|posit|voxel).*|pos|loc|location|box|origin|point|world|ras|lps|lai|pixel"
    r"|rows?|cols?|columns?|latitude|longitude|lat|lon|seed",
    "mask": r".*(mask|segm|contour|annot|rtstr).*|seg|segs|rois?|voi|vois|gtv|stl",
    "label": r".*(label|klass|class|benign|malignant).*|target|truth|gt|outcome|diagnosis|y",
    "patient_id": r".*(patient|subject|participant).*|persons?|pid|mrn|case|name|surname|pat",
    "image": r"images?|img|scans?|file|files|filename|filepath|path|folder|dicom|nifti|url",
    "series": r".*(series|studyinst|uid).*",
    "diameter_mm": r"diam.*|durchmesser",
    "split": r"split|folds?|subset|partition|parts?",
}
WHOLE = re.compile(r"[ijk]|slices?(no|nr|number|index|idx|id)?")  # places, unless it is slice_thickness or vitamin_k
PATTERNS = {meant: re.compile(pattern) for meant, pattern in LOOKS.items()}
LESION = {"lesion", "lesions", "nodule", "nodules", "tumour", "tumor", "finding"}
LESION |= {"id", "nr", "no", "number", "index", "name"}
INSIDE = {"row", "sizemm", "size", "centremm", "scangrid", "sha256", "voxelssha256"}  # what later steps call things
CLOSE = 0.8  # share of a name that is a slip of the pen away from a known one
WORDS = re.compile(r"[\w .,:;+*%()<>=&'°²³-]{1,60}")
ENDINGS = re.compile(r"\.(nii|gz|dcm|nrrd|nhdr|mha|mhd|csv|json|png|npy|npz|stl|raw)$", re.IGNORECASE)


def covariate_columns(rows: Sequence[Row], known: Collection[str]) -> list[str]:
    """The names of all columns that are not `known`; each holds numbers or words and looks like nothing else.

    Raises:
        InputError: a name looks like a place, a mask, a label, a patient or another known column, or a cell is neither
            number nor word.
    """
    names = [name for name in rows[0].cells if name not in known]
    for name in names:
        meant = _meant(name, known)
        if meant:
            where, found = f"{rows[0].path}, column {name}", ", ".join(rows[0].cells)[:200]
            what, remedy = (
                f"name is not known, did you mean {meant}?",
                "rename it if so, else call it otherwise or remove it",
            )
            raise InputError(what, where=where, expected=", ".join(known), found=found, remedy=remedy)
    for row in rows:
        for name in names:
            value = row.covariate(name)
            if isinstance(value, str) and not _is_words(value):
                remedy = "remove the column"
                raise row.error(name, "cell is neither a number nor words", "such as 63 or never smoked", remedy)
    return names


def _meant(name: str, known: Collection[str]) -> str:
    """What a name that is not known looks like, or nothing."""
    plain = simplified(name)
    same = next((other for other in known if simplified(other) == plain), "")
    if same or plain in INSIDE:
        return same or "something that is told in a column of its own"
    parts = [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+\w*", name)]
    if not parts:
        return "a column with a name of letters"
    if {"lesion", "nodule"} & {*parts} and {*parts} <= LESION:
        return "lesion"
    if WHOLE.fullmatch(plain):
        return "x, y, z"
    found = next((meant for meant, look in PATTERNS.items() if any(map(look.fullmatch, [*parts, plain]))), "")
    close = difflib.get_close_matches(plain, [one for one in map(simplified, known) if len(one) > 2], 1, CLOSE)
    return found or (close[0] if close else "")


def _is_words(text: str) -> bool:
    return bool(WORDS.fullmatch(text) and re.search(r"[^\W\d_]", text) and not ENDINGS.search(text))
