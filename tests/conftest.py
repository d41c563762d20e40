"""What every test may rely on."""

import os
import tempfile

import pytest
from hypothesis import settings

# What a search finds must not depend on whether a model has been loaded by then; tests of it say "auto".
os.environ.setdefault("UNDERPASS_DISCOVERY_SEMANTIC", "off")

# Nothing that a test saves, approves or finds is the user's own.
os.environ["XDG_DATA_HOME"] = f"{tempfile.gettempdir()}/underpass-tests-{os.getpid()}"

# The same draws at each run: a change is judged by what it does. HYPOTHESIS_PROFILE=wander draws others.
settings.register_profile("steady", derandomize=True)
settings.register_profile("wander", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
