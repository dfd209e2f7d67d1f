"""Pretraining: read `co_distillation` first."""
