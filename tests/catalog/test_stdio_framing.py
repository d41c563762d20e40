from __future__ import annotations

from typing import Any

import mcp_types as types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from underpass.catalog.framing import LineSplitter, Oversized, parse_line
from underpass.catalog.stderr import KEPT_BYTES, Tail

pytestmark = pytest.mark.requirement("R01")


@given(st.lists(st.binary(max_size=30), max_size=10), st.integers(1, 40))
def test_lines_are_the_same_however_the_stream_is_cut(lines: list[bytes], step: int) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    stream = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter(30)
    parts = [stream[start : start + step] for start in range(0, len(stream), step)]
    assert [line for part in parts for line in splitter.feed(part)] == lines


@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        (b'{"jsonrpc":"2.0","id":7,"result":{"id": 8,' + b"x" * 2000 + b"}}", 7),
        (b'{"id": "a", "jsonrpc":"2.0","result":' + b"x" * 2000 + b"}", "a"),
        (b'{"result":{"x":"' + b"x" * 2000 + b'"},"id":9,"jsonrpc":"2.0"}', 9),
        (b'{"result":' + b"x" * 2000, None),
    ],
)
@pytest.mark.parametrize("step", [1, 100, 10_000])
def test_a_line_over_the_limit_passes_unread_and_names_its_request(
    line: bytes, request_id: int | str | None, step: int
) -> None:
    stream = b"before\n" + line + b"\nafter\n"
    splitter = LineSplitter(1000)
    parts = [stream[start : start + step] for start in range(0, len(stream), step)]
    found = [one for part in parts for one in splitter.feed(part)]
    assert found == [b"before", Oversized(len(line), request_id), b"after"]


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        (b"", []),
        (b"Listening on port 80", []),
        (b"{half", []),
        (b"[" * 100_000, []),
        (b'{"jsonrpc":"2.0"}', []),
        (b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}', []),
        (b'{"jsonrpc":"2.0","id":true,"result":{}}', []),
        (b'{"method":5}', []),
        (b'{"jsonrpc":"2.0","method":"m"}', [types.JSONRPCNotification]),
        (b'{"jsonrpc":"2.0","id":1,"method":"m"}', [types.JSONRPCRequest]),
        (b' {"id":1,"result":{}} ', [types.JSONRPCResponse]),
        (b'{"jsonrpc":"2.0","id":1,"result":[]}', [types.JSONRPCError]),
        (b'{"jsonrpc":"2.0","id":1,"error":{}}', [types.JSONRPCError]),
        (b'[{"id":1,"result":{}},5,{"id":2,"result":{}}]', [types.JSONRPCResponse, types.JSONRPCResponse]),
        (b'{"id":1,"result":{"a":NaN,"b":"\\ud800","c":"\xff"}}', [types.JSONRPCResponse]),
    ],
)
def test_messages_are_read_from_any_line(line: bytes, kinds: list[Any]) -> None:
    assert [type(message) for message in parse_line(line)] == kinds


def test_a_tail_keeps_the_end_in_bounded_memory() -> None:
    tail = Tail()
    assert tail.text() == ""
    for number in range(10_000):
        tail.write(b"%06d " % number * 5)
    assert tail.text().endswith("009999")
    assert len(tail.text()) <= KEPT_BYTES
    tail.write(b"x" * 1_000_000)
    assert tail.text() == "x" * KEPT_BYTES
    assert tail.text(10) == "x" * 10
