"""Keeps personal data from code, and so from the model: tokens stand for it."""
