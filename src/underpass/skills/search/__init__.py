"""Finding skills: by words and by meaning, beside tools, and as a short list."""
