"""Taking more than is given. Each must end with an error that says so, and harm nobody else.

They run under small limits (see ``make_attempts.SMALL``), so that each ends at once.
"""

from __future__ import annotations

from tests.escape.attempt import Attempt


def _memory(name: str, origin: str, code: str) -> Attempt:
    return Attempt(name, origin, code, ends=("LimitExceeded",), says="run.memory_mb")


def _output(name: str, origin: str, code: str) -> Attempt:
    return Attempt(name, origin, code, ends=("LimitExceeded",), says="run.output_bytes")


def _endless(name: str, origin: str, code: str) -> Attempt:
    return Attempt(name, origin, code, ends=("Timeout",), timeout=0.4)


ATTEMPTS = (
    _memory(
        "memory in pieces",
        "own",
        """
x = []
while True:
    x.append(bytearray(1 << 20))
""",
    ),
    _memory("memory at once", "own", "bytearray(1 << 40)"),
    _memory("memory in small objects", "own", "x = [[] for _ in range(100_000_000)]"),
    _memory(
        "memory by a mapping",
        "own",
        """
import mmap

x = []
while True:
    try:
        x.append(mmap.mmap(-1, 1 << 24))
    except OSError as error:
        raise MemoryError from error
""",
    ),
    Attempt(
        "memory caught and asked for again",
        "own",
        """
x = []
for _ in range(200):
    try:
        while True:
            x.append(bytearray(1 << 20))
    except MemoryError:
        pass
len(x) < 200
""",
    ),
    _memory(
        "a zip bomb",
        "42.zip",
        """
import zlib

data = zlib.compress(bytes(1 << 20), 9)
packer = zlib.compressobj(9)
bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
zlib.decompress(bomb)
""",
    ),
    Attempt(
        "a billion laughs",
        "XML entity expansion",
        """
from xml.etree import ElementTree

entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
try:
    ElementTree.fromstring(f'<!DOCTYPE x [<!ENTITY a0 "ha">{entities}]><x>&a9;</x>')
    found = False
except (ElementTree.ParseError, MemoryError):
    found = True
found
""",
    ),
    Attempt("a fork bomb", "classic", "all(denied(os.fork) for _ in range(10_000))"),
    Attempt(
        "threads",
        "own",
        """
import threading, _thread

stop = threading.Event()
made = 0
try:
    while made < 20_000:
        _thread.start_new_thread(stop.wait, ())
        made += 1
except (RuntimeError, MemoryError):
    pass
stop.set()
made < 5_000
""",
    ),
    Attempt(
        "threads with small stacks",
        "own",
        """
import threading, _thread

threading.stack_size(32_768)
stop = threading.Event()
made = 0
try:
    while made < 20_000:
        _thread.start_new_thread(stop.wait, ())
        made += 1
except (RuntimeError, MemoryError):
    pass
stop.set()
made < 5_000
""",
    ),
    Attempt(
        "descriptors",
        "own",
        """
import errno

x = []
try:
    while True:
        x.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    found = error.errno == errno.EMFILE
for each in x:
    os.close(each)
found and len(x) < 1024
""",
    ),
    Attempt(
        "pipes full of data",
        "pipe-user-pages",
        """
import fcntl

x = []
try:
    while True:
        reading, writing = os.pipe()
        x += [reading, writing]
        fcntl.fcntl(writing, 1031, 1 << 20)
except OSError:
    pass
for each in x:
    os.close(each)
len(x) < 1024
""",
    ),
    Attempt(
        "inodes of /tmp",
        "own",
        """
made = 0
try:
    while made < 20_000:
        os.mkdir(f"{TMP}/{made}")
        made += 1
    found = False
except OSError as error:
    found = error.errno == 28
found
""",
    ),
    Attempt(
        "memory by /tmp",
        "own",
        """
file = open(TMP + "/big", "wb")
denied(lambda: [file.write(bytes(1 << 20)) for _ in range(80)])
""",
    ),
    Attempt(
        "memory by /tmp without writing",
        "fallocate",
        """
file = os.open(TMP + "/big", os.O_CREAT | os.O_RDWR)
denied(lambda: os.posix_fallocate(file, 0, 80 << 20))
""",
    ),
    Attempt(
        "a file that is too large",
        "own",
        """
file = os.open("data/big", os.O_CREAT | os.O_WRONLY)
denied(lambda: os.posix_fallocate(file, 0, 2 << 30)) and denied(lambda: os.pwrite(file, b"x", 2 << 30))
""",
        ends=("WorkspaceFull", "LimitExceeded"),
    ),
    Attempt(
        "a file that is too large, the signal ignored",
        "RLIMIT_FSIZE",
        """
import signal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = os.open("data/big", os.O_CREAT | os.O_WRONLY)
found = denied(lambda: os.pwrite(file, b"x", 2 << 30))
os.remove("data/big")
found
""",
    ),
    Attempt(
        "processor time",
        "own",
        """
while True:
    pass
""",
        ends=("LimitExceeded", "SandboxCrashed"),
        says="cpu_seconds",
    ),
    _endless(
        "processor time with every signal blocked",
        "own",
        """
import signal

signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True:
    pass
""",
    ),
    _endless(
        "processor time, every exception caught",
        "own",
        """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
""",
    ),
    _endless(
        "processor time of many threads",
        "own",
        """
import threading

threading.stack_size(65_536)  # the usual size is an eighth of the memory

for _ in range(4):
    threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()
while True:
    pass
""",
    ),
    _endless(
        "huge integers",
        "CVE-2020-10735",
        """
x = 7 ** (10**8)
x
""",
    ),
    Attempt("digits of huge integers", "CVE-2020-10735", "str(10**5000)", ends=("ValueError",)),
    _memory("shifted integers", "own", "1 << (1 << 40)"),
    _endless(
        "a pattern that backtracks",
        "ReDoS",
        """
import re

re.match(r"(a+)+$", "a" * 40 + "b")
""",
    ),
    _endless(
        "hashes that collide",
        "CVE-2012-1150",
        """
x = {}
n = (1 << 61) - 1
for i in range(10**6):
    x[i * n] = 1
""",
    ),
    Attempt(
        "deep recursion",
        "own",
        """
def f():
    f()


f()
""",
        ends=("RecursionError",),
    ),
    Attempt(
        "deep recursion without the limit",
        "pyjail classic",
        """
sys.setrecursionlimit(10**9)


class A:
    def __getattr__(self, n):
        return getattr(self, n + "x"[:0])


A().y
""",
        ends=("RecursionError", "SandboxCrashed", "LimitExceeded"),
    ),
    Attempt(
        "a program nested deeply",
        "CPython parser limits",
        'compile("(" * 100_000, "x", "eval")',
        ends=("SyntaxError", "MemoryError", "LimitExceeded", "RecursionError"),
    ),
    Attempt(
        "a tree nested deeply",
        "CPython bug 42609",
        'eval("-" * 200_000 + "1")',
        ends=("RecursionError", "SyntaxError", "LimitExceeded", "SandboxCrashed"),
    ),
    Attempt(
        "a value that contains itself",
        "own",
        """
x = []
x.append(x)
x
""",
        ends=("ResultInvalid",),
    ),
    Attempt(
        "a value nested deeply",
        "own",
        """
x = []
for _ in range(100_000):
    x = [x]
x
""",
        ends=("ResultInvalid",),
    ),
    Attempt(
        "a value that is too large", "own", '"x" * 3_000_000', ends=("ResultInvalid",), says="kept whole"
    ),
    Attempt(
        "a value whose parts are shared",
        "billion laughs",
        """
x = ["ha"]
for _ in range(40):
    x = [x, x]
x
""",
        ends=("LimitExceeded", "SandboxCrashed", "Timeout"),
        timeout=0.5,
    ),
    Attempt(
        "a value that never ends",
        "own",
        "(n for n in iter(int, 1))",
        ends=("LimitExceeded", "SandboxCrashed", "Timeout"),
    ),
    _output(
        "output",
        "own",
        """
while True:
    print("x" * 1000)
""",
    ),
    _output("output in one piece", "own", 'print("x" * 5_000_000)'),
    _output(
        "errors' output",
        "own",
        """
while True:
    sys.stderr.write("x" * 1000)
""",
    ),
    Attempt(
        "an error of many lines",
        "own",
        'raise ValueError("x" * 2_000_000)',
        ends=("ValueError", "LimitExceeded"),
    ),
    _endless(
        "a sleep",
        "own",
        """
import time

time.sleep(60)
""",
    ),
    _endless(
        "a sleep that catches its end",
        "own",
        """
import time

while True:
    try:
        time.sleep(60)
    except BaseException:
        pass
""",
    ),
    _endless(
        "a wait with every signal blocked",
        "own",
        """
import signal, select

signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
select.select([], [], [])
""",
    ),
    _endless(
        "a task that will not be cancelled",
        "own",
        """
import asyncio

while True:
    try:
        await asyncio.sleep(60)
    except BaseException:
        pass
""",
    ),
    Attempt(
        "tool calls",
        "own",
        """
from mcp_runtime import call_tool

while True:
    await call_tool("demo", "echo", {})
""",
        ends=("ToolLimitExceeded",),
        says="calls.max_calls",
    ),
    Attempt(
        "tool calls at once",
        "own",
        """
import asyncio
from mcp_runtime import call_tool

found = await asyncio.gather(
    *(call_tool("demo", "echo", {}) for _ in range(200)), return_exceptions=True
)
sum(isinstance(each, dict) for each in found) <= 50
""",
    ),
    Attempt(
        "arguments of a tool that are too large",
        "own",
        """
from mcp_runtime import call_tool

await call_tool("demo", "echo", {"x": "x" * 1_500_000})
""",
        ends=("ToolLimitExceeded",),
    ),
)
