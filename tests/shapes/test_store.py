"""The file of shapes: many writers, other definitions, damage, no room."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from underpass.shapes import store as store_module
from underpass.shapes.schema import to_schema
from underpass.shapes.shape import MOST_KEYS, Shape
from underpass.shapes.store import FILE_NAME, MOST_BYTES_OF_A_SHAPE, Key, ShapeStore

pytestmark = pytest.mark.requirement("R09")

KEY = Key("git", "log", "d1")


def shape_of(*values: Any) -> Shape:
    shape = Shape()
    for value in values:
        shape.observe(value)
    return shape


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / FILE_NAME


def test_nothing_is_written_for_reading(path: Path) -> None:
    store = ShapeStore(path)
    assert (store.all(), store.find("git"), store.forget("git")) == ([], {}, 0)
    assert not path.parent.exists()


def test_shapes_of_one_tool_are_merged_and_those_of_others_stay(path: Path) -> None:
    ShapeStore(path).add({KEY: shape_of({"id": 1}), Key("time", "now", "d1"): shape_of("x")})
    ShapeStore(path).add({KEY: shape_of({"id": 2, "who": "x"})})
    log, now = ShapeStore(path).all()
    assert log.shape.to_json() == shape_of({"id": 1}, {"id": 2, "who": "x"}).to_json()
    assert (now.key, now.shape.count) == (("time", "now", "d1"), 1)


def test_a_changed_definition_starts_anew(path: Path) -> None:
    store = ShapeStore(path)
    store.add({KEY: shape_of({"id": 1})})
    store.add({KEY._replace(digest="d2"): shape_of("text")})
    [stored] = store.all()
    assert (stored.key.digest, stored.shape.to_json()) == ("d2", shape_of("text").to_json())


def test_a_reader_sees_at_once_what_another_wrote(path: Path) -> None:
    reader, writer = ShapeStore(path), ShapeStore(path)
    for count in range(1, 20):
        writer.add({KEY: shape_of(count)})
        assert reader.find("git")["log"].shape.count == count
    known = reader.find("git")
    assert reader.find("git") is known
    assert reader.find("time") == {}
    assert writer.forget("git", "log") == 1
    assert reader.find("git") == {}


def test_one_tool_or_all_tools_of_a_server_are_forgotten(path: Path) -> None:
    store = ShapeStore(path)
    tools = ("log", "show", "diff")
    store.add(
        {Key("git", tool, "d1"): shape_of(1) for tool in tools} | {Key("time", "log", "d1"): shape_of(1)}
    )
    assert store.forget("git", "log") == 1
    assert store.forget("git") == 2
    assert [stored.key.server for stored in store.all()] == ["time"]


WRITER = """
import sys
from pathlib import Path
from underpass.shapes.shape import Shape
from underpass.shapes.store import Key, ShapeStore
store = ShapeStore(Path(sys.argv[1]))
for n in range(40):
    shape = Shape()
    shape.observe({sys.argv[2]: n, "id": n})
    store.add({Key("git", "log", "d1"): shape, Key("git", sys.argv[2], "d1"): shape})
"""


def test_two_processes_that_write_at_once_lose_nothing(path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, name]) for name in ("first", "second")]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    shapes = {stored.key.tool: stored.shape for stored in ShapeStore(path).all()}
    assert {name: shape.count for name, shape in shapes.items()} == {"log": 80, "first": 40, "second": 40}
    assert to_schema(shapes["log"])["required"] == ["id"]


@pytest.mark.parametrize("damage", ["no database", "damaged pages"])
def test_a_corrupt_file_is_kept_aside_and_said_and_the_service_goes_on(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = ShapeStore(path)
    store.add({Key("git", f"tool{n}", "d1"): shape_of({f"key_of_{n}": 1}) for n in range(300)})
    content = path.read_bytes()
    path.write_bytes(b"nonsense" * 1_000 if damage == "no database" else content[:4_096] + b"\xff" * 60_000)
    with caplog.at_level(logging.WARNING, "underpass.shapes"):
        try:
            store.add({KEY: shape_of(1)})
        except OSError:  # found while writing: this write is lost, the next is not
            store.add({KEY: shape_of(1)})
    assert [stored.key for stored in store.all()] == [KEY]
    (aside,) = path.parent.glob(f"{FILE_NAME}.*.corrupt")
    assert aside.name in caplog.text
    assert aside.stat().st_size >= 8_000


def test_an_entry_that_is_no_shape_is_passed_over_and_replaced(path: Path) -> None:
    store = ShapeStore(path)
    store.add({KEY: shape_of(1), Key("git", "show", "d1"): shape_of(1)})
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE shapes SET shape = '[1]' WHERE tool = 'log'")
    connection.close()
    assert [stored.key.tool for stored in store.all()] == ["show"]
    store.add({KEY: shape_of("text")})
    assert store.find("git")["log"].shape.to_json() == shape_of("text").to_json()


def test_a_file_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder must be")
    with pytest.raises(OSError, match="state"):
        ShapeStore(tmp_path / "state" / FILE_NAME).add({KEY: shape_of(1)})
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(OSError, match="unable to open"):
        ShapeStore(tmp_path / FILE_NAME).add({KEY: shape_of(1)})


def test_a_shape_that_is_too_large_keeps_only_its_count(path: Path) -> None:
    names = [f"name_of_a_key_{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(MOST_KEYS)]
    shape = shape_of(*({name: {f"{name}{other[-2:]}": 1 for other in names}} for name in names))
    assert len(json.dumps(shape.to_json())) > MOST_BYTES_OF_A_SHAPE
    store = ShapeStore(path)
    store.add({KEY: shape})
    [stored] = store.all()
    assert (stored.shape.count, to_schema(stored.shape)) == (MOST_KEYS, {})


def test_when_the_file_is_full_the_tools_seen_longest_ago_go(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MOST_BYTES", 50_000)
    store = ShapeStore(path)
    wide = shape_of({f"name_of_a_key_{chr(97 + n)}": n for n in range(26)})
    for n in range(60):
        store.add({Key("git", f"tool{n}", "d1"): wide})
    left = {stored.key.tool for stored in store.all()}
    assert "tool59" in left
    assert "tool0" not in left
    assert path.stat().st_size < 100_000
