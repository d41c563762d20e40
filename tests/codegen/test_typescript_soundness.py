"""Whatever a definition says becomes valid TypeScript, and no valid value is refused by its type."""

import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.codegen.checkers import check, complaints
from tests.codegen.definitions import tool
from tests.codegen.test_soundness import JSON, ODD_SCHEMAS, VALUES, documents
from tests.codegen.typescript_text import foreign_lines

from underpass.codegen.documentation import document, signature
from underpass.codegen.typescript import render_tool

pytestmark = pytest.mark.requirement("R02", "R08")


def _cases(number: int) -> settings:
    return settings(
        max_examples=number, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )


@_cases(300)
@given(ODD_SCHEMAS, ODD_SCHEMAS | st.none(), st.text(), st.text())
def test_whatever_a_definition_says_it_becomes_types_and_one_call(
    schema: Any, output: Any, name: str, description: str
) -> None:
    definition = tool(name, schema, output=output, description=description)
    source = render_tool(definition)

    source.encode("utf-8")
    assert foreign_lines(source) == []
    assert "\n" not in signature(definition, "typescript")
    assert document(definition, "typescript")


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder for modules of tools, with a runtime beside it."""
    runtime = "export const callTool = async (..._: unknown[]): Promise<unknown> => null;\n"
    (tmp_path / "_runtime.ts").write_text(runtime)
    (tmp_path / "modules").mkdir()
    return tmp_path / "modules"


@pytest.mark.parametrize("cases", [60, pytest.param(2_000, marks=pytest.mark.slow)])
def test_whatever_definitions_say_what_they_become_passes_strict_type_checks(
    cases: int, modules: Path
) -> None:
    numbers = itertools.count()

    @_cases(cases)
    @given(documents() | ODD_SCHEMAS, documents() | ODD_SCHEMAS | st.none(), st.text())
    def write(schema: Any, output: Any, name: str) -> None:
        source = render_tool(tool(name, schema, output=output))
        (modules / f"_m{next(numbers)}.ts").write_text(source, "utf-8")

    write()
    assert next(numbers) >= cases
    assert complaints("tsc", modules.parent) == ""


@pytest.mark.parametrize("cases", [100, pytest.param(2_000, marks=pytest.mark.slow)])
def test_a_value_that_fits_a_schema_is_of_its_typescript_type(cases: int, modules: Path) -> None:
    numbers, values = itertools.count(), itertools.count()

    @_cases(cases)
    @given(documents(), st.lists(VALUES, min_size=1, max_size=12))
    def write(schema: JSON, candidates: list[Any]) -> None:
        try:
            validator = jsonschema_rs.Draft202012Validator(schema)
        except (ValueError, jsonschema_rs.ValidationError):  # references that go round in a circle
            return
        valid = [value for value in candidates if validator.is_valid(value)]
        inner = {key: part for key, part in schema.items() if key != "$defs"}
        # References count from the root, so one that leads there must find the same schema.
        if not valid or '"#"' in json.dumps(schema):
            return
        arguments = {"type": "object", "properties": {"a": inner}, "$defs": schema["$defs"]}
        lines = [render_tool(tool("f", arguments, output=schema))]
        for value in valid:
            number = next(values)
            lines.append(f"declare const v{number}: {_exact(value)};")
            lines.append(f"export const given{number}: FParameters = {{ a: v{number} }};")
            lines.append(f"export const result{number}: FResult = v{number};")
        (modules / f"_m{next(numbers)}.ts").write_text("\n".join(lines), "utf-8")

    write()
    assert next(values) >= cases // 4
    assert [block for block in _blocks(check("tsc", modules.parent).stdout) if not _is_weak(block)] == []


def _exact(value: Any) -> str:
    """The type that has this one value; unlike a literal, it may have members that no one asked for."""
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value).items()
        return f"{{ {' '.join(f'{json.dumps(name)}: {_exact(member)};' for name, member in members)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_exact, cast('list[Any]', value)))}]"
    return json.dumps(value)


def _blocks(output: str) -> list[str]:
    """The errors of a TypeScript compiler, each with its explanation."""
    return [block for block in re.split(r"\n(?=\S)", output.strip()) if block]


def _is_weak(block: str) -> bool:
    # TypeScript refuses a value that has members, but none of an interface's optional ones.
    return "has no properties in common" in block
