"""The vectors of texts: asked for by indexes, computed in the background, kept in a file."""

from __future__ import annotations

import logging
import os
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import anyio
import anyio.to_thread

from underpass.background import Background
from underpass.discovery import vector_file
from underpass.discovery.embedding import Embedder
from underpass.errors import ConfigError

_log = logging.getLogger(__name__)

_BATCH = 8
"""Texts that are computed before anything else is looked at: about 50 ms."""
_MOST = 30_000
"""Vectors that are kept; those asked for longest ago are forgotten."""
_QUERIES = 256
_LONGEST_QUERY = 160
"""Characters; longer requests are tasks of several steps, and take up to twice as long for no better hits."""
_SAVED_AFTER = 1_000
"""A long computation is kept in parts, so that its end loses little of it."""

Text = Callable[[], str | None]


def digest(text: str) -> bytes:
    """Return what the vector of ``text`` is kept under."""
    return blake2b(text.encode(errors="replace"), digest_size=vector_file.KEY).digest()


class Embeddings(Background):
    """Vectors for one or several indexes; enter it, or call ``fill``, to have them computed.

    Entered, it computes in one thread that gives way to others, a few texts at a time, from when an index
    first asks for some. Leaving stops it and writes the file. What cannot be loaded or written is said
    once in the log, and searches go on with words alone.

    Parameters:
        load: makes the embedder, when it is first needed: ``MiniLM``, or any other.
        path: the file; None keeps vectors in memory only. One that cannot be read is made anew.
        model: names what ``load`` gives. Vectors of another are not taken from the file.
    """

    def __init__(self, load: Callable[[], Embedder], path: Path | None = None, *, model: str = "") -> None:
        self._load = load
        self._path = path
        self._model = model
        self._embedder: Embedder | None = None
        self._failed = False
        self._known: dict[bytes, bytes] = {}
        self._is_read = path is None
        self._wanted: dict[bytes, list[Text]] = {}
        self._asked = False
        self._arrived: list[bytes] = []
        self._saved = 0
        self._due = anyio.Event()
        self._done = anyio.Event()
        self._queries: OrderedDict[str, Sequence[float]] = OrderedDict()

    async def _finish(self) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._save)

    @property
    def missing(self) -> int:
        """How many vectors were asked for and are not computed yet."""
        return len(self._wanted)

    def query(self, text: str) -> Sequence[float] | None:
        """Return the vector of a request, computed here and now; None while the model is not loaded."""
        if self._embedder is None:
            return None
        text = text[:_LONGEST_QUERY]
        if (known := self._queries.get(text)) is None:
            try:
                known = self._embedder.embed([text])[0]
            except Exception as error:  # noqa: BLE001 - any embedder's; the word search has an answer
                self._fail(error)
                return None
            self._queries[text] = known
            if len(self._queries) > _QUERIES:
                self._queries.popitem(last=False)
        else:
            self._queries.move_to_end(text)
        return known

    def ask(self, texts: Mapping[bytes, Text]) -> dict[bytes, bytes]:
        """Return the vectors that are known of these texts; the others are computed later.

        Parameters:
            texts: what gives each text, by its digest; None when it is not needed any more.
        """
        known = self._known
        found: dict[bytes, bytes] = {}
        for key, text in texts.items():
            if (vector := known.pop(key, None)) is None:
                self._wanted.setdefault(key, []).append(text)
            else:
                known[key] = found[key] = vector  # asked for last
        if texts:
            self._asked = True
            self._due.set()
        return found

    def since(self, count: int) -> tuple[int, Mapping[bytes, bytes]]:
        """Return how many vectors have arrived after they were asked for, and those after ``count``."""
        keys = self._arrived[count:]
        return len(self._arrived), {key: self._known[key] for key in keys if key in self._known}

    def fill(self) -> None:
        """Load the model and compute all that is missing, here and now. About 6 ms for a text.

        Raises:
            ConfigError: the model cannot be loaded.
        """
        self._settle(self._read())
        if self._embedder is None:
            self._embedder = self._load()
        for texts in self._batches():
            self._take(texts, self._embedder.embed(list(texts.values())))
        self._save()

    async def filled(self) -> None:
        """Wait until nothing is missing, or nothing more can be computed. For one who has entered."""
        while self._asked and (self._wanted or self._embedder is None) and not self._failed:
            await self._done.wait()

    async def _work(self) -> None:
        while not self._failed:
            await self._due.wait()
            self._due = anyio.Event()
            try:
                await self._compute()
            except Exception as error:  # noqa: BLE001 - any embedder's; the word search goes on
                self._fail(error)
            self._done.set()
            self._done = anyio.Event()

    async def _compute(self) -> None:
        if not self._is_read:
            self._settle(await anyio.to_thread.run_sync(self._read))
        if self._embedder is None:
            self._embedder = await anyio.to_thread.run_sync(self._load)
        embedder = self._embedder
        for texts in self._batches():
            vectors = await anyio.to_thread.run_sync(_giving_way, embedder, list(texts.values()))
            self._take(texts, vectors)
            if len(self._arrived) - self._saved >= _SAVED_AFTER:
                await anyio.to_thread.run_sync(self._save)
        await anyio.to_thread.run_sync(self._save)

    def _read(self) -> dict[bytes, bytes]:
        if self._path is None or self._is_read:
            return {}
        return vector_file.read(self._path, self._model)

    def _settle(self, read: Mapping[bytes, bytes]) -> None:
        """Answer with what the file has, whatever was asked for before it was read."""
        self._is_read = True
        self._known = {**read, **self._known}
        found = self._wanted.keys() & read.keys()
        for key in found:
            del self._wanted[key]
        self._arrived.extend(found)
        self._saved += len(found)

    def _batches(self) -> Iterator[Mapping[bytes, str]]:
        while self._wanted:
            batch: dict[bytes, str] = {}
            while self._wanted and len(batch) < _BATCH:
                key = next(iter(self._wanted))
                found = (text() for text in self._wanted.pop(key))
                if (text := next((text for text in found if text is not None), None)) is not None:
                    batch[key] = text
            if batch:
                yield batch

    def _take(self, keys: Iterable[bytes], vectors: Sequence[Sequence[float]]) -> None:
        for key, vector in zip(keys, vectors, strict=True):
            self._known[key] = _packed(vector)
            self._arrived.append(key)
        while len(self._known) > _MOST:
            del self._known[next(iter(self._known))]

    def _save(self) -> None:
        count = len(self._arrived)
        if self._path is None or count == self._saved:
            return
        try:
            vector_file.write(self._path, self._model, dict(self._known))
        except OSError as error:
            _log.warning("vectors cannot be kept in %s: %s", self._path, error)
        self._saved = count

    def _fail(self, error: Exception) -> None:
        if not self._failed:
            said = error.message if isinstance(error, ConfigError) else repr(error)
            _log.warning("tools are searched by words alone: %s", said)
        self._failed = True
        self._embedder = None


def _packed(vector: Sequence[float]) -> bytes:
    return struct.pack(f"{len(vector)}e", *vector)


def _giving_way(embedder: Embedder, texts: Sequence[str]) -> Sequence[Sequence[float]]:
    """Compute with a lower claim on the processors than what a person waits for.

    Not with a lower priority: an ordinary user cannot take it back, and a thread that never gets its
    turn could hold the interpreter's lock.
    """
    batch, usual = getattr(os, "SCHED_BATCH", None), getattr(os, "SCHED_OTHER", None)
    if batch is None or usual is None or os.sched_getscheduler(0) != usual:
        return embedder.embed(texts)
    os.sched_setscheduler(0, batch, os.sched_param(0))
    try:
        return embedder.embed(texts)
    finally:
        os.sched_setscheduler(0, usual, os.sched_param(0))
