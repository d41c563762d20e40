"""Whether the trail is what was written: each row, its place, and where it ends."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from underpass.broker.audit.files import HEAD, Head, locked, read_head, segment_path, segments
from underpass.broker.audit.reading import take_over
from underpass.broker.audit.row import GENESIS, Row, key_name, parts_of, read_row, sealer

_MOST_FAULTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was not written so."""

    segment: int
    line: int
    """From 1; 0 for what concerns the segment, or the trail as a whole."""
    what: str

    def to_dict(self) -> dict[str, Any]:
        """The fault as a JSON object."""
        return {"segment": self.segment, "line": self.line, "what": self.what}


@dataclass(slots=True)
class Report:
    """What ``verify`` has found."""

    rows: int = 0
    segments: int = 0
    first: int = 0
    """The number of the first row that there is; above 1, older ones were removed."""
    last: int = 0
    hash: str = GENESIS
    """Of the last row: note it elsewhere."""
    is_keyed: bool = False
    """Whether the newest hashes are made with a key."""
    noted: int | None = None
    """The number of the row whose hash was asked for; None where it is not there."""
    faults: list[Fault] = field(default_factory=list[Fault])

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def to_dict(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "ok": self.ok,
            "rows": self.rows,
            "segments": self.segments,
            "first": self.first,
            "last": self.last,
            "head": self.hash,
            "keyed": self.is_keyed,
            "noted_row": self.noted,
            "faults": [fault.to_dict() for fault in self.faults],
        }


def verify(folder: Path, *, key: bytes = b"", noted: str | None = None) -> Report:
    """Look through the whole trail. Other processes may write meanwhile.

    What processes that were killed have left to be written is written first.

    Parameters:
        folder: the trail's.
        key: of the rows' hashes.
        noted: the hash of a row that has to be there, with everything before it.

    Raises:
        OSError: the trail cannot be read.
    """
    take_over(folder, key)
    with ExitStack() as stack:
        with locked(folder / HEAD):
            numbers = segments(folder)
            paths = [segment_path(folder, number) for number in numbers]
            files = [stack.enter_context(path.open("rb")) for path in paths]
            sizes = [path.stat().st_size for path in paths]
            head = read_head(folder / HEAD)
        check = _Check(key, head, noted)
        for number, file, size in zip(numbers, files, sizes, strict=True):
            check.segment(number, file.read(size), is_last=number == numbers[-1])
    return check.end()


class _Check:
    def __init__(self, key: bytes, head: Head | None, noted: str | None) -> None:
        self.report = Report()
        self._seal = sealer(key)
        self._key = key_name(key)
        self._head = head
        self._noted = noted
        self._hash: str | None = None
        """Of the row before; None where that is not known."""
        self._place = (0, 0)
        self._is_sealed = True
        """Whether the hashes of this segment can be made here."""
        self._removed: list[tuple[object, object, object]] = []
        """Segments that were removed when they were old: number, last row and its hash."""
        self._start: tuple[object, object, object] | None = None
        """What came before the first segment that there is."""

    def segment(self, number: int, content: bytes, *, is_last: bool) -> None:
        report = self.report
        expected, before = number if not report.segments else self._place[0] + 1, self._place
        self._place = (number, 0)
        if number != expected:
            self._fault(f"the segments after {before[0]} are missing")
        report.segments += 1
        lines = content.split(b"\n")
        rest = lines.pop()
        if rest and not is_last:
            self._fault("the last row is not whole")
        for place, line in enumerate(lines, 1):
            self._place = (number, place)
            if (row := read_row(line)) is None:
                self._fault("this is no row")
                self._hash = None
                report.last += 1
                continue
            if place == 1:
                self._header(number, row)
            self._row(row, line)

    def end(self) -> Report:
        """Look at the whole."""
        report, head = self.report, self._head
        self._place = (self._place[0], 0)
        report.hash = self._hash or GENESIS
        if self._start is not None and self._start not in self._removed:
            self._fault(f"the rows before {report.first} are missing")
        if head is None:
            self._fault("the head is missing")
        elif head.number > report.last:
            self._fault(f"rows {report.last + 1} to {head.number} are missing at the end")
        if self._key and not report.is_keyed:
            self._fault("there is a key, and the newest rows are made without one")
        if self._noted is not None:
            report.noted = self._noted_row()
            if report.noted is None:
                self._fault(f"no row has the hash {self._noted}: it and what followed was cut off or changed")
        return report

    def _noted_row(self) -> int | None:
        if self.report.noted is not None:
            return self.report.noted
        ends = (last for _, last, digest in self._removed if digest == self._noted)
        return next((last for last in ends if isinstance(last, int)), None)

    def _header(self, number: int, row: Row) -> None:
        if row.get("kind") != "segment" or row.get("segment") != number:
            self._fault("the first row is not that of this segment")
            return
        if not self.report.first:
            self.report.first = row["n"]
            self.report.last = row["n"] - 1
            self._hash = str(row.get("previous"))
            if number > 1:
                self._start = (number - 1, row["n"] - 1, self._hash)
            elif (self._hash, row["n"]) != (GENESIS, 1):
                self._fault("the first row says that there were others before it")
        key = row.get("key")
        self._is_sealed = key == self._key or not key
        if not self._is_sealed:
            needs = "another key" if self._key else "a key: the setting audit.key"
            self._fault(f"the hashes of this segment can be verified with {needs} only")
        if self.report.is_keyed and not key:
            self._fault("the rows before are made with a key, and these without one")
        self.report.is_keyed = bool(key)

    def _row(self, row: Row, line: bytes) -> None:
        report, number = self.report, row["n"]
        report.first = report.first or number
        if number > report.last + 1:
            self._fault(f"rows {report.last + 1} to {number - 1} are missing before this one")
        elif number <= report.last:
            self._fault(f"row {number} stands after row {report.last}: it was inserted, or moved")
        elif self._is_sealed and not self._follows(line, keyed=report.is_keyed):
            self._fault(f"row {number} was changed, or another one before it")
        report.rows += 1
        report.last, self._hash = number, row["hash"]
        if self._head is not None and number == self._head.number and self._hash != self._head.hash:
            self._fault(f"row {number} is not the one that the head names")
        if self._noted == self._hash:
            report.noted = number
        self._special(row)

    def _follows(self, line: bytes, *, keyed: bool) -> bool:
        parts = parts_of(line)
        if self._hash is None or parts is None:
            return True
        seal = self._seal if keyed else sealer(b"")
        return seal(self._hash.encode() + parts[0]) == parts[1]

    def _special(self, row: Row) -> None:
        match row.get("kind"):
            case "damage":
                self._fault(f"at {row.get('at')} a process that was to write here found: {row.get('what')}")
            case "pruned":
                before = (row.get("segment"), row.get("last"), row.get("closing"))
                self._removed.append(before)
            case _:
                pass

    def _fault(self, what: str) -> None:
        if len(self.report.faults) < _MOST_FAULTS:
            self.report.faults.append(Fault(*self._place, what))
