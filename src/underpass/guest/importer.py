"""Imports ``mcp_servers`` and ``skills`` from the host, one module at a time, when code first asks for it."""

from __future__ import annotations

import binascii
import marshal
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import MAGIC_NUMBER
from types import CodeType, ModuleType
from typing import Any, cast

from underpass.guest.channel import Channel
from underpass.guest.uses import Uses

MAGIC = MAGIC_NUMBER.hex()
"""The form of this Python's compiled code."""

PACKAGES = ("mcp_servers", "skills")
HELPERS = "mcp_runtime.data"
"""What the host serves, packages and a module; every other import takes Python's ordinary way."""


def packed(code: CodeType) -> str:
    """Return a module's code in the form in which it is sent."""
    return binascii.b2a_base64(marshal.dumps(code), newline=False).decode()


class HostImporter:
    """Finds and loads the modules that the host generates.

    A finder and loader by its methods alone: importing their abstract classes would bring half a
    megabyte of modules that nothing else needs into every sandbox.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.uses = Uses(channel)
        self._known: dict[str, Any] = {}
        self._shared: frozenset[str] = frozenset()

    def know(self, modules: dict[str, Any], magic: str) -> None:
        """Take modules that the host foresaw, compiled for the Python that has ``magic``."""
        if magic == MAGIC:
            self._known = modules

    def share(self, modules: dict[str, Any]) -> None:
        """Load modules that every program is to find loaded."""
        self._known = dict(modules)
        for name in modules:
            import_module(name)
        self._shared = frozenset(modules)

    def forget(self) -> None:
        """Be as new: nothing is known or loaded but what is shared."""
        self._known = {}
        for name in [name for name in sys.modules if _is_served(name)]:
            if name not in self._shared:
                del sys.modules[name]
                parent, _, child = name.rpartition(".")
                if parent in self._shared or name == HELPERS:
                    delattr(sys.modules[parent], child)

    def unload(self, names: list[str]) -> None:
        """Let modules that have changed be loaded anew by the next import of them."""
        for name in names:
            if name.partition(".")[0] in PACKAGES and sys.modules.pop(name, None) is not None:
                parent, _, child = name.rpartition(".")
                if (holder := sys.modules.get(parent)) is not None:
                    holder.__dict__.pop(child, None)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the names that Python calls it with
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if not _is_served(fullname):
            return None
        found = self._known.pop(fullname, None) or self._ask(fullname)
        is_package = found["package"]
        origin = _filename(fullname, is_package)
        loader = cast("Any", self)
        spec = ModuleSpec(fullname, loader, is_package=is_package, origin=origin)
        spec.loader_state = found
        return spec

    def _ask(self, fullname: str) -> Any:
        answer = self._channel.ask({"op": "module", "name": fullname, "magic": MAGIC})
        if error := answer.get("error"):
            hint = f" ({error['hint']})" if error.get("hint") else ""
            # No ModuleNotFoundError: `from mcp_servers import x` would put its own words over ours.
            raise ImportError(f"{error['message']}{hint}", name=fullname)
        return answer["value"]

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:  # noqa: ARG002
        return None

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        found, spec.loader_state = spec.loader_state, None
        if (skill := found.get("skill")) is None:
            _execute(module, found, spec)
            return
        try:
            _execute(module, found, spec)
        except MemoryError:
            raise
        except Exception as error:
            # Whatever it is, the program meets it as the failure of its import.
            why = error if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
            text = f"the skill {skill['name']!r} cannot be imported: {why}"
            raise ImportError(text, name=module.__name__) from error
        names, entrypoint = module.__dict__, skill["entrypoint"]
        if entrypoint in names:
            names[entrypoint] = self.uses.counted(names[entrypoint], skill["key"])


def _execute(module: ModuleType, found: dict[str, Any], spec: ModuleSpec) -> None:
    if "code" in found:
        # From the host, which the guest has to trust in any case.
        code = marshal.loads(binascii.a2b_base64(found["code"]))  # noqa: S302
    else:
        code = compile(found["source"], spec.origin or module.__name__, "exec", dont_inherit=True)
    exec(code, module.__dict__)


def _is_served(name: str) -> bool:
    return name == HELPERS or name.partition(".")[0] in PACKAGES


def _filename(fullname: str, is_package: bool) -> str:
    stem = fullname.replace(".", "/")
    return f"{stem}/__init__.py" if is_package else f"{stem}.py"


def install(channel: Channel) -> HostImporter:
    """Put the importer before Python's own, so that no file in the workspace can take its place."""
    importer = HostImporter(channel)
    sys.meta_path.insert(0, importer)  # pyright: ignore[reportArgumentType] - by its methods
    return importer
