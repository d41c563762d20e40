"""What is kept in memory and on disk: bounded, whole or not at all, for all processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.broker.cache.notes import ManualTime, Notes, cached, read, write

from underpass.broker.cache.disk import DiskEntries
from underpass.broker.cache.entry import Entry
from underpass.broker.cache.epochs import Epochs
from underpass.broker.cache.inventory import clear, inventory
from underpass.broker.cache.memory import MemoryEntries
from underpass.broker.cache.store import ResultStore, seconds
from underpass.config import CacheSettings

pytestmark = pytest.mark.requirement("R18")
KEYS = [f"{number:064x}" for number in range(0, 1 << 20, 7919)]


def entry(size: int = 10, about: str = "notes.read") -> Entry:
    return Entry("call", about, 0.0, 100.0, ((1, 2**64 - 1),), b"x" * size)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and len(path.name) == 64]


def test_memory_keeps_what_was_used_last() -> None:
    memory = MemoryEntries(10_000)
    for key in KEYS[:20]:
        memory.put(key, entry())
        assert memory.get(KEYS[0]) is not None
    assert memory.size <= 10_000
    assert len(memory) == 16
    assert memory.get(KEYS[1]) is None
    assert memory.get(KEYS[19]) is not None
    memory.put("huge", entry(3_000))
    assert memory.get("huge") is None


def test_the_disk_gives_back_what_was_written(tmp_path: Path) -> None:
    disk = DiskEntries(tmp_path, 1 << 20)
    disk.write(KEYS[1], entry(), 100)
    assert DiskEntries(tmp_path, 1 << 20).read(KEYS[1]) == entry()
    assert disk.read(KEYS[2]) is None


@pytest.mark.parametrize("damage", ["cut", "empty", "changed", "of another", "longer"])
def test_a_damaged_file_is_no_entry_and_goes(tmp_path: Path, damage: str) -> None:
    disk = DiskEntries(tmp_path, 1 << 20)
    disk.write(KEYS[1], entry(), 100)
    disk.write(KEYS[2], entry(20), 100)
    one, other = (next(path for path in files(tmp_path) if path.name == key) for key in KEYS[1:3])
    content = one.read_bytes()
    damaged = {
        "cut": content[:-1],
        "empty": b"",
        "changed": content[:-1] + b"y",
        "of another": other.read_bytes(),
        "longer": content + b"x",
    }
    one.chmod(0o600)
    one.write_bytes(damaged[damage])
    assert disk.read(KEYS[1]) is None
    assert not one.exists()
    assert disk.read(KEYS[2]) == entry(20)


def test_the_disk_keeps_what_was_used_last_and_within_its_bound(tmp_path: Path) -> None:
    most = 400_000
    one, other = DiskEntries(tmp_path, most), DiskEntries(tmp_path, most)
    for number, key in enumerate(KEYS[:120]):
        (one if number % 2 else other).write(key, entry(8_000), 100)
    assert sum(file.size for file in one.all()) <= most
    assert one.read(KEYS[119]) is not None
    assert one.read(KEYS[0]) is None
    one.write("ff" + "0" * 62, entry(most // 4), 100)
    assert one.read("ff" + "0" * 62) is None


def test_tidying_removes_what_is_stale_and_what_was_left_behind(tmp_path: Path) -> None:
    disk = DiskEntries(tmp_path, 1 << 20)
    disk.write(KEYS[1], entry(), -1)
    disk.write(KEYS[2], entry(), 100)
    left = tmp_path / "new" / "left"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    disk.tidy()
    assert [path.name for path in files(tmp_path)] == [KEYS[2]]
    assert not left.exists()


def test_writing_goes_on_where_someone_has_removed_the_folder(tmp_path: Path) -> None:
    disk = DiskEntries(tmp_path / "entries", 1 << 20)
    disk.write(KEYS[1], entry(), 100)
    for path in sorted((tmp_path / "entries").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(FileNotFoundError):
        disk.write(KEYS[1], entry(), 100)
    disk.write(KEYS[1], entry(), 100)
    assert disk.read(KEYS[1]) == entry()


def test_an_epoch_ends_for_every_process_with_a_write(tmp_path: Path) -> None:
    clock = ManualTime()
    one, other = Epochs(tmp_path / "c" / "epochs", clock), Epochs(tmp_path / "c" / "epochs", clock)
    place = one.place("server")
    before = one.current(place)
    assert before is not None
    assert other.current(place) == before
    other.begin(place, 60)
    assert one.current(place) is None
    assert not one.is_current(place, before)
    other.end(place, known=True, longest=60)
    after = one.current(place)
    assert after not in {None, before}
    one.end_all()
    assert other.current(place) not in {None, before, after}


def test_a_process_that_was_killed_in_a_write_holds_others_up_for_a_while_only(tmp_path: Path) -> None:
    clock = ManualTime()
    killed, other = Epochs(tmp_path / "c" / "epochs", clock), Epochs(tmp_path / "c" / "epochs", clock)
    place = other.place("server")
    killed.begin(place, 60)
    other.begin(place, 60)
    other.end(place, known=True, longest=60)
    assert other.current(place) is None
    clock.now += 60
    assert other.current(place) is not None
    other.begin(place, 60)
    assert other.current(place) is None
    other.end(place, known=True, longest=60)
    assert other.current(place) is not None


@pytest.mark.parametrize("how", ["removed", "cut"])
def test_epochs_whose_file_was_taken_away_begin_anew(tmp_path: Path, how: str) -> None:
    clock = ManualTime()
    path = tmp_path / "c" / "epochs"
    one = Epochs(path, clock)
    place = one.place("server")
    before = one.current(place)
    assert before is not None
    if how == "removed":
        path.unlink()
    else:
        os.truncate(path, 10)
    clock.now += 1
    assert not one.is_current(place, before)
    assert one.current(place) is not None
    assert Epochs(path, clock).current(place) == one.current(place)


def test_nothing_is_kept_where_processes_cannot_tell_each_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "c").write_text("no folder")
    epochs = Epochs(tmp_path / "c" / "epochs", ManualTime())
    place = epochs.place("server")
    epochs.begin(place, 60)
    epochs.end(place, known=True, longest=60)
    epochs.end_all()
    assert epochs.current(place) is None
    assert not epochs.is_current(place, 0)
    assert len(caplog.records) == 1


@pytest.mark.anyio
async def test_what_is_kept_can_be_listed_and_cleared_also_for_those_who_have_it_in_memory(
    tmp_path: Path,
) -> None:
    notes, clock = Notes(), ManualTime()
    clock.now = seconds()
    async with cached(tmp_path, notes.upstream(), clock):
        assert inventory(tmp_path, clock=clock) == []
    async with cached(tmp_path, notes.upstream(), clock) as broker:
        await read(broker)
        await read(broker, "b")
    async with cached(tmp_path, notes.upstream(), clock) as broker:
        (group,) = inventory(tmp_path, clock=clock)
        assert (group.kind, group.about, group.good, group.stale) == ("call", "notes.read", 2, 0)
        await write(broker, "new")
        assert [(each.good, each.stale) for each in inventory(tmp_path, clock=clock)] == [(0, 2)]
        await read(broker)
        old = tmp_path / "of another start of the machine"
        old.mkdir()
        assert clear(tmp_path) == 2
        assert not old.exists()
        assert inventory(tmp_path, clock=clock) == []
        await read(broker)
    assert notes.asked.count("read a") == 3
    assert clear(tmp_path / "nowhere") == 0


@pytest.mark.anyio
async def test_large_results_and_a_disk_that_takes_nothing_are_no_trouble(tmp_path: Path) -> None:
    notes, clock = Notes(), ManualTime()
    notes.texts["a"] = "x" * 400_000
    async with cached(tmp_path, notes.upstream(), clock) as broker:
        await read(broker)
    async with cached(tmp_path, notes.upstream(), clock) as broker:
        assert len(await read(broker)) == 400_000
    assert len(notes.asked) == 1
    memory = CacheSettings(tools=("notes.read",), disk_mb=0)
    for _ in range(2):
        async with cached(tmp_path / "memory", notes.upstream(), clock, settings=memory) as broker:
            await read(broker)
            await read(broker)
    assert len(notes.asked) == 3
    async with ResultStore(tmp_path / "full", CacheSettings(), clock=clock) as store:
        (place,) = (tmp_path / "full").iterdir() if (tmp_path / "full").exists() else (None,)
        assert place is None
        epoch = store.epochs.current(1)
        assert epoch is not None
        (next((tmp_path / "full").iterdir()) / "entries").write_text("no folder")
        good = Entry("call", "notes.read", clock.now, clock.now + 9, ((1, epoch),), b"1")
        store.put(KEYS[0], good, lasting=True)
        assert await store.find(KEYS[0]) == good


KILLED = """
import sys
from pathlib import Path
from underpass.broker.cache.disk import DiskEntries
from underpass.broker.cache.entry import Entry
disk = DiskEntries(Path(sys.argv[1]), 1 << 26)
print("ready", flush=True)
for number in range(1 << 30):
    key = f"{number % 50:02x}" + "0" * 62
    disk.write(key, Entry("call", "a.b", 0.0, 9.0, ((1, number),), str(number).encode() * 20_000), 99)
"""


@pytest.mark.parametrize("seed", range(5))
def test_a_process_that_is_killed_while_it_writes_leaves_whole_entries_only(
    tmp_path: Path, seed: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        # The more files there are, the later it is.
        while len(files(tmp_path)) < 1 + 9 * seed:
            pass
        process.send_signal(signal.SIGKILL)
    disk = DiskEntries(tmp_path, 1 << 26)
    whole = [disk.read(path.name) for path in files(tmp_path)]
    assert whole
    for each in whole:
        assert each is not None
        assert each.content == str(each.epochs[0][1]).encode() * 20_000
