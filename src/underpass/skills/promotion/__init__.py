"""From programs that worked to skills: what recurs, what varied, and what is kept."""
