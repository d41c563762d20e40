"""The same zygote without isolation: what it forks writes one frame and exits.

It takes the place of ``underpass.sandbox.zygote`` in the same host, so that the difference between
the two is the isolation and the program, and nothing else. Run as a script, by ``throughput.py``.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from underpass.sandbox import child, zygote
from underpass.sandbox.kernel import seccomp, seccomp_table, syscalls

sys.path.pop(0)

_BODY = b'{"op":"done","value":2}'
_FRAME = len(_BODY).to_bytes(4, "little") + _BODY


class BareChild(child.Child):
    """Ends as soon as it has said one word."""

    def live(self) -> NoReturn:
        """Write the frame, and exit."""
        os.write(child.CHANNEL, _FRAME)
        os._exit(0)


class BareZygote(zygote.Zygote):
    """Stays where it is, and forks without namespaces."""

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        super().__init__(control, settings)
        program = seccomp.assemble(seccomp_table.rules(syscalls.MACHINE), syscalls.MACHINE)
        self._child = BareChild(settings, seccomp.Filter(program))
        self._clone = syscalls.Cloner(0)


def run(control_descriptor: int) -> None:
    """Be the zygote."""
    control = socket.socket(fileno=fcntl.fcntl(control_descriptor, fcntl.F_DUPFD_CLOEXEC, 5))
    os.close(control_descriptor)
    for reserved in (3, 4):
        os.dup2(0, reserved, inheritable=False)
    BareZygote(control, json.loads(control.recv(65_536))).serve()


if __name__ == "__main__":
    run(int(sys.argv[1]))
