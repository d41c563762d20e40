"""The workspace's functions in this very process: what the sandbox's own tests cannot measure."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import anyio
import pytest

from underpass.guest import files, formats, paths
from underpass.guest.errors import WorkspaceFull
from underpass.guest.workspace import Workspace

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R26")]


class Host:
    """Stands for the channel to a host that has so many bytes left."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.asked: list[Mapping[str, Any]] = []

    async def ask_async(self, frame: Mapping[str, Any]) -> Any:
        self.asked.append(frame["arguments"])
        if frame["arguments"]["growth"] > self.room:
            raise WorkspaceFull("there is no room", "make some")
        return {"bytes": self.room, "files": 100}


def workspace(root: Path, room: int = 1_000) -> tuple[Workspace, Host]:
    host = Host(room)
    channel: Any = host
    return Workspace(str(root), channel), host


async def test_the_host_is_asked_for_room_only_where_it_may_not_be_there(tmp_path: Path) -> None:
    place, host = workspace(tmp_path)
    for n in range(9):
        await place.save_data(f"{n}.txt", "x" * 100)
    assert host.asked == [{"size": 100, "growth": 100}]
    await place.save_data("0.txt", "y" * 150)
    assert len(host.asked) == 1
    await place.save_data("large.txt", "z" * 900)
    assert host.asked[1:] == [{"size": 900, "growth": 900}]
    with pytest.raises(WorkspaceFull, match=r"there is no room \(make some\)"):
        await place.save_text("larger.txt", "z" * 2_000)
    assert await place.list() == sorted([*(f"{n}.txt" for n in range(9)), "large.txt"])


async def test_where_there_is_no_room_for_both_the_old_file_is_written_over(tmp_path: Path) -> None:
    place, _ = workspace(tmp_path, room=1_000)
    await place.save_data("a.bin", bytes(900))
    inode = (tmp_path / "a.bin").stat().st_ino
    await place.save_data("a.bin", bytes(1_500))
    assert (tmp_path / "a.bin").stat().st_ino == inode
    assert len(await place.load_data("a.bin")) == 1_500


@pytest.mark.parametrize("fails", ["write", "replace"])
async def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = workspace(tmp_path)
    await place.save_data("a.json", [1])

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((os, "write") if fails == "write" else (Path, "replace")), fail)
    with pytest.raises(OSError, match="No space left"):
        await place.save_data("a.json", [2])
    monkeypatch.undo()
    assert await place.load_data("a.json") == [1]
    assert await anyio.Path(tmp_path / "a.json").is_file()
    assert [path.name async for path in anyio.Path(tmp_path).iterdir()] == ["a.json"]


async def test_a_file_that_the_system_refuses_is_a_full_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = workspace(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(files, "write", fail)
    with pytest.raises(WorkspaceFull, match="no room for 1 bytes"):
        await place.save_text("a.txt", "x")


async def test_what_is_no_file_is_not_listed(tmp_path: Path) -> None:
    place, _ = workspace(tmp_path)
    (tmp_path / "out").symlink_to("/etc")
    (tmp_path / "none").symlink_to("nowhere")
    (tmp_path / "a\nb").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / ".saving-1").write_text("half")
    await place.save_text("a.txt", "x")
    (tmp_path / "link").symlink_to("a.txt")
    assert await place.list() == ["a.txt", "link"]
    with pytest.raises(NotADirectoryError):
        await place.list("a.txt")
    await place.delete("link")
    await place.delete("none/")
    assert await place.list() == ["a.txt"]


@pytest.mark.parametrize("name", ["a", "a/b.txt", "./a", "ünï.csv", "日本.json", "with space"])
def test_a_name_is_a_path_below_the_workspace(tmp_path: Path, name: str) -> None:
    assert paths.resolve(str(tmp_path), name) == str(tmp_path / name)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        paths.resolve(str(tmp_path), 3)  # pyright: ignore[reportArgumentType] - what a program may do
    assert paths.resolve(str(tmp_path), Path("a")) == str(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "value", "loaded"),
    [
        ("a.json", {"a": (1, 2)}, {"a": [1, 2]}),
        ("a.JSON", "text", "text"),
        ("a.ndjson", [1, "\u2028"], [1, "\u2028"]),
        ("a.tsv", [{"a": "x\ty"}], [{"a": "x\ty"}]),
        ("a.csv", [{"a": {"b": 1}, "c": 1.5}], [{"a": '{"b": 1}', "c": "1.5"}]),
        ("a.csv", "\ufeffa,b\r\n1,2\r\n", [{"a": "1", "b": "2"}]),
        ("a.csv", "a\n" + "x" * 200_000, [{"a": "x" * 200_000}]),
        ("a.csv", "", []),
        ("a.txt", memoryview(b"\xff"), b"\xff"),
    ],
)
def test_a_value_comes_back_as_its_format_has_it(name: str, value: Any, loaded: Any) -> None:
    assert formats.decode(name, formats.encode(name, value)) == loaded


class Table:
    """Stands for pyarrow's table: its content is JSON."""

    @staticmethod
    def from_pylist(rows: list[Any]) -> list[Any]:
        return rows

    @staticmethod
    def from_pandas(frame: Any, *, preserve_index: bool) -> list[Any]:
        assert not preserve_index
        return frame.rows


class Buffer:
    def __init__(self, content: bytes = b"") -> None:
        self.content = content

    def getvalue(self) -> Any:
        return SimpleNamespace(to_pybytes=lambda: self.content)


def test_a_table_of_parquet_needs_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModuleNotFoundError, match="no package pyarrow"):
        formats.encode("a.parquet", [{"a": 1}])
    pyarrow: Any = ModuleType("pyarrow")
    parquet: Any = ModuleType("pyarrow.parquet")
    pyarrow.Table, pyarrow.BufferOutputStream, pyarrow.BufferReader = Table, Buffer, Buffer

    def write_table(rows: list[Any], buffer: Buffer) -> None:
        buffer.content = formats.encode("a.json", rows)

    def read_table(buffer: Buffer) -> Any:
        return SimpleNamespace(to_pylist=lambda: formats.decode("a.json", buffer.content))

    parquet.write_table, parquet.read_table = write_table, read_table
    monkeypatch.setitem(sys.modules, "pyarrow", pyarrow)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", parquet)
    assert formats.decode("a.parquet", formats.encode("a.parquet", [{"a": 1}])) == [{"a": 1}]
    frame = SimpleNamespace(rows=[{"b": 2}], to_parquet=None)
    assert formats.decode("a.parquet", formats.encode("a.parquet", frame)) == [{"b": 2}]


@pytest.mark.requirement("R43")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../x", "leaves the workspace"),
        ("/x", "leaves the workspace"),
        ("a\0", "which no name may"),
        ("\u2025", "looks like another path"),
        ("x" * 256, "is too long"),
        ("out/x", "by a link"),
        ("DATA/x", "in case alone"),
        ("data", "a folder has that name"),
    ],
)
async def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    place, host = workspace(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "out").symlink_to("/etc")
    with pytest.raises((ValueError, IsADirectoryError), match=reason):
        await place.save_text(name, "x")
    assert host.asked == []
    with pytest.raises((ValueError, OSError)):
        await place.delete(f"{name}/.." if name == "data" else name)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("a.json", float("nan"), "at \\$: it holds nan"),
        ("a.csv", {"a": 1}, "holds rows"),
        ("a.jsonl", 1, "holds rows"),
        ("a.csv", [1], "a row of 'a.csv'"),
    ],
)
def test_what_a_format_cannot_express_is_refused(name: str, value: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        formats.encode(name, value)


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", b"{"), ("a.jsonl", b"1\n{"), ("a.csv", b"a\n1,2"), ("a.csv", b"\xff")]
)
def test_content_that_is_not_what_the_ending_says_is_refused(name: str, content: bytes) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is no "):
        formats.decode(name, content)


async def test_a_folder_is_deleted_with_all_that_is_in_it(tmp_path: Path) -> None:
    place, _ = workspace(tmp_path)
    await place.save_text("a/b/c.txt", "x")
    for name in ("", ".", "./"):
        with pytest.raises(ValueError, match="the workspace itself"):
            await place.delete(name)
    await place.delete("a")
    assert await place.list() == []
