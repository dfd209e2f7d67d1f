"""DICOM series, masks and SEG."""
