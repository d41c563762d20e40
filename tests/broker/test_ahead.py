"""What is written ahead of the journal and of the audit trail, and who finds it when its process died."""

import os
import resource
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import anyio
import anyio.lowlevel
import orjson
import pytest
from tests.broker.audit.trails import all_lines, make_call, run_record, tell

from underpass.broker.audit import AuditTrail, Chain, Filter, trail, verify, youngest
from underpass.broker.audit.files import HEAD, lock, open_to_write
from underpass.broker.journal import CallRecord, Decisions, Journal, JournalStore, journal
from underpass.broker.journal.ahead import AheadLog, take_over
from underpass.broker.journal.presence import Presence
from underpass.broker.journal.run import JournaledCall, JournaledRun
from underpass.broker.journal.store import FILE_NAME
from underpass.errors import CallUnknown, ToolUnavailable, ValidationFailed

pytestmark = pytest.mark.requirement("R20", "R37")
LONG = 3_600.0


@pytest.fixture(autouse=True)
def nothing_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what was written ahead stay only there."""
    for module in (journal, trail):
        monkeypatch.setattr(module, "WRITE_SOON", LONG)
        monkeypatch.setattr(module, "WRITE_AFTER", LONG)


def killed(work: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
    """Run ``work`` in a process that is killed as soon as it calls what it is given."""
    reading, writing = os.pipe()

    def here() -> None:
        os.write(writing, b"here")
        signal.pause()

    if (pid := os.fork()) == 0:
        try:
            anyio.run(work, here)
        finally:
            os._exit(1)
    os.close(writing)
    said = os.read(reading, 4)
    os.close(reading)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert said == b"here"


def begin(run: JournaledRun, label: str) -> JournaledCall:
    arguments = {"label": label}
    return run.begin("demo", "note", "d" * 64, arguments, orjson.dumps(arguments), idempotent=False)


def leave_three_calls(folder: Path) -> None:
    """Let a process die in its third call. The journal has the first one's beginning alone."""

    async def work(here: Callable[[], None]) -> None:
        async with Journal(folder) as kept:
            run = kept.begin(run_record())
            for label in "ab":
                begin(run, label).end(label.join('""').encode())
            begin(run, "c")
            here()

    killed(work)


@pytest.fixture
def three_calls(tmp_path: Path) -> None:
    leave_three_calls(tmp_path)


def states(calls: list[CallRecord]) -> list[tuple[int, str, bytes | None]]:
    return [(call.sequence, call.state, call.result) for call in calls]


WHOLE = [(1, "finished", b'"a"'), (2, "finished", b'"b"'), (3, "in flight", None)]


def change(folder: Path, statement: str) -> None:
    """Change the journal behind its back."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        connection.execute(statement)


def logs(folder: Path) -> list[Path]:
    return [path for path in (folder / "hosts").iterdir() if holds_something(path)]


def holds_something(path: Path) -> bool:
    # The journal removes a log from a thread of its own: between the listing and this look.
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def test_whoever_reads_the_journal_next_finds_what_a_killed_process_wrote_ahead(tmp_path: Path) -> None:
    leave_three_calls(tmp_path)
    assert len(logs(tmp_path)) == 1
    store = JournalStore(tmp_path)
    assert [run.calls for run in store.runs(9)] == [3]
    assert states(store.calls("r1")) == WHOLE
    store.close()
    assert logs(tmp_path) == []


@pytest.mark.anyio
@pytest.mark.usefixtures("three_calls")
async def test_a_call_that_was_only_written_ahead_is_not_made_again_silently(tmp_path: Path) -> None:
    async with Journal(tmp_path) as kept:
        record = kept.find("r1")
        with pytest.raises(CallUnknown, match=r'call 3, demo\.note\(\{"label":"c"\}\)'):
            kept.resume(record, Decisions())
        resumed = kept.resume(record, Decisions(call_again=frozenset({3})))
        assert resumed.claim("demo", "note", {"label": "b"}) is not None


@pytest.mark.anyio
@pytest.mark.usefixtures("three_calls")
async def test_a_run_is_not_resumed_while_something_of_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Journal(tmp_path) as kept:
        with monkeypatch.context() as patched:
            patched.setattr(JournalStore, "take_over", _nothing)
            record = kept.find("r1")
            with pytest.raises(ValidationFailed, match="is not in the journal yet"):
                kept.resume(record, Decisions())
        with pytest.raises(CallUnknown):
            kept.resume(record, Decisions())


def _nothing(_store: JournalStore) -> None:
    """Leave it to others."""


@pytest.mark.parametrize("rest", [b"", b'[["r1","began",4,"demo"', b"\0\0\0\0\n\0\0", b"[]\n"])
def test_a_log_may_be_read_twice_and_may_end_in_anything(tmp_path: Path, rest: bytes) -> None:
    leave_three_calls(tmp_path)
    (log,) = logs(tmp_path)
    content = log.read_bytes() + rest
    store = JournalStore(tmp_path)
    for _ in range(2):
        log.write_bytes(content)
        assert states(store.calls("r1")) == WHOLE
        assert not log.exists()
    store.close()


@pytest.mark.anyio
@pytest.mark.usefixtures("three_calls")
async def test_an_old_log_says_nothing_of_a_run_that_another_process_has_continued(tmp_path: Path) -> None:
    (log,) = logs(tmp_path)
    content = log.read_bytes()
    async with Journal(tmp_path) as kept:
        resumed = kept.resume(kept.find("r1"), Decisions(call_again=frozenset({3})))
        again = resumed.claim("demo", "note", {"label": "c"})
        assert again is not None
        again.end(b'"again"')
        kept.write()
        log.write_bytes(content.replace(b'["r1","began",3', b'["r1","began",4') + content)
        store = JournalStore(tmp_path)
        assert states(store.calls("r1")) == [*WHOLE[:2], (3, "finished", b'"again"')]
        store.close()


@pytest.mark.anyio
async def test_what_follows_into_the_journal_is_gone_from_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Journal(tmp_path) as kept:
        run = kept.begin(run_record())
        for label in "abc":
            begin(run, label).end(b"1")
        assert len(logs(tmp_path)) == 1
        assert kept.write()
        assert logs(tmp_path) == []
        begin(run, "d")
        run.end("ok", spoke=True)
    assert not (tmp_path / "hosts" / kept.host).exists()
    store = JournalStore(tmp_path)
    assert [call.state for call in store.calls("r1")] == ["finished"] * 3 + ["in flight"]
    store.close()


@pytest.mark.anyio
async def test_a_promise_is_kept_where_the_journal_takes_nothing_for_a_while(tmp_path: Path) -> None:
    async with Journal(tmp_path) as kept:
        run, other = kept.begin(run_record()), kept.begin(run_record("r2"))
        begin(run, "a")
        begin(run, "b")
        begin(other, "x")
        change(tmp_path, "CREATE TRIGGER no BEFORE INSERT ON calls BEGIN SELECT RAISE(ABORT, 'no room'); END")
        begin(run, "c")
        assert not kept.write()
        with pytest.raises(ToolUnavailable, match="the journal cannot be written"):
            begin(run, "d")
        change(tmp_path, "DROP TRIGGER no")
    store = JournalStore(tmp_path)
    assert [call.arguments for call in store.calls("r1")] == [f'{{"label":"{label}"}}' for label in "abc"]
    store.close()


def test_a_disk_that_is_full_leaves_the_log_whole(tmp_path: Path) -> None:
    async def work(here: Callable[[], None]) -> None:
        log = AheadLog(tmp_path)
        log.append(b"first")
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with pytest.raises(OSError, match="No space left"):
            log.append(b"x" * 200)
        log.append(b"second")
        here()

    killed(work)
    found: list[bytes] = []
    take_over(tmp_path, lambda _name, lines: found.extend(lines))
    assert found == [b"first", b"second"]
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_be_carried_on_stays(tmp_path: Path) -> None:
    async def work(here: Callable[[], None]) -> None:
        AheadLog(tmp_path).append(b"line")
        here()

    def fail(_name: str, _lines: list[bytes]) -> None:
        raise OSError("no room")

    killed(work)
    take_over(tmp_path, fail)
    found: list[bytes] = []
    take_over(tmp_path, lambda _name, lines: found.extend(lines))
    assert found == [b"line"]
    take_over(tmp_path / "nowhere", fail)


def test_nobody_takes_over_from_a_process_that_lives(tmp_path: Path) -> None:
    log = AheadLog(tmp_path)
    log.append(b"line")
    found: list[bytes] = []
    take_over(tmp_path, lambda _name, lines: found.extend(lines))
    assert found == []
    assert Presence(tmp_path).lives(log.name)
    log.clear()
    log.leave()
    assert list(tmp_path.iterdir()) == []


def test_a_presence_that_is_removed_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence, taken = Presence(tmp_path), False
    whole = os.open

    def interrupted(path: Path, *more: int) -> int:
        nonlocal taken
        descriptor = whole(path, *more)
        if not taken:
            taken = True
            Path(path).unlink()
        return descriptor

    monkeypatch.setattr(os, "open", interrupted)
    presence.take()
    assert taken
    assert Presence(tmp_path).lives(presence.name)
    presence.leave()


def leave_rows(folder: Path, key: bytes = b"") -> None:
    """Let a process die whose trail has the first decision, and the others only ahead of it."""

    async def work(here: Callable[[], None]) -> None:
        async with AuditTrail(folder, key=key) as kept:
            kept.began(run_record())
            for label in "abc":
                tell(kept, make_call(label))
            here()

    killed(work)


@pytest.mark.parametrize("key", [b"", b"secret"])
def test_the_trail_has_the_decisions_of_a_process_that_was_killed(tmp_path: Path, key: bytes) -> None:
    leave_rows(tmp_path, key)
    rows = youngest(tmp_path, Filter(run="r1"), 99, key=key)
    assert [row["kind"] for row in rows] == ["began", "decision", "call", "decision", "call", "decision"]
    assert verify(tmp_path, key=key).faults == []
    assert list((tmp_path / "hosts").iterdir()) == []


def test_rows_are_left_to_whoever_has_the_key(tmp_path: Path) -> None:
    leave_rows(tmp_path, b"secret")
    assert len(youngest(tmp_path, Filter(run="r1"), 99)) == 2
    assert len(logs(tmp_path)) == 1
    assert verify(tmp_path, key=b"secret").rows == 7


def test_rows_that_are_taken_over_twice_are_there_once(tmp_path: Path) -> None:
    leave_rows(tmp_path)
    (log,) = logs(tmp_path)
    content = log.read_bytes()
    assert verify(tmp_path).rows == 7
    for rest in (b"", b'"at":"', b"\0\0\n"):
        log.write_bytes(content + rest)
        report = verify(tmp_path)
        assert (report.rows, report.faults) == (7, [])
        assert not log.exists()


def test_a_process_that_was_killed_between_chain_and_log_has_told_nothing_twice(tmp_path: Path) -> None:
    leave_rows(tmp_path)
    (log,) = logs(tmp_path)
    first, *_ = log.read_bytes().splitlines()
    chain = Chain(tmp_path)
    chain.append([first])
    chain.close()
    report = verify(tmp_path)
    assert (report.rows, report.faults) == (7, [])
    assert sum(first in line for line in all_lines(tmp_path)) == 1


def test_another_process_takes_rows_over_when_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_rows(tmp_path)
    monkeypatch.setattr(trail, "WRITE_AFTER", 0)

    async def work() -> None:
        async with AuditTrail(tmp_path) as kept:
            kept.began(run_record("r2"))
            with anyio.fail_after(60):
                while logs(tmp_path):
                    await anyio.lowlevel.checkpoint()

    anyio.run(work)
    assert verify(tmp_path).rows == 8


@pytest.mark.anyio
async def test_a_trail_that_takes_nothing_for_a_while_forgets_no_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AuditTrail(tmp_path) as kept:
        for label in "ab":
            kept.decided(make_call(label), None, "allowed")
        monkeypatch.setattr("underpass.broker.audit.chain.PATIENCE", 0)
        held = open_to_write(tmp_path / HEAD)
        lock(held)
        for _ in range(2):
            assert not kept.write()
        kept.decided(make_call("c"), None, "allowed")
        os.close(held)
    rows = youngest(tmp_path, Filter(), 99)
    assert [row["kind"] for row in rows] == ["decision", "lost", "decision"]
    assert verify(tmp_path).faults == []
