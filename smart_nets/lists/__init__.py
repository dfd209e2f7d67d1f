"""Which scans: found, checked, cached, split."""
