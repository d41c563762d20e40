"""Where code runs: the seam, the pool, and one module for each isolation.

Empty, because the zygote imports this package with the standard library alone.
"""
