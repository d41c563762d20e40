"""Underpass with servers that are functions of this process."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.execution.conftest import echo, server

from underpass import Underpass
from underpass.errors import ToolFailed

Open = Callable[..., AbstractAsyncContextManager[Underpass]]


async def words(arguments: Mapping[str, Any]) -> Any:
    return "word " * arguments["n"]


async def fail(_arguments: Mapping[str, Any]) -> Any:
    raise ToolFailed("no such ticket", server="demo", tool="fail")


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Opens an Underpass with a server ``demo``, and the settings given."""

    def open_with(home: Path = tmp_path, **settings: Any) -> AbstractAsyncContextManager[Underpass]:
        demo = server("demo", echo=echo, words=words, fail=fail)
        return Underpass.open({"demo": demo}, home=home, settings={"run.check": False, **settings})

    return open_with
