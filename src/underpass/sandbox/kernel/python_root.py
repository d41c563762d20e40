"""What of the host a Python sandbox sees: the interpreter, and the packages of its environment."""

from __future__ import annotations

import os
from typing import Final

from underpass.sandbox.kernel import root, syscalls

PACKAGES: Final = "/packages"
"""The packages of the sandbox's environment, where it has one."""

_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random")
_INSTALLED: Final = ("site-packages", "dist-packages")
"""The host interpreter's installed packages are not the sandbox's."""


def gather(workspaces: str, packages: str | None) -> root.Root:
    """Gather the mounts; ``packages`` is the folder of the environment's, where there is one."""
    libraries = library_paths()
    trees = [(path, syscalls.clone_tree(path, root.PROGRAM)) for path in libraries]
    if packages:
        trees.append((PACKAGES, syscalls.clone_tree(packages, root.PROGRAM)))
    trees += [(path, syscalls.clone_tree(path, root.DEVICE)) for path in devices()]
    links = {path: os.readlink(path) for path in ("/lib", "/lib64") if os.path.islink(path)}
    installed = (f"{library}/{name}" for library in libraries for name in _INSTALLED)
    return root.Root(
        workspaces,
        trees,
        read_only=[*libraries, "/dev", *([PACKAGES] if packages else [])],
        links=links | {"/workspace": root.WORKSPACE, "/tmp": root.TMP},
        hidden=[path for path in installed if os.path.isdir(path)],
    )


def library_paths() -> list[str]:
    """What the interpreter may still have to read: its library, the C library's folder, time zones."""
    # What `sysconfig` would say: it would load a table of how Python was built, for every child to share.
    standard = os.path.dirname(os.__file__)
    found = [standard, "/usr/share/zoneinfo"]
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            _, _, path = line.rstrip().rpartition(" ")
            # Extension modules find the libraries they need beside the C library.
            if os.path.basename(path).startswith(("libc.so", "libc-", "ld-musl", "ld-linux")):
                found.append(os.path.dirname(path))
    inside = [os.path.realpath(path) for path in found if os.path.isdir(path)]
    return [
        path
        for at, path in enumerate(inside)
        if path not in inside[:at] and not any(path.startswith(f"{other}/") for other in inside)
    ]


def devices() -> list[str]:
    """The devices that a sandbox has."""
    return [path for path in _DEVICES if os.path.exists(path)]


def not_installed(libraries: list[str]) -> list[str]:
    """What is in ``libraries`` without the packages that are installed among them."""
    found: list[str] = []
    for library in libraries:
        names = os.listdir(library)
        if any(name in _INSTALLED for name in names):
            found += [f"{library}/{name}" for name in names if name not in _INSTALLED]
        else:
            found.append(library)
    return found
