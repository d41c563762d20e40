"""What the process sandbox asks of the Linux kernel, through ctypes and nothing else.

Standard library only: these modules are loaded into the zygote, before it gives up its rights.
"""
