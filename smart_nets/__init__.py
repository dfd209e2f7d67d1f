"""SMART for 3-D CT: networks, losses, training, data and evaluation behind the MONAI bundles of this repository."""

__version__ = "0.1.0"
