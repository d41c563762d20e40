"""Generated TypeScript modules in a real Deno and a real Node.js, against a running service."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.patience import LONG
from tests.server.http_service import Service, generate, serving

pytestmark = pytest.mark.requirement("R06")

ROOT = Path(__file__).parents[2]
DENO = Path(sys.executable).with_name("deno")
VARIABLES = "UNDERPASS_URL,UNDERPASS_TOKEN,UNDERPASS_TOKEN_FILE"

PROGRAM = """
import { hostile, testkit, ToolError } from "./mcp-servers/index.ts";
import { callTool } from "./mcp-servers/_runtime.ts";
import { mathAdd } from "./testkit.ts";

const said: Record<string, unknown> = {};
const echo = (args: object) => callTool("hostile", "echo", args);

async function failure(call: () => Promise<unknown>): Promise<unknown[]> {
  try {
    return ["value", await call()];
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return [error.name, error.message, error.hint, error.server ?? "", error.tool ?? ""];
  }
}

said.value = await echo({ text: "ü\\u{1f600}", none: null, nested: [{ a: [1.5] }] });
said.number = await testkit.mathAdd({ a: 40, b: 2 });
said.single = await mathAdd({ a: 1, b: 2 });
said.null = await callTool("hostile", "raw", { result: { content: [] } });
said.image = (await hostile.image() as { mime_type: string }).mime_type;
said.failed = await failure(() => callTool("hostile", "fail", { text: "no luck" }));
said.many = await Promise.all(Array.from({ length: 200 }, (_, n) => echo({ n })));
said.unknown = await failure(() => callTool("hostil", "echo", {}));
said.unwritable = (await failure(() => echo({ x: 1n })))[0];
said.large = (await failure(() => echo({ x: "x".repeat(18_000_000) })))[0];
said.died = (await failure(() => hostile.die()))[0];
console.log(JSON.stringify(said));
"""

SAID: dict[str, Any] = {
    "value": {"text": "ü\U0001f600", "none": None, "nested": [{"a": [1.5]}]},
    "number": {"result": 42},
    "single": {"result": 3},
    "null": None,
    "image": "image/png",
    "failed": ["ToolFailed", "no luck", "", "hostile", "fail"],
    "many": [{"n": n} for n in range(200)],
    "unknown": ["ToolNotFound", "no server is named 'hostil'", "did you mean 'hostile'?", "hostil", "echo"],
    "unwritable": "ToolArgumentsInvalid",
    "large": "ToolLimitExceeded",
    "died": "ToolUnavailable",
}

Run = Callable[[Path, str, dict[str, str]], "subprocess.CompletedProcess[str]"]


def run_process(command: list[str], folder: Path, environment: dict[str, str]) -> Any:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        command,
        cwd=folder,
        env={**kept, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONG,
    )


def in_deno(folder: Path, name: str, environment: dict[str, str]) -> Any:
    granted = ["--allow-net=127.0.0.1", f"--allow-env={VARIABLES}", "--allow-read"]
    command = [str(DENO), "run", "--no-prompt", "--no-remote", "--no-npm", "--check", *granted, f"{name}.ts"]
    return run_process(command, folder, environment)


def in_node(folder: Path, name: str, environment: dict[str, str]) -> Any:
    """Compile, and run the JavaScript."""
    options = ["--target", "es2022", "--lib", "es2023,dom", "--module", "nodenext", "--strict"]
    tsc = ROOT / "node_modules" / ".bin" / "tsc"
    files = [str(path.relative_to(folder)) for path in (folder / "mcp-servers").rglob("*.ts")]
    emitted = ["--rewriteRelativeImportExtensions", "--outDir", "compiled", "--rootDir", "."]
    done = run_process([str(tsc), *options, *emitted, f"{name}.ts", *files], folder, {})
    assert done.returncode == 0, done.stdout
    (folder / "compiled" / "package.json").write_text('{"type": "module"}')
    return run_process(["node", f"compiled/{name}.js"], folder, environment)


def in_stripping_node(folder: Path, name: str, environment: dict[str, str]) -> Any:
    """Run the TypeScript as it is; Node.js takes the types away since 22.6."""
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    major, minor, _ = map(int, version.strip().removeprefix("v").split("."))
    if (major, minor) < (22, 6):
        pytest.skip(f"Node.js {version.strip()} does not strip types")
    return run_process(["node", "--experimental-strip-types", f"{name}.ts"], folder, environment)


RUNTIMES = pytest.mark.parametrize("run", [in_deno, in_node, in_stripping_node])


@pytest.fixture(scope="module")
def modules(service: Service) -> Path:
    """A folder with the package, and a module of one server beside it."""
    generate(service.folder, "ts/testkit.ts", "--server", "testkit")
    generate(service.folder, "ts/mcp-servers", "--format", "typescript")
    (service.folder / "ts" / "package.json").write_text('{"type": "module"}')
    return service.folder / "ts"


@RUNTIMES
def test_a_typescript_program_outside_a_sandbox_calls_tools(
    run: Run, modules: Path, service: Service
) -> None:
    (modules / "program.ts").write_text(PROGRAM)
    done = run(modules, "program", service.environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == SAID


ONE = """
import { hostile } from "./mcp-servers/index.ts";
await hostile.pid();
"""


@pytest.mark.parametrize("run", [in_deno, in_node])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"UNDERPASS_URL": ""}, "called outside a sandbox: run the program with `underpass run`, or start"),
        ({"UNDERPASS_URL": "127.0.0.1:1"}, "UNDERPASS_URL is no URL: 127.0.0.1:1"),
        ({"UNDERPASS_URL": "http://127.0.0.1:CLOSED"}, "cannot be reached: "),
        ({"UNDERPASS_URL": "URL/other"}, "answered 404"),
        ({"UNDERPASS_TOKEN": "wrong"}, "refused the token (401)"),
        ({"UNDERPASS_TOKEN_FILE": ""}, "UNDERPASS_TOKEN is not set, or no token"),
        ({"UNDERPASS_TOKEN_FILE": "/missing"}, "UNDERPASS_TOKEN_FILE cannot be read"),
    ],
)
def test_what_keeps_a_typescript_program_from_the_service_is_said(
    run: Run, modules: Path, service: Service, changes: dict[str, str], message: str
) -> None:
    (modules / "one.ts").write_text(ONE)
    base = service.environment["UNDERPASS_URL"]
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and it does not listen
        closed = str(deaf.getsockname()[1])
        changed = {
            name: value.replace("URL", base).replace("CLOSED", closed) for name, value in changes.items()
        }
        done = run(modules, "one", service.environment | changed)
    assert done.returncode == 1
    assert message in done.stderr
    assert service.token not in done.stderr


def test_a_deno_without_permissions_is_told_which_it_needs(modules: Path, service: Service) -> None:
    (modules / "one.ts").write_text(ONE)
    command = [str(DENO), "run", "--no-prompt", "--allow-read", "one.ts"]
    done = run_process(command, modules, service.environment)
    assert done.returncode == 1
    assert f"--allow-env={VARIABLES} and --allow-net" in done.stderr


@pytest.mark.parametrize("run", [in_deno, in_node])
def test_a_tool_that_does_not_answer_is_a_timeout_in_typescript(
    run: Run, modules: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modules / "hang.ts").write_text(ONE.replace("pid", "hang"))
    monkeypatch.setenv("UNDERPASS_CALLS_TIMEOUT", "0.5")
    with serving(service.folder) as impatient:
        done = run(modules, "hang", impatient.environment)
    assert "ToolTimeout: hostile.hang did not answer within 0.5 s" in done.stderr
