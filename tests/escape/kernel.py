"""Reaching parts of the kernel that a program has no need for."""

from __future__ import annotations

from tests.escape.attempt import Attempt

ATTEMPTS = (
    Attempt(
        "namespaces",
        "container escape list",
        """
all(blocked(272, 1 << bit) for bit in (7, 17, 25, 26, 27, 28, 29, 30)) and blocked(272, 0)
""",
    ),
    Attempt("entering namespaces", "setns", "all(blocked(308, n, 0) for n in range(8))"),
    Attempt(
        "mounts",
        "CVE-2022-0185 (fsconfig)",
        """
blocked(165, b"x", b"/tmp", b"tmpfs", 0, 0) and blocked(430, b"ext4", 0) and blocked(
    431, 3, 0, 0, 0, 0
) and blocked(432, 3, 0, 0)
""",
    ),
    Attempt(
        "mounts by descriptors",
        "open_tree and move_mount",
        """
blocked(428, -100, b"/", 1) and blocked(429, -100, b"/", -100, b"/tmp", 0) and blocked(
    433, -100, b"/", 0
)
""",
    ),
    Attempt(
        "attributes of mounts",
        "CVE-2023-0386-like overlays",
        'blocked(442, -100, b"/", 0x8000, ctypes.create_string_buffer(32), 32)',
    ),
    Attempt(
        "taking mounts away",
        "own",
        'blocked(166, b"/workspaces", 2) and blocked(166, b"/agent/workspace", 2)',
    ),
    Attempt("lists of mounts", "statmount", "blocked(457, 0, 0, 0, 0) and blocked(458, 0, 0, 0, 0)"),
    Attempt("roots", "chroot escape classic", 'blocked(155, b".", b".") and blocked(161, b".")'),
    Attempt(
        "keys",
        "CVE-2016-0728",
        """
blocked(250, 0, 0) and blocked(248, b"user", b"a", b"b", 1, -3) and blocked(249, b"user", b"a", 0, 0)
""",
    ),
    Attempt(
        "programs in the kernel",
        "CVE-2021-3490 (eBPF)",
        "all(blocked(321, n, ctypes.create_string_buffer(128), 128) for n in range(40))",
    ),
    Attempt(
        "performance counters",
        "CVE-2013-2094",
        "blocked(298, ctypes.create_string_buffer(128), 0, -1, -1, 0)",
    ),
    Attempt(
        "rings",
        "CVE-2022-29582 (io_uring)",
        """
blocked(425, 8, ctypes.create_string_buffer(120)) and blocked(426, 3, 0, 0, 0, 0) and blocked(
    427, 3, 0, 0, 0
)
""",
    ),
    Attempt(
        "the older rings",
        "CVE-2012-0044-like aio",
        """
blocked(206, 1, ctypes.create_string_buffer(8)) and blocked(209, 0, 0, 0) and blocked(
    208, 0, 0, 0, 0, 0
)
""",
    ),
    Attempt("faults handled by a program", "userfaultfd heap races", "blocked(323, 0) and blocked(323, 1)"),
    Attempt(
        "modules",
        "container escape list",
        'blocked(175, 0, 0, b"") and blocked(313, 3, b"", 0) and blocked(176, b"x", 0)',
    ),
    Attempt("another kernel", "kexec", "blocked(246, 0, 0, 0, 0) and blocked(320, 3, 3, 0, 0, 0)"),
    Attempt("the machine's end", "own", "blocked(169, 0xFEE1DEAD, 672274793, 0, 0)"),
    Attempt(
        "clocks",
        "own",
        "blocked(227, 0, 0) and blocked(164, 0, 0) and blocked(305, 0, 0) and blocked(159, 0)",
    ),
    Attempt(
        "identities",
        "own",
        """
all(
    denied(f)
    for f in (
        lambda: os.setuid(0),
        lambda: os.setgid(0),
        lambda: os.setgroups([]),
        lambda: os.setresuid(0, 0, 0),
    )
)
""",
    ),
    Attempt(
        "capabilities granted",
        "capset",
        "blocked(126, ctypes.create_string_buffer(8), ctypes.create_string_buffer(24))",
    ),
    Attempt(
        "capabilities held",
        "own",
        """
import struct

header, data = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0)), (ctypes.c_uint32 * 6)()
(blocked(125, header, data) or raw(125, header, data) == 0) and list(data) == [0] * 6
""",
    ),
    Attempt("identities of the file system", "setfsuid", "blocked(122, 0) and blocked(123, 0)"),
    Attempt(
        "personality",
        "READ_IMPLIES_EXEC",
        "blocked(135, 0x400000) and blocked(135, 8) and blocked(135, 0xFFFFFFFF)",
    ),
    Attempt(
        "another filter",
        "seccomp",
        "blocked(317, 1, 0, 0) and blocked(157, 22, 2, 0, 0, 0) and blocked(317, 1, 8, 0)",
    ),
    Attempt(
        "properties of the process",
        "prctl sweep",
        """
all(blocked(157, n, 0, 0, 0, 0) for n in (*range(15), *range(17, 80), 0x53564D41, 0x59616D61))
""",
    ),
    Attempt(
        "more memory than is given",
        "setrlimit",
        """
wish = (ctypes.c_ulong * 2)(2**40, 2**40)
blocked(302, 0, 9, ctypes.byref(wish), 0) and blocked(160, 9, ctypes.byref(wish))
""",
    ),
    Attempt(
        "terminals fed with input",
        "TIOCSTI, CVE-2017-5226 (bubblewrap)",
        'blocked(16, 0, 0x5412, b"a") and blocked(16, 0, 0x5412 | 1 << 32, b"a")',
    ),
    Attempt(
        "text pasted into terminals",
        "TIOCLINUX, CVE-2023-28100",
        r"""
blocked(16, 0, 0x541C, b"\x03") and blocked(16, 0, 0x540E, 1)
""",
    ),
    Attempt(
        "controls of devices",
        "ioctl sweep",
        """
all(
    blocked(16, n, command, 0)
    for n in (0, 1, 3)
    for command in (0, 0x1260, 0x4B49, 0x40049409, 0xAE00, 0xC0185879, 0x5000940F)
)
""",
    ),
    Attempt(
        "shared memory",
        "CVE-2017-ipc classics",
        """
blocked(29, 0, 4096, 0o1777) and blocked(30, 0, 0, 0) and blocked(64, 0, 1, 0o1777) and blocked(
    68, 0, 0o1777
)
""",
    ),
    Attempt("message queues", "CVE-2017-11176", 'blocked(240, b"x", 0o102, 0o600, 0) and blocked(244, 3, 0)'),
    Attempt(
        "parts of pages moved between pipes",
        "CVE-2022-0847 (Dirty Pipe)",
        """
reading, writing = os.pipe()
file = os.open(os.__file__, os.O_RDONLY)
blocked(275, file, 0, writing, 0, 1, 0) and blocked(276, reading, writing, 1, 0) and blocked(
    278, writing, 0, 0, 0
)
""",
    ),
    Attempt(
        "a copy on write lost",
        "CVE-2016-5195 (Dirty COW)",
        'denied(lambda: open("/proc/self/mem", "wb")) and blocked(101, 4, 1, 0, 0)',
    ),
    Attempt(
        "segments of code",
        "modify_ldt, CVE-2015-5157",
        "blocked(154, 1, ctypes.create_string_buffer(16), 16) and blocked(205, 0)",
    ),
    Attempt("ports of the machine", "iopl", "blocked(172, 3) and blocked(173, 0, 65535, 1)"),
    Attempt(
        "pages of memory moved",
        "move_pages side channels",
        """
blocked(279, 0, 0, 0, 0, 0, 0) and blocked(256, 0, 0, 0, 0) and blocked(237, 0, 0, 0, 0, 0, 0)
""",
    ),
    Attempt("watching files", "fanotify", "blocked(300, 0, 0) and blocked(253) and blocked(294, 0)"),
    Attempt("the kernel's log", "dmesg leaks", "blocked(103, 3, ctypes.create_string_buffer(64), 64)"),
    Attempt(
        "swap, quotas and accounting",
        "own",
        'blocked(167, b"x", 0) and blocked(179, 0, 0, 0, 0) and blocked(443, 3, 0, 0, 0)',
    ),
    Attempt("names of the machine", "own", 'blocked(170, b"x", 1) and blocked(171, b"x", 1)'),
    Attempt("security modules", "own", "all(blocked(n, 0, 0, 0, 0) for n in (444, 445, 446, 459, 460, 461))"),
    Attempt("a shadow of the stack", "own", "blocked(453, 0, 4096, 0) and blocked(158, 0x1002, 0)"),
    Attempt(
        "handling of poisoned memory",
        "MADV_HWPOISON",
        """
area = ctypes.create_string_buffer(8192)
page = (ctypes.addressof(area) + 4095) & ~4095
raw(28, page, 4096, 100) != 0 and raw(28, page, 4096, 101) != 0
""",
    ),
    Attempt("locked memory", "own", "blocked(149, 0, 4096) and blocked(151, 1) and blocked(325, 0, 4096, 0)"),
    Attempt(
        "calls of the future",
        "own",
        "all(blocked(n, 0, 0, 0, 0, 0, 0) for n in range(454, 512) if n not in (0,))",
    ),
    Attempt(
        "numbers above 32 bits", "seccomp's 64-bit numbers", 'raw(59 | 1 << 32, b"/bin/sh", 0, 0) in (1, 38)'
    ),
    Attempt(
        "calls that no filter sees",
        "own: seccomp lets uretprobe and uprobe pass",
        "raw(335, 0, 0, 0, 0, 0, 0)",
        ends=("SandboxCrashed",),
    ),
)
