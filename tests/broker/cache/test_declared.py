from pathlib import Path

import pytest

from underpass.config import CacheSettings, load_settings
from underpass.errors import ConfigError

pytestmark = pytest.mark.requirement("R18")


def test_tools_and_their_times_are_read_from_the_file_and_from_variables(tmp_path: Path) -> None:
    (tmp_path / "underpass.toml").write_text(
        '[cache]\ntools = ["git.git_log", "web.*"]\nread_only = true\ndisk_mb = 0\n'
        '[cache.ttl]\n"web.*" = 60\n"git.git_log" = 0\n'
    )
    cache = load_settings(tmp_path, environ={}).cache
    assert cache == CacheSettings(
        tools=("git.git_log", "web.*"), read_only=True, disk_mb=0, ttl={"web.*": 60.0, "git.git_log": 0.0}
    )
    assert cache.is_used
    assert not CacheSettings(runs=True).is_used
    environ = {"UNDERPASS_CACHE_TOOLS": "a.b, c.*"}
    assert load_settings(tmp_path, environ=environ).cache.tools == ("a.b", "c.*")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('tools = "git.git_log"', "cache.tools must be a list of tools"),
        ('tools = ["git_log"]', "'git_log' names no tool"),
        ('tools = [".x"]', "'.x' names no tool"),
        ("tools = [1]", "1 names no tool"),
        ("ttl = 5", "cache.ttl must be a table of seconds"),
        ('ttl = {"git.git_log" = -1}', "must be seconds, 0 or more"),
        ('ttl = {"git.git_log" = nan}', "must be seconds, 0 or more"),
        ('ttl = {"git.git_log" = true}', "must be seconds, 0 or more"),
        ("ttl_seconds = 0", "cache.ttl_seconds must be a number above 0"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "underpass.toml").write_text(f"[cache]\n{line}\n")
    with pytest.raises(ConfigError, match="cache") as caught:
        load_settings(tmp_path, environ={})
    assert said in caught.value.message
