"""Swin's windows: where tokens lie in them, the way from block to block, attention, the blocks, and all cores at work."""
