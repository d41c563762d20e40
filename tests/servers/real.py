"""Servers of other people, each in its own environment, made once and kept."""

from pathlib import Path

from underpass.demo.environments import ensure_environment

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENTS = REPOSITORY / ".underpass" / "test-servers"


def command(name: str) -> str:
    """The path of a real server's command, installed when it is not there yet."""
    return str(ensure_environment(name, ENVIRONMENTS) / "bin" / name)
