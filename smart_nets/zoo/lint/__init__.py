"""Whether a bundle is what MONAI and this collection expect."""
