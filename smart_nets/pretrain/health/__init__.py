"""Does the method do what it says? Rules, verdicts, and the watch over a run."""
