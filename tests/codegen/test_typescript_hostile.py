"""Definitions made to break the generator end as working TypeScript, or left out with a reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.codegen.checkers import complaints
from tests.codegen.definitions import tool
from tests.codegen.hostile import hostile_tools
from tests.codegen.javascript import deno_json, write_typescript
from tests.codegen.test_hostile import LEFT_OUT
from tests.codegen.typescript_text import foreign_lines

from underpass.codegen.documentation import document, signature
from underpass.codegen.interface import tool_interface
from underpass.codegen.package import write_package
from underpass.codegen.typescript import TypeScriptPackage

pytestmark = pytest.mark.requirement("R08")

TOOLS = hostile_tools()
SHARED = {"_lazy.ts", "_runtime.ts", "_resources.ts", "_client.ts"}
USABLE = [case for case in TOOLS if case not in LEFT_OUT]

_CALL_ALL = """
const calls: unknown[] = [];
const globals = new Set(Object.getOwnPropertyNames(globalThis));
Reflect.set(globalThis, Symbol.for("underpass.callTool"), async (...call: unknown[]) => {
  calls.push(call);
});
const wanted = JSON.parse(await Deno.readTextFile("arguments.json"));
for (const [path, name, args] of wanted) {
  const server = await import(path);
  await server[name](args);
  await server.healthy();
}
const fresh = Object.getOwnPropertyNames(globalThis).filter((name) => !globals.has(name));
console.log(JSON.stringify({ calls: calls.filter((call) => call[1] !== "healthy"), fresh }));
"""


def _servers() -> dict[str, list[Any]]:
    return {f"server {case}": [hostile, tool("healthy")] for case, hostile in TOOLS.items()}


def test_there_are_hostile_definitions_enough() -> None:
    assert len(TOOLS) >= 200


def test_a_hostile_definition_becomes_types_and_one_call_or_is_left_out_with_a_reason() -> None:
    package = TypeScriptPackage(_servers())
    files = package.files()

    assert {path: lines for path in files.keys() - SHARED if (lines := foreign_lines(files[path]))} == {}
    assert max(map(len, files.values())) < 5_000_000
    left_out = {finding.server: finding for finding in package.findings}
    assert left_out.keys() == {f"server {case}" for case in LEFT_OUT}
    assert all(finding.action == "quarantined" and finding.reason for finding in left_out.values())


def test_what_hostile_definitions_become_can_be_called_with_every_argument(tmp_path: Path) -> None:
    package = write_typescript(_servers(), tmp_path)
    imports = package.import_map()
    wanted: list[Any] = []
    calls: list[Any] = []
    for case in USABLE:
        hostile = TOOLS[case]
        server = package.packages[f"server {case}"]
        function = package.server(server).functions[hostile.name]
        arguments = {field.name: place for place, field in enumerate(tool_interface(hostile).parameters)}
        wanted.append((f"mcp-servers/{server}", function, arguments))
        calls.append([f"server {case}", hostile.name, arguments])
        assert f"mcp-servers/{server}" in imports
    (tmp_path / "arguments.json").write_text(json.dumps(wanted))
    report = deno_json(tmp_path, _CALL_ALL)

    assert report["fresh"] == []
    assert len(report["calls"]) == len(calls) == len(USABLE)
    for called, call in zip(report["calls"], calls, strict=True):
        assert called == call


@pytest.mark.parametrize("checker", ["tsc", pytest.param("deno", marks=pytest.mark.slow)])
def test_what_hostile_definitions_become_passes_strict_type_checks(checker: str, tmp_path: Path) -> None:
    write_typescript(_servers(), tmp_path)
    tools = [tool(f"{case} {TOOLS[case].name}"[:200], TOOLS[case].input_schema) for case in USABLE]
    all_in_one = TypeScriptPackage({"all": tools})
    write_package(all_in_one.single("all", "all"), tmp_path / "single")
    (tmp_path / "declared").mkdir()
    declarations = TypeScriptPackage(_servers()).declarations()
    (tmp_path / "declared" / "mcp-servers.d.ts").write_text(declarations, "utf-8")

    assert complaints(checker, tmp_path) == ""


@pytest.mark.requirement("R22")
@pytest.mark.parametrize("case", USABLE)
def test_a_hostile_definition_has_bounded_documentation(case: str) -> None:
    line = signature(TOOLS[case], "typescript")
    page = document(TOOLS[case], "typescript")

    assert "\n" not in line
    assert len(line) <= 2_000
    assert len(page) <= 4_000
    for text in (line, page):
        assert text.replace("\n", "").isprintable()
