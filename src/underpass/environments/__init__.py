"""Packages for programs: pinned in a lock, built once, and mounted read-only into sandboxes.

``declared`` reads the settings, ``lock`` the pins, ``pip`` and ``build`` make a folder of packages
from them, and ``store`` knows where those folders are.
"""

from __future__ import annotations

from underpass.environments.store import find

__all__ = ["find"]
