"""Arguments that fit a tool's schema pass through its generated function unchanged."""

import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from types import ModuleType
from typing import Any, cast

import anyio
import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.codegen.corpus import corpus
from tests.codegen.drawing import REFUSALS, drawn
from tests.codegen.hostile import hostile_tools
from tests.codegen.semantics import accepts

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.interface import tool_interface
from underpass.codegen.names import identifiers
from underpass.codegen.python import render_tool

pytestmark = pytest.mark.requirement("R03", "R08")


class _Passing:
    """One tool's generated function, and what it sends."""

    def __init__(self, tool: ToolDefinition) -> None:
        self.tool = tool
        self.interface = tool_interface(tool)
        self.names = identifiers((field.name for field in self.interface.parameters), "parameter")
        package, runtime = ModuleType("passing"), cast("Any", ModuleType("passing._runtime"))
        package.__path__ = []
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

        async def call_tool(server: str, name: str, arguments: dict[str, Any]) -> None:
            given = {key: value for key, value in arguments.items() if value is not runtime.OMIT}
            self.sent.append((server, name, given))

        runtime.OMIT, runtime.call_tool = object(), call_tool
        space: dict[str, Any] = {"__name__": "passing.server._tool", "__package__": "passing.server"}
        modules = {
            "passing": package,
            "passing._runtime": runtime,
            "passing.server": ModuleType("passing.server"),
        }
        sys.modules.update(modules)
        try:
            exec(compile(render_tool(tool, "function"), tool.id, "exec", dont_inherit=True), space)
        finally:
            for name in modules:
                del sys.modules[name]
        self.function = space["function"]

    def check(self, arguments: Mapping[str, Any], *, typed: bool) -> None:
        expected = deepcopy(dict(arguments))
        for field in self.interface.parameters:
            if typed and field.name in arguments:
                assert accepts(self.interface.arguments, field.type, arguments[field.name])
        named = {self.names.get(name, name): value for name, value in arguments.items()}
        anyio.run(lambda: self.function(**named))

        server, name, sent = self.sent.pop()
        assert (server, name) == (self.tool.server, self.tool.name)
        assert sent == expected
        assert all(sent[key] is arguments[key] for key in arguments)


def _strategy(passing: _Passing) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments for a tool: without undeclared ones where the schema is silent about them."""
    schema = passing.tool.input_schema
    assert isinstance(schema, Mapping)
    silent = passing.interface.extra is None and "properties" in schema
    return drawn({**schema, "additionalProperties": False} if silent else schema)


def _draw(passing: _Passing, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        phases=[hypothesis.Phase.generate],
    )
    @given(_strategy(passing))
    def draw(arguments: dict[str, Any]) -> None:
        names = {field.name for field in passing.interface.parameters}
        hypothesis.assume(passing.interface.extra is not None or set(arguments) <= names)
        passing.check(arguments, typed=True)

    draw()


def _sample(step: int) -> Iterator[ToolDefinition]:
    tools = [
        tool for listing in corpus().values() for tool in listing.tools if tool_interface(tool).parameters
    ]
    yield from tools[::step]


def _pass_through(step: int, examples: int) -> tuple[int, list[str]]:
    passed, unusable = 0, list[str]()
    for tool in _sample(step):
        passing = _Passing(tool)
        try:
            _draw(passing, examples)
        except REFUSALS:
            unusable.append(tool.id)
        else:
            passed += 1
    return passed, unusable


def test_arguments_drawn_for_a_real_schema_are_sent_unchanged() -> None:
    passed, unusable = _pass_through(step=80, examples=5)

    assert passed > 100
    assert len(unusable) <= passed // 50, unusable


@pytest.mark.slow
def test_arguments_drawn_for_a_thousand_real_schemas_are_sent_unchanged() -> None:
    passed, unusable = _pass_through(step=9, examples=10)

    assert passed > 900
    assert len(unusable) <= passed // 50, unusable


@pytest.mark.parametrize(
    "case",
    [
        *(
            "a union root",
            "a reference at the root",
            "recursion through an array",
            "escaped pointers",
            "an anchor",
        ),
        *("parameters that are keywords", "parameters that look alike", "open objects", "mixed constants"),
        *("extra beside a parameter named extra", "drafts' old forms", "contradictions", "patterns", "true"),
    ],
)
def test_values_for_an_odd_schema_are_sent_unchanged(case: str) -> None:
    passing = _Passing(hostile_tools()[f"input: {case}"])
    values = {field.name: [field.name, None, {"a": 1}] for field in passing.interface.parameters}
    required = {field.name: False for field in passing.interface.parameters if field.required}

    passing.check(values, typed=False)
    passing.check(required, typed=False)
    if passing.interface.extra is not None:
        passing.check({**values, "another one": 1}, typed=False)
