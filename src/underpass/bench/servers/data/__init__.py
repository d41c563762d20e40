"""What the servers serve: made up from fixed seeds, the same on every machine."""
