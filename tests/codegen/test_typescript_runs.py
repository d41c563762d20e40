"""Generated TypeScript at run time: in a real Deno, and compiled in a real Node.js."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.codegen.definitions import of, tool
from tests.codegen.javascript import RECORD, deno, deno_json, node_json, write_typescript

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.package import write_files
from underpass.codegen.typescript import TypeScriptPackage

pytestmark = pytest.mark.requirement("R02", "R06")

ARGUMENTS = {"repo_path": ".", "auth-method": None, "nested": {"list": [1, "x", {"a": True}]}}
SERVERS: Mapping[str, Sequence[ToolDefinition]] = {
    "my-git": [
        tool("git_log", {**of(repo_path={}, nested={}), "additionalProperties": True}, server="my-git"),
        tool("broken", server="my-git"),
    ],
    "other": [tool("search", server="other")],
}

PROGRAM = (
    RECORD
    + f"""
globalThis.answer = {{ found: 1 }};
const package_ = await import("PACKAGE");
const server = await import("SERVER");
const answers = [
  await package_.myGit.gitLog({json.dumps(ARGUMENTS)}),
  await server.gitLog({json.dumps(ARGUMENTS)}),
];
console.log(JSON.stringify([answers, globalThis.calls, package_.myGit.gitLog === package_.myGit.gitLog]));
"""
)


def _in_deno(directory: Path, program: str) -> Any:
    return deno_json(
        directory, program.replace("PACKAGE", "mcp-servers").replace("SERVER", "mcp-servers/my-git")
    )


def _in_node(directory: Path, program: str) -> Any:
    folder = "./mcp-servers"
    typed = program.replace("globalThis.", "(globalThis as any).").replace(
        "globalThis[", "(globalThis as any)["
    )
    typed = typed.replace("async (server, tool, args)", "async (server: any, tool: any, args: any)")
    return node_json(
        directory,
        typed.replace("PACKAGE", f"{folder}/index.ts").replace("SERVER", f"{folder}/myGit/index.ts"),
    )


@pytest.mark.parametrize("run", [_in_deno, _in_node])
def test_a_call_sends_the_real_names_and_gives_the_unwrapped_result(
    run: Callable[[Path, str], Any], tmp_path: Path
) -> None:
    write_typescript(SERVERS, tmp_path)
    answers, calls, same = run(tmp_path, PROGRAM)

    assert answers == [{"found": 1}, {"found": 1}]
    assert calls == [["my-git", "git_log", ARGUMENTS]] * 2
    assert same


@pytest.mark.requirement("R13")
def test_nothing_loads_before_it_is_used(tmp_path: Path) -> None:
    write_typescript(SERVERS, tmp_path)
    for unwanted in ("other/index.ts", "other/_search.ts", "myGit/_broken.ts"):
        (tmp_path / "mcp-servers" / unwanted).write_text('throw new Error("this was loaded");\n')

    assert _in_deno(tmp_path, PROGRAM)[0] == [{"found": 1}, {"found": 1}]
    done = deno(tmp_path, RECORD + 'import { other } from "mcp-servers";\nawait other.search();\n')
    assert "this was loaded" in done.stderr


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("await myGit.gitLgo({})", "myGit has no tool gitLgo; did you mean gitLog?"),
        ("await myGit.git_log({})", "myGit has no tool git_log; did you mean gitLog?"),
        ("await myGit.quiteAnother()", "myGit has no tool quiteAnother; there are: broken, gitLog"),
        ("Object.keys(myGit)", "the tools of myGit load on first use"),
        ("JSON.stringify(myGit)", "the tools of myGit load on first use"),
        ("myGit.gitLog = 3", "nothing can be assigned to its tools"),
    ],
)
def test_a_wrong_use_is_an_error_with_what_to_do(expression: str, message: str, tmp_path: Path) -> None:
    write_typescript(SERVERS, tmp_path)
    done = deno(tmp_path, f'{RECORD}import {{ myGit }} from "mcp-servers";\n{expression};\n')

    assert done.returncode == 1
    assert message in done.stderr
    assert "program.ts:" in done.stderr


def test_a_namespace_is_an_ordinary_value(tmp_path: Path) -> None:
    write_typescript(SERVERS, tmp_path)
    program = (
        'import { myGit } from "mcp-servers";\n'
        "const values = [await Promise.resolve(myGit) === myGit, String(myGit), Deno.inspect(myGit)];\n"
        "console.log(JSON.stringify([...values, myGit.gitLog.name]));\n"
    )

    assert deno_json(tmp_path, program) == [True, "[object Object]", "{}", "gitLog"]


def test_an_error_of_the_call_passes_with_the_programs_own_line(tmp_path: Path) -> None:
    write_typescript(SERVERS, tmp_path)
    failing = (
        'globalThis[Symbol.for("underpass.callTool")] = async () => { throw new RangeError("refused"); };\n'
    )
    done = deno(tmp_path, f'{failing}import {{ myGit }} from "mcp-servers";\n\nawait myGit.gitLog({{}});\n')

    assert "RangeError: refused" in done.stderr
    assert "program.ts:4:" in done.stderr


@pytest.mark.parametrize(
    "names", [["then", "toJSON", "constructor", "toString", "new", "callTool", "__proto__"]]
)
def test_names_that_javascript_uses_itself_are_called_like_others(names: list[str], tmp_path: Path) -> None:
    package = write_typescript({"odd": [tool(name, server="odd") for name in names]}, tmp_path)
    functions = package.server("odd").functions
    calls = "".join(f"await odd.{functions[name]}(); await all.{functions[name]}();\n" for name in names)
    program = (
        f'{RECORD}import {{ odd }} from "mcp-servers";\nimport * as all from "mcp-servers/odd";\n'
        f"{calls}"
        "console.log(JSON.stringify(globalThis.calls.map((call) => call[1])));"
    )

    assert deno_json(tmp_path, program) == [name for name in names for _ in range(2)]


def test_a_single_module_is_called_alike(tmp_path: Path) -> None:
    write_typescript(SERVERS, tmp_path)
    write_files(TypeScriptPackage(SERVERS).single("myGit", "git"), tmp_path)
    program = PROGRAM.replace('import("SERVER")', 'import("./git.ts")')

    assert _in_deno(tmp_path, program)[0] == [{"found": 1}, {"found": 1}]
