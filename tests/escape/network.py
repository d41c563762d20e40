"""Reaching anything by a network."""

from __future__ import annotations

from tests.escape.attempt import Attempt

ATTEMPTS = (
    Attempt("internet", "own", "denied(lambda: socket.socket())"),
    Attempt("internet, version 6", "own", "denied(lambda: socket.socket(socket.AF_INET6))"),
    Attempt("datagrams", "own", "denied(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))"),
    Attempt(
        "raw packets",
        "container escape list",
        "denied(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))",
    ),
    Attempt("packets of a link", "CVE-2020-14386", "denied(lambda: socket.socket(17, 3, 0))"),
    Attempt("local sockets", "container escape list", "denied(lambda: socket.socket(socket.AF_UNIX))"),
    Attempt(
        "abstract local sockets",
        "CVE-2020-15257 (containerd-shim)",
        r"""
denied(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect("\0x"))
""",
    ),
    Attempt(
        "the kernel's sockets",
        "CVE-2022-34918 (nftables)",
        "all(denied(lambda: socket.socket(16, 3, n)) for n in range(23))",
    ),
    Attempt("virtual machines' sockets", "own", "denied(lambda: socket.socket(40, 1))"),
    Attempt("the kernel's cryptography", "CVE-2019-8912", "denied(lambda: socket.socket(38, 5, 0))"),
    Attempt(
        "every family there is",
        "socket family sweep",
        "all(blocked(41, family, kind, 0) for family in range(48) for kind in (1, 2, 3, 5))",
    ),
    Attempt("names", "own", 'denied(lambda: socket.getaddrinfo("example.org", 80))'),
    Attempt(
        "names by datagrams", "DNS exfiltration", 'denied(lambda: socket.gethostbyname("secret.example.org"))'
    ),
    Attempt(
        "a pair of another family",
        "own",
        """
denied(lambda: socket.socketpair(socket.AF_INET)) and blocked(
    53, 16, 3, 0, ctypes.create_string_buffer(8)
)
""",
    ),
    Attempt(
        "a family behind a large number",
        "seccomp's 64-bit arguments",
        "blocked(53, 1 | 1 << 32, 1, 0, ctypes.create_string_buffer(8))",
    ),
    Attempt(
        "an address for a datagram of a pair",
        "sendto without connect",
        r"""
pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
found = all(
    denied(lambda: pair[0].sendto(b"x", name))
    for name in ("\0x", "/run/systemd/journal/socket", "/agent/x")
)
[each.close() for each in pair]
found
""",
    ),
    Attempt(
        "connecting an end of a pair",
        "own",
        r"""
pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
denied(lambda: pair[0].connect("\0x")) and denied(lambda: pair[0].bind("\0y"))
""",
    ),
    Attempt(
        "listening on an end of a pair",
        "own",
        """
pair = socket.socketpair()
denied(lambda: pair[0].listen()) and denied(lambda: pair[0].accept())
""",
    ),
    Attempt(
        "options of a pair",
        "socket option sweep",
        """
pair = socket.socketpair()
all(denied(lambda: pair[0].setsockopt(1, n, 1)) for n in range(1, 80))
""",
    ),
    Attempt(
        "interfaces",
        "container escape list",
        """
import fcntl

pair = socket.socketpair()
all(denied(lambda: fcntl.ioctl(pair[0], n, bytes(64))) for n in (0x8912, 0x8913, 0x8933, 0x89A2))
""",
    ),
    Attempt(
        "a library's connection",
        "own",
        """
import urllib.request

denied(lambda: urllib.request.urlopen("http://127.0.0.1:1/", timeout=1))
""",
    ),
    Attempt(
        "the cloud's metadata",
        "container escape list",
        """
import http.client

denied(lambda: http.client.HTTPConnection("169.254.169.254", timeout=1).request("GET", "/"))
""",
    ),
    Attempt(
        "an event loop's connection",
        "own",
        """
import asyncio

found = False
try:
    await asyncio.open_connection("127.0.0.1", 1)
except OSError:
    found = True
found
""",
    ),
    Attempt(
        "an event loop's server",
        "own",
        """
import asyncio

found = True
try:
    server = await asyncio.start_server(print, "127.0.0.1", 0)
    found = not server.sockets
except OSError:
    pass
found
""",
    ),
)
