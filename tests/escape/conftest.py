"""What came of all attempts, made once for each way to start them."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
_SCRIPT = _HERE / "make_attempts.py"
SOURCE = _HERE.parents[1] / "src"
_NOBODY = 65_534


@pytest.fixture(scope="session")
def as_ourselves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Started by the user who runs the tests."""

    def make() -> dict[str, Any]:
        return _make_attempts(tmp_path_factory.mktemp("home"), sys.executable)

    return _once(tmp_path_factory, "as-ourselves", make)


@pytest.fixture(scope="session")
def as_ordinary_user(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """As root: started by a user without any right, with an interpreter it may read."""
    return _once(tmp_path_factory, "as-ordinary-user", _of_ordinary_user(_SCRIPT))


def _of_ordinary_user(script: Path) -> Callable[[], dict[str, Any]]:
    if os.geteuid() != 0:
        pytest.skip("not root: the other tests are an ordinary user's already")
    python = interpreter()

    def make() -> dict[str, Any]:
        # Not below pytest's own folder, which every start of pytest closes to other users.
        with tempfile.TemporaryDirectory() as home:
            os.chown(home, _NOBODY, _NOBODY)
            return _make_attempts(Path(home), python, _NOBODY, script)

    return make


@pytest.fixture(scope="session")
def without_namespaces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Started by an ordinary user under a filter like a container's: no namespaces, no mounts."""
    user = _NOBODY if os.geteuid() == 0 else None
    python = interpreter() if user else sys.executable

    def make() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as home:
            if user:
                os.chown(home, user, user)
            return _make_attempts(Path(home), python, user, launcher=str(_HERE / "like_a_container.py"))

    return _once(tmp_path_factory, "without-namespaces", make)


def interpreter() -> str:
    """One that a user without any right may run."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}")
    found = [each for each in candidates if Path(each).exists() and _can_run(each)]
    if not found:
        pytest.skip("an ordinary user can run no interpreter of this version with these packages")
    return found[0]


def _once(
    tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Make the attempts in one of the processes that share the tests; the others wait for it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return make()
    answers = tmp_path_factory.getbasetemp().parent / f"attempts-{name}.json"
    with answers.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if text := file.read():
            return json.loads(text)
        made = make()
        file.write(json.dumps(made))
        return made


def _make_attempts(
    home: Path, interpreter: str, user: int | None = None, script: Path = _SCRIPT, launcher: str = ""
) -> dict[str, Any]:
    paths = os.pathsep.join([str(SOURCE), *packages()])
    before = [interpreter, launcher] if launcher else []
    done = subprocess.run(
        [*before, interpreter, str(script), str(home)],
        env={
            "PYTHONPATH": paths,
            "PYTHONDONTWRITEBYTECODE": "1",
            "SECRET": "canary-in-the-environment",
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        },
        capture_output=True,
        check=False,
        cwd="/",
        timeout=240,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def _can_run(interpreter: str) -> bool:
    code = f"import sys; sys.path[:0] = {[str(SOURCE), *packages()]}; import anyio, underpass.sandbox.probe"
    try:
        done = subprocess.run(
            [interpreter, "-c", code],
            capture_output=True,
            check=False,
            user=_NOBODY,
            group=_NOBODY,
            extra_groups=[],
        )
    except OSError:
        return False
    return done.returncode == 0


def packages() -> list[str]:
    return [path for path in sys.path if path.endswith("site-packages")]
