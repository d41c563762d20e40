"""Changing what is not the agent's, or leaving traps for the host in what is."""

from __future__ import annotations

from tests.escape.attempt import Attempt

ATTEMPTS = (
    Attempt("the standard library", "own", 'denied(lambda: open(os.path.dirname(os.__file__) + "/x", "w"))'),
    Attempt("a module of the standard library", "own", 'denied(lambda: open(os.__file__, "r+"))'),
    Attempt(
        "removing a module",
        "own",
        """
denied(lambda: os.remove(os.__file__)) and denied(lambda: os.rename(os.__file__, "/tmp/os.py"))
""",
    ),
    Attempt(
        "compiled modules",
        "own",
        """
import json

denied(lambda: open(json.__cached__, "r+b"))
""",
    ),
    Attempt("the C library", "own", 'denied(lambda: open("/lib/x86_64-linux-gnu/libc.so.6", "r+b"))'),
    Attempt("the root", "own", 'denied(lambda: open("/x", "w")) and denied(lambda: os.mkdir("/x"))'),
    Attempt(
        "beside the workspace",
        "own",
        'denied(lambda: open(BESIDE + "/x", "w")) and denied(lambda: os.mkdir(BESIDE + "/x"))',
    ),
    Attempt(
        "another agent's folder",
        "own",
        """
denied(lambda: open(OTHERS + "/other/data/x", "w")) and denied(lambda: os.mkdir(OTHERS + "/new"))
""",
    ),
    Attempt(
        "the cover over the workspaces",
        "own",
        'denied(lambda: open("/workspaces/x", "w")) and denied(lambda: open("/empty/x", "w"))',
    ),
    Attempt(
        "removing the workspace's mount",
        "own",
        """
denied(lambda: os.rmdir(WORKSPACE)) and denied(lambda: os.rename(WORKSPACE, BESIDE + "/w"))
""",
    ),
    Attempt(
        "a link in place of the workspace",
        "own",
        'denied(lambda: os.remove("/workspace")) and denied(lambda: os.remove("/tmp"))',
    ),
    Attempt(
        "a symbolic link", "CVE-2018-15664 (docker cp)", 'denied(lambda: os.symlink("/etc/passwd", "link"))'
    ),
    Attempt(
        "a symbolic link in place of a folder",
        "CVE-2021-30465 (runc)",
        """
os.rename("results", "r")
found = denied(lambda: os.symlink("/etc", "results"))
os.rename("r", "results")
found
""",
    ),
    Attempt("a symbolic link in memory", "own", 'denied(lambda: os.symlink("/etc/passwd", "/tmp/link"))'),
    Attempt("a hard link", "container escape list", 'denied(lambda: os.link("/dev/null", "link"))'),
    Attempt(
        "a hard link to a library",
        "protected_hardlinks",
        'denied(lambda: os.link(os.__file__, "link")) and blocked(86, b"data", b"d")',
    ),
    Attempt(
        "a device node",
        "container escape list",
        'denied(lambda: os.mknod("node", 0o20600, os.makedev(1, 1)))',
    ),
    Attempt(
        "a block device",
        "container escape list",
        'denied(lambda: os.mknod("node", 0o60600, os.makedev(8, 0)))',
    ),
    Attempt(
        "a named pipe for the host to wait at",
        "own",
        'denied(lambda: os.mkfifo("pipe")) and denied(lambda: os.mkfifo("/tmp/pipe"))',
    ),
    Attempt(
        "capabilities of a file",
        "container escape list",
        """
open("data/cap", "w").close()
found = denied(lambda: os.setxattr("data/cap", "security.capability", bytes(20)))
os.remove("data/cap")
found
""",
    ),
    Attempt(
        "an owner of a file",
        "own",
        """
open("data/own", "w").close()
found = denied(lambda: os.chown("data/own", 0, 0))
os.remove("data/own")
found
""",
    ),
    Attempt(
        "attributes of a file",
        "own",
        r"""
import fcntl

file = open("data/attr", "w")
found = denied(lambda: fcntl.ioctl(file, 0x40086602, b"\x10" + bytes(7)))
os.remove("data/attr")
found
""",
    ),
    Attempt(
        "code that starts with an interpreter",
        "own",
        """
os.makedirs("data/site", exist_ok=True)
open("data/site/sitecustomize.py", "w").write("raise SystemExit")
denied(lambda: open(os.path.dirname(os.__file__) + "/sitecustomize.py", "w"))
""",
    ),
    Attempt(
        "a module in the workspace before Python's own",
        "module shadowing",
        """
import json

"agent" not in (json.__file__ or "")
""",
        before="""
for name in ("json", "ctypes", "socket"):
    open(name + ".py", "w").write("raise SystemExit(3)")
""",
    ),
    Attempt(
        "a module in place of the host's",
        "module shadowing",
        """
import mcp_servers

not hasattr(mcp_servers, "taken")
""",
        before="""
os = __import__("os")
os.makedirs("mcp_servers", exist_ok=True)
open("mcp_servers/__init__.py", "w").write("taken = 1")
""",
    ),
    Attempt(
        "the rights and times of another agent's file",
        "own: Landlock does not look at them",
        """
secret = OTHERS + "/other/data/secret"
denied(lambda: os.chmod(secret, 0o777)) and denied(lambda: os.utime(secret, (0, 0)))
""",
    ),
    Attempt(
        "the end of another agent's file",
        "own: truncation came to Landlock late",
        """
secret = OTHERS + "/other/data/secret"
denied(lambda: os.truncate(secret, 0)) and denied(lambda: os.open(secret, os.O_RDONLY | os.O_TRUNC))
""",
    ),
    Attempt(
        "the rights of a library",
        "own: a descriptor that may be read",
        """
file = os.open(os.__file__, os.O_RDONLY)
denied(lambda: os.fchmod(file, 0)) and denied(lambda: os.utime(file, (0, 0)))
""",
    ),
    Attempt(
        "the rights of a device",
        "own",
        'denied(lambda: os.chmod("/dev/null", 0o777)) and denied(lambda: os.remove("/dev/null"))',
    ),
    Attempt(
        "a result folder that nobody may enter",
        "own: the host writes there",
        """
print("x" * 40_000)
denied(lambda: os.chmod("results", 0o700)) or True
""",
        before="""
import os

os.chmod("results", 0)
""",
    ),
    Attempt(
        "a workspace that is closed",
        "own: the host writes there",
        """
print("x" * 40_000)
True
""",
        before="""
import os

os.chmod(".", 0o500)
""",
    ),
)
