"""The paper's tables in small: which rows, what they cost, how they are run, and which orderings come out again."""
