"""Outlines: tumours and organs drawn by an encoder under a U-Net, trained on a few dozen cases."""
