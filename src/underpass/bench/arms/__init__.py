"""The arms of the comparison: each carries out a task in its own way, and counts what a model reads of it."""
