"""Processes that write one trail at once, and are killed while they do."""

import os
import random
import resource
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import orjson
import pytest
from tests.broker.audit.trails import all_lines, lines_of, make_call, put_lines, run_record, tell

from underpass.broker.audit import AuditTrail, Chain, verify
from underpass.broker.audit.files import HEAD, segment_path, segments
from underpass.broker.audit.row import content_of

pytestmark = pytest.mark.requirement("R37")
TRIES = 60
SMALL = 8 * 50_000


@contextmanager
def child(work: Callable[[int], None]) -> Generator[tuple[int, int]]:
    """Run ``work`` in a process of its own, with the end of a pipe to write to."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            work(writing)
        finally:
            os._exit(0)
    os.close(writing)
    try:
        yield pid, reading
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reading)


def write_for_ever(folder: Path, name: str, report: int) -> None:
    """Write rows, a few or many at once, and say of each batch when it is written."""
    chain = Chain(folder, most_bytes=SMALL)
    chance = random.Random(name)
    for number in range(100_000):
        size = chance.choice((1, 2, 3, 200))
        chain.append([content_of("note", {"by": name, "batch": number, "of": size}) for _ in range(size)])
        os.write(report, b"%d\n" % number)


@pytest.mark.parametrize(
    "seed", [pytest.param(n, marks=[] if n < 3 else pytest.mark.slow) for n in range(TRIES // 4)]
)
def test_a_chain_holds_however_its_writers_are_killed(tmp_path: Path, seed: int) -> None:
    said: dict[str, int] = {}
    chance = random.Random(seed)
    for attempt in range(4):
        names = f"{attempt} one", f"{attempt} other"
        with (
            child(lambda report, name=names[0]: write_for_ever(tmp_path, name, report)) as (_, one),
            child(lambda report, name=names[1]: write_for_ever(tmp_path, name, report)) as (_, other),
        ):
            ends = one, other
            # Both have begun; they are killed at any point of what they do then.
            heard = [os.read(end, 100) for end in ends]
            until = time.monotonic() + chance.random() * 0.01
            while time.monotonic() < until:
                pass
            for end in ends:
                os.set_blocking(end, False)
            heard = [before + _rest(end) for before, end in zip(heard, ends, strict=True)]
        said |= {name: len(lines.split()) for name, lines in zip(names, heard, strict=True)}
        assert verify(tmp_path).faults == []
    rows = [orjson.loads(line) for line in all_lines(tmp_path)]
    for name, batches in said.items():
        written = {row["batch"] for row in rows if row.get("by") == name}
        assert set(range(batches)) <= written
    assert len(segments(tmp_path)) > 1


def _rest(end: int) -> bytes:
    parts: list[bytes] = []
    try:
        while part := os.read(end, 65_536):
            parts.append(part)
    except BlockingIOError:
        pass
    return b"".join(parts)


def test_a_decision_to_allow_a_call_outlives_its_process(tmp_path: Path) -> None:
    async def work(report: int) -> None:
        async with AuditTrail(tmp_path) as trail:
            trail.began(run_record())
            tell(trail, make_call("read", reads=True))
            tell(trail, make_call("first"))
            tell(trail, make_call("second"))
            os.write(report, b"sent\n")
            signal.pause()

    with child(lambda report: anyio.run(work, report)) as (_, end):
        assert os.read(end, 100) == b"sent\n"
    assert verify(tmp_path).ok
    rows = [(row["kind"], row.get("outcome")) for row in map(orjson.loads, lines_of(tmp_path))]
    # The last call's end was to be written with the next row.
    assert rows == [
        ("segment", None),
        ("began", None),
        ("decision", "allowed"),
        ("call", "allowed"),
        ("decision", "allowed"),
        ("call", "allowed"),
        ("decision", "allowed"),
    ]


def test_processes_that_write_in_turn_share_a_chain(tmp_path: Path) -> None:
    chains = [Chain(tmp_path, most_bytes=SMALL) for _ in range(3)]
    for number in range(60):
        chains[number % 3].append([content_of("note", {"number": number})])
    for chain in chains:
        chain.close()
    rows = [orjson.loads(line) for line in all_lines(tmp_path)]
    assert [row["number"] for row in rows if row["kind"] == "note"] == list(range(60))
    assert verify(tmp_path).ok


def test_what_a_process_had_written_of_a_row_when_it_died_is_no_row(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    chain.append([content_of("note", {"by": "me"})])
    chain.close()
    lines = lines_of(tmp_path)
    assert put_lines(tmp_path, [*lines, b'{"n":3,"kind":"no']).ok
    chain.append([content_of("note", {"by": "me"})])
    chain.close()
    assert verify(tmp_path).rows == 3
    assert verify(tmp_path).ok


@pytest.mark.parametrize("content", [b"", b'{"n":1,"kind":"se'])
def test_a_process_that_died_with_a_new_segment_does_no_harm(tmp_path: Path, content: bytes) -> None:
    chain = Chain(tmp_path)
    chain.append([content_of("note", {"by": "me"})])
    chain.close()
    segment_path(tmp_path, 1).chmod(0o400)
    segment_path(tmp_path, 2).write_bytes(content)
    assert verify(tmp_path).ok
    chain.append([content_of("note", {"by": "me"})])
    chain.close()
    report = verify(tmp_path)
    assert (report.ok, report.segments, report.rows) == (True, 2, 4)


def test_a_trail_that_died_before_its_first_row_begins_anew(tmp_path: Path) -> None:
    (tmp_path / HEAD).touch()
    chain = Chain(tmp_path)
    chain.append([content_of("note", {"by": "me"})])
    chain.close()
    assert verify(tmp_path).ok


def test_a_trail_whose_folder_is_taken_away_goes_on_in_a_new_one(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    chain = Chain(folder)
    chain.append([content_of("note", {"by": "me"})])
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    chain.append([content_of("note", {"by": "me"})])
    chain.close()
    assert verify(folder).rows == 2


def test_a_writer_waits_for_another_one_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("underpass.broker.audit.chain.PATIENCE", 0.01)
    chain, other = Chain(tmp_path), Chain(tmp_path)
    chain.append([content_of("note", {"by": "me"})])
    with child(lambda report: _hold(tmp_path, report)) as (_, end):
        assert os.read(end, 100) == b"held\n"
        for each in (chain, chain, other):
            with pytest.raises(OSError, match="another process holds the audit trail"):
                each.append([content_of("note", {"by": "me"})])
    for each in (chain, other):
        each.append([content_of("note", {"by": "me"})])
        each.close()
    assert verify(tmp_path).rows == 4


def _hold(folder: Path, report: int) -> None:
    from underpass.broker.audit.files import lock, open_to_write

    lock(open_to_write(folder / HEAD))
    os.write(report, b"held\n")
    signal.pause()


def test_a_disk_that_is_full_leaves_the_chain_whole(tmp_path: Path) -> None:
    def work(report: int) -> None:
        chain = Chain(tmp_path)
        chain.append([content_of("note", {"by": "me"})])
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))
        try:
            while True:
                chain.append([content_of("note", {"text": "x" * 100})])
        except OSError as error:
            os.write(report, f"{error}\n".encode())
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        chain.append([content_of("note", {"text": "there is room again"})])
        os.write(report, b"done\n")

    with child(work) as (_, end):
        said = os.read(end, 200)
        while not said.endswith(b"done\n"):
            said += os.read(end, 200)
    assert b"No space left" in said
    report = verify(tmp_path)
    assert report.faults == []
    assert b"there is room again" in lines_of(tmp_path)[-1]


def test_a_trail_is_verified_while_it_is_written(tmp_path: Path) -> None:
    with child(lambda report: write_for_ever(tmp_path, "one", report)) as (_, end):
        assert os.read(end, 100)
        reports = [verify(tmp_path) for _ in range(4)]
    assert [report.faults for report in reports] == [[]] * 4
