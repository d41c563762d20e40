"""Ten thousand real tools, all of them, in TypeScript."""

import json
from pathlib import Path

import pytest
from tests.codegen.checkers import complaints
from tests.codegen.corpus import corpus, corpus_typescript
from tests.codegen.javascript import deno_json, write_typescript
from tests.codegen.typescript_text import foreign_lines

from underpass.codegen.documentation import document, signature
from underpass.codegen.package import write_package
from underpass.codegen.typescript import TypeScriptPackage
from underpass.metrics.tokens import count

pytestmark = pytest.mark.requirement("R02", "R08")

SHARED = {"_lazy.ts", "_runtime.ts", "_resources.ts", "_client.ts"}

_CALL_ALL = """
const calls: unknown[] = [];
const globals = Object.getOwnPropertyNames(globalThis).length;
Reflect.set(globalThis, Symbol.for("underpass.callTool"), async (...call: unknown[]) => {
  calls.push(call);
});
const servers = await import("mcp-servers");
let named = 0;
for (const server of JSON.parse(await Deno.readTextFile("servers.json"))) {
  const module = await import(`mcp-servers/${server}`);
  for (const name of Object.keys(module)) {
    if (typeof module[name] !== "function") continue; // its resources and prompts
    await module[name]({ given: 1 });
    if (typeof servers[server][name] === "function") named++;
  }
}
const same = calls.every((call) => JSON.stringify(call[2]) === '{"given":1}');
const fresh = Object.getOwnPropertyNames(globalThis).length - globals;
console.log(JSON.stringify({ tools: calls.map((call) => call.slice(0, 2)), same, named, fresh }));
"""


def test_every_tool_of_the_corpus_becomes_types_and_one_call() -> None:
    tools = sum(len(listing.tools) for listing in corpus().values())
    files = corpus_typescript()
    modules = [path for path in files if path.rpartition("/")[2].startswith("_") and path not in SHARED]

    assert TypeScriptPackage(corpus()).findings == ()
    assert len(modules) == tools >= 10_000
    assert [path for path in files.keys() - SHARED if foreign_lines(files[path])] == []


@pytest.mark.parametrize("step", [25, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("checker", ["tsc", pytest.param("deno", marks=pytest.mark.slow)])
def test_the_corpus_passes_strict_type_checks(checker: str, step: int, tmp_path: Path) -> None:
    servers = {name: corpus()[name] for name in sorted(corpus())[::step]}
    write_package(TypeScriptPackage(servers).files(), tmp_path / "mcp-servers")

    assert complaints(checker, tmp_path) == ""


@pytest.mark.parametrize("step", [25, pytest.param(1, marks=pytest.mark.slow)])
def test_every_tool_of_the_corpus_is_called_by_its_real_name_with_what_is_given(
    step: int, tmp_path: Path
) -> None:
    servers = {name: corpus()[name].tools for name in sorted(corpus())[::step]}
    package = write_typescript(servers, tmp_path)
    wanted = sorted([name, tool.name] for name, tools in servers.items() for tool in tools)
    called: list[list[str]] = []
    # Deno goes over all modules that it has loaded for each that it loads: a process for a few hundred.
    names = list(package.packages.values())
    for start in range(0, len(names), 30):
        (tmp_path / "servers.json").write_text(json.dumps(names[start : start + 30]))
        report = deno_json(tmp_path, _CALL_ALL)
        assert report["named"] == len(report["tools"])
        assert report["same"]
        assert report["fresh"] == 0
        called += report["tools"]

    assert sorted(called) == wanted


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_every_tool_of_the_corpus_has_a_signature_and_a_page_within_its_bounds(step: int) -> None:
    tools = [tool for listing in corpus().values() for tool in listing.tools]
    for tool in tools[::step]:
        line = signature(tool, "typescript")
        assert "\n" not in line
        assert count(line) <= 300, tool.id
        assert count(document(tool, "typescript")) <= 600, tool.id
