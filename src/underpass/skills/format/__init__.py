"""A skill as a folder of the open Agent Skills standard."""
