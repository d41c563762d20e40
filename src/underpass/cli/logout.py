"""`underpass logout`."""

from underpass.cli.login import logout as command

__all__ = ["command"]
