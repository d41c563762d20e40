"""Reading what is not the agent's."""

from __future__ import annotations

from tests.escape.attempt import Attempt

ATTEMPTS = (
    Attempt("the host's users", "pyjail classic", 'denied(lambda: open("/etc/passwd"))'),
    Attempt("the host's passwords", "container escape list", 'denied(lambda: open("/etc/shadow"))'),
    Attempt("process information", "container escape list", 'denied(lambda: os.listdir("/proc"))'),
    Attempt(
        "process 1's environment",
        "container escape list",
        'denied(lambda: open("/proc/1/environ")) and denied(lambda: open("/proc/self/environ"))',
    ),
    Attempt(
        "a program rewritten through its process",
        "CVE-2019-5736 (runc)",
        """
denied(lambda: open("/proc/self/exe", "r+b")) and denied(lambda: os.readlink("/proc/self/exe"))
""",
    ),
    Attempt(
        "a folder of the host left open",
        "CVE-2024-21626 (runc)",
        'all(denied(lambda: os.listdir(f"/proc/self/fd/{n}/../../..")) for n in range(12))',
    ),
    Attempt(
        "descriptors that are folders",
        "CVE-2024-21626 (runc)",
        'all(denied(lambda: os.open("..", os.O_RDONLY, dir_fd=n)) for n in range(256))',
    ),
    Attempt("descriptors by name", "container escape list", 'denied(lambda: os.listdir("/dev/fd"))'),
    Attempt("memory by name", "container escape list", 'denied(lambda: open("/proc/self/mem", "r+b"))'),
    Attempt("kernel information", "container escape list", 'denied(lambda: os.listdir("/sys"))'),
    Attempt(
        "control groups' release programs",
        "CVE-2022-0492",
        """
denied(lambda: os.stat("/sys/fs/cgroup")) and denied(lambda: open("/sys/fs/cgroup/release_agent"))
""",
    ),
    Attempt(
        "the core dump's program",
        "container escape list",
        'denied(lambda: open("/proc/sys/kernel/core_pattern", "w"))',
    ),
    Attempt(
        "home folders", "own", 'denied(lambda: os.listdir("/root")) and denied(lambda: os.listdir("/home"))'
    ),
    Attempt(
        "secure shell keys",
        "credential theft lists",
        'denied(lambda: os.stat(os.path.expanduser("~root/.ssh")))',
    ),
    Attempt(
        "a container engine's socket",
        "container escape list",
        """
all(denied(lambda: os.stat(p)) for p in ("/var/run/docker.sock", "/run/containerd", "/run/systemd"))
""",
    ),
    Attempt(
        "an orchestrator's token",
        "container escape list",
        'denied(lambda: os.stat("/var/run/secrets")) and denied(lambda: os.stat("/run/secrets"))',
    ),
    Attempt("the root folder", "own", 'denied(lambda: os.listdir("/"))'),
    Attempt(
        "the old root",
        "pivot_root left behind",
        'denied(lambda: os.stat("/old")) and denied(lambda: os.stat("/old/etc"))',
    ),
    Attempt("other agents' workspaces", "own", 'denied(lambda: os.stat(OTHERS + "/other"))'),
    Attempt("a list of all agents", "own", "denied(lambda: os.listdir(OTHERS))"),
    Attempt(
        "a file of another agent by dots",
        "path traversal",
        """
denied(lambda: open("../../workspaces/other/data/secret")) and denied(
    lambda: open("../other/data/secret")
)
""",
    ),
    Attempt(
        "above the workspace",
        "path traversal",
        'denied(lambda: os.listdir("../..")) and denied(lambda: open("../" * 40 + "etc/passwd"))',
    ),
    Attempt(
        "above the workspace after a folder is moved",
        "CVE-2021-30465 (runc), renames in flight",
        """
os.makedirs("data/a/b", exist_ok=True)
os.chdir("data/a/b")
os.rename(WORKSPACE + "/data/a/b", WORKSPACE + "/data/b")
found = denied(lambda: os.listdir("../../../..")) and denied(lambda: open("../../../../etc/passwd"))
os.chdir(WORKSPACE)
os.rmdir("data/b")
os.rmdir("data/a")
found
""",
    ),
    Attempt(
        "resolving from the root with openat2",
        "own",
        'blocked(437, -100, b"/etc/passwd", ctypes.create_string_buffer(24), 24)',
    ),
    Attempt(
        "handles of files",
        "shocker (CAP_DAC_READ_SEARCH)",
        'blocked(304, 0, 0, 0) and blocked(303, -100, b".", 0, 0, 0)',
    ),
    Attempt(
        "a path that is only a place",
        "O_PATH tricks",
        """
place = os.open("/", os.O_PATH)
found = denied(lambda: os.listdir(place)) and denied(lambda: os.open("etc", os.O_RDONLY, dir_fd=place))
os.close(place)
found
""",
    ),
    Attempt(
        "raw disks",
        "container escape list",
        """
all(
    denied(lambda: os.stat(f"/dev/{n}"))
    for n in ("sda", "vda", "nvme0n1", "mem", "kmsg", "fuse", "kvm")
)
""",
    ),
    Attempt(
        "terminals",
        "CVE-2023-28100 (flatpak)",
        """
denied(lambda: open("/dev/tty")) and denied(lambda: open("/dev/console")) and denied(
    lambda: os.stat("/dev/pts")
)
""",
    ),
    Attempt("shared memory", "container escape list", 'denied(lambda: os.listdir("/dev/shm"))'),
    Attempt(
        "installed packages of the host",
        "own",
        'denied(lambda: os.listdir("/usr/lib/python3/dist-packages"))',
    ),
    Attempt(
        "the project's own source",
        "own",
        """
import importlib.util

importlib.util.find_spec("underpass.sandbox.control") is None
""",
    ),
    Attempt(
        "a kernel image",
        "container escape list",
        'denied(lambda: os.listdir("/boot")) and denied(lambda: os.listdir("/lib/modules"))',
    ),
    Attempt("logs", "own", 'denied(lambda: os.listdir("/var/log")) and denied(lambda: os.listdir("/var"))'),
    Attempt(
        "temporary files of the host",
        "own",
        'denied(lambda: os.listdir("/var/tmp")) and os.listdir(TMP) == []',
    ),
    Attempt(
        "folders found by climbing through links",
        "CVE-2018-15664 (docker cp)",
        """
os.path.realpath("/workspace") == os.getcwd() and denied(lambda: os.listdir("/workspace/../.."))
""",
    ),
)
