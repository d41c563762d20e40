"""Lying to the host on the sandbox's channel. A run may spoil itself that way, and no other."""

from __future__ import annotations

from tests.escape.attempt import Attempt


def _sends(name: str, origin: str, data: str, *ends: str) -> Attempt:
    code = f"say({data})\nimport time\ntime.sleep(30)"
    return Attempt(name, origin, code, ends=ends or ("SandboxCrashed",))


ATTEMPTS = (
    _sends(
        "a frame that is too large",
        "own",
        r"""
b"\xff\xff\xff\xff" + b"x" * 100
""",
        "LimitExceeded",
    ),
    _sends(
        "a frame of the size that is just too large",
        "own",
        '(2_000_001).to_bytes(4, "little")',
        "LimitExceeded",
    ),
    _sends("an empty frame", "own", "bytes(4)"),
    Attempt(
        "half a header",
        "own",
        r"""
say(b"\x05\x00")
import time

time.sleep(30)
""",
        ends=("Timeout", "LimitExceeded", "SandboxCrashed"),
        timeout=0.3,
    ),
    Attempt(
        "half a frame",
        "own",
        """
say(frame('{"op":"done"}')[:-3])
import time

time.sleep(30)
""",
        ends=("Timeout", "SandboxCrashed"),
        timeout=0.3,
    ),
    _sends("a frame without an object", "own", 'frame("[1,2]")'),
    _sends("a frame without an operation", "own", 'frame("{}")'),
    _sends("an operation of the host's", "own", 'frame(\'{"op":"kill","pid":1}\')'),
    _sends("an operation of the zygote's", "own", 'frame(\'{"op":"fork","count":1000}\')'),
    _sends("an operation that is an object", "own", 'frame(\'{"op":{"a":[]}}\')'),
    _sends(
        "text that is no UTF-8",
        "own",
        r"""
frame(b"\xff\xfe\xfd")
""",
    ),
    _sends(
        "text of overlong UTF-8",
        "CVE-2008-2938-like",
        r"""
frame(b'{"op":"done","value":"\xc0\xaf"}')
""",
    ),
    _sends(
        "half of a character",
        "surrogates",
        r"""
frame('{"op":"done","value":"\\ud800"}')
""",
    ),
    _sends(
        "text of another encoding", "JSON's encoding detection", 'frame(\'{"op":"done"}\'.encode("utf-16"))'
    ),
    _sends("NaN", "own", 'frame(\'{"op":"done","value":NaN}\')'),
    _sends("infinity", "own", 'frame(\'{"op":"done","value":-Infinity}\')'),
    _sends("deep nesting", "own", 'frame("[" * 200_000)'),
    _sends(
        "deep nesting that is closed",
        "own",
        'frame(\'{"op":"done","value":\' + "[" * 150_000 + "]" * 150_000 + "}")',
    ),
    _sends(
        "an integer of a million digits",
        "CVE-2020-10735",
        'frame(\'{"op":"done","value":\' + "9" * 1_000_000 + "}")',
    ),
    _sends("a call without a tool", "own", 'frame(\'{"op":"call","id":1}\')'),
    _sends(
        "a call with a number that is text",
        "own",
        'frame(\'{"op":"call","id":"1","server":"demo","tool":"echo","arguments":{}}\')',
    ),
    _sends(
        "a call with a number that is true",
        "own",
        'frame(\'{"op":"call","id":true,"server":"demo","tool":"echo","arguments":{}}\')',
    ),
    _sends(
        "a call with arguments that are a list",
        "own",
        'frame(\'{"op":"call","id":1,"server":"demo","tool":"echo","arguments":[]}\')',
    ),
    _sends("output that is no text", "own", 'frame(\'{"op":"out","stream":"stdout","text":7}\')'),
    _sends("progress that is text", "own", 'frame(\'{"op":"progress","value":"x"}\')'),
    _sends("a second start", "own", 'frame(\'{"op":"run","code":"1"}\')'),
    _sends("an error that is no object", "own", 'frame(\'{"op":"done","error":7}\')'),
    Attempt(
        "an end of one's own making",
        "own",
        """
say(frame('{"op":"done","value":true,"started":1e308,"problems":[[1],7,[[],{}]]}'))
while True:
    pass
""",
        ends=("ResultInvalid",),
    ),
    Attempt(
        "an error of one's own making",
        "own",
        """
say(frame('{"op":"done","error":{"type":["x"],"message":{},"hint":7,"line":[[]]}}'))
while True:
    pass
""",
        ends=("['x']",),
    ),
    Attempt(
        "an end, and then more",
        "own",
        """
say(frame('{"op":"done","value":true}') + frame('{"op":"done","value":false}') + b"x" * 100)
while True:
    pass
""",
    ),
    Attempt(
        "closing it",
        "own",
        """
os.close(3)
import time

time.sleep(30)
""",
        ends=("SandboxCrashed",),
        says="closed",
    ),
    Attempt(
        "closing half of it",
        "shutdown",
        """
channel = socket.socket(fileno=3)
channel.shutdown(socket.SHUT_WR)
import time

time.sleep(30)
""",
        ends=("SandboxCrashed",),
    ),
    Attempt(
        "never answering",
        "own",
        """
import signal

signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
signal.pause()
""",
        ends=("Timeout",),
        timeout=0.3,
    ),
    Attempt(
        "replacing it",
        "dup2",
        """
os.dup2(0, 3)
True
""",
        ends=("SandboxCrashed", "Timeout"),
        timeout=0.5,
    ),
    Attempt(
        "asking and never reading",
        "own",
        """
import json, time

for n in range(2_000):
    say(
        frame(
            json.dumps(
                {
                    "op": "call",
                    "id": n,
                    "server": "demo",
                    "tool": "echo",
                    "arguments": {"x": "y" * 10_000},
                }
            )
        )
    )
time.sleep(30)
""",
        ends=("Timeout",),
        timeout=0.5,
    ),
    Attempt(
        "numbers of other runs",
        "own",
        """
import json

for n in range(-5, 200):
    say(frame(json.dumps({"op": "cancel", "id": n})))
True
""",
    ),
    Attempt(
        "one number for many calls",
        "own",
        """
import json

for _ in range(20):
    say(frame(json.dumps({"op": "call", "id": 7, "server": "demo", "tool": "echo", "arguments": {}})))
    say(frame(json.dumps({"op": "cancel", "id": 7})))
True
""",
    ),
    Attempt(
        "a number of many digits",
        "own",
        """
for n in ("-1", "0", str(2**63), str(2**64), "9" * 4000):
    say(frame('{"op":"call","id":%s,"server":"demo","tool":"echo","arguments":{}}' % n))
True
""",
    ),
    Attempt(
        "a server that does not exist",
        "own",
        r"""
from mcp_runtime import call_tool, ToolError

found = []
for server, tool in (
    ("", ""),
    ("nobody", "x"),
    ("demo", "../echo"),
    ("__class__", "__init__"),
    ("demo\0", "echo"),
    ("x" * 100_000, "y"),
):
    try:
        await call_tool(server, tool, {})
    except ToolError as error:
        found.append(error)
len(found) == 6
""",
    ),
    Attempt(
        "modules that do not exist",
        "path traversal",
        r"""
import json, builtins

found = []
from mcp_runtime import list_servers


def ask(name, magic=""):
    say(frame(json.dumps({"op": "module", "id": -7, "name": name, "magic": magic})))


for name in (
    "mcp_servers/../../../etc/passwd",
    "mcp_servers.demo.__init__",
    "mcp_servers.demo._../x",
    "os",
    "",
    ".",
    "mcp_servers." * 1000,
    "mcp_servers.demo\0",
    "mcp_servers.\u202e",
):
    ask(name)
    ask(name, "zz")
    ask(name, "../..")
    ask(name, "f" * 10_000)
bool(await list_servers())
""",
    ),
    Attempt(
        "questions that make no sense",
        "own",
        """
import mcp_runtime, sys

ask = next(
    cell.cell_contents for cell in mcp_runtime.list_servers.__closure__ if callable(cell.cell_contents)
)
found = 0
questions = [
    ("", {}),
    ("__init__", {}),
    ("search_tools", {}),
    ("search_tools", {"query": {"a": 1}, "limit": []}),
    ("search_tools", {"query": "x", "limit": "9" * 5000}),
    ("search_tools", {"query": "x", "server": "nobody"}),
    ("get_tool_docs", {}),
    ("get_tool_docs", {"names": 5}),
    ("get_tool_docs", {"names": [None, {}, "demo.nothing"]}),
]
for what, arguments in questions:
    try:
        await ask(what, arguments)
    except mcp_runtime.ToolError:
        found += 1
found >= len(questions) - 1
""",
    ),
    Attempt(
        "descriptors for the host",
        "SCM_RIGHTS",
        """
channel = socket.socket(fileno=3)
result = denied(lambda: socket.send_fds(channel, [frame('{"op":"cancel","id":1}')], [0, 0, 0]))
channel.detach()
result
""",
    ),
    Attempt(
        "a flood of calls",
        "own",
        """
import json

call = frame(json.dumps({"op": "call", "id": 1, "server": "demo", "tool": "echo", "arguments": {}}))
while True:
    say(call * 1000)
""",
        ends=("Timeout", "LimitExceeded", "SandboxCrashed"),
        timeout=0.5,
    ),
    Attempt(
        "printing through another's stream",
        "own",
        """
say(frame('{"op":"out","stream":"/etc/passwd","text":"x"}'))
True
""",
    ),
)
