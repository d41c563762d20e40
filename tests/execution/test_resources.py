"""Resources and prompts, as programs of both languages reach them."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.execution.conftest import Open, echo, server
from tests.servers.with_resources import library

from underpass import Underpass
from underpass.errors import ToolNotFound

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R10")]

PYTHON = """
from mcp_servers import library
from mcp_servers.library import prompts

listed = await library.resources.list()
picture = await library.resources.read("file:///picture.png")
with open(picture["path"], "rb") as file:
    size = len(file.read())
messages = await prompts.get("greet", name="Ann", times=2)
[
    sorted(entry["uri"] for entry in listed),
    [entry["uri_template"] for entry in await library.resources.templates()],
    await library.resources.read("note://today"),
    (await library.resources.read(uri="data://sizes"))["large"],
    [picture["mime_type"], picture["bytes"], size],
    [entry["name"] for entry in await prompts.list()],
    [messages[0]["role"], messages[0]["text"]],
    await library.add(a=1, b=2),
]
"""
TYPESCRIPT = """
import { library } from "mcp-servers";
import { prompts } from "mcp-servers/library";

const listed = await library.resources.list();
const picture = await library.resources.read("file:///picture.png");
const size = Deno.readFileSync(picture.path).length;
const [message] = await prompts.get("greet", { name: "Ann", times: 2, left: undefined });
[
  listed.map((entry) => entry.uri).sort(),
  (await library.resources.templates()).map((entry) => entry.uri_template),
  await library.resources.read("note://today"),
  (await library.resources.read("data://sizes")).large,
  [picture.mime_type, picture.bytes, size],
  (await prompts.list()).map((entry) => entry.name),
  [message.role, message.text],
  await library.add({ a: 1, b: 2 }),
]
"""
FOUND = [
    ["data://sizes", "file:///picture.png", "note://today"],
    ["note://{name}"],
    "water the plants",
    10,
    ["image/png", 256, 256],
    ["greet", "look"],
    ["user", "Say hello to Ann, 2 times."],
    3,
]


@pytest.fixture(params=["process", "none"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AbstractAsyncContextManager[Underpass]:
    return Underpass.open({"library": library()}, sandbox=request.param, home=tmp_path)


@pytest.mark.parametrize(("language", "code"), [("python", PYTHON), ("typescript", TYPESCRIPT)])
async def test_a_program_reads_resources_and_prompts(
    opened: AbstractAsyncContextManager[Underpass], language: str, code: str
) -> None:
    async with opened as up:
        result = await up.run(code, language=language, max_tokens=10_000)
    assert result.error is None
    assert result.value == FOUND
    assert result.checked
    assert [call.tool for call in result.tool_calls] == [
        "resources/list",
        "resources/read",
        "prompts/get",
        "resources/templates/list",
        "resources/read",
        "resources/read",
        "prompts/list",
        "add",
    ]


WRONG: list[tuple[str, str, str]] = [
    ("python", "from mcp_servers import demo\nawait demo.resources.red('x:y')", "no attribute"),
    ("typescript", 'import { demo } from "mcp-servers";\nawait demo.resources.red("x:y")', "red"),
]


@pytest.mark.requirement("R13")
@pytest.mark.parametrize(("language", "code", "said"), WRONG)
async def test_a_wrong_use_is_told_before_anything_runs(
    opened_with_demo: Open, language: str, code: str, said: str
) -> None:
    async with opened_with_demo() as up:
        result = await up.run(code, language=language)
    assert result.error is not None
    assert said in result.error.message
    assert result.tool_calls == ()


@pytest.fixture
def opened_with_demo(tmp_path: Path) -> Open:
    def open_with(**tools: Any) -> AbstractAsyncContextManager[Underpass]:
        return Underpass.open({"demo": server("demo", **(tools or {"echo": echo}))}, home=tmp_path)

    return open_with


NOTHING = {
    "python": """
from mcp_servers import demo
from mcp_runtime import ToolNotFound
try:
    await demo.prompts.get("x")
except ToolNotFound as error:
    found = error.message
[await demo.resources.list(), await demo.prompts.list(), found]
""",
    "typescript": """
import { demo } from "mcp-servers";
import { ToolNotFound } from "mcp-runtime";
let found = "";
try {
  await demo.prompts.get("x");
} catch (error) {
  if (error instanceof ToolNotFound) found = error.message;
}
[await demo.resources.list(), await demo.prompts.list(), found]
""",
}


@pytest.mark.requirement("R16")
@pytest.mark.parametrize(("language", "code"), NOTHING.items())
async def test_a_server_with_tools_only_lists_nothing_and_the_error_can_be_caught(
    opened_with_demo: Open, language: str, code: str
) -> None:
    async with opened_with_demo() as up:
        result = await up.run(code, language=language)
    assert result.error is None
    assert result.value == [[], [], "server 'demo' has no prompts"]


TAKEN = {
    "python": """
from mcp_servers import demo
from mcp_servers.demo import resources_
[await demo.resources(n=1), await demo.prompts(n=2), await resources_.list(), await demo.prompts_.list()]
""",
    "typescript": """
import { demo } from "mcp-servers";
import { resources_ } from "mcp-servers/demo";
const own = [await demo.resources({ n: 1 }), await demo.prompts({ n: 2 })];
[...own, await resources_.list(), await demo.prompts_.list()]
""",
}


@pytest.mark.parametrize(("language", "code"), TAKEN.items())
async def test_a_tool_named_resources_or_prompts_keeps_its_name(
    opened_with_demo: Open, language: str, code: str
) -> None:
    async with opened_with_demo(resources=echo, prompts=echo) as up:
        result = await up.run(code, language=language)
    assert result.error is None
    assert result.value == [{"n": 1}, {"n": 2}, [], []]


async def test_an_offer_of_a_server_whose_tool_has_the_name_says_where_it_is(opened_with_demo: Open) -> None:
    async with opened_with_demo(resources=echo) as up:
        result = await up.run(
            'import { demo } from "mcp-servers";\nawait (demo as any).resources.list()', language="typescript"
        )
    assert result.error is not None
    assert "demo.resources_" in result.error.message


async def test_they_are_read_from_outside_of_any_program(tmp_path: Path) -> None:
    async with Underpass.open({"library": library()}, home=tmp_path) as up:
        assert await up.call_tool("library", "resources/read", {"uri": "note://today"}) == "water the plants"
        picture = await up.call_tool("library", "resources/read", {"uri": "file:///picture.png"})
        assert await anyio.Path(picture["path"]).read_bytes() == bytes(range(256))
        with pytest.raises(ToolNotFound):
            await up.call_tool("library", "resources/write", {})
