"""What may stand in a bundle: every list is of what may pass, never of what must not."""
