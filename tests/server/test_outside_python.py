"""Generated Python modules in interpreters that have nothing else, against a running service."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.patience import LONG
from tests.server.http_service import Service, generate, serving

pytestmark = pytest.mark.requirement("R06")

PYTHONS = sorted({os.path.realpath(sys.executable), "/usr/bin/python3.11", "/usr/bin/python3"})
"""None of them sees the packages of this environment."""

UNWRITABLE = "Object of type set is not JSON serializable"
PROGRAM = """
import asyncio, json, pathlib, sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
import mcp_servers
from mcp_servers import hostile, testkit, ToolError, ToolFailed, ToolNotFound, ToolUnavailable
from mcp_servers._runtime import call_tool
said = {"loaded": sorted(name for name in {"http.client", "ssl", "asyncio"} & set(sys.modules) - before)}

async def echo(**arguments):
    return await call_tool("hostile", "echo", arguments)

async def failing(**arguments):
    try:
        await call_tool("hostile", "fail", arguments)
    except ToolFailed as error:
        return [type(error).__name__, error.message, error.server, error.tool, isinstance(error, ToolError)]

async def back():
    for _ in range(100):
        try:
            return await hostile.pid()
        except ToolUnavailable as error:  # a server that died often is not started again at once
            await asyncio.sleep(error.data["retry_in"])

async def main():
    said["value"] = await echo(text="ü\\U0001f600", none=None, big=2**60, nested=[{"a": [1.5]}])
    said["number"] = await testkit.math_add(a=40, b=2)
    said["null"] = await call_tool("hostile", "raw", {"result": {"content": []}})
    image = await hostile.image()
    said["image"] = [image["mime_type"], pathlib.Path(image["path"]).read_bytes().hex()]
    said["failed"] = await failing(text="no luck")
    said["many"] = [value["n"] for value in await asyncio.gather(*(echo(n=n) for n in range(200)))]
    try:
        await call_tool("hostil", "echo", {})
    except ToolNotFound as error:
        said["unknown"] = str(error)
    try:
        await echo(x={1, 2})
    except ToolError as error:
        said["unwritable"] = [type(error).__name__, error.message]
    try:
        await echo(x="x" * 18_000_000)
    except ToolError as error:
        said["large"] = [type(error).__name__, error.message]
    try:
        await hostile.die()
    except ToolUnavailable as error:
        said["died"] = "on fire" in json.dumps(error.data)
    await back()
    call = testkit.math_add(a=1, b=2)
    try:
        call["a"]
    except TypeError as error:
        said["unawaited"] = str(error)
    said["task"] = await asyncio.create_task(call)
    for tries in range(100):
        waiting = asyncio.create_task(hostile.hang())
        await asyncio.wait([waiting], timeout=0.1 + tries / 10)
        waiting.cancel()
        await asyncio.wait([waiting])
        said["cancelled"] = waiting.cancelled()
        if await hostile.cancelled():  # the call had got there, and its end, too
            break
    else:
        said["cancelled"] = "nobody told the server"

asyncio.run(main())
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def modules(service: Service) -> Path:
    return generate(service.folder, "lib/mcp_servers").parent


def run(
    python: str, modules: Path, program: str, environment: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [python, "-I", "-S", "-W", "error", "-c", program, str(modules)],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONG,
    )


@pytest.mark.parametrize("python", PYTHONS)
def test_a_program_of_a_plain_python_calls_tools(python: str, modules: Path, service: Service) -> None:
    if not Path(python).exists():
        pytest.skip(f"there is no {python}")
    done = run(python, modules, PROGRAM, service.environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    said: dict[str, Any] = json.loads(done.stdout)
    assert said.pop("many") == list(range(200))
    assert said == {
        "loaded": [],
        "value": {"text": "ü\U0001f600", "none": None, "big": 2**60, "nested": [{"a": [1.5]}]},
        "number": {"result": 42},
        "null": None,
        "image": ["image/png", "89504e47"],
        "failed": ["ToolFailed", "no luck", "hostile", "fail", True],
        "unknown": "no server is named 'hostil' (did you mean 'hostile'?)",
        "unwritable": [
            "ToolArgumentsInvalid",
            "hostile.echo: the arguments cannot be written as JSON: " + UNWRITABLE,
        ],
        "large": ["ToolLimitExceeded", "hostile.echo: the arguments are too large"],
        "died": True,
        "unawaited": (
            "tool functions are asynchronous: write `await math_add(...)` in an `async def`, "
            "and start that with asyncio.run()"
        ),
        "task": {"result": 3},
        "cancelled": True,
    }


ONE = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from mcp_servers import hostile
asyncio.run(hostile.pid())
"""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"UNDERPASS_URL": ""}, "called outside a sandbox: run the program with `underpass run`, or start"),
        ({"UNDERPASS_URL": "127.0.0.1:1"}, "UNDERPASS_URL is no URL: '127.0.0.1:1'"),
        ({"UNDERPASS_URL": "http://[1"}, "UNDERPASS_URL is no URL"),
        ({"UNDERPASS_URL": "http://127.0.0.1:1"}, "cannot be reached: [Errno 111] Connection refused (start"),
        ({"UNDERPASS_URL": "URL/other"}, "answered 404"),
        ({"UNDERPASS_TOKEN": "wrong"}, "refused the token (401)"),
        ({"UNDERPASS_TOKEN_FILE": ""}, "UNDERPASS_TOKEN is not set, or no token"),
        ({"UNDERPASS_TOKEN_FILE": "/missing"}, "UNDERPASS_TOKEN_FILE cannot be read"),
    ],
)
def test_what_keeps_a_program_from_the_service_is_said(
    modules: Path, service: Service, changes: dict[str, str], message: str
) -> None:
    base = service.environment["UNDERPASS_URL"]
    changed = {name: value.replace("URL", base) for name, value in changes.items()}
    done = run(sys.executable, modules, ONE, service.environment | changed)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]
    assert service.token not in done.stderr


def test_the_url_may_name_the_endpoint_itself(modules: Path, service: Service) -> None:
    done = run(sys.executable, modules, ONE, service.environment | {"UNDERPASS_URL": service.url})
    assert done.returncode == 0, done.stderr


def test_a_tool_that_does_not_answer_is_a_timeout(
    modules: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERPASS_CALLS_TIMEOUT", "0.5")
    with serving(service.folder) as impatient:
        done = run(sys.executable, modules, ONE.replace("pid()", "hang()"), impatient.environment)
    assert "ToolTimeout: hostile.hang did not answer within 0.5 s" in done.stderr


def test_a_service_that_dies_during_a_call_is_unavailable(modules: Path, service: Service) -> None:
    program = ONE.replace("asyncio.run(hostile.pid())", "") + (
        "import os, signal\n"
        "async def main():\n"
        "    await hostile.pid()\n"
        "    call = asyncio.create_task(hostile.hang())\n"
        "    await asyncio.wait([call], timeout=3)\n"
        "    os.kill(int(os.environ['SERVICE']), signal.SIGKILL)\n"
        "    await call\n"
        "asyncio.run(main())\n"
    )
    with serving(service.folder) as dying:
        environment = dying.environment | {"SERVICE": str(dying.process.pid)}
        done = run(sys.executable, modules, program, environment)
    assert "ended during the call" in done.stderr.splitlines()[-1]
    assert "the tool may have run; look before you call it again" in done.stderr
