"""Frozen features of cases and what a linear model makes of them."""
