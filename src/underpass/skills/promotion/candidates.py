"""Takes down the programs that worked, at next to no cost for a run."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import orjson

from underpass.skills.promotion.evidence import CallReader
from underpass.skills.promotion.generalise import shape_of
from underpass.skills.promotion.places import LONGEST_CODE, Shape, key_of
from underpass.skills.promotion.table import Candidate, CandidateRun, CandidateTable
from underpass.skills.seams import FinishedRun

MOST_WAITING: Final = 1_000
"""Runs that wait to be written at most; those that come then are not recorded."""
LONGEST_VALUE: Final = 256 * 1024
"""Bytes of a value that is kept; a longer one is known by its digest alone."""
JOURNAL_SECONDS: Final = 3.0
"""How long the journal may take to have a run's calls; it needs half a second."""
_CACHED: Final = 2_000
"""Programs whose shapes are remembered."""
_LOG: Final = logging.getLogger("underpass.skills")


class Candidates:
    """The candidates in the state folder ``state``. It is told of runs by ``note``.

    A run pays for a row in a list. Whoever owns it calls ``settle`` from a thread, in batches; a program
    that ran before is not parsed again.

    Parameters:
        state: the state folder; the table is in ``skills/`` of it, and the journal in ``journal/``.
        clock: seconds since 1970.
    """

    def __init__(self, state: Path, clock: Callable[[], float] = time.time) -> None:
        self.table = CandidateTable(state / "skills")
        self._journal = state / "journal"
        self._clock = clock
        self._waiting: deque[tuple[float, FinishedRun]] = deque()
        self._shapes: OrderedDict[str, Shape | None] = OrderedDict()
        self._settling = threading.Lock()
        self._said = False
        self.lost = 0
        """Runs that could not be recorded."""

    def note(self, run: FinishedRun) -> None:
        """Take down one run. It is fast, and does not raise."""
        if len(self._waiting) >= MOST_WAITING or len(run.code) > LONGEST_CODE:
            self.lost += 1
            return
        self._waiting.append((self._clock(), run))

    @property
    def waiting(self) -> int:
        """Runs that are not written yet."""
        return len(self._waiting)

    def settle(self) -> bool:
        """Write what waits, for any thread; what cannot be written is lost, which is said once.

        A run whose calls the journal has not yet waits for the next time. Returns whether a
        candidate now recurs in two sessions.
        """
        with self._settling:
            taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not taken:
                return False
            reader = CallReader(self._journal)
            try:
                runs = [found for at, run in taken if (found := self._read(reader, at, run)) is not None]
                known = {each.run for each in runs}
                young = self._clock() - JOURNAL_SECONDS
                # What the journal does not have yet may have made no calls, or have them written soon.
                self._waiting.extendleft(
                    each for each in taken if each[1].run not in known and each[0] > young
                )
                return self.table.write(runs) if runs else False
            except Exception as error:  # noqa: BLE001 - runs go on without candidates, and it is said
                self.lost += len(taken)
                if not self._said:
                    _LOG.warning(
                        "programs that worked cannot be recorded as candidates for skills: %s", error
                    )
                self._said = True
                return False
            finally:
                reader.close()

    def tidy(self) -> None:
        """Forget what is too old or too much, for any thread."""
        try:
            self.table.tidy()
        except OSError as error:
            _LOG.warning("candidates for skills cannot be tidied: %s", error)

    def all(self) -> list[Candidate]:
        """Return the candidates, those of the most sessions first. Raises ``OSError``."""
        self.settle()
        return self.table.candidates()

    def close(self) -> None:
        """Write what waits, and let the file go."""
        self.settle()
        self.table.close()

    def _read(self, reader: CallReader, at: float, run: FinishedRun) -> CandidateRun | None:
        """Return the run for the table; None for one that is no candidate."""
        digest = hashlib.sha256(f"{run.language}\0{run.code}".encode()).hexdigest()
        shape = self._shape(digest, run)
        if shape is None:
            return None
        tools = reader.tools(run.run)
        if not tools:
            return None
        try:
            value = key_of(_plain(run.value))
        except (TypeError, ValueError):
            return None
        return CandidateRun(
            run.run,
            shape.digest,
            run.language,
            tools,
            shape.unbound,
            run.code,
            digest,
            orjson.dumps(shape.literals),
            run.agent,
            run.session,
            at,
            hashlib.sha256(value).hexdigest(),
            value if len(value) <= LONGEST_VALUE else None,
        )

    def _shape(self, digest: str, run: FinishedRun) -> Shape | None:
        if digest in self._shapes:
            self._shapes.move_to_end(digest)
            return self._shapes[digest]
        try:
            shape = shape_of(run.language, run.code)
        except ValueError:
            shape = None
        self._shapes[digest] = shape
        if len(self._shapes) > _CACHED:
            self._shapes.popitem(last=False)
        return shape


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
