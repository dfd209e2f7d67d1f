"""Who drew what on which scan: masks beside scans, structure sets and segmentations, data sets with several readers."""
