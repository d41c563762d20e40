"""A value that is too large for an answer is kept whole, and the next run has it by its handle."""

from __future__ import annotations

from pathlib import Path

import pytest

from underpass import Underpass

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R12", "R26")]

BIG = {
    "python": "[{'n': n, 'square': n * n} for n in range(5_000)]",
    "typescript": "Array.from({ length: 5_000 }, (_, n) => ({ n, square: n * n }))",
}
LOAD = {
    "python": "from mcp_runtime import load_result\nrows = await load_result({!r})\n[len(rows), rows[-1]]",
    "typescript": 'import {{ loadResult }} from "mcp-runtime";\n'
    "const rows = await loadResult({!r});\n[rows.length, rows.at(-1)]",
}
ATTEMPT = {
    "python": """
from mcp_runtime import load_result, ResultNotFound
try:
    found = await load_result({})
except ResultNotFound as error:
    found = [error.message, error.hint]
found
""",
    "typescript": """
import {{ loadResult, ResultNotFound }} from "mcp-runtime";
let found: unknown;
try {{ found = await loadResult({}); }} catch (error) {{
  if (!(error instanceof ResultNotFound)) throw error;
  found = [error.message, error.hint];
}}
return found;
""",
}


@pytest.mark.parametrize("writer", BIG)
async def test_a_large_value_is_loaded_whole_by_its_handle_in_either_language(
    tmp_path: Path, writer: str
) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        large = await up.run(BIG[writer], language=writer)
        assert large.truncated
        for reader, code in LOAD.items():
            loaded = await up.run(code.format(large.handle), language=reader)
            assert loaded.error is None
            assert loaded.value == [5_000, {"n": 4_999, "square": 4_999**2}]


async def test_what_the_answer_says_to_do_loads_the_value(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        for language, code in BIG.items():
            large = await up.run(code, language=language)
            again = await up.run(large.value["load"], language=language, max_tokens=200_000)
            assert again.error is None
            assert len(again.value) == 5_000


@pytest.mark.parametrize("language", BIG)
async def test_a_bad_foreign_or_missing_handle_is_an_error_to_catch_with_a_hint(
    tmp_path: Path, language: str
) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        none_yet = await up.run(ATTEMPT[language].format('"results/x.json"'), language=language)
        assert "there is none yet" in none_yet.value[1]
        foreign = await up.run(BIG[language], agent="other", language=language)
        own = await up.run(BIG[language], language=language)
        folder = tmp_path / "workspace" / "default" / "results"
        (folder / "broken.json").write_text("{")
        (folder / "link.json").symlink_to(tmp_path / "workspace" / "other" / str(foreign.handle))
        (folder / "folder").mkdir()
        nothing = "None" if language == "python" else "null as any"
        bad = ["", "x.json", "results/", "results/../../other/x", "../other/results/x.json", "/etc/passwd"]
        missing = [
            foreign.handle,
            "results/none.json",
            "results/link.json",
            "results/broken.json",
            "results/folder",
        ]
        for handle in [nothing, *(f'"{handle}"' for handle in (*bad, *missing))]:
            run = await up.run(ATTEMPT[language].format(handle), language=language, check=False)
            assert run.error is None, handle
            message, hint = run.value
            assert hint.startswith("the newest are results/"), handle
            assert str(own.handle) in hint
            assert any(word in message for word in ("is no handle", "has no result", "cannot be read")), (
                message
            )
