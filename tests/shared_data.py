"""Data that is too large for the repository, and lies beside it where there is any."""

from pathlib import Path

import pytest

_SHARED = Path(__file__).parents[2] / "shared" / "data"


def shared_data(*parts: str) -> Path:
    """The path of a shared file; the test is skipped, visibly, where it is not."""
    path = _SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no shared data: {'/'.join(parts)}")
    return path
