"""A FastMCP server in code mode runs its programs in the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.adapters.conftest import BIG, SECRET, Programs, Shop

from underpass import ConfigError, SandboxUnavailable, Underpass

pytest.importorskip("fastmcp")

from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.experimental.transforms.code_mode import CodeMode, SandboxProvider

from underpass.adapters.fastmcp import UnderpassSandbox

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R30")]


def shop_of(sandbox: SandboxProvider, **options: Any) -> FastMCP[Any]:
    """A shop behind FastMCP's two tools of search and one of execution."""
    server = FastMCP[Any]("shop", transforms=[CodeMode(sandbox_provider=sandbox)], **options)

    def price(item: str) -> float:
        """Return the price of an item."""
        prices = {"apple": 0.5, "pear": 0.75}
        if item not in prices:
            raise ToolError(f"there is no {item}")
        return prices[item]

    server.tool(price)
    return server


async def execute(client: Client[Any], code: str) -> str:
    """Return what a model reads of a program."""
    result = await client.call_tool("execute", {"code": code}, raise_on_error=False)
    return "\n".join(block.text for block in result.content if block.type == "text")


SEVERAL = """
import asyncio
answers = await asyncio.gather(*(call_tool("price", {"item": item}) for item in ("apple", "pear")))
return sum(answer["result"] for answer in answers)
"""


async def test_programs_call_the_servers_tools_and_the_model_reads_bounded_results(
    up: Underpass, programs: Programs
) -> None:
    async with Client(shop_of(UnderpassSandbox(up))) as client:
        assert sorted(tool.name for tool in await client.list_tools()) == ["execute", "get_schema", "search"]
        assert "1.25" in await execute(client, SEVERAL)
        failed = await execute(client, "\nx = 1\nawait call_tool('price', {'item': 'plum'})")
        assert "there is no plum" in failed
        assert 'program.py", line 3' in failed
        big = await execute(client, BIG)
        assert '"truncated":true' in big
        assert len(big) < 5_000
        escaped = await execute(client, programs.escaping)
        assert "FileNotFoundError" in escaped
        assert SECRET not in escaped


async def test_a_server_opens_the_sandbox_for_as_long_as_it_runs(tmp_path: Path) -> None:
    sandbox = UnderpassSandbox(home=tmp_path)
    async with Client(shop_of(sandbox, lifespan=sandbox.lifespan)) as client:
        assert "1.25" in await execute(client, SEVERAL)
    with pytest.raises(ConfigError, match="not open"):
        await sandbox.run("1")


async def test_what_cannot_be_opened_is_told_by_the_server_that_starts(tmp_path: Path) -> None:
    sandbox = UnderpassSandbox(tmp_path / "missing.json")
    with pytest.raises(ConfigError, match=r"missing\.json"):
        async with sandbox.lifespan():
            pass


async def test_programs_import_the_servers_of_underpass_besides(up: Underpass) -> None:
    code = "from mcp_servers import shop\nother = await call_tool('price', {'item': 'pear'})\n"
    code += "await shop.price(item='pear') + other['result']"
    async with Client(shop_of(UnderpassSandbox(up))) as client:
        assert "1.5" in await execute(client, code)


async def test_progress_goes_to_the_client(up: Underpass) -> None:
    seen: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))

    code = "from mcp_servers import shop\nawait shop.count()"
    async with Client(shop_of(UnderpassSandbox(up)), progress_handler=note) as client:
        await execute(client, code)
    assert (2, 2, "step 2") in seen


async def test_what_is_printed_is_read_where_there_is_no_value(up: Underpass) -> None:
    assert await UnderpassSandbox(up).run("print('seen')") == "seen\n"
    assert await UnderpassSandbox(up).run("print('seen')\n1") == 1


async def test_inputs_and_functions_are_in_scope(up: Underpass) -> None:
    def add(first: int, *, second: int) -> int:
        return first + second

    async def fetch() -> dict[str, list[int]]:
        return {"rows": [1, 2]}

    value = await UnderpassSandbox(up).run(
        "return [who, await add(n, second=2), await fetch()]",
        inputs={"who": "Ada", "n": 1},
        external_functions={"add": add, "fetch": fetch},
    )
    assert value == ["Ada", 3, {"rows": [1, 2]}]


async def test_a_program_can_catch_what_a_function_raises(up: Underpass) -> None:
    def fail() -> None:
        raise ValueError("not today")

    code = "from mcp_runtime import ToolError\n"
    code += "try:\n    await fail()\nexcept ToolError as error:\n    print(error)"
    said = await UnderpassSandbox(up).run(code, external_functions={"fail": fail})
    assert "not today" in said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 +", "line 1"),
        ("x = 1\n1 / 0", 'File "program.py", line 2'),
        ("x = 1\nundefined", "line 2"),
        ("raise ValueError('line 7: no')", "ValueError: line 7: no"),
        ("x = 1\nbytearray(1 << 32)", "(it was at line 2)"),
    ],
)
async def test_lines_are_counted_as_the_programs_author_does(up: Underpass, code: str, said: str) -> None:
    with pytest.raises(ToolError) as caught:
        await UnderpassSandbox(up).run(code)
    assert said in str(caught.value)


async def test_programs_at_the_same_time_have_their_own_functions(up: Underpass) -> None:
    sandbox = UnderpassSandbox(up)
    found: dict[int, Any] = {}
    together = [anyio.Event(), anyio.Event()]

    def which(number: int) -> Callable[[], Any]:
        async def answer() -> int:
            together[number].set()
            await together[1 - number].wait()
            return number

        return answer

    async def run(number: int) -> None:
        code = "[await which() for _ in range(3)]"
        found[number] = await sandbox.run(code, external_functions={"which": which(number)})

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, 0)
        tasks.start_soon(run, 1)
    assert found == {0: [0, 0, 0], 1: [1, 1, 1]}


@pytest.mark.parametrize(
    ("inputs", "functions", "said"),
    [
        ({"a b": 1}, {}, "cannot name 'a b'"),
        ({}, {"class": print}, "cannot name 'class'"),
        ({"x": object()}, {}, "no JSON"),
    ],
)
async def test_a_scope_that_cannot_be_made_is_refused(
    up: Underpass, inputs: dict[str, Any], functions: dict[str, Any], said: str
) -> None:
    with pytest.raises(ToolError, match=said):
        await UnderpassSandbox(up).run("1", inputs=inputs, external_functions=functions)


async def test_a_machine_without_a_sandbox_is_no_fault_of_the_program(
    up: Underpass, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_arguments: Any, **_options: Any) -> Any:
        raise SandboxUnavailable("no namespaces", hint="see `underpass doctor`")

    monkeypatch.setattr(up, "run", refuse)
    with pytest.raises(SandboxUnavailable):
        await UnderpassSandbox(up).run("1")


async def test_cancelling_a_run_ends_the_function_that_it_waits_for(up: Underpass, shop: Shop) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(
            lambda: UnderpassSandbox(up).run("await wait()", external_functions={"wait": shop.wait})
        )
        await shop.waiting.wait()
        tasks.cancel_scope.cancel()
    await shop.given_up.wait()


@pytest.mark.requirement("R14")
async def test_a_function_that_takes_too_long_is_given_up(tmp_path: Path, shop: Shop) -> None:
    async with Underpass.open(None, home=tmp_path, settings={"calls.timeout": 0.05}) as up:
        with pytest.raises(ToolError, match="did not answer within"):
            await UnderpassSandbox(up).run("await wait()", external_functions={"wait": shop.wait})
    await shop.given_up.wait()
