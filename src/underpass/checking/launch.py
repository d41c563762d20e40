"""Starts a language server that dies with its host, in bounded memory and without a network.

A script: ``python -I -S launch.py MEMORY_MB HOST_PID COMMAND [ARGUMENTS]``. It runs before the
server does, because these are a process's own to give up.
"""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWNET = 0x4000_0000
_MB = 1_048_576


def main() -> None:
    """Give up what a checker does not need, and become it."""
    memory, host, *command = sys.argv[1:]
    limit = int(memory) * _MB
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        kernel = ctypes.CDLL(None)
        # Where no namespace is to be had, the server still has no reason to use the network.
        kernel.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        kernel.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(host):
            return  # it has gone already
    os.execv(command[0], command)  # noqa: S606 - to become the server is what this is for


if __name__ == "__main__":
    main()
