"""Whose request it is, and what of Underpass is theirs."""
