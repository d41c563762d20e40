"""Where the kernel forbids namespaces, Landlock and seccomp are the walls; without those, nothing runs."""

from __future__ import annotations

import json
import os
import platform
import select
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox import container

pytestmark = [
    pytest.mark.requirement("R11", "R14", "R15", "R17"),
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64",
        reason="the launcher's filter uses numbers of x86-64",
    ),
]

_RUN = """
import anyio, json, os, sys
from underpass import Underpass
from underpass.errors import UnderpassError

async def main():
    programs, settings, session = map(json.loads, sys.argv[1:])
    found = []
    async with Underpass.open(None, home="home", settings=settings) as up:
        for program in programs:
            try:
                found.append((await up.run(program, session=session)).to_dict())
            except UnderpassError as error:
                found.append(error.to_dict())
    print(json.dumps({"results": found, "after": os.listdir("tmp")}))

anyio.run(main)
"""


_SHORT = {"run.timeout": 2.0}


def _run(
    *programs: str,
    landlock: bool = True,
    as_root: bool = False,
    closed: bool = False,
    settings: dict[str, Any] | None = None,
    session: str | None = None,
) -> dict[str, Any]:
    with container.home() as home:
        home.chmod(0o700 if closed else 0o711)
        arguments = (json.dumps(programs), json.dumps(settings or {}), json.dumps(session))
        status, out, err = container.run(_RUN, *arguments, home=home, landlock=landlock, as_root=as_root)
    assert status == 0, err.decode()
    return json.loads(out)


def test_a_program_runs_and_its_result_says_which_walls_stood() -> None:
    found = _run("import json, random, asyncio\nawait asyncio.sleep(0)\njson.dumps([1])")
    (result,) = found["results"]
    assert (result["value"], result["sandbox"]) == ("[1]", "process-landlock")


@pytest.mark.requirement("R19")
def test_a_session_keeps_its_variables_there_too() -> None:
    first, second, third = _run("x = 1", "x + 1", "while True: pass", session="s1", settings=_SHORT)[
        "results"
    ]
    assert (first["sandbox"], second["value"]) == ("process-landlock", 2)
    assert (third["error"]["type"], third["session"]["lost"]) == ("Timeout", True)


def test_a_program_finds_its_workspace_and_has_temporary_files_of_its_own() -> None:
    first = """
import os, tempfile
from mcp_runtime import workspace
with tempfile.NamedTemporaryFile(delete=False) as file:
    file.write(b"x")
os.makedirs(os.path.join(tempfile.gettempdir(), "a/b"))
await workspace.save_data("kept.json", [1])
[workspace.path() == os.getcwd(), os.stat(tempfile.gettempdir()).st_mode & 0o777 == 0o700]
"""
    second = """
import os, tempfile
from mcp_runtime import workspace
[await workspace.load_data("kept.json"), os.listdir(tempfile.gettempdir())]
"""
    found = _run(first, second)
    assert [result["value"] for result in found["results"]] == [[True, True], [[1], []]]
    assert found["after"] == []


def test_root_gives_sandboxes_a_user_of_their_own_even_there() -> None:
    (result,) = _run("import os\n[os.getuid(), os.geteuid(), os.getgid(), os.getgroups()]", as_root=True)[
        "results"
    ]
    user, effective, group, groups = result["value"]
    assert user == effective == group != 0
    assert groups == []


def test_root_is_told_which_folder_the_sandboxes_user_cannot_reach() -> None:
    (error,) = _run("1", as_root=True, closed=True)["results"]
    assert error["type"] == "SandboxUnavailable"
    assert "must be able to read" in error["message"]
    assert "let other users read" in error["hint"]


def test_installed_packages_of_the_interpreter_cannot_be_read() -> None:
    code = """
import os, sysconfig
found = []
for folder in (sysconfig.get_path("stdlib"), "/usr/local/lib/python3.11", "/usr/lib/python3"):
    for name in ("site-packages", "dist-packages"):
        for kept in os.walk(f"{folder}/{name}"):
            for file in kept[2]:
                try:
                    open(f"{kept[0]}/{file}").close()
                    found.append(file)
                except OSError:
                    pass
found[:3]
"""
    assert _run(code)["results"][0]["value"] == []


def test_fewer_walls_than_asked_for_are_refused_with_what_to_do() -> None:
    (error,) = _run("1", settings={"sandbox.walls": "full"})["results"]
    assert error["type"] == "SandboxUnavailable"
    assert "unshare" in error["message"]
    assert "container" in error["hint"]


def test_without_landlock_nothing_runs_and_the_reason_says_what_is_needed() -> None:
    (error,) = _run("1", landlock=False)["results"]
    assert error["type"] == "SandboxUnavailable"
    assert "without namespaces, landlock of version 3" in error["message"]
    assert "newer kernel" in error["hint"]


def test_nothing_outlives_a_host_that_is_killed() -> None:
    code = """
import anyio, os
from underpass import Underpass
async def main():
    async with Underpass.open(None, home="home") as up:
        async def say(*_): print(os.getpid(), flush=True)
        program = "open('x', 'w')\\nfrom mcp_runtime import progress\\nimport tempfile\\n"
        program += "tempfile.NamedTemporaryFile(delete=False)\\nprogress(1)\\nwhile True: pass"
        await up.run(program, on_progress=say)
anyio.run(main)
"""
    with container.home() as home:
        with container.start(code, home=home) as host:
            assert host.stdout is not None
            assert host.stdout.readline().strip() == str(host.pid).encode()
            zygotes = [process for process in _children(host.pid) if _children(process)]
            sandboxes = [child for zygote in zygotes for child in _children(zygote)]
            assert sandboxes
            waits = [os.pidfd_open(process) for process in (*zygotes, *sandboxes)]
            host.kill()
        for handle in waits:
            assert select.select([handle], [], [], 10)[0]
            os.close(handle)
        assert list((home / "tmp").iterdir()) == []


def _children(process: int) -> list[int]:
    found: list[int] = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[1]) == process:
            found.append(int(status.parent.name))
    return found


_DOCTOR = (
    "import sys\nsys.argv = ['underpass', 'doctor', '--json']\nfrom underpass.cli.main import main\nmain()"
)


@pytest.mark.requirement("R36")
@pytest.mark.parametrize("landlock", [True, False])
def test_doctor_says_which_walls_stand_and_which_do_not(landlock: bool) -> None:
    with container.home() as home:
        status, out, _ = container.run(_DOCTOR, home=home, landlock=landlock)
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    assert status == (0 if landlock else 1), out
    if not landlock:
        assert checks["sandbox: Landlock"]["status"] == checks["sandbox: isolation"]["status"] == "failed"
        return
    for name in ("user", "mount", "process", "network"):
        check = checks[f"sandbox: {name} namespace"]
        assert (check["status"], check["what"].split(":")[0]) == ("warning", "missing")
    assert checks["sandbox: Landlock"]["what"].startswith("stands, version ")
    assert checks["sandbox: isolation"]["what"].endswith("process-landlock")
