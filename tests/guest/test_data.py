"""The helpers for rows: the same in Python and TypeScript, and never an error of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from underpass import Underpass
from underpass.guest import data

pytestmark = pytest.mark.requirement("R28")

ISSUES = [
    {"state": "open", "size": 3, "user": {"login": "ada"}, "at": "2026-01-02"},
    {"state": "closed", "size": None, "user": {"login": "bob"}, "at": "2026-03-01"},
    {"state": "open", "size": 9, "user": None, "at": "2025-12-31"},
    {"state": "open", "user": {"login": "ada"}},
    {"state": None, "size": "big", "user": {"login": "ada"}},
]
ODD: list[Any] = [
    3, "x", None, True, [1, [2.5]], {"a": 1}, {"a": 1.0}, {"a": True}, {"a": "1"}, {"a": {"b": 1e-5}},
    {"a": [1e-7]},
    {"a": "é\U0001f600|\n"}, {"a": "\ufffd"}, {"__proto__": 1, "constructor": 2}, {}, {"a.b": 5}, {"a": 1e22},
    {"a": -0.5}, {"a": 123456789012}, {"10": "ten"},
]  # fmt: skip
CALLS: Sequence[tuple[str, Sequence[Any], Mapping[str, Any]]] = [
    *((name, (rows,), {}) for name in ("table", "summarize", "chunked") for rows in (ISSUES, ODD, [], None)),
    ("table", (ISSUES,), {"columns": ["user.login", "nothing", "at"], "limit": 2}),
    ("table", (ISSUES,), {"limit": -1, "width": 3}),
    *(("group", (rows, by), {}) for rows in (ISSUES, ODD, [], None) for by in ("state", "a", "user.login")),
    ("group", (ISSUES, ["state", "user.login"]), {"sum": "size", "mean": ["size"], "min": "at"}),
    ("group", (ISSUES, "state"), {"max": ["at", "size"]}),
    ("group", (ODD, "a"), {"sum": "a", "mean": "a", "min": "a", "max": "a"}),
    *(
        ("top", (rows, by, 3), {"smallest": smallest})
        for rows in (ISSUES, ODD) for by in ("size", "a", "value", "at") for smallest in (False, True)
    ),
    ("top", (None,), {}),
    ("top", (ISSUES, "size", -1), {}),
    ("chunked", (ODD, 3), {}),
]  # fmt: skip


PYTHON = "rows are a list of dicts, and"
TYPESCRIPT = "rows are an array of objects, and"


def _python(call: tuple[str, Sequence[Any], Mapping[str, Any]]) -> Any:
    name, arguments, options = call
    return getattr(data, name)(*arguments, **options)


@pytest.mark.anyio
async def test_both_languages_give_the_same(tmp_path: Path) -> None:
    texts = {
        "python": "from mcp_runtime import data, workspace\n"
        "calls = await workspace.load_data('calls.json')\n"
        "[getattr(data, name)(*given, **options) for name, given, options in calls]",
        "typescript": 'import * as data from "mcp-runtime/data";\nimport { workspace } from "mcp-runtime";\n'
        'const calls = await workspace.loadData("calls.json");\n'
        "calls.map(([name, given, options]) => "
        "(data as any)[name](...given, ...(Object.keys(options).length ? [options] : [])))",
    }
    folder = tmp_path / "workspace" / "default"
    folder.mkdir(parents=True)
    (folder / "calls.json").write_text(json.dumps(CALLS))
    (tmp_path / "workspace").chmod(0o755)
    folder.chmod(0o777)
    async with Underpass.open(None, home=tmp_path) as up:
        found: dict[str, Any] = {}
        for language, code in texts.items():
            run = await up.run(code, language=language, max_tokens=100_000)
            assert run.error is None
            found[language] = run.value
    for call, ours, theirs in zip(CALLS, found["python"], found["typescript"], strict=True):
        assert ours == theirs, call
    assert found["python"] == json.loads(json.dumps([_python(call) for call in CALLS]))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("language", "code", "message"),
    [
        ("python", "top({'items': [1]})", f"{PYTHON} this is one dict; a list in it is under 'items'"),
        ("python", "top({})", f"{PYTHON} this is one dict"),
        ("python", "table('text')", f"{PYTHON} not str"),
        ("python", "chunked([1], 0)", "size: 0 is less than 1"),
        ("typescript", "top({ items: [1] } as any)",
         f"{TYPESCRIPT} this is one object; an array in it is under 'items'"),
        ("typescript", "table('text')", f"{TYPESCRIPT} not a string"),
        ("typescript", "chunked([1], 0)", "size: 0 is less than 1"),
    ],
)  # fmt: skip
async def test_what_is_no_rows_is_an_error_at_the_programs_own_line(
    tmp_path: Path, language: str, code: str, message: str
) -> None:
    names = {
        "python": "from mcp_runtime.data import *\n",
        "typescript": 'import { chunked, table, top } from "mcp-runtime/data";\n',
    }
    async with Underpass.open(None, home=tmp_path) as up:
        error = (await up.run(names[language] + code, language=language, check=False)).error
    assert error is not None
    assert error.message == message
    assert error.type in {"TypeError", "ValueError", "RangeError"}
    assert "program." in error.traceback
    assert "data." not in error.traceback


@pytest.mark.anyio
async def test_a_wrong_use_is_told_before_the_program_runs(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        missing = await up.run("from mcp_runtime.data import tabel\ntabel([])")
        wrong = await up.run("from mcp_runtime.data import group\ngroup([], 'a', total='b')")
        typed = await up.run('import { tabel } from "mcp-runtime/data";\ntabel([])', language="typescript")
    assert [run.error and run.error.type for run in (missing, wrong, typed)] == ["ValidationFailed"] * 3
    assert missing.error is not None
    assert "mcp_runtime.data has no 'tabel'" in missing.error.message
    assert typed.error is not None
    assert "did you mean 'table'?" in typed.error.message


@pytest.mark.anyio
@pytest.mark.parametrize("tier", ["process", "none"])
async def test_nothing_is_loaded_unless_a_program_imports_it(tmp_path: Path, tier: str) -> None:
    loaded = "import sys\n'mcp_runtime.data' in sys.modules"
    async with Underpass.open(None, home=tmp_path, sandbox=tier) as up:
        assert (await up.run(loaded)).value is False
        assert (await up.run("import mcp_runtime.data\n" + loaded)).value is True
        whole = "from mcp_runtime import data\nimport mcp_runtime.data as d\nd is data and d.top([2]) == [2]"
        assert (await up.run(whole)).value is True
        renamed = "import importlib\nimportlib.import_module('mcp_runtime.' + 'data').chunked([1])"
        assert (await up.run(renamed)).value == [[1]]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, max_size=3) | VALUES, max_size=8)


@settings(deadline=None, max_examples=150)
@given(rows=ROWS, by=st.sampled_from(["a", "b", "a.b", "value"]), n=st.integers(-1, 9))
def test_rows_of_any_values_are_accounted_for(rows: list[Any], by: str, n: int) -> None:
    shown = data.table(rows, limit=3).splitlines()
    assert all(line.count("| ") for line in shown[:2]) or not rows or shown[0].startswith("(")
    summary = data.summarize(rows)
    assert summary["rows"] == len(rows)
    for facts in summary["columns"].values():
        assert sum(facts["types"].values()) + facts["missing"] == len(rows)
        assert facts["distinct"] <= len(rows)
    groups = data.group(rows, by, sum=by, mean=by, min=by, max=by)
    counts = [each["count"] for each in groups]
    assert sum(counts) == len(rows)
    assert counts == sorted(counts, reverse=True)
    best = data.top(rows, by, n)
    assert len(best) <= max(n, 0)
    assert [item for chunk in data.chunked(rows, 2) for item in chunk] == rows


def test_what_is_deep_endless_or_too_large_is_shown_in_part() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert "…" in data.table([endless])
    huge = [{"a": 10**400}, {"a": 0.5}]
    assert data.group(huge, "none", mean="a", sum="a")[0]["mean_a"] is None
    assert data.top(huge, "a", 1) == [{"a": 10**400}]
    assert data.summarize([{"a": object()}])["columns"]["a"]["types"] == {"string": 1}
    assert data.table([{1: 2}]) == "| 1 |\n| --- |\n| 2 |"
