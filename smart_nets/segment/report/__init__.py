"""What a segmentation run shows."""
