"""Programs run as written: at the top level, with their own lines and names."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from underpass.guest.program import compile_program


def run(source: str) -> tuple[Any, dict[str, Any]]:
    names: dict[str, Any] = {}
    program = compile_program(source, "p.py")

    async def execute() -> Any:
        value: Any = None
        for part in program:
            if part is not None:
                value = eval(part, names)
                if part.co_flags & inspect.CO_COROUTINE:
                    value = await value
        return None if program.value is None else value

    return asyncio.run(execute()), names


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("", None),
        ("1; 2", 2),
        ("x = 1", None),
        ("'doc'", "doc"),
        ("if True:\n    1", None),
        ("x = 1\n{\n  'a': x,\n}", {"a": 1}),
        ("x = (\n1\n)\nx  # the answer\n\n# done", 1),
        ("x = '''\n1 + 1\n'''", None),
        ("x = '''a\n''' + '''\nb'''\nx", "a\n\nb"),
        ("x = 1 + \\\n2", None),
        ("if True:\n    x = 1\nelse:\n    x = 2\nx", 1),
        ("a = 1; a + 1", 2),
        ("# only a comment", None),
        ("def f():\n    'return'\nf()", None),
        ("async def f():\n    return 3\nx = await f()\nx + 1", 4),
        ("return 5", 5),
        ("return", None),
        ("if False:\n    return 1\n7", 7),
        ("for n in range(9):\n    if n > 3:\n        return n", 4),
        ("try:\n    return 1\nfinally:\n    x = 2", 1),
        ("with open('/dev/null') as f:\n    return f.name", "/dev/null"),
        ("async def f():\n    return 3\nawait f()", 3),
        ("async def f():\n    return 3\nreturn await f()", 3),
        ("[y := 5, y][1]", 5),
        ("def f():\n    return total\ntotal = 8\nreturn f()", 8),
        ("x: int = 4\nreturn x", 4),
        ("y: int\nx = 4\nreturn x", 4),
        ("class A:\n    x: int = 6\nreturn A.x", 6),
        ("from __future__ import annotations\nimport os.path\nreturn os.path.sep", "/"),
        ("import os as system\nreturn system.sep", "/"),
        ("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    return str(e)", "division by zero"),
        ("match [1, 2, 3]:\n    case [first, *rest]:\n        return rest", [2, 3]),
        ("match {'a': 1, 'b': 2}:\n    case {'a': one, **more}:\n        return more", {"b": 2}),
        ("match 5:\n    case int() as n:\n        return n", 5),
        ("squares = [n * n for n in range(3)]\nreturn squares", [0, 1, 4]),
        ("f = lambda n: n + 1\nreturn f(1)", 2),
        ("[last := n for n in range(3)]\nreturn last", 2),
        ("global g\ng = 1\nreturn g", 1),
        ("a, (b, *c) = 1, (2, 3)\ndel a\nreturn c", [3]),
    ],
)
def test_the_value_is_the_last_expressions_or_what_is_returned(source: str, value: Any) -> None:
    assert run(source)[0] == value


def test_names_are_global_whether_a_program_returns_or_not() -> None:
    assert run("x = 1\nif x: return x")[1]["x"] == run("x = 1\nx")[1]["x"] == 1


@pytest.mark.parametrize("source", ["x = 1\n\n\n1 / 0", "x = 1\nif x:\n    y: int = 1\n    1 / 0\nreturn x"])
def test_line_numbers_are_the_programs_own(source: str) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run(source)
    assert caught.traceback[-1].lineno == 3


@pytest.mark.parametrize(
    "source", ["def f(:", "return = 1", "await", "x = (", "class A:\n    return 1", "'\x00'", "for"]
)
def test_what_is_no_program_is_a_syntax_error(source: str) -> None:
    with pytest.raises((SyntaxError, ValueError)):
        compile_program(source, "p.py")
