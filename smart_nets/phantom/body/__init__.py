"""The parts of a synthetic patient."""
