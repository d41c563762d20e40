import subprocess
from pathlib import Path

import pytest

from underpass.demo import repository
from underpass.demo.repository import build_repository
from underpass.errors import UnderpassError


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "repository"
    assert build_repository(path) == int(git(path, "rev-list", "--count", "HEAD"))
    return path


def git(path: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", path, *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_history_is_the_same_on_every_machine(built: Path, tmp_path: Path) -> None:
    build_repository(tmp_path / "again")
    assert git(tmp_path / "again", "rev-parse", "HEAD") == git(built, "rev-parse", "HEAD")


def test_the_history_is_long_and_varied(built: Path) -> None:
    assert int(git(built, "rev-list", "--count", "HEAD")) > 400
    assert len(git(built, "shortlog", "-s", "HEAD").splitlines()) >= 6
    assert len(git(built, "log", "--merges", "--format=%h").splitlines()) > 20
    assert len(git(built, "ls-files").splitlines()) > 60
    assert len(git(built, "tag").splitlines()) > 5
    dates = git(built, "log", "--format=%as").splitlines()
    assert max(dates) > "2026-09"
    assert min(dates) < "2024-11"
    assert len(set(git(built, "log", "--format=%ai").split())) > 3


def test_the_repository_is_sound_and_checked_out(built: Path) -> None:
    assert git(built, "status", "--short") == ""
    assert git(built, "branch", "--format=%(refname:short)") == "main"
    assert "dangling" not in git(built, "fsck", "--no-dangling")


def test_a_repository_that_is_there_is_not_built_again(built: Path) -> None:
    (built / "mine.txt").write_text("kept")
    count = build_repository(built)
    assert count == int(git(built, "rev-list", "--count", "HEAD"))
    assert (built / "mine.txt").exists()
    (built / "mine.txt").unlink()


def test_the_environment_of_a_git_hook_does_not_lead_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    git(tmp_path, "init", "-q", str(other))
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert build_repository(tmp_path / "repository") > 400


def test_without_git_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnderpassError, match="git is not installed"):
        build_repository(tmp_path / "repository")


def test_a_failure_of_git_is_shown_with_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "_stream", lambda: iter([b"nonsense\n"]))
    with pytest.raises(UnderpassError, match="git fast-import failed") as caught:
        build_repository(tmp_path / "repository")
    assert "nonsense" in caught.value.hint
