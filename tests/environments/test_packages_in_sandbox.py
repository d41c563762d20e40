from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.environments.wheels import Registry

from underpass import ConfigError, SandboxUnavailable, Underpass
from underpass.environments.build import build

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R11")]


@asynccontextmanager
async def opened(
    folder: Path, sandbox: str | None = None, **environments: dict[str, list[str]]
) -> AsyncGenerator[Underpass]:
    """Underpass with these environments, all of them built."""
    (folder / ".mcp.json").write_text('{"mcpServers": {}}')
    settings = {"sandbox.environments": environments}
    async with Underpass.open(folder / ".mcp.json", sandbox=sandbox, settings=settings) as up:
        for name in environments:
            await build(name, up.settings, folder / ".underpass")
        yield up


async def value_of(up: Underpass, code: str, environment: str | None = None) -> Any:
    result = await up.run(code, environment=environment)
    assert result.ok, result.error
    return result.value


@pytest.mark.parametrize("sandbox", ["process", "none"])
async def test_a_program_imports_the_packages_of_its_environment_and_no_others(
    registry: Registry, tmp_path: Path, sandbox: str
) -> None:
    registry.wheel("cargo", needs="crate")
    registry.wheel("crate")
    registry.wheel("barrel")
    async with opened(tmp_path, sandbox, data={"packages": ["cargo"]}, web={"packages": ["barrel"]}) as up:
        assert await value_of(up, "import cargo, crate\ncargo.version, crate.version", "data") == ["1.0"] * 2
        assert await value_of(up, "import barrel\nbarrel.version", "web") == "1.0"
        for code, environment in (("import barrel", "data"), ("import cargo", "web"), ("import cargo", None)):
            result = await up.run(code, environment=environment)
            assert result.error is not None
            assert result.error.type == "ModuleNotFoundError"


async def test_a_preloaded_module_is_there_before_the_program_asks(
    registry: Registry, tmp_path: Path
) -> None:
    registry.wheel("cargo")
    asks = "import sys\n'cargo' in sys.modules"
    async with opened(
        tmp_path,
        warm={"packages": ["cargo"], "preload": ["cargo"]},
        cold={"packages": ["cargo"]},
    ) as up:
        assert await value_of(up, asks, "warm") is True
        assert await value_of(up, asks, "cold") is False


@pytest.mark.requirement("R14")
async def test_a_program_cannot_change_the_packages(registry: Registry, tmp_path: Path) -> None:
    registry.wheel("cargo")
    code = """
import cargo, os
found = []
for attempt in (
    lambda: open(cargo.__file__, "a"),
    lambda: open(os.path.join(os.path.dirname(cargo.__file__), "crate.py"), "w"),
    lambda: os.remove(cargo.__file__),
    lambda: os.chmod(cargo.__file__, 0o777),
    lambda: os.rename(cargo.__file__, "/workspace/cargo.py"),
):
    try:
        attempt()
        found.append("done")
    except OSError as error:
        found.append("refused")
found
"""
    async with opened(tmp_path, data={"packages": ["cargo"]}) as up:
        assert await value_of(up, code, "data") == ["refused"] * 5
        assert await value_of(up, "import cargo\ncargo.version", "data") == "1.0"


async def test_a_run_that_asks_for_what_is_not_there_is_refused(registry: Registry, tmp_path: Path) -> None:
    registry.wheel("cargo")
    async with opened(tmp_path, data={"packages": ["cargo"]}) as up:
        with pytest.raises(ConfigError) as caught:
            await up.run("1", environment="dta")
    assert caught.value.hint == "did you mean 'data'?"


async def test_a_module_that_fails_to_preload_is_an_error_of_the_run_that_wants_it(
    registry: Registry, tmp_path: Path
) -> None:
    registry.wheel("cargo", text="raise RuntimeError('no anchor')\n")
    async with opened(tmp_path, data={"packages": ["cargo"], "preload": ["cargo"]}) as up:
        with pytest.raises(SandboxUnavailable, match="no anchor"):
            await up.run("1", environment="data")
        assert await value_of(up, "1") == 1


@pytest.mark.slow
async def test_pandas_works_preloaded_and_imported_by_the_program(tmp_path: Path) -> None:
    packages = ["pandas", "numpy"]
    code = "import pandas\nint(pandas.DataFrame({'a': [1, 2], 'b': [3, 4]}).sum().sum())"
    async with opened(
        tmp_path, warm={"packages": packages, "preload": ["pandas"]}, cold={"packages": packages}
    ) as up:
        assert await value_of(up, code, "warm") == 10
        assert await value_of(up, code, "cold") == 10
        drawn = [await value_of(up, "import numpy\nfloat(numpy.random.rand())", "warm") for _ in range(5)]
    # Numbers drawn in one run must say nothing of those of another.
    assert len(set(drawn)) == 5
