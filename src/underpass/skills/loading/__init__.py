"""Skills inside programs: what ``skills`` is to the code of one agent."""
