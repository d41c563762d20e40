"""Where skills are kept: an agent's, the project's and the user's library."""
