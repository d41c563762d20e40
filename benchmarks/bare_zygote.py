"""The same zygote without isolation: what it forks writes one frame and exits.

It takes the place of ``underpass.sandbox.python_zygote`` in the same host, so that the difference between
the two is the isolation and the program, and nothing else. Run as a script, by ``throughput.py``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from underpass.sandbox import child, python_zygote, zygote
from underpass.sandbox.kernel import seccomp, seccomp_table, syscalls

sys.path.pop(0)

_BODY = b'{"op":"done","value":2}'
_FRAME = len(_BODY).to_bytes(4, "little") + _BODY


class BareChild(child.Child):
    """Ends as soon as it has said one word."""

    def live(self) -> NoReturn:
        """Write the frame, and exit."""
        os.write(zygote.CHANNEL, _FRAME)
        os._exit(0)


class BareZygote(python_zygote.PythonZygote):
    """Stays where it is, and forks without namespaces."""

    def enter(self) -> None:
        """Make ready whatever is the same for every child."""
        program = seccomp.assemble(seccomp_table.rules(syscalls.MACHINE), syscalls.MACHINE)
        self._fork_into(BareChild(self._settings, seccomp.Filter(program)))
        self._clone = syscalls.Cloner(0)


if __name__ == "__main__":
    zygote.run(BareZygote, int(sys.argv[1]))
