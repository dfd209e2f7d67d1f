"""Contours of a structure set become masks."""
