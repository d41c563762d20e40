"""A workspace is again what it was, whatever was done to it since."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.workspace.checkpoints.places import AGENT, Place

from underpass.errors import ExecutionError, ValidationFailed, WorkspaceFull

pytestmark = [
    pytest.mark.requirement("R25"),
    pytest.mark.skipif(sys.platform == "win32", reason="checkpoints cannot be had on Windows"),
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_what_was_changed_added_and_removed_is_undone(place: Place) -> None:
    place.write("data/kept.txt", "kept")
    place.write("data/changed.txt", "before")
    place.write("data/deep/er/removed.bin", bytes(range(256)))
    before = place.files()
    place.checkpoints.create(AGENT, "before")

    place.write("data/changed.txt", "after")
    place.write("data/new/added.txt", "added")
    shutil.rmtree(place.folder / "data/deep")
    done = place.checkpoints.restore(AGENT, "before")

    assert place.files() == before
    assert {(change.path, change.how) for change in done.changes} == {
        ("data/changed.txt", "changed"),
        ("data/deep", "added"),
        ("data/deep/er", "added"),
        ("data/deep/er/removed.bin", "added"),
        ("data/new", "removed"),
        ("data/new/added.txt", "removed"),
    }


def test_a_restore_can_be_undone(place: Place) -> None:
    place.write("data/a.txt", "first")
    place.checkpoints.create(AGENT, "first")
    place.write("data/a.txt", "second")
    second = place.files()
    done = place.checkpoints.restore(AGENT, "first")
    assert done.before is not None
    assert done.before.automatic
    place.checkpoints.restore(AGENT, done.before.name)
    assert place.files() == second


def test_a_restore_of_what_is_there_does_nothing(place: Place) -> None:
    place.write("data/a.txt", "a")
    place.checkpoints.create(AGENT, "a")
    done = place.checkpoints.restore(AGENT, "a")
    assert (done.changes, done.before) == ((), None)
    assert [each.name for each in place.checkpoints.list(AGENT)] == ["a"]


def test_a_tree_that_is_mostly_gone_is_restored_whole(place: Place) -> None:
    for number in range(300):
        place.write(f"data/{number % 7}/{number}.txt", f"content {number}" * 50)
    place.write("skills/s.py", "x = 1")
    (place.folder / "data/link").symlink_to("3/3.txt")
    before = place.files()
    place.checkpoints.create(AGENT, "all")
    shutil.rmtree(place.folder / "data")
    place.write("results/left.txt", "over")
    place.write("data", "a file where a folder was")
    place.checkpoints.restore(AGENT, "all")
    assert place.files() == before
    assert [path.name for path in place.workspaces.iterdir()] == [AGENT]


def test_a_folder_that_programs_have_open_stays_the_same_one(place: Place) -> None:
    for number in range(200):
        place.write(f"data/{number}", "x")
    place.checkpoints.create(AGENT, "x")
    inode = place.folder.stat().st_ino
    shutil.rmtree(place.folder / "data")
    place.checkpoints.restore(AGENT, "x")
    assert place.folder.stat().st_ino == inode


def test_modes_times_links_and_empty_folders_come_back(place: Place) -> None:
    program = place.write("data/run.sh", "#!/bin/sh\n")
    program.chmod(0o750)
    os.utime(program, ns=(5_000_000_001, 7_000_000_003))
    (place.folder / "data/empty").mkdir()
    (place.folder / "data/empty").chmod(0o500)
    (place.folder / "data/link").symlink_to("../results")
    before = place.files()
    place.checkpoints.create(AGENT, "x")
    (place.folder / "data/empty").chmod(0o700)
    (place.folder / "data/link").unlink()
    (place.folder / "data/link").mkdir()
    program.unlink()
    place.checkpoints.restore(AGENT, "x")
    assert place.files() == before
    assert stat.S_IMODE(program.stat().st_mode) == 0o750
    assert program.stat().st_mtime_ns == 7_000_000_003


def test_a_content_is_kept_once(place: Place) -> None:
    content = os.urandom(100_000)
    for number in range(20):
        place.write(f"data/{number}", content)
    made = place.checkpoints.create(AGENT, "x")
    assert (made.files, made.bytes, made.added) == (20, 2_000_000, 100_000)
    kept = sum(path.stat().st_size for path in (place.state / "content").rglob("*") if path.is_file())
    assert kept < 110_000


def test_a_file_that_changes_within_a_tick_of_the_clock_is_seen(place: Place) -> None:
    path = place.write("data/a", "one")
    for number, content in enumerate(("two", "six", "ten")):
        place.checkpoints.create(AGENT, f"c{number}")
        times = path.stat().st_atime_ns, path.stat().st_mtime_ns
        path.write_text(content)
        os.utime(path, ns=times)  # a program may say that nothing changed
    place.checkpoints.create(AGENT, "last")
    assert [change.path for change in place.checkpoints.diff(AGENT, "c2", "last")] == ["data/a"]
    place.checkpoints.restore(AGENT, "c1")
    assert path.read_text() == "two"


def test_a_name_stands_for_the_newest_state_that_was_given_it(place: Place) -> None:
    for content in ("one", "two"):
        place.write("data/a", content)
        place.checkpoints.create(AGENT, "same")
    place.write("data/a", "three")
    place.checkpoints.restore(AGENT, "same")
    assert (place.folder / "data/a").read_text() == "two"
    assert sum(each.name == "same" for each in place.checkpoints.list(AGENT)) == 1


def test_another_process_sees_the_same_checkpoints(place: Place, tmp_path: Path) -> None:
    place.write("data/a", "one")
    place.checkpoints.create(AGENT, "x")
    place.write("data/a", "two")
    other = Place(tmp_path)
    assert other.checkpoints.list(AGENT) == place.checkpoints.list(AGENT)
    other.checkpoints.restore(AGENT, "x")
    assert (place.folder / "data/a").read_text() == "one"
    place.checkpoints.create(AGENT, "y")
    assert place.checkpoints.diff(AGENT, "x", "y") == []


@pytest.mark.requirement("R43")
@pytest.mark.parametrize("target", ["/etc/passwd", "../../..", "../../other/secret", "folder/../../../x"])
def test_a_link_that_leads_out_is_refused_by_name(place: Place, target: str) -> None:
    (place.folder / "data/out").symlink_to(target)
    with pytest.raises(ValidationFailed, match="data/out") as caught:
        place.checkpoints.create(AGENT, "x")
    assert "leads out" in caught.value.message
    assert place.checkpoints.list(AGENT) == []


@pytest.mark.requirement("R43")
def test_a_pipe_or_a_socket_is_refused_and_nothing_waits_for_it(place: Place) -> None:
    os.mkfifo(place.folder / "data/pipe")
    with pytest.raises(ValidationFailed, match="data/pipe"):
        place.checkpoints.create(AGENT, "x")
    (place.folder / "data/pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(place.folder / "data")  # a socket's path has a short limit
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
        with pytest.raises(ValidationFailed, match="data/socket"):
            place.checkpoints.create(AGENT, "x")


@pytest.mark.requirement("R43")
@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", "x" * 101, "ü", ".hidden", "a\n"])
def test_a_bad_name_is_refused(place: Place, name: str) -> None:
    with pytest.raises(ValidationFailed, match="no name for a checkpoint"):
        place.checkpoints.create(AGENT, name)


@pytest.mark.requirement("R43")
@pytest.mark.parametrize("agent", ["nobody", "../default", ".", "", "a\0b"])
def test_an_agent_without_a_workspace_is_refused(place: Place, agent: str) -> None:
    with pytest.raises(ValidationFailed, match="has no workspace") as caught:
        place.checkpoints.create(agent, "x")
    assert AGENT in caught.value.hint


def test_an_unknown_checkpoint_is_named_with_the_nearest(place: Place) -> None:
    place.checkpoints.create(AGENT, "before-filter")
    with pytest.raises(ValidationFailed, match="before-fitler") as caught:
        place.checkpoints.restore(AGENT, "before-fitler")
    assert "before-filter" in caught.value.hint


def test_too_many_checkpoints_are_refused_and_automatic_ones_make_room(tmp_path: Path) -> None:
    place = Place(tmp_path, checkpoints=3)
    for number in range(8):
        place.checkpoints.create(AGENT, f"auto-{number}", automatic=True)
    assert [each.name for each in place.checkpoints.list(AGENT)] == [f"auto-{n}" for n in range(3, 8)]


def test_an_agent_keeps_no_more_checkpoints_than_the_setting_says(tmp_path: Path) -> None:
    place = Place(tmp_path, checkpoints=2)
    for name in ("a", "b", "b"):
        place.checkpoints.create(AGENT, name)
    with pytest.raises(WorkspaceFull) as caught:
        place.checkpoints.create(AGENT, "c")
    assert caught.value.data["setting"] == "workspace.checkpoints"
    place.checkpoints.delete(AGENT, "a")
    place.checkpoints.create(AGENT, "c")


def test_an_agent_keeps_no_more_bytes_than_the_setting_says(tmp_path: Path) -> None:
    place = Place(tmp_path, checkpoints_mb=1)
    place.write("data/a", os.urandom(700_000))
    place.checkpoints.create(AGENT, "a")
    place.checkpoints.create(AGENT, "the-same-costs-nothing")
    place.write("data/a", os.urandom(700_000))
    with pytest.raises(WorkspaceFull) as caught:
        place.checkpoints.create(AGENT, "b")
    assert caught.value.data["setting"] == "workspace.checkpoints_mb"
    # A restore keeps what is there in any case: nothing is ever lost to a limit.
    place.checkpoints.restore(AGENT, "a")


def test_what_no_checkpoint_holds_is_collected_and_the_rest_stays(place: Place) -> None:
    place.write("data/a", "one" * 1_000)
    place.checkpoints.create(AGENT, "a")
    place.write("data/a", "two" * 1_000)
    place.checkpoints.create(AGENT, "b")
    place.checkpoints.delete(AGENT, "b")
    assert place.checkpoints.collect().contents == 0, "what is young stays"
    collected = place.checkpoints.collect(grace=0)
    assert collected.contents == 2
    assert collected.bytes > 3_000
    assert place.checkpoints.verify() == []
    # What was remembered of the file must not name a content that is gone.
    place.checkpoints.create(AGENT, "c")
    assert place.checkpoints.verify() == []
    place.checkpoints.restore(AGENT, "a")
    assert (place.folder / "data/a").read_text() == "one" * 1_000


def test_a_damaged_content_is_found_and_named(place: Place) -> None:
    path = place.write("data/a", "one")
    place.checkpoints.create(AGENT, "x")
    digest = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout[:64]
    kept = place.state / "content" / digest[:2] / digest[2:]
    kept.chmod(0o600)
    kept.write_text("two")
    [problem] = place.checkpoints.verify()
    assert (problem.agent, problem.checkpoint, problem.path) == (AGENT, "x", "data/a")
    kept.unlink()
    path.write_text("other")
    with pytest.raises(ExecutionError, match="data/a"):
        place.checkpoints.restore(AGENT, "x")
    assert path.read_text() == "other", "nothing is changed when a content is missing"


def test_an_unreadable_reference_is_reported_and_stops_the_collection(place: Place) -> None:
    place.write("data/a", "one")
    place.checkpoints.create(AGENT, "x")
    place.checkpoints.create(AGENT, "y")
    (place.state / "checkpoints" / AGENT / "x.json").write_text("{")
    assert [problem.checkpoint for problem in place.checkpoints.verify()] == ["x"]
    assert place.checkpoints.collect(grace=0).contents == 0
    assert [each.name for each in place.checkpoints.list(AGENT)] == ["y"]


def test_a_bad_memory_of_files_costs_time_alone(place: Place) -> None:
    path = place.write("data/a", "one")
    place.checkpoints.create(AGENT, "x")
    (place.state / "checkpoints" / f"{AGENT}.files").write_text('{"format": 1, "files": [[1]]}')
    path.write_text("two")
    place.checkpoints.restore(AGENT, "x")
    assert path.read_text() == "one"


def test_an_exported_archive_has_the_files_as_they_were(place: Place, tmp_path: Path) -> None:
    place.write("data/a.txt", "one")
    (place.folder / "data/link").symlink_to("a.txt")
    place.checkpoints.create(AGENT, "x")
    place.write("data/a.txt", "two")
    target = tmp_path / "x.tar.gz"
    assert place.checkpoints.export(AGENT, "x", target) == 1
    with tarfile.open(target) as archive:
        archive.extractall(tmp_path / "out")  # our own archive; the first 3.11 knows no `filter`
    assert (tmp_path / "out/data/link").read_text() == "one"
    with pytest.raises(ExecutionError) as caught:
        place.checkpoints.export(AGENT, "x", target)
    assert "does not exist yet" in caught.value.hint


def test_the_owner_of_restored_files_is_the_owner_of_the_workspace(place: Place) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    place.write("data/a", "one")
    for path in (place.folder, *place.folder.rglob("*")):
        os.chown(path, 1_234, 1_235)
    place.checkpoints.create(AGENT, "x")
    shutil.rmtree(place.folder / "data")
    place.checkpoints.restore(AGENT, "x")
    status = (place.folder / "data/a").stat()
    assert (status.st_uid, status.st_gid) == (1_234, 1_235)


NAMES = st.sampled_from(["a", "b", "c/d", "c/e", "c/f/g", "h"])
TREES = st.dictionaries(NAMES, st.binary(max_size=20) | st.sampled_from(["folder", "link"]), max_size=6)


def plant(place: Place, tree: dict[str, bytes | str]) -> None:
    shutil.rmtree(place.folder / "data")
    (place.folder / "data").mkdir()
    for name, content in tree.items():
        path = place.folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content == "folder":
            path.mkdir()
        elif content == "link":
            path.symlink_to("a")
        else:
            assert isinstance(content, bytes)
            path.write_bytes(content)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=TREES, second=TREES)
def test_any_tree_comes_back_from_any_other(
    first: dict[str, bytes | str], second: dict[str, bytes | str], tmp_path: Path
) -> None:
    place = Place(tmp_path)
    plant(place, first)
    before = place.files()
    place.checkpoints.create(AGENT, "x")
    plant(place, second)
    after = place.files()
    done = place.checkpoints.restore(AGENT, "x")
    assert place.files() == before
    assert (done.before is None) == (before == after)
