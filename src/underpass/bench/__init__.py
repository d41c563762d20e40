"""Measures what a task costs in tokens: scripted agents, real servers, every arm side by side."""
