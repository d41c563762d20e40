"""Making processes, and reaching those of others."""

from __future__ import annotations

from tests.escape.attempt import Attempt

ATTEMPTS = (
    Attempt("fork", "pyjail classic", "denied(os.fork) and denied(os.forkpty)"),
    Attempt("a raw fork", "own", "blocked(57) and blocked(58)"),
    Attempt("a clone that is no thread", "own", "blocked(56, 17, 0, 0, 0, 0) and blocked(56, 0, 0, 0, 0, 0)"),
    Attempt(
        "a clone that shares memory",
        "vfork by clone",
        "blocked(56, 0x4111, 0, 0, 0, 0) and blocked(56, 0x100, 0, 0, 0, 0)",
    ),
    Attempt(
        "a thread with namespaces",
        "clone flag sweep",
        """
all(blocked(56, 0x10F00 | 1 << bit, 0, 0, 0, 0) for bit in (7, 17, 25, 26, 27, 28, 29, 30))
""",
    ),
    Attempt(
        "a thread without shared memory",
        "clone flag sweep",
        "raw(56, 0x10000, 0, 0, 0, 0) == 22 and raw(56, 0x10800, 0, 0, 0, 0) == 22",
    ),
    Attempt(
        "clone3",
        "seccomp blindness for pointers",
        "raw(435, ctypes.create_string_buffer(88), 88) == 38 and raw(435, 0, 0) == 38",
    ),
    Attempt("being process 1 of few", "own", "os.getpid() == 1 and os.getppid() == 0"),
    Attempt("signals to all", "own", "denied(lambda: os.kill(-1, 9)) and denied(lambda: os.kill(0, 9))"),
    Attempt(
        "signals to the parent",
        "own",
        "denied(lambda: os.kill(os.getppid(), 9)) and denied(lambda: os.kill(2, 9))",
    ),
    Attempt(
        "signals to every number",
        "own",
        "all(blocked(62, n, 0) for n in (*range(2, 3000), 32767, 2**31 - 1, 2**32 + 2))",
    ),
    Attempt(
        "signals to groups",
        "own",
        "denied(lambda: os.killpg(1, 9)) and all(blocked(62, -n, 9) for n in range(1, 300))",
    ),
    Attempt(
        "signals to threads",
        "own",
        """
blocked(200, 1, 9) and blocked(234, 2, 2, 9) and blocked(297, 1, 1, 9, 0) and blocked(129, 2, 9, 0)
""",
    ),
    Attempt("signals by descriptors", "pidfd", "blocked(434, 1, 0) and blocked(424, 3, 9, 0, 0)"),
    Attempt(
        "signals by input",
        "F_SETOWN",
        """
import fcntl

# The kernel takes any number here, and resolves it in the sandbox's own namespace.
pair = socket.socketpair()
found = [n for n in (2, 3, 100, -2, -100) if not denied(lambda: fcntl.fcntl(pair[0], 8, n))]
found == []
""",
    ),
    Attempt(
        "a deadly signal by input, to the parent",
        "F_SETOWN with F_SETSIG",
        """
import fcntl

one, other = socket.socketpair()
denied(lambda: fcntl.fcntl(one, 10, 9))
owned = not denied(lambda: fcntl.fcntl(one, 8, os.getppid()))
denied(lambda: fcntl.fcntl(one, 4, os.O_ASYNC | os.O_NONBLOCK))
other.send(b"x")
not owned or os.getppid() == 0
""",
    ),
    Attempt("descriptors of others", "pidfd_getfd", "blocked(438, 3, 0, 0)"),
    Attempt("tracing itself", "ptrace", "blocked(101, 0, 0, 0, 0)"),
    Attempt(
        "tracing others",
        "ptrace",
        "all(blocked(101, 16, n, 0, 0) and blocked(101, 0x4206, n, 0, 0) for n in range(1, 50))",
    ),
    Attempt(
        "others' memory",
        "process_vm_readv",
        "blocked(310, 1, 0, 0, 0, 0, 0) and blocked(311, 1, 0, 0, 0, 0, 0)",
    ),
    Attempt(
        "advice on others' memory", "process_madvise", "blocked(440, 3, 0, 0, 0, 0) and blocked(448, 3, 0)"
    ),
    Attempt("comparing with others", "kcmp", "blocked(312, 1, 2, 0, 0, 0)"),
    Attempt(
        "others' limits",
        "prlimit64",
        """
wish = (ctypes.c_ulong * 2)(1, 1)
blocked(302, 2, 7, ctypes.byref(wish), 0) and raw(302, 2, 7, 0, ctypes.byref(wish)) in (1, 3)
""",
    ),
    Attempt(
        "others' lists of locks",
        "get_robust_list",
        """
out = (ctypes.c_ulong * 2)()
all(raw(274, n, out, ctypes.byref(out, 8)) in (1, 3) for n in range(2, 300))
""",
    ),
    Attempt("others' groups", "own", "denied(lambda: os.setpgid(0, 0)) and denied(lambda: os.setsid())"),
    Attempt(
        "others' priorities",
        "own",
        "denied(lambda: os.setpriority(0, 0, -20)) and denied(lambda: os.nice(-5))",
    ),
    Attempt(
        "others' schedules",
        "own",
        """
blocked(144, 0, 1, ctypes.create_string_buffer(4)) and blocked(
    203, 0, 8, ctypes.create_string_buffer(8)
) and blocked(314, 0, 0, 0)
""",
    ),
    Attempt(
        "a life beyond the host's",
        "PR_SET_PDEATHSIG",
        "blocked(157, 1, 0, 0, 0, 0) and blocked(157, 36, 1, 0, 0, 0)",
    ),
    Attempt("a core dump", "CVE-2022-47522-like dumpable tricks", "blocked(157, 4, 1, 0, 0, 0)"),
    Attempt(
        "killing itself as process 1",
        "own",
        """
[denied(lambda: os.kill(1, n)) for n in (9, 15)] != []
""",
    ),
    Attempt("waiting for others", "own", "denied(lambda: os.waitpid(-1, 0)) and denied(lambda: os.wait())"),
    Attempt("accounting of others", "own", "blocked(163, 0)"),
)
