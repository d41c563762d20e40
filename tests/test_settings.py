from __future__ import annotations

from pathlib import Path

import pytest

from underpass.config import Settings, load_settings, state_dir
from underpass.errors import ConfigError

pytestmark = pytest.mark.requirement("R14")


def test_the_defaults_hold_without_a_file(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={})
    assert settings == Settings()
    assert (settings.run.timeout, settings.run.max_tokens, settings.calls.max_calls) == (30.0, 2000, 1000)
    assert (settings.calls.concurrency, settings.sandbox.tier) == (32, "process")


def test_arguments_win_over_variables_and_variables_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "underpass.toml").write_text(
        '[run]\ntimeout = 1\nmemory_mb = 100\nmax_tokens = 7\n[sandbox]\ntier = "none"\n[calls]\n'
    )
    environ = {"UNDERPASS_RUN_MEMORY_MB": "200", "UNDERPASS_RUN_MAX_TOKENS": "8", "UNDERPASS_HOME": "/x"}
    settings = load_settings(tmp_path, environ=environ, arguments={"run.max_tokens": 9, "run.timeout": None})
    assert settings.run.timeout == 1.0
    assert isinstance(settings.run.timeout, float)
    assert (settings.run.memory_mb, settings.run.max_tokens) == (200, 9)
    assert settings.sandbox.tier == "none"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[run]\ntimout = 1", "there is no setting 'run.timout'", "run.timeout"),
        ("[rum]\ntimeout = 1", "there is no setting 'rum'", "run"),
        ("[zzz]", "there is no setting 'zzz'", "run, calls, servers, sandbox"),
        ("timeout = 1", "there is no setting 'timeout'", ""),
        ("[run]\ntimeout = 'soon'", "run.timeout must be a number above 0, but is 'soon'", ""),
        ("[run]\nmemory_mb = 1.5", "run.memory_mb must be a whole number above 0, but is 1.5", ""),
        ("[run]\nmemory_mb = true", "run.memory_mb must be a whole number, but is True", ""),
        ("[calls]\nconcurrency = 0", "calls.concurrency must be a whole number above 0", ""),
        ("[sandbox]\ntier = 'vm'", "sandbox.tier must be 'process' or 'none', but is 'vm'", ""),
        ("[run", "cannot be read", ""),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, message: str, hint: str) -> None:
    (tmp_path / "underpass.toml").write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(tmp_path, environ={})
    assert str(tmp_path / "underpass.toml") in caught.value.message
    assert hint in caught.value.hint


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(ConfigError, match=r"\$UNDERPASS_CALLS_TIMEOUT: calls.timeout must be a number"):
        load_settings(Path("/nowhere"), environ={"UNDERPASS_CALLS_TIMEOUT": "x"})
    with pytest.raises(ConfigError, match=r"\$UNDERPASS_RUN_SPEED: there is no setting 'run.speed'"):
        load_settings(Path("/nowhere"), environ={"UNDERPASS_RUN_SPEED": "1"})


def test_state_lives_beside_the_configuration_unless_a_variable_says_otherwise(tmp_path: Path) -> None:
    assert state_dir(tmp_path / "a" / ".mcp.json", tmp_path, {}) == tmp_path / "a" / ".underpass"
    assert state_dir(None, tmp_path, {}) == tmp_path / ".underpass"
    assert state_dir(None, tmp_path, {"UNDERPASS_HOME": "/var/lib/u"}) == Path("/var/lib/u")
