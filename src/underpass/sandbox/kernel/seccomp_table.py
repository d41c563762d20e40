"""Which system calls code in the process sandbox may make, and why.

One readable table; everything that is not in it fails with EPERM. Numbers are those of
arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h; ``None`` where the
machine has no such call.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """One system call.

    Without ``only_if`` and ``error`` it is allowed. ``only_if`` allows it for some values of one
    argument, ``and_if`` of one more; ``error`` denies it with another errno than EPERM, where a
    library then falls back.
    """

    name: str
    x86_64: int | None
    aarch64: int | None
    only_if: ArgumentIs | MaskedArgumentIs | None = None
    error: int | None = None
    and_if: ArgumentIs | None = None


@dataclass(frozen=True, slots=True)
class ArgumentIs:
    """Argument ``index`` (from 0) has one of these 32-bit values."""

    index: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MaskedArgumentIs:
    """Argument ``index``, restricted to the bits of ``mask``, equals ``value``."""

    index: int
    mask: int
    value: int


_CLONE_THREAD: Final = 0x00010000
_CLONE_NAMESPACES: Final = 0x7E020080
"""NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWTIME."""

# Inside its process-id namespace the sandbox is process 1, and there is no other.
_ITSELF: Final = ArgumentIs(0, (1,))


def _allow(reason: str, *calls: tuple[str, int | None, int | None]) -> tuple[str, tuple[Rule, ...]]:
    return reason, tuple(Rule(*call) for call in calls)


GROUPS: Final[tuple[tuple[str, tuple[Rule, ...]], ...]] = (
    _allow(
        "files: Landlock and the mounts decide which",
        ("read", 0, 63), ("write", 1, 64), ("close", 3, 57), ("close_range", 436, 436),
        ("lseek", 8, 62), ("pread64", 17, 67),
        ("pwrite64", 18, 68), ("readv", 19, 65), ("writev", 20, 66), ("preadv", 295, 69),
        ("pwritev", 296, 70), ("preadv2", 327, 286), ("pwritev2", 328, 287), ("sendfile", 40, 71),
        ("copy_file_range", 326, 285), ("truncate", 76, 45), ("ftruncate", 77, 46),
        ("fsync", 74, 82), ("fdatasync", 75, 83), ("flock", 73, 32),
        ("fadvise64", 221, 223), ("sync_file_range", 277, 84),
    ),
    _allow(
        "names and metadata of files",
        ("stat", 4, None), ("fstat", 5, 80), ("lstat", 6, None), ("newfstatat", 262, 79),
        ("statx", 332, 291), ("access", 21, None), ("faccessat", 269, 48), ("faccessat2", 439, 439),
        ("statfs", 137, 43), ("fstatfs", 138, 44), ("getdents64", 217, 61), ("getcwd", 79, 17),
        ("chdir", 80, 49), ("fchdir", 81, 50), ("mkdir", 83, None), ("mkdirat", 258, 34),
        ("rmdir", 84, None), ("unlink", 87, None), ("unlinkat", 263, 35), ("rename", 82, None),
        ("renameat", 264, 38), ("readlink", 89, None),
        ("readlinkat", 267, 78), ("utimensat", 280, 88), ("umask", 95, 166),
    ),
    _allow(
        "descriptors, pipes and waiting on them; asyncio needs them",
        ("dup", 32, 23), ("dup2", 33, None), ("dup3", 292, 24), ("pipe", 22, None), ("pipe2", 293, 59),
        ("fcntl", 72, 25), ("poll", 7, None), ("ppoll", 271, 73), ("select", 23, None),
        ("pselect6", 270, 72), ("epoll_create", 213, None), ("epoll_create1", 291, 20),
        ("epoll_ctl", 233, 21), ("epoll_wait", 232, None), ("epoll_pwait", 281, 22),
        ("epoll_pwait2", 441, 441), ("eventfd", 284, None), ("eventfd2", 290, 19),
        ("timerfd_create", 283, 85), ("timerfd_settime", 286, 86), ("timerfd_gettime", 287, 87),
    ),
    _allow(
        "a connected pair of local sockets, and the channel to the host; no other socket exists",
        ("recvfrom", 45, 207), ("recvmsg", 47, 212),
        ("shutdown", 48, 210), ("getsockname", 51, 204), ("getpeername", 52, 205),
        ("getsockopt", 55, 209),
    ),
    (
        # Not sendmsg: descriptors in flight are counted for all sandboxes of a user together.
        "sending without out-of-band data (flags 0, MSG_DONTWAIT, MSG_NOSIGNAL)",
        (Rule("sendto", 44, 206, only_if=ArgumentIs(3, (0, 0x40, 0x4000, 0x4040))),),
    ),
    (
        "making and changing files, without the bits that run a program as its owner",
        (
            Rule("open", 2, None, only_if=MaskedArgumentIs(2, 0o6000, 0)),
            Rule("openat", 257, 56, only_if=MaskedArgumentIs(3, 0o6000, 0)),
            Rule("creat", 85, None, only_if=MaskedArgumentIs(1, 0o6000, 0)),
            Rule("chmod", 90, None, only_if=MaskedArgumentIs(1, 0o6000, 0)),
            Rule("fchmod", 91, 52, only_if=MaskedArgumentIs(1, 0o6000, 0)),
            Rule("fchmodat", 268, 53, only_if=MaskedArgumentIs(2, 0o6000, 0)),
        ),
    ),
    (
        "renaming, but no whiteouts: those are devices",
        (Rule("renameat2", 316, 276, only_if=MaskedArgumentIs(4, 0xFFFFFFFC, 0)),),
    ),
    (
        "only local socket pairs (AF_UNIX is 1)",
        (Rule("socketpair", 53, 199, only_if=ArgumentIs(0, (1,))),),
    ),
    (
        "asking whether a descriptor is a terminal, how much it holds, and making it non-blocking",
        (Rule("ioctl", 16, 29, only_if=ArgumentIs(1, (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451))),),
    ),
    _allow(
        "memory; PR_SET_MDWE, set before, refuses what is writable and executable",
        ("mmap", 9, 222), ("munmap", 11, 215), ("mprotect", 10, 226), ("mremap", 25, 216),
        ("madvise", 28, 233), ("brk", 12, 214), ("msync", 26, 227), ("mincore", 27, 232),
    ),
    (
        "threads, and nothing that is a process or a namespace",
        (
            Rule(
                "clone", 56, 220,
                only_if=MaskedArgumentIs(0, _CLONE_THREAD | _CLONE_NAMESPACES, _CLONE_THREAD),
            ),
            # The flags of clone3 lie behind a pointer; the C library then falls back to clone.
            Rule("clone3", 435, 435, error=errno.ENOSYS),
        ),
    ),
    _allow(
        "the life of threads",
        ("futex", 202, 98), ("futex_waitv", 449, 449), ("set_robust_list", 273, 99),
        ("get_robust_list", 274, 100), ("rseq", 334, 293), ("set_tid_address", 218, 96),
        ("gettid", 186, 178), ("sched_yield", 24, 124), ("sched_getaffinity", 204, 123),
        ("sched_getscheduler", 145, 120), ("sched_getparam", 143, 121),
        ("sched_get_priority_max", 146, 125), ("sched_get_priority_min", 147, 126),
        ("membarrier", 324, 283), ("exit", 60, 93), ("exit_group", 231, 94),
        ("restart_syscall", 219, 128),
    ),
    _allow(
        "signals to itself",
        ("rt_sigaction", 13, 134), ("rt_sigprocmask", 14, 135), ("rt_sigreturn", 15, 139),
        ("rt_sigpending", 127, 136), ("rt_sigtimedwait", 128, 137), ("rt_sigsuspend", 130, 133),
        ("sigaltstack", 131, 132), ("pause", 34, None), ("alarm", 37, None), ("setitimer", 38, 103),
        ("getitimer", 36, 102), ("signalfd4", 289, 74),
    ),
    (
        "its own process only: 0 and -1 would reach others of the same user",
        (
            Rule("kill", 62, 129, only_if=_ITSELF),
            Rule("tgkill", 234, 131, only_if=_ITSELF),
        ),
    ),
    _allow(
        "time",
        ("clock_gettime", 228, 113), ("clock_getres", 229, 114), ("gettimeofday", 96, 169),
        ("time", 201, None), ("nanosleep", 35, 101), ("clock_nanosleep", 230, 115), ("times", 100, 153),
    ),
    _allow(
        "facts about itself and the machine",
        ("getpid", 39, 172), ("getppid", 110, 173), ("getuid", 102, 174), ("geteuid", 107, 175),
        ("getgid", 104, 176), ("getegid", 108, 177), ("getresuid", 118, 148), ("getresgid", 120, 150),
        ("getgroups", 115, 158), ("getpgrp", 111, None), ("getpgid", 121, 155), ("getsid", 124, 156),
        ("getpriority", 140, 141), ("getrusage", 98, 165), ("getrlimit", 97, 163), ("uname", 63, 160),
        ("sysinfo", 99, 179), ("getcpu", 309, 168), ("capget", 125, 90), ("getrandom", 318, 278),
    ),
    (
        "reading a limit; setting one needs a pointer other than NULL",
        (Rule("prlimit64", 302, 261, only_if=ArgumentIs(2, (0,))),),
    ),
    (
        "naming a thread (PR_SET_NAME is 15, PR_GET_NAME 16)",
        (Rule("prctl", 157, 167, only_if=ArgumentIs(0, (15, 16))),),
    ),
    (
        "waiting for children: there are none, and the right errno says so",
        (
            Rule("wait4", 61, 260, error=errno.ECHILD),
            Rule("waitid", 247, 95, error=errno.ECHILD),
        ),
    ),
    (
        "extended attributes: shutil.copy2 goes on without them when told that there are none",
        tuple(
            Rule(name, x86_64, aarch64, error=errno.ENOTSUP)
            for name, x86_64, aarch64 in (
                ("setxattr", 188, 5), ("lsetxattr", 189, 6), ("fsetxattr", 190, 7), ("getxattr", 191, 8),
                ("lgetxattr", 192, 9), ("fgetxattr", 193, 10), ("listxattr", 194, 11),
                ("llistxattr", 195, 12), ("flistxattr", 196, 13),
            )
        ),
    ),
)  # fmt: skip


_, _UNTIL_LOCKED = _allow(
    "what the zygote does, and a child before it knows its agent: only our own code runs until then",
    ("clone", 56, 220), ("wait4", 61, 260), ("kill", 62, 129), ("sendmsg", 46, 211), ("prctl", 157, 167),
    ("setsid", 112, 157), ("mount", 165, 40), ("setrlimit", 160, 164), ("prlimit64", 302, 261),
    ("capset", 126, 91), ("landlock_restrict_self", 446, 446), ("seccomp", 317, 277),
)  # fmt: skip


def rules(machine: str) -> dict[int, Rule]:
    """Return the table for one machine (``x86_64`` or ``aarch64``), by system call number."""
    return _by_number((rule for _, group in GROUPS for rule in group), machine)


def stages(machine: str) -> tuple[dict[int, Rule], dict[int, Rule]]:
    """Return two tables that together are ``rules``: for the zygote and its children, and for the lock.

    The kernel checks and compiles a filter when it is installed. The first is installed once, and
    children inherit it; what a child installs is a quarter as long. A call must pass both.
    """
    strict = rules(machine)
    reserved = _by_number(_UNTIL_LOCKED, machine)
    allowed = Rule("any other: the first stage decides", None, None)
    last = max(strict.keys() | reserved.keys())
    second = {number: allowed for number in range(last + 1) if number not in reserved}
    return strict | reserved, second | {number: strict[number] for number in reserved if number in strict}


def _by_number(table: Iterable[Rule], machine: str) -> dict[int, Rule]:
    numbered: dict[int, Rule] = {}
    for rule in table:
        number: int | None = getattr(rule, machine)
        if number is not None:
            numbered[number] = rule
    return numbered
