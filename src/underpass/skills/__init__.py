"""The library of reusable functions: what worked once, for everyone."""
