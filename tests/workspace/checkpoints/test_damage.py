"""A store of checkpoints of which something is not what it was, and clocks that go backwards."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.workspace.checkpoints.places import AGENT, Place

from underpass.errors import ExecutionError, ValidationFailed
from underpass.workspace.checkpoints.references import Checkpoint

pytestmark = [
    pytest.mark.requirement("R18", "R26"),
    pytest.mark.skipif(os.name == "nt", reason="there are no checkpoints on Windows"),
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def gone(path: Path) -> None:
    path.unlink()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def deep(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(b"[" * 200_000)


DAMAGES = [changed, cut, gone, folder, deep]


def stored(place: Place, digest: str) -> Path:
    return place.state / "content" / digest[:2] / digest[2:]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("what", ["content", "manifest", "reference"])
def test_damage_is_named_nothing_damaged_is_restored_and_the_rest_is(
    place: Place, what: str, damage: Callable[[Path], None]
) -> None:
    place.write("data/a", "first")
    first = place.checkpoints.create(AGENT, "first")
    was = place.files()
    place.write("data/a", "second")
    place.write("data/b", "more")
    second = place.checkpoints.create(AGENT, "second")
    place.write("data/a", "now")
    paths = {
        "content": stored(place, "16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4"),
        "manifest": stored(place, second.manifest),
        "reference": place.state / "checkpoints" / AGENT / "second.json",
    }
    damage(paths[what])
    now = place.files()
    problems = place.checkpoints.verify()
    if (what, damage) == ("reference", gone):
        assert problems == []
    elif (what, damage) != ("reference", changed):
        assert {problem.checkpoint for problem in problems} == {"second"}
    for use in (
        lambda: place.checkpoints.restore(AGENT, "second"),
        lambda: place.checkpoints.export(AGENT, "second", place.root / "x.tar.gz"),
    ):
        if (what, damage) != ("reference", changed):
            with pytest.raises((ExecutionError, ValidationFailed)):
                use()
    if (what, damage) != ("reference", changed):
        assert place.files() == now
    place.checkpoints.restore(AGENT, "first")
    assert place.files() == was
    if (what, damage) != ("reference", gone):
        # What a reference or a list held that cannot be read is not known, so nothing is removed.
        assert stored(place, first.manifest).exists()
    with suppress(ExecutionError):
        place.checkpoints.collect(grace=0)
    assert place.checkpoints.restore(AGENT, "first").changes == ()


def test_a_content_that_was_cut_is_written_again_by_the_next_checkpoint(place: Place) -> None:
    path = place.write("data/a", "a content")
    place.checkpoints.create(AGENT, "one")
    [content] = [
        each for each in (place.state / "content").rglob("*") if each.is_file() and each.stat().st_size == 9
    ]
    cut(content)
    assert place.checkpoints.verify() != []
    path.write_text("a content")
    place.checkpoints.create(AGENT, "two")
    assert place.checkpoints.verify() == []


def test_a_clock_that_goes_back_neither_reorders_nor_removes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    for number in range(8):
        place.write("data/a", str(number))
        place.checkpoints.create(AGENT, f"automatic-{number}", automatic=True)
        now -= 40 * 86_400
    kept = [each.name for each in place.checkpoints.list(AGENT)]
    assert kept == [f"automatic-{number}" for number in range(3, 8)]
    assert place.checkpoints.collect().contents == 0, "what seems to come from the future is young"
    place.checkpoints.tidy()
    place.checkpoints.restore(AGENT, "automatic-3")
    assert place.files()["data/a"] == b"3"
    newest: Checkpoint = place.checkpoints.list(AGENT)[-1]
    assert newest.name.startswith("pre-restore-")
