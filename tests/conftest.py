"""What every test may rely on."""

import os

import pytest

# What a search finds must not depend on whether a model has been loaded by then; tests of it say "auto".
os.environ.setdefault("UNDERPASS_DISCOVERY_SEMANTIC", "off")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
