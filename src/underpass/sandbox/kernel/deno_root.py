"""What of the host a Deno process sees: its binary, that binary's libraries, and our modules."""

from __future__ import annotations

import os
from typing import Final

from underpass.sandbox.kernel import root, syscalls

PROCESSES: Final = "/processes"
"""The host's `/proc`: seen by the zygote, and covered like the workspaces."""
COVERED: Final = (PROCESSES, root.WORKSPACES)
OWN_MAP: Final = "/proc/self/maps"
"""What a process has of the kernel's `/proc`: the C library finds the main thread's stack in it, without
which Deno's parser does not start."""
_OWN_BINARY: Final = "/proc/self/exe"
"""A plain link: Deno asks where its binary is."""
BINARY: Final = "/deno"
_GUEST: Final = "/guest"
_MODULES: Final = "/modules"
"""Generated modules. What the host adds to the folder later is seen, too."""

_LIBRARIES: Final = (
    "libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libgcc_s.so.1",
)  # fmt: skip
_LOADERS: Final = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
_DEVICES: Final = ("/dev/null", "/dev/urandom")
_LIBRARY_FOLDER: Final = "/lib"
"""Where the loader looks last, whatever a system calls the folder in which its libraries are."""


def gather(workspaces: str, *, binary: str, guest: str, modules: str) -> root.Root:
    """Gather the mounts.

    Parameters:
        workspaces: the folder that holds a folder for each agent.
        binary: Deno's.
        guest: the folder of our code that runs in it.
        modules: the folder of generated modules.
    """
    loader = next(path for path in _LOADERS if os.path.exists(path))
    # The loader, too, because the kernel executes it to load the binary.
    executable = {BINARY: binary, loader: os.path.realpath(loader)}
    programs = executable | {f"{_LIBRARY_FOLDER}/{name}": path for name, path in _libraries().items()}
    data = {_GUEST: guest, _MODULES: modules}
    trees = [
        *((target, syscalls.clone_tree(source, root.PROGRAM)) for target, source in programs.items()),
        *((target, syscalls.clone_tree(source, root.DATA)) for target, source in data.items()),
        *((path, syscalls.clone_tree(path, root.DEVICE)) for path in _DEVICES),
        (PROCESSES, syscalls.clone_tree("/proc", root.DATA)),
    ]
    return root.Root(
        workspaces,
        trees,
        read_only=(*programs, *data, *_DEVICES, "/proc"),
        executable=tuple(executable),
        links={_OWN_BINARY: BINARY},
        files=(OWN_MAP,),
    )


def _libraries() -> dict[str, str]:
    """The libraries that Deno is linked with, beside the C library that we have loaded ourselves."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = [line.rstrip().rpartition(" ")[2] for line in maps]
    loaded = next(path for path in paths if os.path.basename(path).startswith(("libc.so", "libc-")))
    folder = os.path.dirname(loaded)
    # What the C library holds itself since 2.34 is still a file of its own where Deno is linked with it.
    found = {name: os.path.join(folder, name) for name in _LIBRARIES}
    return {name: os.path.realpath(path) for name, path in found.items() if os.path.exists(path)}
