"""Names for patients that tell nothing about them."""

from __future__ import annotations

import hashlib


def pseudonym(patient: str, salt: str = "") -> str:
    """Twelve hexadecimal digits for a patient's identifier.

    Without a salt it only hides the identifier from readers; whoever knows the form of hospital numbers can try them
    all. With a secret salt nobody can, and the same salt gives the same pseudonym in every manifest.
    """
    return hashlib.sha256(f"{salt}\n{patient}".encode()).hexdigest()[:12]


def fingerprint(salt: str) -> str:
    """Tells whether two manifests used the same salt, without telling the salt."""
    return "no salt" if not salt else "salt " + hashlib.sha256(f"fingerprint\n{salt}".encode()).hexdigest()[:8]
