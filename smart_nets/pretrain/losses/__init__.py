"""The losses of the step, one a file."""
