"""Synthetic CT of whole trunks: enough anatomy to train, test and show everything without a patient's data."""

from smart_nets.phantom.dataset import make_dataset
from smart_nets.phantom.make import make_phantom, organ_centres
from smart_nets.phantom.model import ORGANS, TASKS, Lesion, Phantom
from smart_nets.phantom.write import write_dicom, write_nifti

__all__ = [
    "ORGANS",
    "TASKS",
    "Lesion",
    "Phantom",
    "make_dataset",
    "make_phantom",
    "organ_centres",
    "write_dicom",
    "write_nifti",
]
