"""Many runs with a number in flight, beside bare forks in the same harness."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path
from statistics import median
from unittest.mock import patch

from benchmarks.measure import Row, rate
from benchmarks.processes import Cost, cost
from underpass import Underpass
from underpass.sandbox.lease import dumps
from underpass.sandbox.process import ProcessSandbox
from underpass.sandbox.zygote_process import ZygoteProcess

_IN_FLIGHT = 32
_RUNS = 1_000
_ROUNDS = 5
_PROGRAM = {"op": "run", "run": "", "code": "1+1", "filename": "", "timeout": 30.0, "max_value": 1_000}


@asynccontextmanager
async def _pool(script: Path | None = None) -> AsyncGenerator[ProcessSandbox]:
    """A pool of the sandbox's own; ``script`` takes the place of its zygote."""
    async with AsyncExitStack() as stack:
        sandbox = ProcessSandbox(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        with patch.object(ZygoteProcess, "script", script) if script else nullcontext():
            # The zygote starts here, and lasts longer than what is measured.
            await stack.enter_async_context(sandbox)
        yield sandbox


async def sustained(up: Underpass) -> list[Row]:
    """The whole road, the sandbox alone, and the bare fork, in turn."""
    rates: dict[str, list[float]] = {"whole": [], "sandbox": [], "bare": []}
    bare_script = Path(__file__).with_name("bare_zygote.py")
    async with _pool() as isolated, _pool(bare_script) as bare:

        async def whole() -> None:
            assert (await up.run("1+1")).value == 2

        async def sandbox() -> None:
            lease = await isolated.lease("default")
            await lease.channel.send(dumps(_PROGRAM))
            answer, _ = await lease.channel.receive()
            lease.channel.finished = True
            lease.release()
            assert answer["value"] == 2

        async def fork() -> None:
            lease = await bare.lease("default")
            answer, _ = await lease.channel.receive()
            lease.channel.finished = True
            lease.release()
            assert answer["value"] == 2

        costs: dict[str, list[Cost]] = {name: [] for name in rates}
        for _ in range(_ROUNDS):
            for name, work in {"whole": whole, "sandbox": sandbox, "bare": fork}.items():
                before = cost()
                rates[name].append(await rate(work, times=_RUNS, in_flight=_IN_FLIGHT))
                costs[name].append(cost().since(before, _RUNS))
    seen = {name: median(values) for name, values in rates.items()}
    share, alone = seen["whole"] / seen["bare"], seen["sandbox"] / seen["bare"]
    return [
        Row(
            f"sustained, {_IN_FLIGHT} in flight, `up.run`",
            "≥ 800 runs/s",
            f"{seen['whole']:.0f} runs/s",
            seen["whole"] >= 800,
        ),
        _spent(costs["whole"]),
        Row("… the sandbox alone", "", f"{seen['sandbox']:.0f} runs/s"),
        _spent(costs["sandbox"]),
        Row("… bare fork and exit of the same zygote", "", f"{seen['bare']:.0f} /s"),
        _spent(costs["bare"]),
        Row("… the sandbox alone, of bare forks", "≥ 0.75", f"{alone:.2f}", alone >= 0.75),
        Row("… `up.run`, of bare forks", "≥ 0.75", f"{share:.2f}", share >= 0.75),
    ]


def _spent(costs: Sequence[Cost]) -> Row:
    """Where the time of each run goes: what holds on a busy machine as well."""

    def middle(name: str) -> float:
        return median(getattr(each, name) for each in costs)

    return Row(
        "… … of each: processor time of host / zygote / child; page faults of zygote / child",
        "",
        f"{middle('host_ms'):.2f} / {middle('zygote_ms'):.2f} / {middle('child_ms'):.2f} ms; "
        f"{middle('zygote_faults'):.0f} / {middle('child_faults'):.0f}",
    )
