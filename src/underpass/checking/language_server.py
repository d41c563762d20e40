"""A resident language server: its process, its protocol, and its restart when it dies."""

from __future__ import annotations

import math
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any, Final, cast

import anyio
import orjson
from anyio.abc import ByteReceiveStream, ByteSendStream, Process

_SCRIPT: Final = Path(__file__).with_name("launch.py")
_PATIENCE: Final = 10.0
"""Seconds for an answer, after which the server is taken for stuck and replaced."""
_FIRST_PATIENCE: Final = 120.0
"""The same for the first answer: the server then reads all that it has to know."""
_LONGEST_FRAME: Final = 64 * 1_048_576
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 60.0
_HEALTHY: Final = 60.0
"""Seconds of life after which a death is no longer counted with those before it."""


_TRIES: Final = 3


class ServerDied(Exception):
    """The language server ended, or said something that is no answer."""


class _Refused(Exception):
    """The server has no answer just now: something changed while it looked."""


@dataclass(frozen=True, slots=True)
class Command:
    """How a language server is started, and how it wants to be spoken to."""

    program: tuple[str, ...]
    language: str
    """The protocol's id of the language."""
    suffix: str
    memory_mb: int
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Its settings, given at the start and whenever it asks."""


class _Answer:
    """One answer that is waited for."""

    def __init__(self) -> None:
        self._value: Any = None
        self._error: Exception | None = None
        self._event = anyio.Event()

    def give(self, value: Any) -> None:
        self._value = value
        self._event.set()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._event.set()

    async def wait(self) -> Any:
        await self._event.wait()
        if self._error is not None:
            raise self._error
        return self._value


class LanguageServer:
    """Answers with a document's diagnostics. ``serve`` owns the process and starts it on demand.

    Parameters:
        folder: the project that it looks at.
    """

    def __init__(self, command: Command, folder: Path) -> None:
        self._command = command
        self._folder = folder
        # One name for all programs: a server keeps all that it has ever known of a document's name.
        self._document = (folder / ".programs" / f"0{command.suffix}").as_uri()
        # One after the other: each new text makes a server begin again with what it is doing.
        self._turn = anyio.Lock()
        self._wanted = anyio.Event()
        self._ready = _Answer()
        self._connection: _Connection | None = None
        self._deaths = 0
        self.resting = False
        """Whether it died so lately that it is not yet started again."""

    async def serve(self) -> None:
        """Start the server when it is wanted, and again when it has died; never returns."""
        while True:
            await self._wanted.wait()
            self._wanted = anyio.Event()
            begun = anyio.current_time()
            with suppress(OSError):
                await self._live()
            self._ready.fail(ServerDied())
            self._ready = _Answer()
            self._deaths = self._deaths + 1 if anyio.current_time() - begun < _HEALTHY else 1
            self.resting = True
            await anyio.sleep(min(_FIRST_PAUSE * 2 ** (self._deaths - 1), _LONGEST_PAUSE))
            self.resting = False

    def start(self) -> None:
        """Have the server started before there is a program."""
        self._wanted.set()

    async def diagnose(self, text: str) -> list[dict[str, Any]]:
        """Return the diagnostics of a program, as the protocol has them. Raises ``ServerDied``."""
        async with self._turn:
            connection = await self._connected()
            with anyio.move_on_after(_PATIENCE if connection.has_answered else _FIRST_PATIENCE):
                return await connection.diagnose(self._document, text)
            connection.kill()
            raise ServerDied

    async def note_changes(
        self, created: Iterable[Path], changed: Iterable[Path], removed: Iterable[Path] = ()
    ) -> None:
        """Tell the server of files that were written or removed, if it runs. Raises ``ServerDied``."""
        if self._connection is not None:
            # What is removed may be written anew in the same step.
            changes = [{"uri": path.as_uri(), "type": 3} for path in removed]
            changes += [{"uri": path.as_uri(), "type": 1} for path in created]
            changes += [{"uri": path.as_uri(), "type": 2} for path in changed]
            await self._connection.notify("workspace/didChangeWatchedFiles", {"changes": changes})

    async def _connected(self) -> _Connection:
        if self._connection is None:
            if self.resting:
                raise ServerDied
            self._wanted.set()
            await self._ready.wait()
        assert self._connection is not None
        return self._connection

    async def _live(self) -> None:
        """Run one process from its start to its end."""
        command = self._command
        process = await anyio.open_process(
            [
                *(sys.executable, "-I", "-S", str(_SCRIPT), str(command.memory_mb), str(os.getpid())),
                *command.program,
            ],
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=dict(command.environ),
            cwd=self._folder,
            start_new_session=True,
        )
        connection = _Connection(process, command, self._folder)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._introduce, connection)
                # Whatever is wrong with what it says: another one is started.
                with suppress(Exception):
                    await connection.read()
                tasks.cancel_scope.cancel()
        finally:
            self._connection = None
            await connection.end()

    async def _introduce(self, connection: _Connection) -> None:
        with suppress(ServerDied, _Refused):
            await connection.initialize()
            self._connection = connection
            self._ready.give(None)
            if not self._turn.locked():
                # Nobody waits yet: it reads meanwhile what every program needs.
                await self.diagnose("")


class _Connection:
    """The protocol, with one process."""

    def __init__(self, process: Process, command: Command, folder: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin: ByteSendStream = process.stdin
        self._stdout: ByteReceiveStream = process.stdout
        self._command = command
        self._folder = folder
        self._sending = anyio.Lock()
        self._number = 0
        self._answers: dict[int, _Answer] = {}
        self._version = 0
        self.has_answered = False
        """Whether it has checked a program already."""

    async def initialize(self) -> None:
        """Agree with the server on what both can do."""
        root = self._folder.as_uri()
        capabilities = {
            "general": {"positionEncodings": ["utf-8", "utf-16"]},
            "textDocument": {
                "diagnostic": {"relatedInformation": True},
                "publishDiagnostics": {"relatedInformation": True},
            },
            "workspace": {"configuration": True, "didChangeWatchedFiles": {"dynamicRegistration": True}},
        }
        await self.request(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": root,
                "workspaceFolders": [{"uri": root, "name": "programs"}],
                "capabilities": capabilities,
                "initializationOptions": self._command.options,
            },
        )
        await self.notify("initialized", {})

    async def diagnose(self, document: str, text: str) -> list[dict[str, Any]]:
        self._version += 1
        identity = {"uri": document, "version": self._version}
        if self._version == 1:
            opened = {**identity, "languageId": self._command.language, "text": text}
            change = _notification("textDocument/didOpen", {"textDocument": opened})
        else:
            change = _notification(
                "textDocument/didChange", {"textDocument": identity, "contentChanges": [{"text": text}]}
            )
        for _ in range(_TRIES):
            with suppress(_Refused):
                asked = {"textDocument": {"uri": document}}
                report = await self.request("textDocument/diagnostic", asked, before=change)
                self.has_answered = True
                return _diagnostics(report)
        raise ServerDied

    async def request(self, method: str, params: Mapping[str, Any], *, before: bytes = b"") -> Any:
        """Ask, and wait for the answer; ``before`` is sent in front, at no further cost."""
        self._number += 1
        number, answer = self._number, _Answer()
        self._answers[number] = answer
        try:
            await self._send(before + _frame({"id": number, "method": method, "params": params}))
            return await answer.wait()
        finally:
            del self._answers[number]

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Tell the server something that has no answer."""
        await self._send(_notification(method, params))

    async def _send(self, frames: bytes) -> None:
        try:
            # Half a frame would be the end of the conversation.
            with anyio.CancelScope(shield=True), anyio.fail_after(_PATIENCE):
                async with self._sending:
                    await self._stdin.send(frames)
        except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            # A timeout is an OSError, too.
            self.kill()
            raise ServerDied from error

    async def read(self) -> None:
        """Hand out what the server says until it ends. Raises ``ServerDied`` for what is no message."""
        buffer = bytearray()
        wanted: float = math.inf
        while True:
            try:
                buffer += await self._stdout.receive(1 << 18)
            except anyio.EndOfStream:
                return
            while True:
                if wanted == math.inf:
                    head, separator, _ = buffer.partition(b"\r\n\r\n")
                    if not separator:
                        break
                    wanted = _length(bytes(head))
                    del buffer[: len(head) + len(separator)]
                if len(buffer) < wanted:
                    break
                body = bytes(buffer[: int(wanted)])
                del buffer[: int(wanted)]
                wanted = math.inf
                await self._handle(_message(body))

    async def _handle(self, message: Mapping[str, Any]) -> None:
        method, number = message.get("method"), message.get("id")
        if method is None:
            if isinstance(number, int) and (answer := self._answers.get(number)):
                if "error" in message:
                    answer.fail(_Refused())
                else:
                    answer.give(message.get("result"))
        elif number is not None:
            items = message.get("params", {}).get("items", ()) if method == "workspace/configuration" else ()
            settings = [self._command.options for _ in items] if items else None
            await self._send(_frame({"id": number, "result": settings}))

    def kill(self) -> None:
        """End the process; whoever reads from it finds out."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """End the process and everything that waits for it; nothing of it is left."""
        for answer in self._answers.values():
            answer.fail(ServerDied())
        with anyio.CancelScope(shield=True):
            self.kill()
            await self._process.aclose()


def _frame(message: Mapping[str, Any]) -> bytes:
    body = orjson.dumps({"jsonrpc": "2.0", **message})
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def _notification(method: str, params: Mapping[str, Any]) -> bytes:
    return _frame({"method": method, "params": params})


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            length = int(value)
            if length <= _LONGEST_FRAME:
                return length
    raise ServerDied


def _message(body: bytes) -> Mapping[str, Any]:
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ServerDied from error
    if not isinstance(message, dict):
        raise ServerDied
    return cast("dict[str, Any]", message)


def _diagnostics(report: object) -> list[dict[str, Any]]:
    items = cast("dict[str, Any]", report).get("items") if isinstance(report, dict) else None
    if not isinstance(items, Sequence):
        raise ServerDied
    return list(cast("Sequence[dict[str, Any]]", items))
