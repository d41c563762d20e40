"""The workspace's functions, as programs of both languages use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from underpass import Underpass
from underpass.execution.result import RunResult

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R26")]

LANGUAGES = ("python", "typescript")
NAMES = {
    "python": "from mcp_runtime import workspace, WorkspaceFull\n",
    "typescript": 'import { workspace, WorkspaceFull } from "mcp-runtime";\n',
}
ATTEMPT = {
    "python": """
async def attempt(what):
    try:
        return await what
    except Exception as error:
        return f"{type(error).__name__}: {error}"
""",
    "typescript": """
async function attempt(what: Promise<unknown>): Promise<unknown> {
  try { return await what; } catch (error) { return `${(error as Error).name}: ${(error as Error).message}`; }
}
""",
}


@pytest.fixture(params=["process", "none"])
def tier(request: pytest.FixtureRequest) -> str:
    return request.param


async def run(
    home: Path, language: str, code: str, tier: str = "process", settings: dict[str, int] | None = None
) -> RunResult:
    async with Underpass.open(None, home=home, sandbox=tier, settings=settings) as up:
        program = f"{NAMES[language]}{ATTEMPT[language]}{code}"
        return await up.run(program, language=language, max_tokens=20_000)


SAVE = {
    "python": """
rows = [{"a": 1, "b": "x,y"}, {"a": None, "b": 'q"z\\n', "c": True}]
for ending in ("json", "jsonl", "csv", "tsv"):
    await workspace.save_data(f"rows.{ending}", rows)
await workspace.save_data("data/deep/note.txt", "text")
await workspace.save_data("raw.bin", b"\\xff\\x00")
await workspace.save_data("quoted.json", "text")
await workspace.save_text("half.csv", "a,b\\n1")
""",
    "typescript": """
const rows = [{ a: 1, b: "x,y" }, { a: null, b: 'q"z\\n', c: true }];
for (const ending of ["json", "jsonl", "csv", "tsv"]) await workspace.saveData(`rows.${ending}`, rows);
await workspace.saveData("data/deep/note.txt", "text");
await workspace.saveData("raw.bin", new Uint8Array([255, 0]));
await workspace.saveData("quoted.json", "text");
await workspace.saveText("half.csv", "a,b\\n1");
""",
}
LOAD = {
    "python": """
[[await workspace.load_data(name) for name in ("rows.json", "rows.jsonl", "rows.csv", "rows.tsv")],
 await workspace.load_data("data/deep/note.txt"), list(await workspace.load_data("raw.bin")),
 await workspace.load_data("quoted.json"), await workspace.load_data("half.csv"),
 await workspace.list(), await workspace.list("data"), open(workspace.path("data/deep/note.txt")).read()]
""",
    "typescript": """
const names = ["rows.json", "rows.jsonl", "rows.csv", "rows.tsv"];
[await Promise.all(names.map((name) => workspace.loadData(name))),
 await workspace.loadData("data/deep/note.txt"), [...await workspace.loadData("raw.bin")],
 await workspace.loadData("quoted.json"), await workspace.loadData("half.csv"),
 await workspace.list(), await workspace.list("data"),
 Deno.readTextFileSync(workspace.path("data/deep/note.txt"))]
""",
}
ROWS = [{"a": 1, "b": "x,y"}, {"a": None, "b": 'q"z\n', "c": True}]
CELLS = [{"a": "1", "b": "x,y", "c": ""}, {"a": "", "b": 'q"z\n', "c": "true"}]
FILES = [
    *("data/deep/note.txt", "half.csv", "quoted.json", "raw.bin"),
    *("rows.csv", "rows.json", "rows.jsonl", "rows.tsv"),
]


@pytest.mark.requirement("R25", "R27")
@pytest.mark.parametrize("writer", LANGUAGES)
async def test_a_value_is_kept_by_its_format_and_read_by_either_language(tmp_path: Path, writer: str) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        saved = await up.run(NAMES[writer] + SAVE[writer], language=writer)
        assert saved.error is None
        found: list[Any] = []
        for reader in LANGUAGES:
            loaded = await up.run(NAMES[reader] + LOAD[reader], language=reader, max_tokens=9_000)
            assert loaded.error is None
            found.append(loaded.value)
    wanted = [[ROWS, ROWS, CELLS, CELLS], "text", [255, 0], "text", [{"a": "1", "b": ""}], FILES]
    assert found == [[*wanted, ["data/deep/note.txt"], "text"]] * 2
    folder = tmp_path / "workspace/default"
    assert json.loads((folder / "rows.json").read_text("utf-8")) == ROWS
    assert (folder / "rows.csv").read_text("utf-8") == 'a,b,c\n1,"x,y",\n,"q""z\n",true\n'


NO_NAMES = {
    "../x": "leaves the workspace",
    "/etc/passwd": "leaves the workspace",
    "a/../../x": "leaves the workspace",
    "a\0b": "which no name may",
    "a\nb": "which no name may",
    "\u202egpj.exe": "which no name may",
    "a\x1b[2Jb": "which no name may",
    "\ud800x": "which no name may",
    "x" * 4096: "is too long",
    "é" * 128: "is too long",
    "a/" * 600: "is too long",
    "\u2025/x": "looks like another path",
    "\uff0e\uff0e/x": "looks like another path",
    "out": "leaves the workspace by a link",
    "out/x": "leaves the workspace by a link",
    "outside/x": "leaves the workspace by a link",
}
EVERY_FUNCTION = {
    "python": """
async def path(name): return workspace.path(name)
found = []
for name in NAMES:
    found.append([await attempt(path(name)), await attempt(workspace.save_data(name, "x")),
                  await attempt(workspace.save_text(name, "x")), await attempt(workspace.load_data(name)),
                  await attempt(workspace.list(name))])
found
""",
    "typescript": """
const found: unknown[] = [];
for (const name of NAMES) {
  found.push(await Promise.all([attempt((async () => workspace.path(name))()),
    attempt(workspace.saveData(name, "x")), attempt(workspace.saveText(name, "x")),
    attempt(workspace.loadData(name)), attempt(workspace.list(name))]));
}
found
""",
}


@pytest.mark.requirement("R15", "R43")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_function_leaves_the_workspace(tmp_path: Path, tier: str, language: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "workspace/default"
    folder.mkdir(parents=True)
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "outside").symlink_to(tmp_path / "outside")
    folder.chmod(0o777)
    code = EVERY_FUNCTION[language].replace("NAMES", json.dumps(list(NO_NAMES)))
    result = await run(tmp_path, language, code, tier)
    assert result.error is None
    kind = "ValueError" if language == "python" else "RangeError"
    for refusals, (name, reason) in zip(result.value, NO_NAMES.items(), strict=True):
        for refusal in refusals:
            assert refusal.startswith(kind), (name[:20], refusal)
            assert reason in refusal, (name[:20], refusal)
    assert (tmp_path / "secret").read_text() == "secret"
    assert list((tmp_path / "outside").iterdir()) == []
    assert {path.name for path in (tmp_path / "workspace").iterdir()} == {"default"}


DELETE = {
    "python": """
await workspace.save_data("a/b/c.txt", "x")
await workspace.save_data("d.txt", "x")
[[await attempt(workspace.delete(name)) for name in ("", ".", "../x", "a/..", "none.txt")],
 await workspace.delete("a"), await workspace.delete("d.txt"), await workspace.delete("link"),
 await workspace.list(), await attempt(workspace.list("a"))]
""",
    "typescript": """
await workspace.saveData("a/b/c.txt", "x");
await workspace.saveData("d.txt", "x");
const refused: unknown[] = [];
for (const name of ["", ".", "../x", "a/..", "none.txt"]) refused.push(await attempt(workspace.delete(name)));
[refused, await workspace.delete("a"), await workspace.delete("d.txt"), await workspace.delete("link"),
 await workspace.list(), await attempt(workspace.list("a"))]
""",
}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_is_deleted_is_gone_and_a_link_goes_itself(tmp_path: Path, language: str) -> None:
    folder = tmp_path / "workspace/default"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    (tmp_path / "kept").write_text("kept")
    (folder / "link").symlink_to(tmp_path / "kept")
    result = await run(tmp_path, language, DELETE[language], "none")
    assert result.error is None
    (whole, dot, up, inside, missing), *deleted, left, gone = result.value
    for refusal, reason in ((whole, "itself"), (dot, "itself"), (up, "leaves"), (inside, "leaves")):
        assert reason in refusal
    absent = "FileNotFoundError" if language == "python" else "NotFound"
    assert missing.startswith(absent)
    assert gone.startswith(absent)
    assert (deleted, left) == ([None] * 3, [])
    assert (tmp_path / "kept").read_text() == "kept"


REFUSED = {
    "python": """
await workspace.save_data("data/Table.csv", [{"a": 1}])
await workspace.save_text("broken.json", "{")
await workspace.save_text("broken.jsonl", "1\\n{")
await workspace.save_text("broken.csv", "a\\n1,2")
await workspace.save_data("latin.csv", b"\\xff")
[await attempt(each) for each in (
    workspace.save_data("data/table.csv", [{"a": 2}]),
    workspace.save_data("DATA/x.txt", "x"),
    workspace.save_data("data", "x"),
    workspace.save_data("", "x"),
    workspace.save_data("x.json", float("nan")),
    workspace.save_data("x.csv", {"a": 1}),
    workspace.save_data("x.jsonl", 1),
    workspace.save_data("x.csv", [1]),
    workspace.load_data("broken.json"),
    workspace.load_data("broken.jsonl"),
    workspace.load_data("broken.csv"),
    workspace.load_data("latin.csv"),
    workspace.save_data("x.parquet", "no rows"),
    workspace.load_data("data"),
)]
""",
    "typescript": """
await workspace.saveData("data/Table.csv", [{ a: 1 }]);
await workspace.saveText("broken.json", "{");
await workspace.saveText("broken.jsonl", "1\\n{");
await workspace.saveText("broken.csv", "a\\n1,2");
await workspace.saveData("latin.csv", new Uint8Array([255]));
const each = [
  () => workspace.saveData("data/table.csv", [{ a: 2 }]),
  () => workspace.saveData("DATA/x.txt", "x"),
  () => workspace.saveData("data", "x"),
  () => workspace.saveData("", "x"),
  () => workspace.saveData("x.json", NaN),
  () => workspace.saveData("x.csv", { a: 1 }),
  () => workspace.saveData("x.jsonl", 1),
  () => workspace.saveData("x.csv", [1]),
  () => workspace.loadData("broken.json"),
  () => workspace.loadData("broken.jsonl"),
  () => workspace.loadData("broken.csv"),
  () => workspace.loadData("latin.csv"),
  () => workspace.saveData("x.parquet", "no rows"),
  () => workspace.loadData("data"),
];
const found: unknown[] = [];
for (const one of each) found.push(await attempt(one()));
found
""",
}
REASONS = [
    *(
        "in case alone",
        "in case alone",
        "older has that name",
        "older has that name",
        "which JSON cannot express",
    ),
    *("holds rows", "holds rows", "a row of"),
    *("is no JSON", "is no lines of JSON", "row 2 has 2 cells", "is no table", "parquet", "irectory"),
]


@pytest.mark.requirement("R16")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_refusal_says_why_and_leaves_nothing_behind(tmp_path: Path, language: str) -> None:
    result = await run(tmp_path, language, REFUSED[language])
    assert result.error is None
    for refusal, reason in zip(result.value, REASONS, strict=True):
        assert reason in refusal
    folder = tmp_path / "workspace/default"
    assert (folder / "data/Table.csv").read_text("utf-8") == "a\n1\n"
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert names == {"Table.csv", "broken.json", "broken.jsonl", "broken.csv", "latin.csv"}


FILL = {
    "python": """
found = []
for n in range(4):
    try:
        await workspace.save_data(f"{n}.bin", bytes(3 << 20))
    except WorkspaceFull as full:
        found.append([n, full.data["setting"], full.message, full.hint])
await workspace.save_data("0.bin", bytes(4 << 20))
await workspace.delete("1.bin")
await workspace.save_data("3.bin", bytes(3 << 20))
[found, await workspace.list()]
""",
    "typescript": """
const found: unknown[] = [];
for (let n = 0; n < 4; n += 1) {
  try {
    await workspace.saveData(`${n}.bin`, new Uint8Array(3 << 20));
  } catch (full) {
    if (full instanceof WorkspaceFull) found.push([n, full.data.setting, full.message, full.hint]);
  }
}
await workspace.saveData("0.bin", new Uint8Array(4 << 20));
await workspace.delete("1.bin");
await workspace.saveData("3.bin", new Uint8Array(3 << 20));
[found, await workspace.list()]
""",
}


@pytest.mark.requirement("R14", "R16", "R25")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_full_workspace_is_an_error_that_can_be_caught(
    tmp_path: Path, tier: str, language: str
) -> None:
    result = await run(tmp_path, language, FILL[language], tier, settings={"workspace.quota_mb": 8})
    assert result.error is None
    refused, left = result.value
    assert [refusal[:2] for refusal in refused] == [[2, "workspace.quota_mb"], [3, "workspace.quota_mb"]]
    assert "its quota is 8 MB" in refused[0][2]
    assert "workspace.quota_mb" in refused[0][3]
    assert left == ["0.bin", "3.bin"]


MANY = {
    "python": "for n in range(100):\n    await workspace.save_data(f'{n}.txt', 'x')",
    "typescript": "for (let n = 0; n < 100; n += 1) await workspace.saveData(`${n}.txt`, 'x');",
}


@pytest.mark.requirement("R14", "R16")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_full_workspace_that_is_not_caught_is_the_runs_error(tmp_path: Path, language: str) -> None:
    result = await run(tmp_path, language, MANY[language], settings={"workspace.max_files": 50})
    assert result.error is not None
    assert (result.error.type, result.error.data["setting"]) == ("WorkspaceFull", "workspace.max_files")
    large = "await workspace.save_data('x', bytes(2 << 20))"
    if language == "typescript":
        large = 'await workspace.saveData("x", new Uint8Array(2 << 20))'
    result = await run(tmp_path / "other", language, large, settings={"run.file_mb": 1})
    assert result.error is not None
    assert (result.error.type, result.error.data["setting"]) == ("WorkspaceFull", "run.file_mb")


@pytest.mark.requirement("R13")
async def test_a_save_that_is_not_awaited_is_told(tmp_path: Path) -> None:
    result = await run(tmp_path, "python", "workspace.save_data('a.json', 1)")
    assert result.error is not None
    assert "write await before it" in result.error.message
    result = await run(tmp_path, "typescript", 'workspace.saveData("a.json", 1);\n1')
    assert result.error is not None
    assert "await" in result.error.hint


async def test_rows_of_any_kind_are_tables(tmp_path: Path) -> None:
    code = """
from dataclasses import dataclass
@dataclass
class Point:
    x: int
    y: float
await workspace.save_data("a.csv", (Point(n, n / 2) for n in range(2)))
await workspace.save_data("b.jsonl", {1: "one"}.items())
await workspace.save_data("c.csv", [["h", "i"], [1, None]])
await workspace.save_data("d.csv", [])
await workspace.save_data("e.bin", bytearray(b"x"))
await workspace.save_data("f", {"any": "ending"})
[await workspace.load_data(name) for name in ("a.csv", "b.jsonl", "c.csv", "d.csv", "e.bin", "f")]
"""
    result = await run(tmp_path, "python", code)
    assert result.error is None
    assert result.value == [
        [{"x": "0", "y": "0.0"}, {"x": "1", "y": "0.5"}],
        [[1, "one"]],
        [{"h": "1", "i": ""}],
        [],
        "x",
        '{"any":"ending"}',
    ]
