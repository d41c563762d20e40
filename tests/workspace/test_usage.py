"""A workspace is counted as it is, whatever its owner's code put there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from underpass.workspace.usage import Usage, measure

pytestmark = [
    pytest.mark.requirement("R25"),
    pytest.mark.skipif(os.name == "nt", reason="programs are not run on Windows"),
]
MANY = 1_000


def test_what_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert measure(tmp_path / "no", MANY) == Usage()


def test_files_and_folders_count_at_every_depth(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(bytes(100_000))
    usage = measure(tmp_path, MANY)
    assert (usage.files, usage.largest, usage.unread) == (3, 100_000, "")
    assert 100_000 <= usage.bytes < 150_000


def test_small_files_count_with_the_blocks_that_they_take(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}").write_bytes(b"x")
    blocks = sum(path.stat().st_blocks * 512 for path in tmp_path.iterdir())
    assert measure(tmp_path, MANY).bytes == max(blocks, 50)


def test_a_sparse_file_counts_with_its_length(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    assert measure(tmp_path, MANY).bytes >= 1 << 30


def test_a_file_with_many_names_counts_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(100_000))
    for number in range(10):
        os.link(tmp_path / "one", tmp_path / f"{number}")
    usage = measure(tmp_path, MANY)
    assert usage.bytes < 200_000
    assert usage.files == 11


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "large").write_bytes(bytes(1_000_000))
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "folder").symlink_to(outside)
    (inside / "file").symlink_to(outside / "large")
    (inside / "loop").symlink_to(inside)
    usage = measure(inside, MANY)
    assert usage.files == 3
    assert usage.bytes < 100_000
    (tmp_path / "link").symlink_to(outside)
    assert measure(tmp_path / "link", MANY).unread == "."


def test_counting_stops_when_there_are_too_many(tmp_path: Path) -> None:
    for folder in "abc":
        (tmp_path / folder).mkdir()
        for number in range(100):
            (tmp_path / folder / f"{number}").touch()
    assert measure(tmp_path, 50).files == 51
    assert measure(tmp_path, MANY).files == 303


def test_a_folder_that_is_too_deep_is_named(tmp_path: Path) -> None:
    deepest = tmp_path.joinpath(*["d"] * 100)
    deepest.mkdir(parents=True)
    usage = measure(tmp_path, MANY)
    assert usage.unread == "/".join(["d"] * 65)
    assert usage.exceeds(Usage(1 << 30, 1 << 30))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root can read every folder")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    assert measure(tmp_path, MANY).unread == "closed"
