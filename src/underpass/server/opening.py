"""The first answers of `underpass serve`, given from a recording while everything else is still imported.

A client waits for three answers before a model can begin, and they are the same at each start: who the
server is, and which tools it has. The import of the SDK takes longer than a client should wait. So the
answers of one start are recorded, with a digest of all that they depend on, and given at the next. The
server answers the same requests later, from the same bytes; its answers are compared, and not sent.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import anyio

_METHODS: Final = ("initialize", "server/discover", "tools/list")
_VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
NAME: Final = "opening.json"


class Opening:
    """One start: what was received and answered before the server was there.

    Parameters:
        place: the file of the recording; None keeps none.
        digest: of what the answers depend on.
        reading, writing: the descriptors of the protocol.
    """

    def __init__(self, place: Path | None, digest: str, *, reading: int = 0, writing: int = 1) -> None:
        self.received = b""
        """Everything that was read: the server is to read it first."""
        self._place = place
        self._digest = digest
        self._reading = reading
        self._writing = writing
        self._recorded = _load(place, digest)
        self._names = _Names()
        self._given: dict[str | int, str] = {}
        self._asked: dict[str | int, str] = {}
        self._scope = anyio.CancelScope()
        self._over = anyio.Event()

    async def answer(self) -> None:
        """Answer from the recording until ``end``, or until something else is asked."""
        try:
            with self._scope:
                line = b""
                while self._recorded:
                    await anyio.wait_readable(self._reading)
                    if not (chunk := os.read(self._reading, 65_536)):
                        return
                    self.received += chunk
                    *lines, line = (line + chunk).split(b"\n")
                    if not all(self._answered(each) for each in lines):
                        return
        except PermissionError:
            return  # a regular file is not pollable: nobody waits behind it
        finally:
            self._over.set()

    async def end(self) -> None:
        """Stop answering; what was received is complete then."""
        self._scope.cancel()
        await self._over.wait()
        self._names = _Names()

    @property
    def waits(self) -> bool:
        """Whether the server has yet to answer a request of those that are recorded."""
        return bool(self._asked)

    def heard(self, line: str) -> None:
        """Note a request that the server is to answer, if its answer is worth recording."""
        if self._place is None or not any(method in line for method in _METHODS):
            return
        message = _message(line)
        if message is not None and "id" in message and (name := self._names.of(message)) is not None:
            self._asked[message["id"]] = name

    def sift(self, request_id: str | int | None, result: Any) -> tuple[bool, bool]:
        """Take an answer of the server; None stands for an error.

        Returns:
            Whether the client is to have it, and whether the client has been given other tools before.
        """
        name = None if request_id is None else self._asked.pop(request_id, None)
        if request_id is None or name is None:
            return True, False
        given = self._given.pop(request_id, None) is not None
        differs = self._recorded.get(name) != result
        if differs:
            self._record(name, result)
        return not given, given and differs and name.startswith("tools/list")

    def _answered(self, line: bytes) -> bool:
        """Answer one message if it can be; False ends the answering."""
        message = _message(line)
        if message is None or "id" not in message:
            return message is not None or not line.strip()  # a notification needs no answer
        name = self._names.of(message)
        if name is None or name not in self._recorded:
            return False
        self._given[message["id"]] = name
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": self._recorded[name]}
        rest = memoryview(json.dumps(answer).encode() + b"\n")
        while rest:
            rest = rest[os.write(self._writing, rest) :]
        return True

    def _record(self, name: str, result: Any) -> None:
        from underpass.catalog.edit import write_atomically

        self._recorded.pop(name, None)
        if result is not None:
            self._recorded[name] = result
        content = {"digest": self._digest, "answers": self._recorded}
        assert self._place is not None
        try:
            write_atomically(self._place, json.dumps(content))
        except OSError:
            self._place = None  # the next start takes its time


class _Names:
    """Names requests by what their answers depend on: the method, and the revision that is spoken."""

    def __init__(self) -> None:
        self._version: str | None = None

    def of(self, request: Mapping[str, Any]) -> str | None:
        """Return the name of a request; None for one whose answer is not recorded."""
        params = _object(request.get("params"))
        if request["method"] not in _METHODS or "cursor" in params:
            return None
        version = _object(params.get("_meta")).get(_VERSION_KEY)
        if request["method"] == "initialize":
            version = self._version = params.get("protocolVersion")
        return f"{request['method']} {version or self._version}"


def place_and_digest(config: Path | None, state: Path, **options: object) -> tuple[Path, str]:
    """Return where the first answers are recorded, and the digest of what they depend on.

    Parameters:
        options: of the command.
    """
    from underpass.config import SETTINGS_NAME

    folder = config.absolute().parent if config else Path.cwd()
    here = Path(__file__).parent
    seen: list[object] = [sys.executable, sorted(options.items())]
    seen += sorted(item for item in os.environ.items() if item[0].startswith("UNDERPASS_"))
    files = [config, folder / SETTINGS_NAME, folder / "underpass.lock", *sorted(here.glob("*.py"))]
    seen += [_stamp(file) for file in files if file is not None]
    manifests = state / "manifests"
    seen += sorted(map(_stamp, manifests.glob("*.json")))
    return state / NAME, hashlib.sha256(repr(seen).encode("utf-8", "backslashreplace")).hexdigest()


def _stamp(path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), found.st_ino, found.st_mtime_ns, found.st_size


def _load(place: Path | None, digest: str) -> dict[str, Any]:
    try:
        content = _object(json.loads(place.read_bytes())) if place is not None else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return _object(content.get("answers")) if content.get("digest") == digest else {}


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _message(line: bytes | str) -> dict[str, Any] | None:
    """Read a line that is one request or notification; None for anything else."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    read = cast("dict[str, Any]", message)
    request_id = read.get("id", 0)
    if not isinstance(read.get("method"), str) or not isinstance(request_id, str | int):
        return None
    return read
