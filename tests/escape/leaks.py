"""Learning what belongs to the host, to another agent or to an earlier run."""

from __future__ import annotations

from tests.escape.attempt import Attempt

ATTEMPTS = (
    Attempt(
        "the host's environment",
        "own",
        'set(os.environ) <= {"HOME", "TMPDIR", "LANG", "USER", "LC_CTYPE", "LD_BIND_NOW"}',
    ),
    Attempt(
        "the environment in C",
        "own",
        """
environment = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
found, at = [], 0
while environment and environment[at]:
    found.append(environment[at])
    at += 1
not any(b"canary" in each or b"SECRET" in each for each in found)
""",
    ),
    Attempt(
        "the environment at the stack's bottom",
        "own",
        """
# The kernel puts arguments and environment at the highest addresses of the stack.
libc.getauxval.restype = ctypes.c_ulong
name = libc.getauxval(31)
text = ctypes.string_at(name - 2048, 2048) + ctypes.string_at(name)
b"canary" not in text and b"SECRET" not in text
""",
    ),
    Attempt(
        "secrets of the host in this process's objects",
        "gc.get_objects",
        """
import gc

gc.unfreeze()
needle = "".join(["canary", "-", "in-the-environment"])
texts = [
    each
    for found in gc.get_objects()
    for each in (list(found.values()) if type(found) is dict else [found])
]
frame = sys._getframe()
while frame:
    texts += frame.f_locals.values()
    frame = frame.f_back
not any(type(text) in (str, bytes) and needle in str(text) for text in texts if text is not needle)
""",
    ),
    Attempt(
        "secrets of the host in this process's memory",
        "heap scan",
        """
# Every page that is mapped near what Python allocated, found without /proc by asking mincore.
needle = b"canary" + b"-in-the-environment"
vector = ctypes.create_string_buffer(1)
places = {(id(each) & ~0xFFFFF) for each in map(object.__new__, [object] * 20_000)} | {
    id(object) & ~0xFFFFF,
    id(sys) & ~0xFFFFF,
}
found = 0
for place in places:
    for page in range(place, place + 0x100000, 4096):
        if raw(27, page, 4096, vector) == 0:
            found += needle in ctypes.string_at(page, 4096)
# The needle itself is in the memory of this program: as a constant it is there in two halves.
found <= 2
""",
    ),
    Attempt(
        "inherited descriptors",
        "own",
        """
found = []
for descriptor in range(1 << 16):
    try:
        os.fstat(descriptor)
        found.append(descriptor)
    except OSError:
        pass
found == [0, 1, 2, 3] and all(os.fstat(n).st_rdev == os.makedev(1, 3) for n in (0, 1, 2))
""",
    ),
    Attempt(
        "what the standard streams are",
        "own",
        """
os.read(0, 10) == b"" and all(os.fstat(n).st_rdev == os.makedev(1, 3) for n in range(3))
""",
    ),
    Attempt(
        "who holds the channel",
        "SO_PEERCRED",
        """
import struct

channel = socket.socket(fileno=3)
try:
    pid, user, group = struct.unpack("3i", channel.getsockopt(1, 17, 12))
except PermissionError:
    pid, user = 0, 1000
channel.detach()
pid == 0 and user in (1000, 65534)
""",
    ),
    Attempt(
        "the previous run's files",
        "own",
        "os.listdir(TMP) == []",
        before='import os; open(os.environ.get("TMPDIR", "/tmp") + "/left", "w").write("x")',
    ),
    Attempt(
        "the previous run's names",
        "own",
        '"leftover" not in globals() and not hasattr(__import__("builtins"), "leftover")',
        before="""
leftover = 1
import builtins

builtins.leftover = 1
""",
    ),
    Attempt(
        "the previous run's modules",
        "own",
        """
import sys

"planted" not in sys.modules and sys.version != "mine"
""",
        before="""
import sys

sys.modules["planted"] = sys
sys.version = "mine"
""",
    ),
    Attempt(
        "the previous run's environment",
        "own",
        '"PLANTED" not in os.environ',
        before="""
import os

os.environ["PLANTED"] = "1"
""",
    ),
    Attempt(
        "the previous run's current folder",
        "own",
        'os.getcwd() == __import__("mcp_runtime").workspace.path()',
        before="""
import os

os.chdir("/tmp")
""",
    ),
    Attempt(
        "the previous run's changes to Python",
        "own",
        """
import json

json.loads("1") == 1
""",
        before="""
import json

json.loads = lambda text: 2
""",
    ),
    Attempt(
        "the previous run's memory",
        "own",
        """
import gc

gc.unfreeze()
needle = "left-" + "behind"
not any(
    type(each) is dict
    and any(v is not needle and v == needle for v in list(each.values()) if type(v) is str)
    for each in gc.get_objects()
)
""",
        before='kept = {"x": "-".join(["left", "behind"])}',
    ),
    Attempt(
        "another agent's secret by its name",
        "own",
        """
not any("secret" in files for _, _, files in os.walk(OTHERS)) and not any(
    "secret" in files for _, _, files in os.walk(BESIDE)
)
""",
    ),
    Attempt(
        "random numbers of other runs",
        "own",
        r"""
import random

open("data/random", "a").write(repr(random.random()) + "\n")
lines = open("data/random").read().split()
len(set(lines)) == len(lines)
""",
        before=r"""
import random

open("data/random", "a").write(repr(random.random()) + "\n")
""",
    ),
    Attempt(
        "identifiers of other runs",
        "own",
        r"""
import uuid

open("data/uuid", "a").write(str(uuid.uuid4()) + "\n")
lines = open("data/uuid").read().split()
len(set(lines)) == len(lines)
""",
        before=r"""
import uuid

open("data/uuid", "a").write(str(uuid.uuid4()) + "\n")
""",
    ),
    Attempt(
        "the host's user", "own", "os.getuid() == 1000 and os.getgid() == 1000 and 0 not in os.getgroups()"
    ),
    Attempt(
        "the host's users by name",
        "own",
        """
import pwd

pwd.getpwall() == []
""",
    ),
    Attempt(
        "the host's processes",
        "own",
        """
os.getpid() == 1 and os.getsid(0) == 1 and os.getpgid(0) == 1 and all(
    denied(lambda: os.getpgid(n)) for n in range(2, 2000)
)
""",
    ),
    Attempt(
        "processes of other sandboxes by their limits",
        "prlimit64",
        """
out = (ctypes.c_ulong * 2)()
all(raw(302, n, 7, 0, ctypes.byref(out)) in (1, 3) for n in range(2, 5_000) if n != os.getpid())
""",
    ),
    Attempt(
        "processes of other sandboxes by their schedule",
        "sched_getaffinity",
        """
all(
    denied(lambda: os.sched_getaffinity(n)) and denied(lambda: os.sched_getscheduler(n))
    for n in range(2, 2000)
)
""",
    ),
    Attempt(
        "processes of other sandboxes by their priority",
        "getpriority",
        "denied(lambda: os.getpriority(0, 2)) and denied(lambda: os.getpriority(1, 2))",
    ),
    Attempt(
        "the host's mounts",
        "own",
        """
denied(lambda: open("/proc/mounts")) and denied(lambda: open("/proc/self/mountinfo")) and denied(
    lambda: open("/etc/mtab")
)
""",
    ),
    Attempt(
        "times of others' files",
        "own",
        """
denied(lambda: os.stat(OTHERS + "/other/data/secret")) and os.listdir(WORKSPACE) != []
""",
    ),
)
