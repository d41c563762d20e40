"""The guest in this very process, with the host in a thread: so that its own code is measured."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from underpass.errors import ServerNotFound, ToolFailed
from underpass.execution.clock import Clock
from underpass.execution.conversation import Conversation, Outcome
from underpass.execution.frames import Use
from underpass.guest import main
from underpass.sandbox.lease import Channel, Exit

PACKAGE = """
def __getattr__(name):
    from importlib import import_module
    return import_module("mcp_servers." + name)
"""
DEMO = """
from mcp_runtime import call_tool
async def echo(**given):
    return await call_tool("demo", "echo", given)
"""
MODULES = {"mcp_servers": (PACKAGE, True), "mcp_servers.demo": (DEMO, False)}


class FakeHost:
    """Answers like the real one, with one server named ``demo``."""

    def __init__(self) -> None:
        self.progressed: list[tuple[float, float | None, str | None]] = []

    async def call(self, server: str, tool: str, arguments: Mapping[str, Any]) -> Any:
        if tool == "fail":
            raise ToolFailed("it failed", hint="try another", server=server, tool=tool)
        if tool == "hang":
            await anyio.sleep_forever()
        return dict(arguments)

    async def ask(self, what: str, arguments: Mapping[str, Any]) -> Any:
        if what == "workspace_room":
            return {"bytes": 1_000_000, "files": 100}
        return {"what": what, **arguments}

    async def module(self, name: str, magic: str) -> Any:
        if name not in MODULES:
            raise ServerNotFound.named(name.rpartition(".")[2], ["demo"])
        source, is_package = MODULES[name]
        return {"package": is_package, "source": source}

    async def progress(self, value: float, total: float | None, message: str | None) -> None:
        self.progressed.append((value, total, message))

    def use(self, use: Use) -> None:
        """It has no skills."""

    def settle(self) -> None:
        """Its values are there at once."""


class _Lease:
    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    async def ended(self) -> Exit:
        return Exit(0)

    def limit_file_size(self, size: int) -> None:
        """The guest is this process."""

    def kill(self) -> None:
        self.release()

    def release(self) -> None:
        self.channel.close()


RunInside = Callable[..., Outcome]


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
def run_inside(host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunInside]:
    """Runs a program in the guest, here; whatever the guest changes of this process is put back."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    finders, folder, program = list(sys.meta_path), Path.cwd(), sys.modules["__main__"]
    handlers = {each: signal.getsignal(each) for each in (signal.SIGALRM, signal.SIGXCPU, signal.SIGXFSZ)}
    # The guest sets this hook of Python's; setting it here lets it be put back.
    monkeypatch.setattr(warnings, "_warn_unawaited_coroutine", None)

    def run(code: str, *, timeout: float = 10.0, max_value: int = 1_000_000) -> Outcome:
        ours, theirs = socket.socketpair()
        lease = _Lease(Channel(ours, max_frame=10_000_000))
        outcomes: list[Outcome] = []
        program = {
            "run": "r1", "code": code, "filename": "program.py", "timeout": timeout, "max_value": max_value,
        }  # fmt: skip

        def converse() -> None:
            async def hold() -> Outcome:
                conversation = Conversation(lease, host, clock=Clock(timeout), output_bytes=1_000_000)
                await lease.channel.send(b"agent")
                return await conversation.hold(program)

            try:
                outcomes.append(anyio.run(hold))
            finally:
                lease.release()

        thread = threading.Thread(target=converse)
        thread.start()
        os.chdir(tmp_path)
        try:
            main.serve(theirs.fileno(), str(tmp_path))
        finally:
            # What the program threw away must go while the guest's hook is there to hear of it.
            gc.collect()
            sys.stdin, sys.stdout, sys.stderr = streams
            thread.join()
            theirs.close()
        return outcomes[0]

    yield run
    os.chdir(folder)
    sys.modules["__main__"] = program
    sys.meta_path[:] = finders
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for name in [name for name in sys.modules if name.split(".")[0] in {"mcp_servers", "mcp_runtime"}]:
        del sys.modules[name]
