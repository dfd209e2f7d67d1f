"""Encoders beside each other: organs, lesions and attention in one table, with paired intervals over patients."""
