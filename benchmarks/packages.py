"""A package that takes long to import, in a sandbox whose environment has imported it already."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure import Row, batch, in_turn
from underpass import Underpass
from underpass.environments.build import build
from underpass.errors import UnderpassError

_ROUNDS = 5
_SIZE = 10
_PAUSE = 0.01
_PROGRAM = "import pandas\nint(pandas.DataFrame({'a': [1, 2], 'b': [3, 4]}).sum().sum())"


async def preloaded(home: Path) -> list[Row]:
    """The same program with the import done before the fork, and in the program.

    Parameters:
        home: where the environments are built, and found the next time.
    """
    config = _no_servers(home)
    packages = ["pandas", "numpy"]
    declared = {"preloaded": {"packages": packages, "preload": ["pandas"]}, "cold": {"packages": packages}}
    goal, figure = "≤ 10 ms", "`import pandas; pandas.DataFrame(…)`, preloaded, p50 / p99"
    async with Underpass.open(config, settings={"sandbox.environments": declared}) as up:
        try:
            for name in declared:
                await build(name, up.settings, home / ".underpass")
        except UnderpassError as error:
            return [Row(figure, goal, f"pandas cannot be installed here: {error}")]

        async def run(environment: str) -> None:
            result = await up.run(_PROGRAM, environment=environment)
            assert result.value == 10, result.error

        works = {name: batch(lambda name=name: run(name), pause=_PAUSE) for name in declared}
        seen = await in_turn(works, rounds=_ROUNDS, size=_SIZE)
    warm, cold = seen["preloaded"], seen["cold"]
    return [
        Row(figure, goal, f"{warm.median:.1f} / {warm.percentile(0.99):.1f} ms", warm.median <= 10),
        Row("… imported by the program", "", f"{cold.median:.0f} ms"),
    ]


def _no_servers(home: Path) -> Path:
    """Make the folder that the environments are built in: the one beside a configuration."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / "servers.json"
    config.write_text('{"mcpServers": {}}', encoding="utf-8")
    return config
