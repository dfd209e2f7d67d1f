"""Which scans have which outlines, and the voxels of both."""
