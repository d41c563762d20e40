from __future__ import annotations

import base64
from typing import Any

import pytest

from underpass.broker import Broker, InMemoryBlobs, InMemoryCatalog
from underpass.catalog import InMemoryUpstream, ToolDefinition, ToolOutcome
from underpass.errors import ToolFailed

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R12")]

WRAPPER = {"type": "object", "properties": {"result": {"type": "integer"}}, "required": ["result"]}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def structured(value: Any, *content: dict[str, Any]) -> ToolOutcome:
    return ToolOutcome(content=content, structured=value, has_structured=True)


async def value_of(
    outcome: ToolOutcome, output_schema: Any = None, blobs: InMemoryBlobs | None = None
) -> Any:
    async def answer(_: Any) -> ToolOutcome:
        return outcome

    upstream = InMemoryUpstream("s")
    upstream.add(ToolDefinition("s", "t", output_schema=output_schema), answer)
    broker = Broker(InMemoryCatalog({"s": upstream}), count=len)
    return await broker.open_run(blobs=blobs).call("s", "t", {})


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ([], None),
        ([text("plain")], "plain"),
        ([text("")], ""),
        ([text("7")], "7"),
        ([text("true")], "true"),
        ([text(' {"a": [1]}\n')], {"a": [1]}),
        ([text("[1, 2]")], [1, 2]),
        ([text("[see below]")], "[see below]"),
        ([text("{a}")], "{a}"),
        ([text("{")], "{"),
        ([text('{"a": 1}'), text("[2]")], [{"a": 1}, [2]]),
        ([text('{"a": 1}'), text("and more")], '{"a": 1}\nand more'),
        ([text("a"), {"type": "odd", "x": 1}], ["a", {"type": "odd", "x": 1}]),
        (
            [{"type": "resource_link", "uri": "file:///a", "name": "a", "mimeType": "x/y", "size": None}],
            {"uri": "file:///a", "name": "a", "mime_type": "x/y"},
        ),
        ([{"type": "resource", "resource": {"uri": "u", "text": '{"a": 1}'}}], {"a": 1}),
        ([{"type": "resource", "resource": 5}], {"type": "resource", "resource": 5}),
    ],
    ids=str,
)
async def test_content_becomes_a_plain_value(content: list[Any], value: Any) -> None:
    assert await value_of(ToolOutcome(content=content)) == value


@pytest.mark.parametrize(
    ("outcome", "schema", "value"),
    [
        (structured({"a": 1}, text("shown")), None, {"a": 1}),
        (structured([1]), True, [1]),
        (structured(None), True, None),
        (structured(None, text("text")), None, "text"),
        (structured(None, text("text")), {"type": "null"}, None),
        (structured({"result": 3}), WRAPPER, 3),
        (structured({"result": None}), {**WRAPPER, "x-fastmcp-wrap-result": True, "required": []}, None),
        (structured({"result": 3}), {"type": "object"}, {"result": 3}),
        (structured({"result": 3}), {**WRAPPER, "required": []}, {"result": 3}),
        (structured({"result": 3, "more": 1}), WRAPPER, {"result": 3, "more": 1}),
        (structured({"other": 3}), WRAPPER, {"other": 3}),
        # No schema, but the text shows the value itself: a framework's wrapper.
        (structured({"result": "x"}, text("x")), None, "x"),
        (structured({"result": [1, 2]}, text("[1,2]")), None, [1, 2]),
        (structured({"result": "x"}, text('{"result": "x"}')), None, {"result": "x"}),
        (structured({"result": "x"}, text("not the same")), None, {"result": "x"}),
        (structured({"result": "x"}), None, {"result": "x"}),
        (
            structured({"result": "x"}, {"type": "image", "data": "", "mimeType": "a/b"}),
            None,
            {"result": "x"},
        ),
    ],
    ids=str,
)
async def test_a_structured_result_is_the_value(outcome: ToolOutcome, schema: Any, value: Any) -> None:
    assert await value_of(outcome, schema) == value


@pytest.mark.parametrize(
    ("block", "mime_type"),
    [
        ({"type": "image", "mimeType": "image/png", "data": "DATA"}, "image/png"),
        ({"type": "audio", "mimeType": "audio/wav", "data": "DATA"}, "audio/wav"),
        ({"type": "resource", "resource": {"uri": "u", "blob": "DATA"}}, "application/octet-stream"),
    ],
    ids=str,
)
async def test_binary_parts_are_files_and_never_text(block: dict[str, Any], mime_type: str) -> None:
    data = base64.b64encode(b"\x00\x01\x02").decode()
    fields: dict[str, Any] = block.get("resource", block)
    fields = {key: data if value == "DATA" else value for key, value in fields.items()}
    block = {**block, "resource": fields} if "resource" in block else fields
    blobs = InMemoryBlobs()
    value = await value_of(ToolOutcome(content=[text("see"), block]), blobs=blobs)
    (path,) = blobs.blobs
    assert blobs.blobs[path] == b"\x00\x01\x02"
    assert value == ["see", {"mime_type": mime_type, "bytes": 3, "path": path}]


async def test_binary_data_that_cannot_be_decoded_fails_the_call() -> None:
    block = {"type": "image", "mimeType": "image/png", "data": "x"}
    with pytest.raises(ToolFailed, match="no base64"):
        await value_of(ToolOutcome(content=[block]))


@pytest.mark.requirement("R16")
@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (ToolOutcome(content=[text("no such repository")], is_error=True), "no such repository"),
        (ToolOutcome(content=[text("a"), text("b")], is_error=True), "a\nb"),
        (ToolOutcome(is_error=True, structured={"code": 5}, has_structured=True), '{"code":5}'),
        (ToolOutcome(is_error=True), "the tool reported an error without a text"),
        (ToolOutcome(content=[text("x" * 5000)], is_error=True), "x" * 1999 + "…"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_an_error_result_is_raised_with_the_tools_own_words(outcome: ToolOutcome, message: str) -> None:
    with pytest.raises(ToolFailed) as caught:
        await value_of(outcome)
    assert caught.value.message == message
    assert (caught.value.data["server"], caught.value.data["tool"]) == ("s", "t")


async def test_a_result_that_cannot_be_written_as_json_fails_the_call() -> None:
    with pytest.raises(ToolFailed, match="cannot be written as JSON"):
        await value_of(structured({"a": 2**80}))
