"""What is kept on disk, and the messages of ripgrep."""

from __future__ import annotations

from pathlib import Path

import pytest

from terraphim.errors import IndexInvalid, MessagesInvalid
from terraphim.ripgrep_json import decode
from terraphim.store import Store


@pytest.mark.requirement("R50")
def test_a_value_is_kept_under_any_name(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    assert store.load("/a/../b c") is None
    store.save("/a/../b c", {"x": [1, None, "é"]})
    store.save("other", 2)
    assert store.load("/a/../b c") == {"x": [1, None, "é"]}
    store.save("other", 3)
    assert store.load("other") == 3
    assert len(list((tmp_path / "new").iterdir())) == 2


@pytest.mark.requirement("R50")
def test_a_damaged_file_or_another_version_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).save("x", [1])
    with pytest.raises(IndexInvalid):
        Store(tmp_path, version=2).load("x")
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"?")
    with pytest.raises(IndexInvalid, match="damaged"):
        Store(tmp_path).load("x")
    file.write_bytes(b"")
    with pytest.raises(IndexInvalid):
        Store(tmp_path).load("x")
    Store(tmp_path).save("y", [1])
    next(other for other in tmp_path.iterdir() if other != file).replace(file)
    with pytest.raises(IndexInvalid):
        Store(tmp_path).load("x")


MATCH = '{"type":"match","data":{"lines":{"text":"a"},"absolute_offset":0,"submatches":[]}}'


@pytest.mark.requirement("R49")
def test_messages_are_read_line_by_line() -> None:
    begin = '{"type":"begin","data":{"path":{"bytes":"/w=="}}}'
    messages = decode(f"{begin}\r\n\n{MATCH}\n")
    assert [message["type"] for message in messages] == ["begin", "match"]
    assert messages[1]["data"]["lines"] == {"text": "a"}
    assert decode("") == decode(" \n") == []


@pytest.mark.requirement("R49")
@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"a":1}', '{"type":"match"}', '{"type":"match","data":{}}', '{"type":"x","data":{}}', "nul"],
)
def test_another_line_is_named(line: str) -> None:
    with pytest.raises(MessagesInvalid, match="Line 3") as refused:
        decode(f"{MATCH}\n\n{line}\n")
    assert refused.value.data["line"] == 3
