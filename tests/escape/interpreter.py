"""Turning the interpreter, and our own code in it, against the sandbox."""

from __future__ import annotations

from tests.escape.attempt import Attempt

ATTEMPTS = (
    Attempt(
        "removing audit hooks",
        "pyjail classic",
        """
sys.addaudithook(lambda name, arguments: None)
ctypes.pythonapi.PySys_AddAuditHook.restype = ctypes.c_int
try:
    ctypes.pythonapi._PySys_ClearAuditHooks(ctypes.pythonapi.PyThreadState_Get and None)
except (AttributeError, ctypes.ArgumentError):
    pass
still_closed()
""",
    ),
    Attempt(
        "an audit hook that lets all pass",
        "CVE-2025-pyjail lists",
        """
seen = []
sys.addaudithook(lambda name, arguments: seen.append(name))
still_closed() and "open" in seen
""",
    ),
    Attempt(
        "the zygote's objects",
        "gc.get_objects",
        """
import gc

gc.unfreeze()
kinds = {
    type(each).__name__: each
    for each in gc.get_objects()
    if type(each).__name__ in ("Zygote", "Child", "Cloner")
}


def misuse():
    if "Zygote" in kinds:
        kinds["Zygote"].send({"op": "ready"})
    raise OSError


def clone():
    if "Cloner" in kinds:
        kinds["Cloner"]()
    raise OSError


denied(misuse) and denied(clone)
""",
    ),
    Attempt(
        "sockets left in memory",
        "gc.get_objects",
        """
import gc

gc.unfreeze()
found = [
    each
    for each in gc.get_objects()
    if isinstance(each, socket.socket) and each.fileno() not in (-1, 3)
]
all(denied(lambda: each.send(b"x")) for each in found)
""",
    ),
    Attempt(
        "frames of the caller",
        "sys._getframe",
        """
frame, seen = sys._getframe(), []
while frame:
    seen += [repr(each) for each in frame.f_locals.values()] + list(frame.f_globals)
    frame = frame.f_back
not any("canary" + "-in" in each for each in seen)
""",
    ),
    Attempt(
        "frames by an exception",
        "pyjail classic",
        """
try:
    1 / 0
except ZeroDivisionError as error:
    frame = error.__traceback__.tb_frame
while frame.f_back:
    frame = frame.f_back
frame.f_globals["os"] if "os" in frame.f_globals else None
denied(lambda: frame.f_builtins["open"]("/etc/shadow"))
""",
    ),
    Attempt(
        "frames by a generator",
        "pyjail classic",
        """
g = (g.gi_frame.f_back for _ in [1])
frame = next(g)
denied(lambda: frame.f_builtins["__import__"]("os").execv("/bin/sh", ["sh"]))
""",
    ),
    Attempt(
        "builtins by classes",
        "pyjail classic",
        """
found = [c for c in object.__subclasses__() if c.__name__ == "_wrap_close"][0]
denied(
    lambda: found.__init__.__globals__["fdopen"](found.__init__.__globals__["open"]("/etc/passwd", 0))
)
""",
    ),
    Attempt(
        "builtins by a format",
        "format string classic",
        '"canary" not in "{0.__init__.__globals__}".format(os._wrap_close)',
    ),
    Attempt(
        "a warning's module",
        "pyjail classic",
        """
import warnings

denied(lambda: warnings.catch_warnings()._module.__builtins__["open"]("/etc/passwd"))
""",
    ),
    Attempt(
        "an importer of files",
        "pyjail classic",
        """
import importlib.machinery

denied(lambda: importlib.machinery.SourceFileLoader("x", "/etc/passwd").get_data("/etc/passwd"))
""",
    ),
    Attempt(
        "a file's reader in C",
        "pyjail classic",
        """
import _io

denied(lambda: _io.FileIO("/etc/passwd")) and denied(lambda: _io.open_code("/etc/passwd"))
""",
    ),
    Attempt(
        "a break point",
        "pyjail classic",
        """
sys.breakpointhook = os.system
breakpoint("id") != 0
""",
    ),
    Attempt(
        "the help's pager",
        "pyjail classic",
        """
import pydoc

found = denied(lambda: pydoc.pipepager("x", "cat > /agent/workspace/data/paged"))
found and not os.path.exists("data/paged")
""",
    ),
    Attempt(
        "a web browser",
        "antigravity",
        """
os.environ["BROWSER"] = "/bin/sh -c id"
import webbrowser

not webbrowser.open("http://127.0.0.1")
""",
    ),
    Attempt(
        "code in a pickle",
        "pickle classic",
        r"""
import pickle

pickle.loads(b"cos\nsystem\n(S'id'\ntR.") != 0
""",
    ),
    Attempt(
        "Python's own interface",
        "ctypes.pythonapi",
        r"""
ctypes.pythonapi.PyRun_SimpleString(
    b"import os\ntry:\n    os.fork()\n    bad = 1\nexcept OSError:\n    bad = 0"
) == 0 and still_closed()
""",
    ),
    Attempt(
        "another interpreter",
        "_xxsubinterpreters",
        r"""
import _xxsubinterpreters as interpreters

one = interpreters.create()
interpreters.run_string(
    one, 'import os\ntry:\n    open("/etc/passwd")\n    open("data/bad", "w")\nexcept OSError: pass'
)
not os.path.exists("data/bad")
""",
    ),
    Attempt(
        "a call waiting in the main thread",
        "Py_AddPendingCall",
        """
# The function to call must return 0, as this one does.
ctypes.pythonapi.Py_AddPendingCall(ctypes.pythonapi.PyErr_CheckSignals, None) == 0 and still_closed()
""",
    ),
    Attempt(
        "bytecode out of bounds",
        "LOAD_FAST pyjail classic",
        """
code = (lambda: None).__code__.replace(co_code=bytes([124, 255, 83, 0]))
eval(code)
""",
        ends=("SandboxCrashed", "SystemError", "UnboundLocalError", "NameError", "ResultInvalid"),
    ),
    Attempt(
        "a heap that is corrupt",
        "own",
        """
ctypes.memset(id(dict.__dict__) & ~15, 0x41, 4096)
[{} for _ in range(100_000)]
ctypes.memset(id([]), 0x41, 64)
""",
        ends=("SandboxCrashed",),
    ),
    Attempt(
        "small integers that are others",
        "pyjail classic",
        """
ctypes.c_long.from_address(id(7) + 24).value = 8
still_closed()
""",
    ),
    Attempt("a segment fault", "own", "ctypes.string_at(0)", ends=("SandboxCrashed",), says="SIGSEGV"),
    Attempt("an abort", "own", "os.abort()", ends=("SandboxCrashed",)),
    Attempt(
        "a stack that is used up",
        "own",
        """
x = []
for _ in range(1_000_000):
    x = [x]
sys.setrecursionlimit(10**9)
repr(x)
""",
        ends=("SandboxCrashed",),
        says="SIGSEGV",
    ),
    Attempt("an end without a word", "own", "os._exit(0)", ends=("SandboxCrashed",), says="status 0"),
    Attempt(
        "an end in a thread",
        "own",
        """
import threading

threading.Thread(target=os._exit, args=(3,)).start()
import time

time.sleep(30)
""",
        ends=("SandboxCrashed",),
        says="status 3",
    ),
    Attempt(
        "a trace of the guest",
        "sys.settrace",
        """
seen = []
sys.settrace(lambda *a: seen.append(a[0].f_code.co_filename))
found = still_closed()
sys.settrace(None)
found
""",
    ),
    Attempt(
        "a profile that stays",
        "sys.setprofile",
        """
sys.setprofile(lambda *a: None)
import threading

threading.settrace(lambda *a: None)
True
""",
    ),
    Attempt(
        "the channel replaced",
        "monkey-patching",
        """
import gc

gc.unfreeze()
for each in gc.get_objects():
    if type(each).__name__ == "Channel":
        type(each).send = type(each).send_text = lambda *a: None
True
""",
        ends=("SandboxCrashed",),
    ),
    Attempt(
        "the importer replaced",
        "monkey-patching",
        """
sys.meta_path.clear()
import importlib

found = False
try:
    import mcp_servers.demo
except ImportError:
    found = True
found
""",
    ),
    Attempt(
        "json replaced",
        "monkey-patching",
        """
from underpass.guest import values

values.dumps = lambda *a, **k: '{"op":"done","value":{"a":1}'
1
""",
        ends=("SandboxCrashed",),
    ),
    Attempt(
        "all modules gone",
        "sys.modules",
        """
sys.modules.clear()
True
""",
    ),
    Attempt(
        "builtins gone",
        "pyjail classic",
        """
import builtins

for name in dir(builtins):
    if not name.startswith("__"):
        delattr(builtins, name)
1
""",
        ends=("SandboxCrashed", "NameError"),
    ),
    Attempt(
        "code at the exit",
        "atexit",
        """
import atexit

atexit.register(lambda: os.write(3, b"late"))
True
""",
    ),
    Attempt(
        "a finaliser at the exit",
        "__del__",
        """
class Late:
    def __del__(self):
        while True:
            pass


late = Late()
True
""",
    ),
    Attempt(
        "a finaliser that revives",
        "__del__",
        """
class Back:
    def __del__(self):
        global kept
        kept = self


for _ in range(10):
    kept = Back()
    del kept
True
""",
    ),
    Attempt(
        "a thread that runs on",
        "own",
        """
import threading, time

threading.Thread(target=lambda: time.sleep(60)).start()
True
""",
    ),
    Attempt(
        "a thread that runs on, and busily",
        "own",
        """
import threading


def spin():
    while True:
        pass


threading.Thread(target=spin).start()
True
""",
    ),
    Attempt(
        "a thread that answers again",
        "own",
        """
import threading


def late():
    done.wait()
    while True:
        say(frame('{"op":"done","value":"late"}'))


done = threading.Event()
threading.Thread(target=late).start()


class Last:
    def __repr__(self):
        return done.set() or "x"


import atexit

atexit.register(done.set)
True
""",
    ),
    Attempt(
        "a task that runs on",
        "own",
        """
import asyncio


async def on():
    while True:
        try:
            await asyncio.sleep(0.01)
        except BaseException:
            pass


task = asyncio.ensure_future(on())
await asyncio.sleep(0)
True
""",
        ends=("Timeout",),
        timeout=0.5,
    ),
    Attempt(
        "a value that runs code",
        "own",
        """
class V:
    def __repr__(self):
        os._exit(9)


V()
""",
        ends=("SandboxCrashed",),
        says="status 9",
    ),
    Attempt(
        "a value with a type that lies",
        "own",
        """
class L(dict):
    __class__ = str


L(a=float("nan"))
""",
        ends=("ResultInvalid",),
    ),
    Attempt(
        "an error that runs code",
        "own",
        """
class E(Exception):
    def __str__(self):
        raise SystemExit


raise E
""",
        ends=("E", "SandboxCrashed", "SystemExit"),
    ),
    Attempt(
        "an error with a name of ours",
        "own",
        """
class SandboxUnavailable(Exception):
    pass


raise SandboxUnavailable("x")
""",
        ends=("SandboxUnavailable",),
    ),
    Attempt("an exit that is an error", "own", 'raise SystemExit("x" * 100)', ends=("SystemExit",)),
    Attempt(
        "a clock's signal ignored in C",
        "own",
        """
libc.signal(14, ctypes.c_void_p(1))
while True:
    libc.usleep(100_000)
""",
        ends=("Timeout",),
        timeout=0.3,
    ),
)
