"""Generated Python packages, imported and called."""

import ast
import importlib
import inspect
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import anyio
import pytest
from tests.codegen.conftest import Generate
from tests.codegen.definitions import of, tool

from underpass.catalog.definition import Finding, Listing, ToolDefinition
from underpass.codegen import python_tool
from underpass.codegen.python import PythonPackage, render_server, render_tool
from underpass.errors import GenerationFailed

GIT_LOG = tool(
    "git_log",
    {
        "type": "object",
        "properties": {
            "max_count": {"type": "integer", "default": 10, "description": "Commits to show."},
            "repo_path": {"type": "string"},
            "auth-method": {"enum": ["key", "none"], "minimum": 3},
            "from": {"type": ["string", "null"]},
        },
        "required": ["repo_path"],
    },
    description="Show the commits.\n\nNewest first.",
    output={"type": "object", "properties": {"result": {"type": "string"}}, "required": ["result"]},
    server="git",
)


def _signature(definition: ToolDefinition) -> str:
    """The generated function's header, in one line."""
    [function] = [
        node for node in ast.parse(render_tool(definition)).body if isinstance(node, ast.AsyncFunctionDef)
    ]
    returns = "" if function.returns is None else f" -> {ast.unparse(function.returns)}"
    return f"({ast.unparse(function.args)}){returns}"


def _classes(definition: ToolDefinition) -> list[str]:
    """The generated types, in one line each."""
    found: list[str] = []
    for node in ast.parse(render_tool(definition)).body:
        if isinstance(node, ast.ClassDef):
            fields = [ast.unparse(field) for field in node.body if isinstance(field, ast.AnnAssign)]
            total = ", total=False" if node.keywords else ""
            found.append(f"{node.name}({'; '.join(fields)}{total})")
        elif isinstance(node, ast.Assign | ast.AnnAssign) and not ast.unparse(node).startswith("__all__"):
            found.append(ast.unparse(node))
    return found


@pytest.mark.requirement("R03")
def test_a_function_takes_required_parameters_first_and_sends_the_real_names(generate: Generate) -> None:
    generated = generate({"git": [GIT_LOG]})
    generated.runtime.answer = "a commit"
    git_log = generated.package.git.git_log

    assert _signature(GIT_LOG) == (
        "(*, repo_path: str, max_count: int=OMIT, auth_method: Literal['key', 'none']=OMIT, "
        "from_: str | None=OMIT) -> Any"
    )
    assert anyio.run(lambda: git_log(repo_path=".", auth_method="key", from_=None)) == "a commit"
    assert generated.runtime.calls == [
        ("git", "git_log", {"repo_path": ".", "auth-method": "key", "from": None})
    ]


@pytest.mark.requirement("R03")
def test_the_docstring_describes_each_parameter(generate: Generate) -> None:
    assert inspect.getdoc(generate({"git": [GIT_LOG]}).package.git.git_log) == (
        "Show the commits.\n\nNewest first.\n\nParameters:\n"
        "    repo_path (str)\n"
        "    max_count (int, default 10): Commits to show.\n"
        '    auth_method (Literal["key", "none"], optional, sent as "auth-method", minimum 3)\n'
        '    from_ (str | None, optional, sent as "from")\n\n'
        "Returns: text, parsed where it is JSON"
    )


@pytest.mark.requirement("R03")
@pytest.mark.parametrize(
    ("schema", "annotation"),
    [
        ({"type": "number"}, "float"),
        ({"type": "array", "items": {"type": "boolean"}}, "list[bool]"),
        ({"additionalProperties": {"type": "integer"}}, "dict[str, int]"),
        ({"type": "object"}, "dict[str, Any]"),
        ({"type": "object", "additionalProperties": False}, "dict[str, Never]"),
        ({"enum": [1, 2.5, "x", None, True]}, "Literal[1, 'x', None, True] | float"),
        ({"const": None}, "None"),
        ({"enum": [0.5, None]}, "float | None"),
        (
            {"prefixItems": [{"type": "string"}, {"type": "null"}], "items": False},
            "tuple[str, None] | list[str | None]",
        ),
        ({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, "list[str | int]"),
        ({"prefixItems": [{"type": "string"}]}, "list[Any]"),
        (of(x={"type": "string"}), "A"),
        ({"type": "array", "items": of(x={"type": "string"})}, "list[AItem]"),
        ({**of(x={"type": "string"}), "additionalProperties": True}, "A | dict[str, Any]"),
        ({"anyOf": [of(x={"type": "string"}), of(y={"type": "string"})]}, "A | A2"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "str | None"),
        (of(**{"k" * 2000: {"type": "string"}}), "dict[str, Any]"),
        ({}, "Any"),
        ({"not": {}}, "Any"),
    ],
)
def test_an_annotation_is_as_precise_as_python_allows(schema: Any, annotation: str) -> None:
    assert _signature(tool(schema=of(a=schema))) == f"(*, a: {annotation}=OMIT) -> Any"


@pytest.mark.requirement("R03")
def test_what_arrives_is_a_list_where_a_tuple_may_be_sent() -> None:
    pair = {"prefixItems": [{"type": "string"}, {"type": "string"}], "items": False}

    assert (
        _signature(tool(schema=of(a=pair), output=pair))
        == "(*, a: tuple[str, str] | list[str]=OMIT) -> list[str]"
    )


@pytest.mark.requirement("R03")
@pytest.mark.parametrize(
    ("schema", "classes"),
    [
        (of(a={**of(x={"type": "string"}), "required": ["x"]}), ["A(x: str)"]),
        (of(a=of(x={"type": "string"})), ["A(x: str, total=False)"]),
        (
            of(a={**of(x={"type": "string"}, y={}), "required": ["x"]}),
            ["A(x: str; y: NotRequired[Any])"],
        ),
        (of(a=of(b=of(c={"type": "null"}))), ["AB(c: None, total=False)", "A(b: AB, total=False)"]),
        (
            of(a={**of(**{"x-y": {"type": "string"}, "class": {}}), "required": ["class"]}),
            ["A = TypedDict('A', {'x-y': NotRequired['str'], 'class': 'Any'})"],
        ),
        (of(a=of(__mangled={})), ["A = TypedDict('A', {'__mangled': 'Any'}, total=False)"]),
        (
            {
                **of(a={"$ref": "#/$defs/tree"}),
                "$defs": {"tree": of(kids={"items": {"$ref": "#/$defs/tree"}})},
            },
            ["Tree(kids: list[Tree], total=False)"],
        ),
        (
            {
                **of(a={"$ref": "#/$defs/json"}),
                "$defs": {"json": {"anyOf": [{"type": "string"}, {"items": {"$ref": "#/$defs/json"}}]}},
            },
            ["Json: TypeAlias = 'str | list[Json]'"],
        ),
        (
            of(a={"properties": {"b-c": {"enum": ["\n", "plain", "it's"]}}}),
            ["""A = TypedDict('A', {'b-c': 'Literal["plain"] | str'}, total=False)"""],
        ),
        (of(list=of(x={}), Any=of(x={})), ["List(x: Any, total=False)", "Any2(x: Any, total=False)"]),
        (of(**{"1": of(x={}), "!": of(x={})}), ["Type1(x: Any, total=False)", "Type(x: Any, total=False)"]),
    ],
)
def test_a_nested_object_is_a_typed_dict(schema: Any, classes: list[str]) -> None:
    assert _classes(tool(schema=schema)) == classes


@pytest.mark.requirement("R03")
@pytest.mark.parametrize(
    ("schema", "signature"),
    [
        (True, "(**extra: Any) -> Any"),
        (False, "(**extra: Any) -> Any"),
        ({"type": "string"}, "(**extra: Any) -> Any"),
        ({"type": "object"}, "() -> Any"),
        ({"type": "object", "additionalProperties": True}, "(**extra: Any) -> Any"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "(**extra: str) -> Any"),
        ({"type": "object", "patternProperties": {"^x-": {"type": "integer"}}}, "(**extra: Any) -> Any"),
        ({"type": "object", "patternProperties": {".*": {"type": "integer"}}}, "(**extra: int) -> Any"),
        ({**of(a={"type": "null"}), "additionalProperties": {}}, "(*, a: None=OMIT, **extra: Any) -> Any"),
        (
            {**of(extra={"type": "null"}), "additionalProperties": {}},
            "(*, extra_: None=OMIT, **extra: Any) -> Any",
        ),
        (of(a=False, b={"type": "null"}), "(*, b: None=OMIT) -> Any"),
        (
            {
                "anyOf": [
                    {**of(a={"type": "string"}, b={}), "required": ["a"]},
                    {**of(a={"type": "null"}), "required": ["a"]},
                ]
            },
            "(*, a: str | None, b: Any=OMIT) -> Any",
        ),
        (
            {
                "anyOf": [
                    {**of(a={"type": "string"}), "required": ["a"]},
                    {"type": "object", "additionalProperties": {"type": "null"}},
                ]
            },
            "(*, a: str=OMIT, **extra: None) -> Any",
        ),
        (
            {"$ref": "#/$defs/x", "$defs": {"x": of(a={"type": "null"}, b={"$ref": "#/$defs/x"})}},
            "(*, a: None=OMIT, b: X=OMIT) -> Any",
        ),
    ],
)
def test_whatever_the_root_of_the_input_is_the_function_can_be_called(schema: Any, signature: str) -> None:
    assert _signature(tool(schema=schema)) == signature


@pytest.mark.requirement("R03")
@pytest.mark.parametrize(
    ("schema", "returns"),
    [
        (None, "Any"),
        (False, "Any"),
        ({"type": "array", "items": {"type": "string"}}, "list[str]"),
        ({**of(result={"type": "integer"}), "required": ["result"]}, "int"),
        ({**of(result={"type": "boolean"}), "x-fastmcp-wrap-result": True}, "bool"),
        ({**of(result={"type": "string"}), "required": ["result"]}, "Any"),
        ({**of(result={"type": "string"}), "x-fastmcp-wrap-result": True}, "Any"),
        (of(result={"type": "string"}), "Result"),
        ({**of(result={"type": "string"}, other={}), "required": ["result"]}, "Result"),
        ({"$ref": "#/$defs/x", "$defs": {"x": of(a={})}}, "X"),
    ],
)
def test_the_return_type_is_the_unwrapped_output(schema: Any, returns: str) -> None:
    assert _signature(tool(output=schema)) == f"() -> {returns}"


@pytest.mark.requirement("R07")
def test_a_package_loads_a_server_and_a_tool_only_when_they_are_used(generate: Generate) -> None:
    generated = generate(
        {"git": [GIT_LOG, tool("other", server="git")], "time": [tool("now", server="time")]}
    )

    assert generated.loaded == set()
    git = importlib.import_module(f"{generated.name}.git")
    assert generated.loaded == {"_runtime", "git"}
    assert git.git_log is git.git_log
    assert generated.loaded == {"_runtime", "git", "git._git_log"}
    assert (dir(generated.package), dir(git)) == (["git", "time"], ["git_log", "other"])


@pytest.mark.requirement("R07")
def test_every_form_of_import_gives_the_same_function(generate: Generate) -> None:
    generated = generate({"my-server": [tool("getUser", server="my-server")]})
    space: dict[str, Any] = {}
    exec(
        f"from {generated.name}.my_server import get_user\n"
        f"from {generated.name} import my_server\n"
        f"import {generated.name}.my_server as module\n"
        f"from {generated.name} import *\n"
        f"from {generated.name}.my_server import *\n",
        space,
    )

    assert space["get_user"] is space["my_server"].get_user is space["module"].get_user


@pytest.mark.requirement("R16")
def test_an_unknown_name_is_an_attribute_error_with_suggestions(generate: Generate) -> None:
    package = generate({"git": [GIT_LOG], "empty": []}).package

    with pytest.raises(AttributeError, match=r"no tool 'gitLog'; did you mean 'git_log'\?"):
        _ = package.git.gitLog
    with pytest.raises(AttributeError, match=r"no tool 'zzz'; there are: git_log"):
        _ = package.git.zzz
    with pytest.raises(AttributeError, match=r"no server 'gti'; did you mean 'git'\?"):
        _ = package.gti
    with pytest.raises(AttributeError, match=r"no tool 'zzz'; there are none"):
        _ = package.empty.zzz
    assert not hasattr(package, "__wrapped__")


@pytest.mark.requirement("R16")
def test_wrong_arguments_are_a_type_error_that_names_the_right_ones(generate: Generate) -> None:
    git_log = generate({"git": [GIT_LOG]}).package.git.git_log

    with pytest.raises(
        TypeError, match=r"'maxCount'; did you mean 'max_count'\?; call it as git_log\(repo_path, max_count=…"
    ):
        git_log(repo_path=".", maxCount=3)
    with pytest.raises(TypeError, match="arguments are given by name"):
        git_log(".")
    with pytest.raises(TypeError, match=r"missing 1 required keyword-only argument: 'repo_path'; call it as"):
        git_log()


@pytest.mark.requirement("R16")
def test_an_error_of_the_call_itself_passes_unchanged(
    generate: Generate, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = generate({"git": [GIT_LOG]})

    async def call_tool(*_: object) -> None:
        raise TypeError("from within")

    monkeypatch.setattr(sys.modules["mcp_runtime"], "call_tool", call_tool)
    with pytest.raises(TypeError, match=r"^from within$"):
        anyio.run(lambda: generated.package.git.git_log(repo_path="."))


@pytest.mark.requirement("R16")
def test_a_call_outside_a_sandbox_says_how_to_run_the_program(
    generate: Generate, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = generate({"git": [GIT_LOG]}).package.git
    monkeypatch.delitem(sys.modules, "mcp_runtime")
    monkeypatch.delenv("UNDERPASS_URL", raising=False)

    with pytest.raises(RuntimeError, match="outside a sandbox: run the program with `underpass run`, or"):
        anyio.run(lambda: git.git_log(repo_path="."))


@pytest.mark.requirement("R16")
def test_a_runtime_that_fails_to_load_says_why(
    generate: Generate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    git = generate({"git": [GIT_LOG]}).package.git
    monkeypatch.delitem(sys.modules, "mcp_runtime")
    (tmp_path / "mcp_runtime.py").write_text("import not_there_at_all", "utf-8")
    importlib.invalidate_caches()

    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        anyio.run(lambda: git.git_log(repo_path="."))


@pytest.mark.requirement("R03")
def test_extra_arguments_are_sent_by_the_names_given(generate: Generate) -> None:
    schema = {**of(**{"a-b": {"type": "string"}}), "additionalProperties": True}
    generated = generate({"demo": [tool(schema=schema)]})

    anyio.run(lambda: generated.package.demo.search(**{"a-b": 1, "x y": 2}))
    assert generated.runtime.calls[-1][2] == {"a-b": 1, "x y": 2}


@pytest.mark.requirement("R03")
def test_an_argument_not_given_is_told_apart_from_none(generate: Generate) -> None:
    runtime = importlib.import_module(f"{generate({}).name}._runtime")

    assert repr(runtime.OMIT) == "OMIT"
    assert not runtime.OMIT


@pytest.mark.requirement("R03")
def test_type_hints_can_be_resolved_at_run_time(generate: Generate) -> None:
    tree = {
        "tree": of(kids={"type": "array", "items": {"$ref": "#/$defs/tree"}}, **{"a-b": {"type": "string"}})
    }
    schema = {**of(root={"$ref": "#/$defs/tree"}), "$defs": tree}
    search = generate({"demo": [tool(schema=schema)]}).package.demo.search

    assert get_type_hints(inspect.unwrap(search))["root"].__name__ == "Tree"


@pytest.mark.requirement("R08")
def test_the_same_definitions_in_any_order_give_the_same_bytes() -> None:
    names = ["getUser", "get-user", "get.user", "list", "List", "a", "b"]
    twins = [tool("twin", description=text) for text in ("one", "two")]
    servers = {
        server: [*(tool(name, server=server) for name in names), *twins]
        for server in ("a-b", "a_b", "A.B", "x")
    }
    expected = PythonPackage(servers).files()
    order = random.Random(4)

    for _ in range(5):
        shuffled = {
            name: order.sample(servers[name], len(servers[name])) for name in order.sample(list(servers), 4)
        }
        files = PythonPackage(shuffled).files()
        assert files == expected
        assert list(files) == list(expected)


@pytest.mark.requirement("R08")
def test_every_file_names_its_origin_and_digest() -> None:
    files = PythonPackage({"git": [GIT_LOG]}).files()
    changed = PythonPackage({"git": [tool("git_log", {"type": "object"}, server="git")]}).files()

    assert all(text.startswith("# Generated by underpass (format ") for text in files.values())
    lines = files["git/_git_log.py"].splitlines()
    assert lines[1] == '# Server "git", tool "git_log".'
    assert lines[2].startswith("# Definition sha256:")
    assert lines[2] != changed["git/_git_log.py"].splitlines()[2]
    assert files["git/__init__.py"].splitlines()[2] != changed["git/__init__.py"].splitlines()[2]


@pytest.mark.requirement("R08")
@pytest.mark.parametrize("odd", [2**70, float("nan"), "\ud800", b"bytes"])
def test_a_definition_that_strict_json_cannot_hold_has_a_digest_too(odd: object) -> None:
    one, other = (
        render_tool(tool(schema=of(a={"default": default}))) for default in (odd, [odd, None, True, 1])
    )

    assert one.splitlines()[2] != other.splitlines()[2]


@pytest.mark.requirement("R08")
def test_one_bad_tool_is_left_out_with_its_reason_and_the_others_are_made() -> None:
    bad: Any = tool(name=3)  # type: ignore[arg-type] - a definition from elsewhere
    package = PythonPackage({"demo": Listing((tool("good"), bad, tool("good", description="Another.")))})
    files = package.files()

    assert "demo/_good.py" in files
    assert package.findings == (
        Finding("demo", "3", "quarantined", "its name is no string"),
        Finding("demo", "good", "quarantined", "another tool of the server has the same name"),
    )


@pytest.mark.requirement("R08")
def test_a_definition_that_defeats_the_reader_is_widened_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    read = python_tool.tool_interface

    def reader(definition: ToolDefinition, *observed: Any) -> Any:
        if definition.input_schema is not True:
            raise RecursionError
        return read(definition, *observed)

    monkeypatch.setattr(python_tool, "tool_interface", reader)
    package = PythonPackage({"demo": [tool(schema=of(a={}))]})

    assert "**extra: Any" in package.files()["demo/_search.py"]
    [finding] = package.findings
    assert (finding.action, finding.tool) == ("repaired", "search")
    assert "RecursionError" in finding.reason


@pytest.mark.requirement("R03")
def test_one_server_and_one_tool_can_be_made_alone() -> None:
    package = PythonPackage({"my-git": [GIT_LOG, tool("list")]})
    files = package.files()

    assert render_server("my-git", [GIT_LOG, tool("list")]) == {
        path.removeprefix("my_git/"): text for path, text in files.items() if path.startswith("my_git/")
    }
    assert {path: package.source(path) for path in files} == files
    assert package.path("my-git", "list") == "my_git.list_"
    for missing in (
        "x.py",
        "my_git",
        "my_git/_x.py",
        "my_git/git_log.py",
        "other/__init__.py",
        "my_git/_git_log",
    ):
        assert package.source(missing) is None
    with pytest.raises(KeyError):
        package.server("other")


@pytest.mark.requirement("R04")
def test_a_template_of_the_users_replaces_the_packaged_one(tmp_path: Path) -> None:
    (tmp_path / "tool.py.jinja").write_text(
        "{{ header }}\n# {{ function }} by {{ server_literal }}\n", "utf-8"
    )

    assert render_tool(GIT_LOG, templates=tmp_path).endswith('\n# git_log by "git"\n')
    assert "__getattr__" in render_server("git", [GIT_LOG], templates=tmp_path)["__init__.py"]


@pytest.mark.requirement("R04", "R16")
@pytest.mark.parametrize("text", ["line one\n{{ unknown }}", "line one\n{% if %}"])
def test_a_faulty_template_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "tool.py.jinja").write_text(text, "utf-8")

    with pytest.raises(GenerationFailed, match=r"tool\.py\.jinja"):
        PythonPackage({"git": [GIT_LOG]}, templates=tmp_path).files()


@pytest.mark.requirement("R07")
def test_importing_a_tool_needs_only_modules_that_the_sandbox_has_loaded(generate: Generate) -> None:
    generated = generate({"git": [GIT_LOG]})
    program = (
        "import __future__, sys, typing, functools, importlib, types, collections.abc\n"
        "before = set(sys.modules)\n"
        f"from {generated.name}.git import git_log\n"
        f"print(sorted(n for n in set(sys.modules) - before if not n.startswith('{generated.name}')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=generated.directory.parent,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
