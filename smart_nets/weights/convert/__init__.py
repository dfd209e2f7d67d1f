"""Weights into other people's networks and files, and theirs into ours; each way proved by equal outputs."""
