"""One attempt to get out of a sandbox, or to take more than is given."""

from __future__ import annotations

from dataclasses import dataclass

from underpass.execution.result import RunResult


@dataclass(frozen=True, slots=True)
class Attempt:
    """A small program, and how it must end."""

    name: str
    """What it tries."""
    origin: str
    """Where the idea comes from."""
    code: str
    """Its value is ``True`` when the attempt came to nothing; see ``PRELUDE`` for what it may use."""
    ends: tuple[str, ...] = ()
    """The types of error of which one must end it; without any, it must end with the value ``True``."""
    says: str = ""
    """What the error must say."""
    before: str = ""
    """A program that the same agent runs first."""
    timeout: float = 10.0

    def verdict(self, result: RunResult) -> str:
        """Say what is wrong with how it ended; nothing when nothing came of it."""
        if self.ends:
            if (error := result.error) is None:
                return f"it ended without an error, with {result.value!r:.200}"
            said = f"{error.message} {error.hint} {error.data}"
            if error.type in self.ends and self.says in said:
                return ""
            return f"it ended with {error.type}: {said:.300}"
        if (error := result.error) is not None:
            return f"it failed with {error.type}: {error.message:.300}\n{error.traceback:.900}"
        return "" if result.value is True else f"it came back with {result.value!r:.300}"


PRELUDE = """
import ctypes, os, socket, sys
WORKSPACE = os.getcwd()
TMP = os.environ.get('TMPDIR', '/tmp')
BESIDE = os.path.dirname(WORKSPACE)
OTHERS = '/workspaces' if BESIDE == '/agent' else BESIDE
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

def raw(number, *arguments):
    # The error number of a system call made directly, 0 where it went well.
    ctypes.set_errno(0)
    long = [ctypes.c_long(each) if type(each) is int else each for each in arguments]
    return ctypes.get_errno() if libc.syscall(ctypes.c_long(number), *long) == -1 else 0

def blocked(number, *arguments):
    # Whether the filter denies it: EPERM, or ENOSYS where a library then falls back.
    return raw(number, *arguments) in (1, 38)

def denied(attempt):
    try:
        attempt()
    except OSError:
        return True
    return False

def still_closed():
    # Whether the walls that the kernel keeps are where they were.
    closed = denied(lambda: open('/etc/passwd')) and denied(os.fork) and denied(lambda: socket.socket())
    return closed and blocked(57)

def frame(body):
    # What the guest sends on its channel, descriptor 3.
    body = body.encode() if type(body) is str else body
    return len(body).to_bytes(4, 'little') + body

def say(data):
    os.set_blocking(3, True)
    data = memoryview(data)
    while data:
        data = data[os.write(3, data):]
"""
