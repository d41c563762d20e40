"""Which system calls a Deno process may make, and why.

A table of its own, because Deno is another program: it has no need of most of what Python's standard
library reaches, and has to be executed after the filter is in force. What is not in it fails with
EPERM. The numbers are those of ``seccomp_table``.
"""

from __future__ import annotations

import errno
from typing import Final

from underpass.sandbox.kernel import seccomp_table
from underpass.sandbox.kernel.seccomp_table import ArgumentIs, MaskedArgumentIs, Rule

_SET_FS: Final = 0x1002
_LOW_HALF: Final = 0xFFFFFFFF

SHARED: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (
        "files: Landlock and the mounts decide which",
        (
            "read", "write", "readv", "writev", "pread64", "pwrite64", "lseek", "close", "close_range",
            "open", "openat", "ftruncate", "truncate", "fsync", "fdatasync", "copy_file_range",
            "sendfile", "flock",
        ),
    ),
    (
        "names and metadata of files",
        (
            "stat", "fstat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "statfs",
            "fstatfs", "getdents64", "getcwd", "chdir", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat",
            "rename", "renameat", "renameat2", "readlink", "readlinkat", "utimensat", "umask", "chmod",
            "fchmod", "fchmodat",
        ),
    ),
    (
        "the event loop: waiting for descriptors, and a pair of sockets by which signals wake it",
        (
            "poll", "ppoll", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2", "fcntl",
            "ioctl", "dup", "pipe2", "socketpair", "recvfrom", "sendto", "shutdown",
        ),
    ),
    (
        "memory; PR_SET_MDWE, set before, refuses what is writable and executable",
        ("mmap", "munmap", "mprotect", "mremap", "madvise", "brk"),
    ),
    (
        "threads of V8 and of the event loop, and nothing that is a process or a namespace",
        (
            "clone", "clone3", "futex", "set_robust_list", "rseq", "set_tid_address", "gettid",
            "sched_yield", "sched_getaffinity", "sched_getscheduler", "sched_getparam", "membarrier",
            "exit", "exit_group", "restart_syscall", "prctl",
        ),
    ),
    (
        "handlers of its own signals, which the runtime sets at its start; it can send none",
        ("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack"),
    ),
    (
        "time",
        ("clock_gettime", "clock_getres", "gettimeofday", "nanosleep", "clock_nanosleep"),
    ),
    (
        "facts about itself and the machine",
        (
            "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getrusage", "getrlimit",
            "prlimit64", "uname", "sysinfo", "getcpu", "getrandom",
        ),
    ),
    ("waiting for children: there are none, and the right errno says so", ("wait4",)),
)  # fmt: skip
"""Calls that Python's sandbox may make as well, under the same conditions."""


_NO_KEYS: Final = (
    "protection keys: V8 goes on without them when told that there are none",
    (Rule("pkey_alloc", 330, 289, error=errno.ENOSYS),),
)


def own(path: int) -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    """Return the calls that only Deno may make. ``path`` is the address of the path to execute."""
    return (
        (
            # The filter is there before Deno is, so one execution has to pass. The address stands for the
            # path; what another address leads to is not looked at. Whoever can make system calls of his
            # own later can put any path there: the mounts and Landlock then let him execute Deno, again
            # behind this filter, and nothing else.
            "becoming Deno, by the path that stood there when the filter was made",
            (Rule("execve", 59, 221, only_if=MaskedArgumentIs(0, _LOW_HALF, path & _LOW_HALF)),),
        ),
        (
            "the loader sets the base of the main thread's own memory",
            (Rule("arch_prctl", 158, None, only_if=ArgumentIs(0, (_SET_FS,))),),
        ),
        _NO_KEYS,
    )


def rules(machine: str, path: int) -> dict[int, Rule]:
    """Return the table for one machine (``x86_64`` or ``aarch64``), by system call number."""
    return _rules(machine, own(path))


def forked(machine: str) -> dict[int, Rule]:
    """Return the table for a process that is Deno when it is forked: it executes nothing."""
    return _rules(machine, (_NO_KEYS,))


def _rules(machine: str, own: tuple[tuple[str, tuple[Rule, ...]], ...]) -> dict[int, Rule]:
    shared = {name for _, names in SHARED for name in names}
    numbered = {number: rule for number, rule in seccomp_table.rules(machine).items() if rule.name in shared}
    for _, group in own:
        for rule in group:
            number: int | None = getattr(rule, machine)
            if number is not None:
                numbered[number] = rule
    return numbered
