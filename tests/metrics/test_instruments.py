"""The instruments: what Prometheus reads of real runs, and how few series there are."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import Any

import anyio
import anyio.to_thread
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.metrics.conftest import Open
from tests.metrics.rows import PLAIN
from tests.patience import LONG

from underpass import Underpass
from underpass.errors import PermissionDenied
from underpass.execution.result import ToolCall
from underpass.metrics.instruments import SERVERS, TOOLS, Instruments
from underpass.metrics.row import Ended

pytestmark = [pytest.mark.requirement("R35")]

Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


async def scraped(up: Underpass) -> Samples:
    text, _ = await anyio.to_thread.run_sync(up.instruments.exposition)
    return samples(text)


def samples(text: bytes) -> Samples:
    families = text_string_to_metric_families(text.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def series(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


@pytest.mark.anyio
async def test_runs_and_calls_are_there_for_prometheus(opened: Open) -> None:
    async with opened(**{"policy.unknown": "allow"}) as up:
        await up.run("from mcp_servers import demo\n[await demo.words(n=9), await demo.echo(a=1)]")
        await up.run(
            "from mcp_servers import demo\ntry:\n    await demo.fail()\nexcept Exception:\n    pass\n1/0"
        )
        found = await scraped(up)
    ok = {"language": "python", "sandbox": "process", "outcome": "ok"}
    assert series(found, "underpass_executions_total", **ok) == 1
    assert series(found, "underpass_executions_total", **{**ok, "outcome": "CodeError"}) == 1
    for name in ("duration", "queue", "start"):
        metric = f"underpass_execution_{name}_seconds"
        assert series(found, f"{metric}_count", language="python") == 2
        assert series(found, f"{metric}_bucket", language="python", le="+Inf") == 2
        assert 0 <= series(found, f"{metric}_sum", language="python") < LONG
    called = {"server": "demo", "source": "server"}
    assert series(found, "underpass_tool_calls_total", tool="words", outcome="ok", **called) == 1
    assert series(found, "underpass_tool_calls_total", tool="fail", outcome="error", **called) == 1
    assert series(found, "underpass_tool_call_duration_seconds_count", server="demo") == 3
    assert series(found, "underpass_tool_result_bytes_total", server="demo") == len(
        '"' + "word " * 9 + '"{"a":1}'
    )
    assert series(found, "underpass_errors_total", scope="run", error="CodeError") == 1
    assert series(found, "underpass_errors_total", scope="call", error="ToolFailed") == 1
    assert series(found, "underpass_policy_decisions_total", effect="allow", outcome="allowed") == 3
    assert series(found, "underpass_sandboxes", language="typescript", state="busy") == 0
    assert series(found, "underpass_servers", state="started") == 1
    assert series(found, "underpass_tools", state="known") == 3
    assert series(found, "underpass_sessions") == 0
    assert sum(value for (name, _), value in found.items() if name == "underpass_build_info") == 1


@pytest.mark.anyio
async def test_token_counters_are_what_the_statistics_say(opened: Open) -> None:
    async with opened() as up:
        await up.run("from mcp_servers import demo\nlen(await demo.words(n=900))")
        await up.run("1/0")
        up.metering.prompt("default", "search", "word " * 50)
        found = await scraped(up)
        tokens = (await anyio.to_thread.run_sync(up.statistics.summary)).tokens.to_dict()
    kinds = {
        dict(labels)["kind"]: value
        for (name, labels), value in found.items()
        if name.endswith("tokens_total")
    }
    assert kinds == {kind: tokens[kind] for kind in kinds}
    assert sum(kinds.values()) == tokens["direct"] + tokens["spent"]


@pytest.mark.anyio
async def test_calls_from_outside_of_runs_and_refusals_are_counted(opened: Open) -> None:
    rules = [{"server": "demo", "tool": "echo", "decision": "deny"}]
    async with opened(**{"policy.rules": rules}) as up:
        await up.call_tool("demo", "words", {"n": 1})
        with pytest.raises(PermissionDenied):
            await up.call_tool("demo", "echo", {})
        found = await scraped(up)
    called = {"server": "demo", "source": "server"}
    assert series(found, "underpass_tool_calls_total", tool="words", outcome="ok", **called) == 1
    assert series(found, "underpass_errors_total", scope="call", error="PermissionDenied") == 1
    assert series(found, "underpass_policy_decisions_total", effect="deny", outcome="refused") == 1


@pytest.mark.skipif(which("promtool") is None, reason="no promtool (Debian's package prometheus)")
@pytest.mark.anyio
async def test_promtool_finds_nothing_to_say_of_the_metrics(opened: Open) -> None:
    async with opened() as up:
        await up.run("from mcp_servers import demo\nawait demo.echo(a=1)\n1/0")
        text, content_type = await anyio.to_thread.run_sync(up.instruments.exposition)
    assert content_type.startswith("text/plain; version=0.0.4")
    done = await anyio.run_process(["promtool", "check", "metrics"], input=text, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def call(server: str, tool: str, error: str | None = None) -> ToolCall:
    return ToolCall(server, tool, 1.0, error is None, 1, 1, error)


def noted(*calls: ToolCall, **fields: Any) -> Instruments:
    instruments = Instruments()
    row = replace(PLAIN, **fields)
    record: Any = None
    instruments.note([(Ended(record, row.outcome, calls=calls), row)], [])
    return instruments


def test_names_in_labels_are_bounded() -> None:
    calls = [call(f"server{n % 200}", f"tool{n}") for n in range(5_000)]
    values = noted(*calls).calls.values
    assert len({labels[0] for labels in values}) == SERVERS + 1
    assert len({labels[:2] for labels in values}) <= TOOLS + SERVERS + 1
    assert sum(values.values()) == 5_000
    assert ("other", "other", "ok", "server") in values


def test_names_that_a_program_made_up_are_no_labels() -> None:
    calls = [call("git", f"made_up_{n}", "ToolNotFound") for n in range(50)]
    instruments = noted(*calls, call("no such\nserver", "x", "ServerNotFound"))
    assert instruments.calls.values == {("other", "other", "error", "server"): 51}
    assert instruments.errors.values == {("call", "ToolNotFound"): 50, ("call", "ServerNotFound"): 1}


def test_names_that_are_no_text_are_no_labels() -> None:
    instruments = noted(call("git", "half \ud800"), call("git", "a\nline"))
    assert instruments.calls.values == {("git", "other", "ok", "server"): 2}
    assert b"underpass_tool_calls_total" in instruments.exposition()[0]


def test_exceptions_of_programs_are_one_outcome() -> None:
    assert noted(outcome="MyOwnError1").executions.values == {("python", "process", "CodeError"): 1}
    assert noted(outcome="Timeout").executions.values == {("python", "process", "Timeout"): 1}


def test_values_on_a_bound_are_in_its_bucket() -> None:
    instruments = Instruments()
    for value in (0.001, 0.0011, 100.0):
        instruments.duration.observe(value, "python")
    ((_, seen),) = instruments.duration.distributions()
    assert (seen.counts[0], seen.counts[1], seen.counts[-1]) == (1, 1, 1)
    assert seen.sum == pytest.approx(100.0021)


BARE = """
import sys
for name in ("prometheus_client", "opentelemetry.sdk", "opentelemetry.exporter"):
    sys.modules[name] = None
import anyio, json
from pathlib import Path
from underpass import Underpass
from underpass.errors import ConfigError

async def main():
    async with Underpass.open(home=sys.argv[1], settings={"run.check": False}) as up:
        value = (await up.run("6 * 7")).value
        try:
            up.instruments.exposition()
        except ConfigError as error:
            print(json.dumps([value, error.message, error.hint]))

anyio.run(main)
"""


def test_without_the_extra_runs_go_on_and_the_exposition_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BARE, str(tmp_path)],
        capture_output=True,
        check=False,
        timeout=LONG,
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "PATH": "/usr/bin:/bin"},
    )
    value, message, hint = json.loads(done.stdout)
    assert value == 42
    assert "the extra telemetry is not installed" in message
    assert hint == "pip install 'underpass[telemetry]'"
    assert b"nothing is sent" in done.stderr


PLAIN_USE = """
import sys, anyio
from underpass import Underpass
async def main():
    async with Underpass.open(home=sys.argv[1], settings={"run.check": False}) as up:
        await up.run("1")
anyio.run(main)
print([name for name in sys.modules if re.match("prometheus_client|opentelemetry.(sdk|exporter)", name)])
""".replace("import sys", "import re, sys", 1)


def test_nothing_of_the_extra_is_imported_where_nobody_asks(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_USE, str(tmp_path)], capture_output=True, check=True, timeout=LONG
    )
    assert done.stdout == b"[]\n"


def test_the_reference_names_every_metric() -> None:
    page = Path(__file__).parents[2].joinpath("docs/reference/metrics.md").read_text()
    documented = set(re.findall(r"^\| `(underpass_\w+)` ", page, re.MULTILINE))
    assert documented == {each.exposed for each in Instruments().all}
