"""Backbones that SMART is compared with, under the same contract."""
