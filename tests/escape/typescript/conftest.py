"""What came of all attempts in TypeScript, made once for each way to start them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.escape.conftest import _make_attempts, _of_ordinary_user, _once

_SCRIPT = Path(__file__).with_name("make_attempts.py")


@pytest.fixture(scope="session")
def typescript_as_ourselves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Started by the user who runs the tests."""

    def make() -> dict[str, Any]:
        return _make_attempts(tmp_path_factory.mktemp("home"), sys.executable, script=_SCRIPT)

    return _once(tmp_path_factory, "typescript-as-ourselves", make)


@pytest.fixture(scope="session")
def typescript_as_ordinary_user(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """As root: started by a user without any right, with an interpreter it may read."""
    return _once(tmp_path_factory, "typescript-as-ordinary-user", _of_ordinary_user(_SCRIPT))
