"""Running another program, or machine code of one's own."""

from __future__ import annotations

from tests.escape.attempt import Attempt

ATTEMPTS = (
    Attempt(
        "exec",
        "pyjail classic",
        """
denied(lambda: os.execv(sys.executable or "/bin/sh", ["x"])) and blocked(59, b"/bin/sh", 0, 0)
""",
    ),
    Attempt(
        "exec along the path",
        "pyjail classic",
        'denied(lambda: os.execvp("sh", ["sh"])) and denied(lambda: os.execlp("id", "id"))',
    ),
    Attempt(
        "exec of the loader",
        "noexec bypass",
        'denied(lambda: os.execv("/lib64/ld-linux-x86-64.so.2", ["x", "/bin/sh"]))',
    ),
    Attempt(
        "exec of a descriptor",
        "fexecve",
        """
file = os.open(os.__file__, os.O_RDONLY)
blocked(322, file, b"", 0, 0, 0x1000) and denied(lambda: os.execve(file, ["x"], {}))
""",
    ),
    Attempt(
        "exec of a file in memory",
        "memfd_create + fexecve",
        'blocked(319, b"x", 0) and denied(lambda: os.memfd_create("x"))',
    ),
    Attempt("secret memory", "own", "blocked(447, 0)"),
    Attempt(
        "spawn",
        "pyjail classic",
        """
denied(lambda: os.posix_spawn("/bin/sh", ["sh"], {})) and denied(
    lambda: os.posix_spawnp("sh", ["sh"], {})
)
""",
    ),
    Attempt(
        "a subprocess",
        "pyjail classic",
        """
import subprocess

denied(lambda: subprocess.run(["id"])) and denied(lambda: subprocess.run(["id"], close_fds=False))
""",
    ),
    Attempt("a shell", "pyjail classic", 'os.system("id") != 0 and denied(lambda: os.popen("id"))'),
    Attempt(
        "a shell of the C library",
        "pyjail classic",
        'libc.system(b"id") != 0 and not libc.popen(b"id", b"r")',
    ),
    Attempt(
        "a subprocess of an event loop",
        "own",
        """
import asyncio

found = False
try:
    await asyncio.create_subprocess_exec("id")
except (OSError, NotImplementedError, RuntimeError):
    found = True
found
""",
    ),
    Attempt(
        "a terminal's program",
        "pyjail classic",
        """
import pty

denied(lambda: pty.fork())
""",
    ),
    Attempt(
        "a pool of processes",
        "own",
        """
import multiprocessing

found = False
try:
    process = multiprocessing.Process(target=print)
    process.start()
except (OSError, ImportError):
    found = True
found
""",
    ),
    Attempt(
        "a helper of the resource tracker",
        "own",
        """
from multiprocessing import resource_tracker

denied(resource_tracker.ensure_running)
""",
    ),
    Attempt(
        "the subclass that starts programs",
        "pyjail classic",
        """
import subprocess

found = [each for each in ().__class__.__base__.__subclasses__() if each.__name__ == "Popen"]
denied(lambda: found[0](["id"]))
""",
    ),
    Attempt(
        "writable code",
        "own",
        """
import mmap

denied(lambda: mmap.mmap(-1, 4096, prot=7))
""",
    ),
    Attempt(
        "code made of data",
        "own",
        """
area = ctypes.create_string_buffer(8192)
page = (ctypes.addressof(area) + 4095) & ~4095
libc.mprotect(ctypes.c_void_p(page), 4096, 7) == -1 and libc.mprotect(
    ctypes.c_void_p(page), 4096, 5
) == -1
""",
    ),
    Attempt(
        "data made of code and back",
        "MDWE bypass",
        """
libc.mmap.restype = ctypes.c_void_p
page = libc.mmap(None, ctypes.c_size_t(4096), 5, 0x22, -1, ctypes.c_long(0))
opened = libc.mprotect(ctypes.c_void_p(page), 4096, 3) == 0
opened and libc.mprotect(ctypes.c_void_p(page), 4096, 5) == -1
""",
    ),
    Attempt(
        "the same memory twice",
        "MDWE bypass, mremap of size 0",
        """
libc.mmap.restype = libc.mremap.restype = ctypes.c_void_p
page = libc.mmap(None, ctypes.c_size_t(4096), 3, 0x21, -1, ctypes.c_long(0))
twin = libc.mremap(ctypes.c_void_p(page), ctypes.c_size_t(0), ctypes.c_size_t(4096), 1)
libc.mprotect(ctypes.c_void_p(twin or page), 4096, 5) == -1
""",
    ),
    Attempt(
        "code from a file of the workspace",
        "ELF loading",
        r"""
import mmap

open("data/code", "wb").write(b"\xc3" * 4096)
file = open("data/code", "r+b")
found = denied(lambda: mmap.mmap(file.fileno(), 4096, prot=5)) and denied(
    lambda: mmap.mmap(file.fileno(), 4096, prot=7)
)
os.remove("data/code")
found
""",
    ),
    Attempt(
        "code from a file in memory",
        "ELF loading",
        r"""
import mmap

open(TMP + "/code", "wb").write(b"\xc3" * 4096)
file = open(TMP + "/code", "r+b")
denied(lambda: mmap.mmap(file.fileno(), 4096, prot=5)) and denied(
    lambda: mmap.mmap(file.fileno(), 4096, 2, 5)
)
""",
    ),
    Attempt(
        "code from a file, made executable later",
        "ELF loading",
        r"""
import mmap

open(TMP + "/code", "wb").write(b"\xc3" * 4096)
file = open(TMP + "/code", "r+b")
libc.mmap.restype = ctypes.c_void_p
page = libc.mmap(None, ctypes.c_size_t(4096), 1, 2, file.fileno(), ctypes.c_long(0))
libc.mprotect(ctypes.c_void_p(page), 4096, 5) == -1
""",
    ),
    Attempt(
        "a library of the workspace",
        "ELF loading, CVE-2025-5120 (ctypes)",
        """
import glob, shutil

source = next(
    p
    for p in ("/lib/x86_64-linux-gnu/libm.so.6", *glob.glob("/lib*/**/libm.so*", recursive=True))
    if os.path.exists(p)
)
shutil.copyfile(source, "data/lib.so")
shutil.copyfile(source, TMP + "/lib.so")
found = denied(lambda: ctypes.CDLL(os.path.abspath("data/lib.so"))) and denied(
    lambda: ctypes.CDLL(TMP + "/lib.so")
)
os.remove("data/lib.so")
found
""",
    ),
    Attempt(
        "an extension module of the workspace",
        "ELF loading",
        """
import glob, importlib.util, shutil

source = glob.glob(os.path.dirname(os.__file__) + "/lib-dynload/_json*.so") + [
    "/lib/x86_64-linux-gnu/libm.so.6"
]
shutil.copyfile(source[0], "data/_stolen.so")
spec = importlib.util.spec_from_file_location("_json", os.path.abspath("data/_stolen.so"))
try:
    importlib.util.module_from_spec(spec)
    found = False
except ImportError as error:
    found = "failed to map segment" in str(error)
os.remove("data/_stolen.so")
found
""",
    ),
    Attempt("the kernel's library loader", "uselib", 'blocked(134, b"/tmp/x")'),
    Attempt(
        "a script that is executable",
        "own",
        """
open("data/run", "w").write("#!/bin/sh")
denied(lambda: os.chmod("data/run", 0o755))
found = denied(lambda: os.execv("data/run", ["x"]))
os.remove("data/run")
found
""",
    ),
    Attempt(
        "memory at address 0",
        "mmap_min_addr",
        """
libc.mmap.restype = ctypes.c_long
libc.mmap(0, 4096, 3, 0x32, -1, 0) == -1
""",
    ),
    Attempt(
        "calls of i386",
        "seccomp bypass by int 0x80",
        r"""
# No memory can be given code, but the bytes CD 80 occur by chance in the C library's own.
import struct


class Info(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("at", ctypes.c_void_p),
    ]


info = Info()
libc.dladdr(ctypes.cast(libc.getpid, ctypes.c_void_p), ctypes.byref(info))
image = open(info.name, "rb").read()
(offset,) = struct.unpack_from("<Q", image, 32)
size, count = struct.unpack_from("<HH", image, 54)
for at in range(offset, offset + size * count, size):
    kind, flags, start, address, _, length = struct.unpack_from("<IIQQQQ", image, at)
    if kind == 1 and flags & 1:
        place = image.find(b"\xcd\x80", start, start + length)
        if place >= 0:
            ctypes.CFUNCTYPE(ctypes.c_long)(info.base + address + place - start)()
print("no such bytes")
""",
        ends=("SandboxCrashed",),
        says="SIGSYS",
    ),
    Attempt(
        "calls of x32",
        "seccomp bypass by x32 numbers",
        'libc.syscall(ctypes.c_long(0x40000000 + 59), b"/bin/sh", 0, 0)',
        ends=("SandboxCrashed",),
        says="SIGSYS",
    ),
    Attempt(
        "numbers below 0",
        "seccomp sign tricks",
        "libc.syscall(ctypes.c_long(-1))",
        ends=("SandboxCrashed",),
        says="SIGSYS",
    ),
)
