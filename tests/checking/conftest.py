"""One checker for many programs: what is shown is that a resident one serves them all."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.checking.servers import Listed

from underpass.checking.checker import Checker

PATIENT = 60.0
"""Seconds: a test machine may be busy, and no test is about time."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def checker(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncGenerator[Checker]:
    folder: Path = tmp_path_factory.mktemp("checking")
    async with Checker(Listed(), folder, bound=PATIENT) as opened:
        yield opened
