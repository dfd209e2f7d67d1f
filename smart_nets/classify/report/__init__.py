"""The report of a classification, and of several side by side."""
