"""A forked Deno does what one does that was started by itself, and shares nothing with others."""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.escape.conftest import _once
from tests.sandbox.deno_programs import PROGRAMS, RANDOM
from tests.sandbox.memory import found_in
from tests.sandbox.warm_deno import SingleStarts, place_of, templates_of, until_forked

from underpass import Underpass
from underpass.sandbox import deno

pytestmark = [
    pytest.mark.slow,
    pytest.mark.requirement("R05", "R11"),
    pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's"),
]
_SETTINGS = {"run.memory_mb": 256, "run.timeout": 15}
_SHORT = {"no end": 1, "no answer": 1, "no answer, with a timer": 1}
_KCMP = {"x86_64": 312, "aarch64": 272}
_KCMP_FILE = 0


async def _outcomes(home: Path, *, forked: bool) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    async with Underpass.open({}, home=home, settings=_SETTINGS) as up:
        if forked:
            await until_forked(place_of(up))

        async def one(name: str, limiter: anyio.CapacityLimiter) -> None:
            async with limiter:
                result = await up.run(
                    PROGRAMS[name], agent="a", language="typescript", check=False, timeout=_SHORT.get(name)
                )
                error = result.error and [result.error.type, result.error.message]
                # What is left out of a long text is named after the run.
                seen[name] = [result.value, result.stdout[:500], error]

        limiter = anyio.CapacityLimiter(2)
        async with anyio.create_task_group() as tasks:
            for name in PROGRAMS:
                tasks.start_soon(one, name, limiter)
        run = [await up.run(RANDOM, agent="a", language="typescript", check=False) for _ in range(3)]
        seen["random"] = [each.value for each in run]
        if forked:
            seen["descriptors"] = await _shared_descriptors(up)
            seen["memory"] = await _kept_of_a_program(up)
    return seen


async def _kept_of_a_program(up: Underpass) -> list[str]:
    """What the template has in its memory of a program that was run, and of its own environment."""
    code = "console.log('printed-' + 'canary'); 'written-canary'"
    result = await up.run(code, agent="agent-canary", language="typescript", check=False)
    assert (result.value, result.stdout) == ("written-canary", "printed-canary\n")
    (template,) = templates_of(place_of(up))
    texts = [b"printed-canary", b"written-canary", b"agent-canary", str(up.state).encode(), b"NO_COLOR=1"]
    return [text.decode() for text in await anyio.to_thread.run_sync(found_in, template, texts)]


async def _shared_descriptors(up: Underpass) -> list[Any]:
    """Compare the open files of a template and of two children at work; what is the same is the finding."""
    place = place_of(up)
    (template,) = templates_of(place)
    children = [await place.lease("a"), await place.lease("b")]
    processes = [template, *(child.process for child in children)]
    try:
        files = [(process, _files(process)) for process in processes]
        return [
            link
            for (where, mine), (other, theirs) in itertools.combinations(files, 2)
            for (place_of_mine, link), at in itertools.product(mine.items(), theirs)
            if _is_same_file(where, place_of_mine, other, at)
        ]
    finally:
        for child in children:
            child.release()


def _files(process: int) -> dict[int, str]:
    return {int(path.name): str(path.readlink()) for path in Path(f"/proc/{process}/fd").iterdir()}


def _is_same_file(one: int, mine: int, other: int, theirs: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    answer = libc.syscall(_KCMP[os.uname().machine], one, other, _KCMP_FILE, mine, theirs)
    if answer < 0:
        raise OSError(ctypes.get_errno(), "kcmp")
    return answer == 0


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of each program where every Deno was started by itself."""

    def make() -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deno, "DenoSandbox", SingleStarts)
            return anyio.run(lambda: _outcomes(tmp_path_factory.mktemp("single"), forked=False))

    return _once(tmp_path_factory, "deno-single", make)


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of each program where every Deno was forked."""

    def make() -> dict[str, Any]:
        return anyio.run(lambda: _outcomes(tmp_path_factory.mktemp("forked"), forked=True))

    return _once(tmp_path_factory, "deno-forked", make)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_ends_alike_in_a_forked_deno(
    single: dict[str, Any], forked: dict[str, Any], name: str
) -> None:
    assert forked[name] == single[name]


@pytest.mark.parametrize("name", ["files in Deno's threads", "timers of no time and of some", "garbage"])
def test_what_is_compared_did_happen(single: dict[str, Any], name: str) -> None:
    value, _, error = single[name]
    assert value is not None
    assert error is None


def test_no_two_forked_children_draw_the_same_from_any_source(
    single: dict[str, Any], forked: dict[str, Any]
) -> None:
    assert [each.pop("forked") for each in (*single["random"], *forked["random"])] == [False] * 3 + [True] * 3
    for source in forked["random"][0]:
        assert len({each[source] for each in forked["random"]}) == 3, source


def test_a_forked_child_holds_no_open_file_of_the_template_or_of_another_but_the_null_device(
    forked: dict[str, Any],
) -> None:
    assert set(forked["descriptors"]) <= {"/dev/null"}


def test_a_template_holds_nothing_of_a_program_an_agent_or_the_hosts_folders(forked: dict[str, Any]) -> None:
    # Its environment shows that what is there is found.
    assert forked["memory"] == ["NO_COLOR=1"]
