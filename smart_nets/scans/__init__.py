"""One scan: read, placed, resampled, windowed."""
