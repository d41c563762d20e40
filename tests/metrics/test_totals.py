"""The counters of a service over several of its processes."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from underpass.metrics.instruments import TOOLS, Instruments
from underpass.metrics.totals import FILE_NAME, Totals

pytestmark = [pytest.mark.requirement("R34"), pytest.mark.anyio]


def lines(totals: Totals) -> dict[str, float]:
    """What Prometheus reads, but for gauges."""
    found = (line.rpartition(" ") for line in totals.exposition()[0].decode().splitlines() if line[0] != "#")
    ends = ("_total", "_bucket", "_sum", "_count")
    return {name: float(value) for name, _, value in found if name.partition("{")[0].endswith(ends)}


async def read(totals: Totals) -> dict[str, float]:
    return await anyio.to_thread.run_sync(lines, totals)


def counting() -> Instruments:
    """The instruments of a process that has counted something."""
    instruments = Instruments()
    instruments.calls.add(2, "git", "log", "ok", "server")
    instruments.duration.observe(0.003, "python")
    return instruments


def change(folder: Path, **to: Any) -> None:
    content = json.loads((folder / FILE_NAME).read_bytes())
    (folder / FILE_NAME).write_text(json.dumps(content | to), encoding="utf-8")


async def test_what_was_shown_goes_on_in_the_next_process(tmp_path: Path) -> None:
    async with Totals(tmp_path, counting()) as totals:
        before = await read(totals)
    assert before['underpass_tool_calls_total{outcome="ok",server="git",source="server",tool="log"}'] == 2
    instruments = Instruments()
    async with Totals(tmp_path, instruments) as totals:
        assert await read(totals) == before
        instruments.calls.add(1, "git", "log", "ok", "server")
        instruments.duration.observe(0.003, "python")
        after = await read(totals)
    assert {name: value - before[name] for name, value in after.items() if value != before[name]} == {
        'underpass_tool_calls_total{outcome="ok",server="git",source="server",tool="log"}': 1,
        'underpass_execution_duration_seconds_sum{language="python"}': pytest.approx(0.003),
        'underpass_execution_duration_seconds_count{language="python"}': 1,
        **{
            name: 1
            for name in before
            if "duration_seconds_bucket" in name and float(name.split('le="')[1].split('"')[0]) > 0.003
        },
    }


async def test_a_process_that_was_killed_has_kept_what_it_had_shown(tmp_path: Path) -> None:
    killed = Totals(tmp_path / "one", counting())
    async with killed:
        before = await read(killed)
        content = (tmp_path / "one" / FILE_NAME).read_bytes()
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / FILE_NAME).write_bytes(content)
    async with Totals(tmp_path / "two", Instruments()) as totals:
        assert await read(totals) == before


async def test_a_second_service_does_not_count_what_the_first_has_counted(tmp_path: Path) -> None:
    async with Totals(tmp_path, counting()) as first:
        before = await read(first)
        async with Totals(tmp_path, Instruments()) as second:
            assert await read(second) == {}
        assert await read(first) == before
    async with Totals(tmp_path, Instruments()) as third:
        assert await read(third) == before


async def test_counters_begin_anew_with_the_machine(tmp_path: Path) -> None:
    async with Totals(tmp_path, counting()) as totals:
        await read(totals)
    change(tmp_path, boot="another start")
    async with Totals(tmp_path, Instruments()) as totals:
        assert await read(totals) == {}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"boot": 1}', '{"counted": {}}'])
async def test_what_is_no_file_of_totals_is_begun_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content, encoding="utf-8")
    instruments = counting()
    async with Totals(tmp_path, instruments) as totals:
        before = await read(totals)
    async with Totals(tmp_path, Instruments()) as totals:
        assert await read(totals) == before


async def test_what_another_version_counted_otherwise_is_left_out(tmp_path: Path) -> None:
    async with Totals(tmp_path, counting()) as totals:
        await read(totals)
    counted = {
        "underpass_gone": [[["a"], 1.0, None]],
        "underpass_tool_calls": [[["git"], 1.0, None], [["git", "log", "ok", "server"], 7.0, None]],
        "underpass_execution_duration_seconds": [[["python"], 1.0, [1, 2]]],
        "underpass_code_lines": [[["python"], float("inf"), None]],
    }
    change(tmp_path, counted=counted)
    async with Totals(tmp_path, Instruments()) as totals:
        assert list((await read(totals)).values()) == [7]


async def test_tools_that_were_called_before_keep_their_names_and_no_more_than_ever_have_one(
    tmp_path: Path,
) -> None:
    instruments = Instruments()
    for number in range(TOOLS):
        instruments.calls.add(1, "git", f"tool{number}", "ok", "server")
    async with Totals(tmp_path, instruments) as totals:
        await read(totals)
    later = Instruments()
    async with Totals(tmp_path, later):
        assert later.name_of("git", "tool1") == ("git", "tool1")
        assert later.name_of("git", "new") == ("git", "other")


async def test_where_nothing_can_be_kept_counters_are_shown_and_it_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        async with Totals(tmp_path / "file", counting()) as totals:
            assert await read(totals)
    (tmp_path / "folder" / FILE_NAME).mkdir(parents=True)
    with caplog.at_level(logging.WARNING):
        async with Totals(tmp_path / "folder", counting()) as totals:
            assert await read(totals)
            assert await read(totals)
    said = [each.getMessage() for each in caplog.records]
    assert len([each for each in said if each.startswith("counters cannot be kept")]) == 2
