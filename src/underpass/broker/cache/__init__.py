"""Answers calls that need not be made again: those of tools that only read, for a while."""
