"""Names for patients that tell nothing about them."""

from __future__ import annotations

import hashlib
import re
import unicodedata


def pseudonym(patient: str, salt: str = "") -> str:
    """Twelve hexadecimal digits for a patient's identifier.

    Without a salt it only hides the identifier from readers; whoever knows the form of hospital numbers can try them
    all. With a secret salt nobody can, and the same salt gives the same pseudonym in every manifest.
    """
    return hashlib.sha256(f"{salt}\n{patient}".encode()).hexdigest()[:12]


def fingerprint(salt: str) -> str:
    """Tells whether two manifests used the same salt, without telling the salt."""
    return "no salt" if not salt else "salt " + hashlib.sha256(f"fingerprint\n{salt}".encode()).hexdigest()[:8]


def spelling_key(patient: str) -> str:
    """The same text for names that are most likely one patient's: 001, 1 and 1.0; P1 and p1; accents of a Mac and of others."""
    number = re.fullmatch(r"0*(\d+)(?:\.0*)?", patient)
    return number[1] if number else unicodedata.normalize("NFC", patient).casefold()
