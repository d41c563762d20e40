"""The chain of rows, written by any number of processes at once."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from underpass.broker.audit.files import (
    HEAD,
    PATIENCE,
    Head,
    first_line,
    lock,
    open_to_write,
    read_end,
    read_head,
    segment_path,
    segments,
    unlock,
    write_head,
)
from underpass.broker.audit.row import (
    FORMAT,
    GENESIS,
    Row,
    content_in,
    content_of,
    key_name,
    line_of,
    read_content,
    read_row,
    sealer,
)
from underpass.broker.journal.ahead import take_over

HOSTS: Final = "hosts"
"""The folder of the processes that write, and of what they have written ahead."""
_BEGINNING: Final = Head(0, GENESIS)
_LARGEST: Final = 16 * 1024 * 1024
_DAY: Final = 86_400.0
_SHARE: Final = 8
"""The parts of ``max_mb`` that a segment has at most one of: what is removed is removed by segments."""
_AGES: Final = 100
"""The parts of ``days`` that a segment lasts, and a day at least."""


@dataclass(slots=True)
class _End:
    """Where the chain ends, as this process knows it."""

    descriptor: int
    segment: int
    size: int
    number: int
    hash: str
    turn_at: float
    """When the next segment begins, in seconds since 1970."""

    def holds(self) -> bool:
        """Whether nobody else has written since, begun the next segment, or taken the file away."""
        facts = os.fstat(self.descriptor)
        return facts.st_size == self.size and facts.st_nlink > 0 and bool(facts.st_mode & stat.S_IWUSR)


class Chain:
    """The chain in ``folder``. Every method raises ``OSError`` when it cannot be read or written.

    One object is for one thread. What ``append`` has written outlives this process, however it ends.

    Parameters:
        key: of the rows' hashes; without one anybody can make them.
        days, most_bytes: what ``prune`` leaves.
    """

    def __init__(self, folder: Path, *, key: bytes = b"", days: float = 365, most_bytes: int = 2**30) -> None:
        self.folder = folder
        self._seal = sealer(key)
        self._key = key_name(key)
        self._days = days
        self._most = most_bytes
        self._segment_bytes = min(_LARGEST, most_bytes // _SHARE)
        self._segment_seconds = max(_DAY, days * _DAY / _AGES)
        self._head: int | None = None
        self._end: _End | None = None
        self._patience = PATIENCE
        """Nothing, after a process that holds the lock was waited for in vain: it may have been stopped."""
        self._settled = 0
        """The segment up to which everything is on the disk; 0 where that is not known."""

    def append(self, rows: Sequence[bytes]) -> None:
        """Write rows: all, or none. Each is what ``content_of`` makes."""
        head = self._lock()
        try:
            self._write(head, self._find_end(head), rows)
            unlock(head)
        except BaseException:
            self.close()
            raise

    def settle(self) -> None:
        """Bring what was written to the disk. May run in another thread."""
        if (end := self._end) is None:
            return
        for segment in range(self._settled or end.segment, end.segment + 1):
            _sync(segment_path(self.folder, segment))
        self._settled = end.segment

    def take_over(self) -> None:
        """Write the rows that dead processes have written ahead, but for those that are there.

        Where that is not possible now they stay where they are; so they do where the newest rows are made
        with another key.
        """
        try:
            found = segments(self.folder)
            if found and not self._is_of_this_key(found[-1]):
                return
            take_over(self.folder / HOSTS, self._carry_on)
        except OSError:
            self.close()

    def _is_of_this_key(self, segment: int) -> bool:
        with segment_path(self.folder, segment).open("rb") as file:
            first = read_row(file.readline().rstrip(b"\n"))
        return first is not None and first.get("key") == self._key

    def _carry_on(self, _host: str, lines: Sequence[bytes]) -> None:
        rows = {line: row for line in lines if (row := read_content(line)) is not None}
        if not rows:
            return
        head = self._lock()
        try:
            end = self._find_end(head)
            there = self._contents_since(min(map(_time, rows.values())))
            if missing := [line for line in rows if line not in there]:
                self._write(head, end, missing)
            unlock(head)
        except BaseException:
            self.close()
            raise

    def _contents_since(self, begun: float) -> set[bytes]:
        """Return what the rows say that may have been written since a time."""
        found: set[bytes] = set()
        for number in reversed(segments(self.folder)):
            lines = segment_path(self.folder, number).read_bytes().split(b"\n")[:-1]
            found.update(filter(None, map(content_in, lines)))
            first = read_row(lines[0]) if lines else None
            if first is not None and _time(first) < begun:
                break
        return found

    def prune(self) -> None:
        """Remove the oldest segments that are too old or too many; of each a row remains in the chain."""
        head = self._lock()
        try:
            end = self._find_end(head)
            old = list(self._superfluous(end))
            rows = [
                content_of("pruned", {"segment": number, "last": last["n"], "closing": last["hash"]})
                for number, last in old
            ]
            if rows:
                self._write(head, end, rows)
            unlock(head)
            if rows:
                # Before what they are about is gone.
                _sync(segment_path(self.folder, end.segment))
            for number, _ in old:
                segment_path(self.folder, number).unlink(missing_ok=True)
        except BaseException:
            self.close()
            raise

    def _superfluous(self, end: _End) -> Iterator[tuple[int, Row]]:
        """Yield the segments to remove, each with its last row."""
        old = [number for number in segments(self.folder) if number < end.segment]
        sizes = [segment_path(self.folder, number).stat().st_size for number in old]
        total, limit = sum(sizes) + end.size, time.time() - self._days * _DAY
        for number, size in zip(old, sizes, strict=True):
            last = _last_row(segment_path(self.folder, number))
            if last is None or (total <= self._most and _time(last) >= limit):
                return
            total -= size
            yield number, last

    def close(self) -> None:
        """Let the files go."""
        self._forget_end()
        if self._head is not None:
            with suppress(OSError):
                unlock(self._head)  # closing it is not enough where a process is being started just now
            os.close(self._head)
            self._head = None

    def _lock(self) -> int:
        patience, self._patience = self._patience, 0.0
        head = self._locked_head(patience)
        self._patience = PATIENCE
        return head

    def _locked_head(self, patience: float) -> int:
        if self._head is not None:
            lock(self._head, patience)
            if self._end is not None and self._end.holds():
                return self._head
            # Another process has written; or the files are no longer those that are open here.
            self.close()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._head = open_to_write(self.folder / HEAD)
        lock(self._head, patience)
        return self._head

    def _write(self, head: int, end: _End, rows: Sequence[bytes]) -> None:
        number, digest = end.number, end.hash
        lines: list[bytes] = []
        for row in rows:
            number += 1
            line, digest = line_of(number, row, digest, self._seal)
            lines.append(line)
        content = b"".join(lines)
        try:
            _put(end.descriptor, content)
        except OSError:
            with suppress(OSError):
                os.ftruncate(end.descriptor, end.size)
            raise
        end.size += len(content)
        end.number, end.hash = number, digest
        write_head(head, number, digest)

    def _find_end(self, head: int) -> _End:
        """Return the end of the chain, where the next row belongs."""
        end = self._end or self._read_end(head)
        if end.size >= self._segment_bytes or time.time() >= end.turn_at:
            # Tells other writers that it is over.
            segment_path(self.folder, end.segment).chmod(stat.S_IRUSR)
            end = self._begin(head, end.segment + 1, Head(end.number, end.hash))
        return end

    def _read_end(self, head: int) -> _End:
        """Open the end of the chain; what is not as it was left there is said in a row."""
        known = read_head(self.folder / HEAD)
        found = segments(self.folder)
        if known is None and not found:
            # Before the first row, for a head that is missing later is one that was taken away.
            known = _BEGINNING
            write_head(head, known.number, known.hash)
        newest = found[-1] if found else 1
        path = segment_path(self.folder, newest)
        last = _last_row(path)
        if last is None and found and b"\n" in path.read_bytes():
            end = self._begin(head, newest + 1, known or _BEGINNING)
            self._write(head, end, [_damage("the last row could not be read", known)])
            return end
        # Without a row the trail is new, or whoever made the file died before it had written one.
        before = last or _last_row(segment_path(self.folder, newest - 1))
        at = _BEGINNING if before is None else Head(before["n"], before["hash"])
        end = self._begin(head, newest, at) if last is None else self._continue(head, newest, at)
        if known is None:
            self._write(head, end, [_damage("the head was missing", None)])
        elif known.number > at.number or (known.number == at.number and known.hash != at.hash):
            self._write(head, end, [_damage("the last rows were missing", known)])
        return end

    def _continue(self, head: int, segment: int, at: Head) -> _End:
        path = segment_path(self.folder, segment)
        if not path.stat().st_mode & stat.S_IWUSR:
            return self._begin(head, segment + 1, at)
        descriptor = open_to_write(path, append=True)
        end = self._end = _End(descriptor, segment, 0, at.number, at.hash, 0.0)
        end.size, _ = read_end(descriptor)
        if os.fstat(descriptor).st_size > end.size:
            # What a process had written of a row when it died was never a row.
            os.ftruncate(descriptor, end.size)
        first = read_row(first_line(descriptor)) or {}
        if first.get("key") == self._key:
            end.turn_at = _time(first) + self._segment_seconds
        return end

    def _begin(self, head: int, segment: int, previous: Head) -> _End:
        """Begin a segment. Its first row says what came before, which may be gone one day."""
        self._forget_end()
        descriptor = open_to_write(segment_path(self.folder, segment), append=True)
        turn_at = time.time() + self._segment_seconds
        end = self._end = _End(descriptor, segment, 0, previous.number, previous.hash, turn_at)
        os.ftruncate(descriptor, 0)
        facts = {"segment": segment, "previous": previous.hash, "format": FORMAT, "key": self._key}
        self._write(head, end, [content_of("segment", facts)])
        return end

    def _forget_end(self) -> None:
        if self._end is not None:
            os.close(self._end.descriptor)
            self._end = None


def _put(descriptor: int, content: bytes) -> None:
    if os.write(descriptor, content) < len(content):
        # A disk that is full takes what it can.
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _damage(what: str, head: Head | None) -> bytes:
    number, digest = (None, None) if head is None else (head.number, head.hash)
    return content_of("damage", {"what": what, "head": digest, "head_row": number})


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _last_row(path: Path) -> Row | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        _, line = read_end(descriptor)
    finally:
        os.close(descriptor)
    return None if line is None else read_row(line)


def _time(row: Row) -> float:
    """Return when a row was written, in seconds since 1970; 0 where it does not say."""
    try:
        return datetime.fromisoformat(row["at"]).timestamp()
    except (KeyError, TypeError, ValueError):
        return 0.0
