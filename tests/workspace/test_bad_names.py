"""Names that are none, and links that come and go while the host works."""

import hashlib
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.cli.command_line import underpass
from tests.workspace.checkpoints.places import AGENT, Place

from underpass.errors import ExecutionError, ResultNotFound, UnderpassError, ValidationFailed
from underpass.workspace.folders import AgentFolders
from underpass.workspace.kept import KeptResults
from underpass.workspace.results import keep
from underpass.workspace.usage import measure

pytestmark = [pytest.mark.requirement("R15", "R26")]
NO_NAMES = [
    "", ".", "..", "~", "~root", "../x", "/etc/passwd", "a/../../x", "a/b", "a\0b", "a\nb", "\x1b[2J", "a b",
    "-x", "x" * 4096, "\ud800", "C:\\x", "..\\x", "\uff0e\uff0e", "\u2025", "\u212aelvin", "de\u017fk",
    "\u202egpj",
]  # fmt: skip
SECRET = b"nobody may read this"
RACER = """
import os, sys
os.chdir(sys.argv[1])
print("begun", flush=True)
while True:
    for name in ("results", "data/x"):
        os.rename(name, f"{name}.aside")
        os.rename(f"{name}.link", name)
        os.rename(name, f"{name}.link")
        os.rename(f"{name}.aside", name)
"""


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_is_refused_by_all_that_takes_one(tmp_path: Path, name: str) -> None:
    place = Place(tmp_path)
    place.write("results/kept.json", "1")
    place.checkpoints.create(AGENT, "one")
    folders, kept = AgentFolders(place.workspaces, owner=0), KeptResults(place.workspaces)
    before = sorted(tmp_path.rglob("*"))
    checkpoints = place.checkpoints
    for refused in (
        lambda: folders.ensure(name),
        lambda: kept.list(name),
        lambda: kept.read(name, "kept.json"),
        lambda: checkpoints.create(name, "two"),
        lambda: checkpoints.create(AGENT, name),
        lambda: checkpoints.restore(name, "one"),
        lambda: checkpoints.restore(AGENT, name),
        lambda: checkpoints.diff(name, "one"),
        lambda: checkpoints.diff(AGENT, "one", name),
        lambda: checkpoints.delete(name, "one"),
        lambda: checkpoints.delete(AGENT, name),
        lambda: checkpoints.export(name, "one", tmp_path / "x.tar.gz"),
        lambda: checkpoints.export(AGENT, name, tmp_path / "x.tar.gz"),
        lambda: checkpoints.list(name),
    ):
        with pytest.raises(ValidationFailed) as raised:
            refused()
        assert len(raised.value.message) < 600
    with pytest.raises(ResultNotFound):
        kept.read(AGENT, name)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_code_put_in_the_place_of_a_folder_stays_and_stops_no_host(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for part in ("data", "results"):
        (place.folder / part).rmdir()
    (place.folder / "data").touch()
    (place.folder / "results").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.rglob("*"))
    assert AgentFolders(place.workspaces, owner=0).ensure(AGENT) == place.folder
    assert sorted(tmp_path.rglob("*")) == before
    assert KeptResults(place.workspaces).list(AGENT) == []
    with pytest.raises(OSError, match="results"):
        keep(place.folder, "x.json", b"1")


def test_the_command_line_refuses_them_in_one_line(tmp_path: Path) -> None:
    for command in (
        ("workspace", "checkpoint", "../x"),
        ("workspace", "show", "--agent", "../x"),
        ("results", "show", "../../x"),
        ("results", "list", "--agent", "\x1b[2J"),
    ):
        done = underpass(*command, cwd=tmp_path)
        assert done.status != 0, command
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@contextmanager
def racing(place: Place, outside: Path) -> Generator[None]:
    """Another process that puts links in the place of a folder and a file, and takes them away again."""
    outside.mkdir()
    (outside / "secret.json").write_bytes(SECRET)
    place.write("data/x", "x")
    (place.folder / "results.link").symlink_to(outside)
    (place.folder / "data/x.link").symlink_to(outside / "secret.json")
    command = [sys.executable, "-c", RACER, str(place.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        try:
            yield
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no checkpoints on Windows")
def test_no_link_is_followed_however_quickly_it_comes(tmp_path: Path) -> None:
    place, outside = Place(tmp_path / "home"), tmp_path / "outside"
    place.checkpoints.create(AGENT, "before")
    kept = KeptResults(place.workspaces)
    with racing(place, outside):
        for number in range(150):
            with suppress(OSError):
                keep(place.folder, f"{number}.json", b"kept")
            with pytest.raises(ResultNotFound):
                kept.read(AGENT, "secret.json")
            assert "results/secret.json" not in [each.handle for each in kept.list(AGENT)]
            measure(place.folder, 10_000)
            # A link that leads out is refused, and what changes meanwhile is said.
            with suppress(ValidationFailed, ExecutionError):
                place.checkpoints.create(AGENT, "meanwhile")
            with suppress(UnderpassError):
                place.checkpoints.diff(AGENT, "before")
            if number % 10 == 0:
                with suppress(ValidationFailed, ExecutionError):
                    place.checkpoints.restore(AGENT, "before")
    assert [path.name for path in outside.iterdir()] == ["secret.json"]
    assert (outside / "secret.json").read_bytes() == SECRET
    digest = hashlib.sha256(SECRET).hexdigest()
    assert not (place.state / "content" / digest[:2] / digest[2:]).exists()
