"""Records the shapes of results while runs go on, and answers what is known of a tool's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from underpass.background import Background
from underpass.catalog.definition import ToolDefinition
from underpass.codegen.header import definition_digest
from underpass.codegen.observed import ObservedShape
from underpass.shapes.schema import to_schema
from underpass.shapes.shape import Shape, merged
from underpass.shapes.store import FILE_NAME, Key, ShapeStore, StoredShape

WRITE_AFTER: Final = 2.0
"""Seconds from an observation until it is written."""
_LOG: Final = logging.getLogger("underpass.shapes")


class ShapeRecorder(Background):
    """Collects shapes in memory and writes them to the folder ``state``; enter it before use.

    It writes every few seconds while there is something new, and at the end.
    Nothing here ever fails a run: what cannot be read is not known, and what cannot be written is
    said once in the log and tried again.
    """

    def __init__(self, state: Path) -> None:
        self._store = ShapeStore(state / FILE_NAME)
        self._pending: dict[Key, Shape] = {}
        self._writing: dict[Key, Shape] = {}
        self._found: dict[Key, tuple[StoredShape | None, int, ObservedShape | None]] = {}
        """Answers, each with what it was made of: what was stored, and how many results waited."""
        self._due = anyio.Event()
        self._failed = False

    async def _finish(self) -> None:
        with anyio.CancelScope(shield=True):
            await self.write()

    def observer(self, tool: ToolDefinition) -> Callable[[object], None]:
        """Return the function that is given each result of ``tool``; it takes microseconds."""
        key = Key(tool.server, tool.name, definition_digest(tool))

        def observe(value: object) -> None:
            try:
                if (shape := self._pending.get(key)) is None:
                    shape = self._pending[key] = Shape()
                shape.observe(value)
                self._due.set()
            except Exception as error:  # noqa: BLE001 - the call has succeeded, and must not fail for this
                self._say(error)

        return observe

    def find(self, tool: ToolDefinition) -> ObservedShape | None:
        """Return what results of ``tool`` looked like, written or not; None when nothing is known."""
        try:
            stored = self._store.find(tool.server).get(tool.name)
        except OSError as error:
            self._say(error)
            stored = None
        if stored is None and not self._pending and not self._writing:
            return None
        key = Key(tool.server, tool.name, definition_digest(tool))
        if stored is not None and stored.key != key:
            stored = None
        waiting = [shapes[key] for shapes in (self._pending, self._writing) if key in shapes]
        count = sum(shape.count for shape in waiting)
        known = self._found.get(key)
        if known is None or known[0] is not stored or known[1] != count:
            parts = waiting if stored is None else [stored.shape, *waiting]
            known = self._found[key] = (stored, count, observed(merged(parts)) if parts else None)
        return known[2]

    async def write(self) -> None:
        """Write what was observed since the last time."""
        if self._writing or not self._pending:
            return
        self._pending, self._writing = {}, self._pending
        try:
            await anyio.to_thread.run_sync(self._store.add, self._writing)
        except OSError as error:
            self._say(error)
            for key, shape in self._writing.items():
                self._pending.setdefault(key, Shape()).merge(shape)
        except Exception as error:  # noqa: BLE001 - what can never be written is let go, and runs go on
            self._say(error)
        finally:
            self._writing = {}

    async def _work(self) -> None:
        while True:
            await self._due.wait()
            await anyio.sleep(WRITE_AFTER)
            self._due = anyio.Event()
            await self.write()

    def _say(self, error: Exception) -> None:
        if not self._failed:
            _LOG.warning("observed shapes cannot be kept: %s", error)
        self._failed = True


def observed(shape: Shape) -> ObservedShape | None:
    """Return what ``shape`` says of results; None when it says nothing."""
    schema = to_schema(shape)
    return ObservedShape(schema, shape.count) if schema else None
