"""Generated TypeScript, as text and as what a type checker makes of it."""

import random
from pathlib import Path
from typing import Any

import pytest
from tests.codegen.checkers import complaints
from tests.codegen.definitions import of, tool

from underpass.catalog.definition import ToolDefinition
from underpass.codegen import typescript_tool
from underpass.codegen.observed import ObservedShape
from underpass.codegen.package import write_package
from underpass.codegen.typescript import TypeScriptPackage, render_tool
from underpass.errors import GenerationFailed

GIT_LOG = tool(
    "git_log",
    {
        "type": "object",
        "properties": {
            "max_count": {"type": "integer", "default": 10, "minimum": 1, "description": "Commits to show."},
            "repo_path": {"type": "string"},
            "auth-method": {"enum": ["key", "none"]},
        },
        "required": ["repo_path"],
    },
    description="Show the commits.\n\nNewest first.",
    output={"type": "array", "items": {**of(sha={"type": "string"}), "required": ["sha"]}},
    server="git",
)


def _types(definition: ToolDefinition) -> list[str]:
    """The generated types, one line each, without comments."""
    text = render_tool(definition).partition('_runtime.ts";\n')[2].partition("/** Search. */")[0]
    lines = [line.strip() for line in text.splitlines() if not line.strip().startswith(("/*", "*"))]
    return " ".join(lines).replace("  ", "\n").strip().splitlines()


def _parameter(schema: Any) -> str:
    """The type of a parameter ``a`` of this schema."""
    [line] = [line for line in _types(tool(schema=of(a=schema))) if "SearchParameters" in line]
    return line.removeprefix("export interface SearchParameters { a?: ").removesuffix("; }")


@pytest.mark.requirement("R02")
def test_a_module_has_interfaces_and_one_function_in_camel_case() -> None:
    text = render_tool(GIT_LOG)

    assert (
        text.partition('_runtime.ts";\n')[2]
        == """
export interface GitLogParameters {
  repo_path: string;
  /** Commits to show. (default 10, minimum 1) */
  max_count?: number;
  "auth-method"?: "key" | "none";
}

export interface GitLogItem {
  sha: string;
}

export type GitLogResult = GitLogItem[];

/**
 * Show the commits.
 *
 * Newest first.
 */
export async function gitLog(args: GitLogParameters): Promise<GitLogResult> {
  return await $callTool("git", "git_log", args) as GitLogResult;
}
"""
    )


@pytest.mark.requirement("R02", "R05")
@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer"}, "number"),
        ({"type": ["string", "null"]}, "string | null"),
        ({}, "unknown"),
        (True, "unknown"),
        ({"enum": ["a", 1, 1.5, True, None]}, '"a" | 1 | 1.5 | true | null'),
        ({"enum": [2**60, -1]}, "number | -1"),
        ({"enum": ['it\'s "so"', "\u2028", "名"]}, '"it\'s \\"so\\"" | "\\u2028" | "名"'),
        ({"type": "array"}, "unknown[]"),
        ({"type": "array", "items": {"type": "string"}}, "string[]"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, 'Array<"a" | "b">'),
        ({"type": "object"}, "Record<string, any>"),
        ({"type": "object", "additionalProperties": False}, "Record<string, never>"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "Record<string, number>"),
        ({"prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False, "minItems": 2},
         "[string, number]"),
        ({"prefixItems": [{"type": "string"}, {"enum": [1, 2]}], "items": {"type": "null"}, "minItems": 1},
         "[string, (1 | 2)?, ...null[]]"),
        ({"allOf": [{"type": ["string", "integer"]}, {"type": ["integer", "null"]}]}, "number"),
    ],
)  # fmt: skip
def test_a_type_is_as_precise_as_typescript_allows(schema: Any, written: str) -> None:
    assert _parameter(schema) == written


@pytest.mark.requirement("R02")
def test_the_objects_of_a_discriminated_union_are_named_after_what_tells_them_apart() -> None:
    shapes = [
        {**of(kind={"const": "circle"}, r={"type": "number"}), "required": ["kind"]},
        {**of(kind={"const": "box"}), "required": ["kind"]},
    ]

    assert _types(tool(schema=of(a={"oneOf": shapes})))[:3] == [
        'export interface SearchACircle { kind: "circle"; r?: number; }',
        'export interface SearchABox { kind: "box"; }',
        "export interface SearchParameters { a?: SearchACircle | SearchABox; }",
    ]


@pytest.mark.requirement("R02", "R08")
def test_a_type_may_contain_itself() -> None:
    schema = {
        **of(tree={"$ref": "#/$defs/tree"}, json={"$ref": "#/$defs/json"}),
        "$defs": {
            "tree": of(children={"items": {"$ref": "#/$defs/tree"}}),
            "json": {
                "anyOf": [
                    {"type": "string"},
                    {"items": {"$ref": "#/$defs/json"}},
                    {"additionalProperties": {"$ref": "#/$defs/json"}},
                ]
            },
        },
    }

    assert _types(tool(schema=schema)) == [
        "export interface SearchParameters { tree?: SearchTree; json?: SearchJson; }",
        "export type SearchResult = unknown;",
        "export interface SearchTree { children?: SearchTree[]; }",
        "export type SearchJson = string | SearchJson[] | { [key: string]: SearchJson };",
    ]


@pytest.mark.requirement("R02")
@pytest.mark.parametrize(
    ("schema", "parameters", "argument"),
    [
        ({"type": "object"}, "type SearchParameters = Record<string, never>;", "= {}"),
        (of(a={"type": "null"}), "interface SearchParameters { a?: null; }", "= {}"),
        ({**of(a={}), "required": ["a"]}, "interface SearchParameters { a: unknown; }", ""),
        (True, "type SearchParameters = Record<string, any>;", "= {}"),
        ({"additionalProperties": {"type": "string"}},
         "type SearchParameters = Record<string, string>;", "= {}"),
        ({**of(a={"type": "null"}), "additionalProperties": True},
         "interface SearchParameters { a?: null; [key: string]: any; }", "= {}"),
        ({"type": "string"}, "type SearchParameters = Record<string, any>;", "= {}"),
    ],
)  # fmt: skip
def test_whatever_the_root_of_the_input_is_the_function_can_be_called(
    schema: Any, parameters: str, argument: str
) -> None:
    text = render_tool(tool(schema=schema))

    assert f"export {parameters}" in _types(tool(schema=schema))
    assert f"search(args: SearchParameters{' ' if argument else ''}{argument})" in text


@pytest.mark.requirement("R02")
def test_wrapped_text_is_unknown_and_said_to_be_parsed() -> None:
    wrapped = {**of(result={"type": "string"}), "required": ["result"], "x-fastmcp-wrap-result": True}
    text = render_tool(tool(output=wrapped))

    assert "export type SearchResult = unknown;" in text
    assert "Returns text, parsed where it is JSON." in text


@pytest.mark.requirement("R02", "R09")
def test_an_observed_type_is_for_readers_and_cannot_be_contradicted() -> None:
    text = render_tool(tool(), observed=ObservedShape(of(id={"type": "integer"}), 3))

    assert "export type SearchResult = any;" in text
    assert "Returns { id?: number } (observed 3 times, not declared)." in text


@pytest.mark.requirement("R02", "R08")
def test_text_of_others_stays_inside_its_comment() -> None:
    text = render_tool(
        tool(
            schema=of(a={"description": "x */ evil(); /* @ts-ignore"}),
            description="*/ evil() /*\u2028evil()\n@deprecated {@link x} mail@example.org",
        )
    )

    assert "  /** x *\\/ evil(); /* \\@ts-ignore */\n" in text
    assert "\n * *\\/ evil() /*\n * evil()\n * \\@deprecated {\\@link x} mail@example.org\n */\n" in text


@pytest.mark.requirement("R08")
def test_every_file_names_its_origin_and_digest() -> None:
    files = TypeScriptPackage({"git": [GIT_LOG]}).files()

    assert all(text.startswith("// Generated by underpass (format 1)") for text in files.values())
    assert '// Server "git", tool "git_log".\n// Definition sha256:' in files["git/_gitLog.ts"]
    assert '// Server "git": 1 tools.\n// Definitions sha256:' in files["git/index.ts"]


@pytest.mark.requirement("R08")
def test_the_same_definitions_in_any_order_give_the_same_bytes() -> None:
    names = ["search", "get_items", "getItems", "get-items", "then", "名前"]
    servers = {server: [tool(name, server=server) for name in names] for server in ("b-c", "b_c", "a", "B.C")}
    shuffled = list(servers.items())
    random.Random(4).shuffle(shuffled)
    one, other = (
        TypeScriptPackage(servers),
        TypeScriptPackage({name: tools[::-1] for name, tools in shuffled}),
    )

    assert one.files() == other.files()
    assert one.declarations() == other.declarations()
    assert one.single("a", "a") == other.single("a", "a")


@pytest.mark.requirement("R02")
def test_a_server_is_imported_by_any_name_that_means_no_other() -> None:
    package = TypeScriptPackage(dict.fromkeys(["my-server", "myServer", "a-b", "a b", "wiki"], ()))
    imports = package.import_map("/m/")

    assert imports["mcp-servers"] == "/m/index.ts"
    assert imports["mcp-servers/wiki"] == "/m/wiki/index.ts"
    assert imports["mcp-servers/myServer"] == "/m/myServer/index.ts"
    for name in ("my-server", "a-b", "a b"):
        assert imports[f"mcp-servers/{name}"] == f"/m/{package.packages[name]}/index.ts"
    assert "mcp-servers/a_b" not in imports


@pytest.mark.requirement("R08")
def test_a_definition_that_defeats_the_reader_is_widened_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    original = typescript_tool.tool_interface

    def defeated(definition: ToolDefinition, observed: Any = None) -> Any:
        if definition.name == "bad" and definition.input_schema is not True:
            raise OverflowError
        return original(definition, observed)

    monkeypatch.setattr(typescript_tool, "tool_interface", defeated)
    package = TypeScriptPackage({"demo": [tool("bad", of(a={})), tool("good")]})

    assert "Record<string, any>" in package.files()["demo/_bad.ts"]
    assert "BadParameters = Record<string, any>" in package.single("demo", "demo")["demo.ts"]
    [finding] = package.findings
    assert (finding.tool, finding.action) == ("bad", "repaired")


@pytest.mark.requirement("R04")
def test_a_template_of_the_users_replaces_the_packaged_one(tmp_path: Path) -> None:
    (tmp_path / "tool.ts.jinja").write_text(
        "{{ header }}\n// {{ tool.interface.parameters | map(attribute='name') | join }}\n"
    )
    files = TypeScriptPackage({"git": [GIT_LOG]}, templates=tmp_path).files()

    assert files["git/_gitLog.ts"].endswith("// repo_pathmax_countauth-method\n")
    assert files["git/index.ts"] == TypeScriptPackage({"git": [GIT_LOG]}).files()["git/index.ts"]


@pytest.mark.requirement("R04")
def test_a_template_that_forgets_the_header_is_told(tmp_path: Path) -> None:
    (tmp_path / "tool.ts.jinja").write_text("// {{ tool.function }}\n")
    files = TypeScriptPackage({"git": [GIT_LOG]}, templates=tmp_path).files()

    with pytest.raises(GenerationFailed, match="does not begin with the generator's header") as raised:
        write_package(files, tmp_path / "out")
    assert "{{ header }}" in raised.value.hint
    assert not (tmp_path / "out").exists()


@pytest.mark.requirement("R04")
def test_a_faulty_template_is_named(tmp_path: Path) -> None:
    (tmp_path / "server.ts.jinja").write_text("{{ nothing }}")

    with pytest.raises(GenerationFailed, match=r"server\.ts\.jinja"):
        TypeScriptPackage({"git": [GIT_LOG]}, templates=tmp_path).files()


@pytest.mark.requirement("R02", "R13")
def test_declarations_tell_a_type_checker_what_a_program_imports(tmp_path: Path) -> None:
    package = TypeScriptPackage({"my-git": [GIT_LOG, tool("none")], "empty": []})
    (tmp_path / "mcp-servers.d.ts").write_text(package.declarations(), "utf-8")
    (tmp_path / "right.ts").write_text(
        'import { myGit, empty } from "mcp-servers";\nimport { gitLog } from "mcp-servers/my-git";\n'
        'import type { GitLogParameters } from "mcp-servers/my_git";\n'
        'const given: GitLogParameters = { repo_path: ".", "auth-method": "key" };\n'
        "export const shas: string[] = (await gitLog(given)).map((commit) => commit.sha);\n"
        "console.log(await myGit.none(), empty);\n",
        "utf-8",
    )
    assert complaints("tsc", tmp_path) == ""

    (tmp_path / "wrong.ts").write_text('import { myGit } from "mcp-servers";\nawait myGit.gitLog({});\n')
    assert "wrong.ts(2," in complaints("tsc", tmp_path)


@pytest.mark.requirement("R02")
def test_a_single_module_and_its_declarations_hold_all_tools_of_a_server(tmp_path: Path) -> None:
    nested = of(filter=of(query={"type": "string"}))
    tools = [GIT_LOG, tool("search", nested), tool("search_filter", nested), tool("Search-Filter-Result")]
    package = TypeScriptPackage({"git": tools})
    files = package.single("git", "git", declarations=True)
    write_package(files, tmp_path)
    declarations = tmp_path / "declared" / "git.d.ts"
    declarations.parent.mkdir()
    (tmp_path / "git.d.ts").rename(declarations)
    for folder in (tmp_path, declarations.parent):
        (folder / "program.ts").write_text(
            'import { gitLog, search, searchFilter } from "./git.ts";\n'
            'console.log((await gitLog({ repo_path: "." }))[0]?.sha, await search(), '
            'await searchFilter({ filter: { query: "x" } }));\n'
        )

    assert {"git.ts", "git.d.ts", "_runtime.ts", "_resources.ts", "_client.ts"} == files.keys()
    assert complaints("tsc", tmp_path) == ""
