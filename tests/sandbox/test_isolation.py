"""What dies in a sandbox dies alone, says how, and leaves nothing behind."""

from __future__ import annotations

import os
import platform
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from underpass import Underpass

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="a program uses a number of x86-64"
)


@pytest.mark.requirement("R14")
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("code", "setting"),
    [
        ("x = []\nwhile True: x.append(bytearray(1 << 24))", "run.memory_mb"),
        ("'x' * (1 << 30)", "run.memory_mb"),
        ("x = [[] for _ in range(100_000_000)]", "run.memory_mb"),
        ("while True: pass", "run.cpu_seconds"),
        ("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", "run.cpu_seconds"),
    ],
)
async def test_a_limit_names_itself_and_its_setting(tmp_path: Path, code: str, setting: str) -> None:
    limits = {"run.cpu_seconds": 1, "run.memory_mb": 256}
    async with Underpass.open(None, home=tmp_path, settings=limits) as up:
        result = await up.run(f"print('begun')\n{code}", timeout=60)
        assert result.error is not None
        assert result.error.type == "LimitExceeded"
        assert result.error.data["setting"] == setting
        assert setting in result.error.hint
        assert f"{result.error.data['value']}" in result.error.message
        # What a program prints waits in it, and is lost with a process that the kernel ends.
        assert result.stdout == "begun\n" or "SIG_IGN" in code
        assert (await up.run("1")).value == 1


_SLOW_TO_TELL = """
import time
class Slow(Exception):
    def __str__(self):
        while time.process_time() < 1.3: pass
        return "told"
raise Slow
"""


@pytest.mark.requirement("R14")
@pytest.mark.anyio
async def test_a_limit_reached_while_an_error_is_told_does_not_hide_the_error(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path, settings={"run.cpu_seconds": 1}) as up:
        error = (await up.run(_SLOW_TO_TELL, timeout=60)).error
        assert error is not None
        assert (error.type, error.message) == ("Slow", "told")
        assert "Slow: told" in error.traceback


@pytest.mark.requirement("R16")
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import ctypes\nctypes.string_at(0)", "SIGSEGV"),
        ("import os\nos._exit(7)", "status 7"),
        ("import os, time\nos.close(3)\ntime.sleep(30)", "closed the sandbox's channel"),
        ("import ctypes\nctypes.CDLL(None).syscall(0x40000000 + 39)", "SIGSYS"),
    ],
)
async def test_a_sandbox_that_dies_says_how_and_dies_alone(tmp_path: Path, code: str, said: str) -> None:
    async with Underpass.open(None, home=tmp_path, settings={"run.cpu_seconds": 1}) as up:
        results: dict[str, Any] = {}
        async with anyio.create_task_group() as tasks:

            async def run(name: str, program: str) -> None:
                results[name] = await up.run(program, timeout=20)

            tasks.start_soon(run, "doomed", code)
            tasks.start_soon(run, "other", "import time\ntime.sleep(0.3)\n'well'")
        error = results["doomed"].error
        assert error.type == "SandboxCrashed"
        assert said in error.message
        assert results["other"].value == "well"


@pytest.mark.requirement("R15")
@pytest.mark.anyio
@pytest.mark.parametrize(
    "frame",
    [
        "b'\\xff\\xff\\xff\\xff' + b'x' * 100",
        "b'\\x02\\x00\\x00\\x00{}'",
        "b'\\x05\\x00\\x00\\x00[1,2]'",
        "b'\\x05\\x00\\x00\\x00\\xff\\xfe\\xfd\\xfc\\xfb'",
        "(lambda b: len(b).to_bytes(4, 'little') + b)(b'[' * 200_000)",
        '(lambda b: len(b).to_bytes(4, \'little\') + b)(b\'{"op":"done","value":NaN}\')',
        '(lambda b: len(b).to_bytes(4, \'little\') + b)(b\'{"op":"done","value":"\\\\ud800"}\')',
        '(lambda b: len(b).to_bytes(4, \'little\') + b)(b\'{"op":"call","id":"x"}\')',
        '(lambda b: len(b).to_bytes(4, \'little\') + b)(b\'{"op":"out","stream":"stdout","text":7}\')',
        '(lambda b: len(b).to_bytes(4, \'little\') + b)(b\'{"op":"kill","pid":1}\')',
    ],
)
async def test_a_forged_frame_ends_its_own_run_and_no_other(tmp_path: Path, frame: str) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        result = await up.run(f"import os, time\nos.write(3, {frame})\ntime.sleep(20)", timeout=15)
        assert result.error is not None
        assert result.error.type in {"SandboxCrashed", "LimitExceeded"}
        assert (await up.run("1")).value == 1


@pytest.mark.requirement("R15")
@pytest.mark.anyio
async def test_a_program_may_forge_its_own_answer_and_nothing_else(tmp_path: Path) -> None:
    body = b'{"op":"done","value":"forged","started":1e308,"error":{"type":["x"],"message":{},"hint":7}}'
    code = f"import os\nb = {body!r}\nos.write(3, len(b).to_bytes(4, 'little') + b)\nwhile True: pass"
    async with Underpass.open(None, home=tmp_path) as up:
        result = await up.run(code)
        assert (result.ok, result.value) == (False, "forged")
        assert 0 <= result.duration.start <= result.duration.total


def _children(process: int) -> list[int]:
    """The children of a process; /proc's own list of them misses some while others end."""
    found: list[int] = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[1]) == process:
            found.append(int(status.parent.name))
    return found


def _zygotes(process: int) -> set[int]:
    """The children of a process that sandboxes are forked from; the checker of types is another."""
    return {child for child in _children(process) if b"zygote" in Path(f"/proc/{child}/cmdline").read_bytes()}


@pytest.mark.requirement("R17")
@pytest.mark.anyio
async def test_no_process_outlives_its_underpass(tmp_path: Path) -> None:
    before = _zygotes(os.getpid())
    async with Underpass.open(None, home=tmp_path) as up:
        await up.run("1")
        (zygote,) = _zygotes(os.getpid()) - before
        sandboxes = _children(zygote)
        assert sandboxes
        with anyio.move_on_after(0.2):
            await up.run("while True: pass")
    for process in (zygote, *sandboxes):
        await _gone(process)


async def _gone(process: int) -> None:
    """Wait for the end of a process that is no child of ours: the kernel offers nothing but looking."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return
    with anyio.fail_after(10):
        await anyio.wait_readable(handle)
    os.close(handle)


@pytest.mark.requirement("R17")
@pytest.mark.anyio
async def test_no_process_outlives_a_host_that_is_killed(tmp_path: Path) -> None:
    script = f"""
import anyio
from underpass import Underpass
async def main():
    async with Underpass.open(None, home={str(tmp_path)!r}) as up:
        async def say(*_): print("running", flush=True)
        await up.run("from mcp_runtime import progress\\nprogress(1)\\nwhile True: pass", on_progress=say)
anyio.run(main)
"""
    async with await anyio.open_process([sys.executable, "-c", script]) as host:
        assert host.stdout is not None
        assert (await host.stdout.receive()).startswith(b"running")
        (zygote,) = _zygotes(host.pid)
        sandboxes = _children(zygote)
        assert sandboxes
        host.send_signal(signal.SIGKILL)
        await host.wait()
    for process in (zygote, *sandboxes):
        await _gone(process)


@pytest.mark.requirement("R17")
@pytest.mark.anyio
async def test_a_zygote_that_is_killed_is_replaced_and_its_runs_fail_with_the_cause(tmp_path: Path) -> None:
    before = _zygotes(os.getpid())
    async with Underpass.open(None, home=tmp_path) as up:
        assert (await up.run("1")).value == 1
        (zygote,) = _zygotes(os.getpid()) - before
        results: list[Any] = []
        async with anyio.create_task_group() as tasks:

            async def doomed() -> None:
                code = "import time\nfrom mcp_runtime import progress\nprogress(1)\ntime.sleep(30)"
                results.append(await up.run(code, timeout=40, on_progress=kill))

            async def kill(*_: Any) -> None:
                os.kill(zygote, signal.SIGKILL)

            tasks.start_soon(doomed)
        assert results[0].error.type == "SandboxCrashed"
        assert (await up.run("2")).value == 2


@pytest.mark.anyio
async def test_what_programs_usually_import_is_there_before_they_run(tmp_path: Path) -> None:
    usual = {"asyncio", "csv", "datetime", "decimal", "re"}
    code = f"import sys\n{usual} - sys.modules.keys()"
    async with Underpass.open(None, home=tmp_path) as up:
        assert (await up.run(code)).value == []
