"""A line for each request: who, what, how it went. No secrets, no code, nothing that looks like two lines."""

from __future__ import annotations

import logging
import queue
import sys
import threading
import time
from contextlib import suppress
from typing import IO, Final, Literal

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict

from underpass.server.http_access import principal_of

_MOST: Final = 10_000
"""Lines that wait to be read: if nobody reads them, requests must not wait for that."""
_FLUSH: Final = 1.0
_END: Final = None


class LogWriter:
    """Writes lines in a thread of its own. What finds no room is counted, and left out."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._lines: queue.Queue[str | None] = queue.Queue(_MOST)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="underpass-log", daemon=True)
        self._thread.start()

    def msg(self, message: str) -> None:
        """Take a line."""
        try:
            self._lines.put_nowait(message)
        except queue.Full:
            self._dropped += 1

    log = debug = info = warning = warn = error = critical = exception = fatal = failure = err = msg

    def close(self) -> None:
        """Write what waits, for a second at most."""
        with suppress(queue.Full):
            self._lines.put_nowait(_END)
            self._thread.join(_FLUSH)

    def _write(self) -> None:
        while (line := self._lines.get()) is not _END:
            dropped, self._dropped = self._dropped, 0
            more = f'{{"event":"dropped","lines":{dropped}}}\n' if dropped else ""
            try:
                self._file.write(f"{more}{line}\n")
                if self._lines.empty():
                    self._file.flush()
            except (OSError, ValueError):
                return


def configure(kind: Literal["json", "text", "off"], file: IO[str] | None = None) -> LogWriter:
    """Say how structured lines are written, and where; by default on stderr."""
    writer = LogWriter(file or sys.stderr)
    renderer = structlog.dev.ConsoleRenderer(colors=False) if kind == "text" else _json
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.CRITICAL if kind == "off" else logging.INFO
        ),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=False,
    )
    return writer


def _json(_logger: object, _method: str, event: EventDict) -> str:
    return orjson.dumps(dict(event), default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class AccessLog:
    """Logs each request when it is answered, by its route: what stands in an address is a client's text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        # Bound here: it would be put together anew for each line.
        self._log = structlog.get_logger("underpass.service").bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.monotonic()
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            principal = principal_of(scope)
            facts: dict[str, object] = {
                "method": scope["method"],
                "route": scope.get("underpass.route", ""),
                "status": status,
                "ms": round((time.monotonic() - begun) * 1e3, 2),
            }
            if principal is not None:
                facts["token"] = principal.token
            if principal is not None and principal.tenant is not None:
                facts["tenant"] = principal.tenant
            if (run := scope.get("underpass.run")) is not None:
                facts["run"] = run
            self._log.info("request", **facts)
