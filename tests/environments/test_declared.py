from pathlib import Path

import pytest

from underpass.config import EnvironmentSettings, load_settings
from underpass.errors import ConfigError

pytestmark = pytest.mark.requirement("R11")

TABLE = "[sandbox.environments.data]\n"


def test_an_environment_is_packages_and_what_to_preload(tmp_path: Path) -> None:
    text = (
        'packages = ["pandas>=2, <3", "numpy[x] ; python_version > \'3\'", " six "]\npreload = ["xml.dom"]\n'
    )
    (tmp_path / "underpass.toml").write_text(TABLE + text)
    assert load_settings(tmp_path, environ={}).sandbox.environments == {
        "data": EnvironmentSettings(
            ("pandas>=2, <3", "numpy[x] ; python_version > '3'", "six"),
            ("xml.dom",),
            tmp_path / "underpass-env-data.txt",
        )
    }


def test_environments_may_be_given_as_an_argument(tmp_path: Path) -> None:
    tables = {"data": {"packages": ("six",)}}
    settings = load_settings(tmp_path, environ={}, arguments={"sandbox.environments": tables})
    assert settings.sandbox.environments["data"].packages == ("six",)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (TABLE + "packges = ['six']", "no setting 'sandbox.environments.data.packges'", "data.packages"),
        (TABLE, "sandbox.environments.data names no packages", "pandas"),
        (TABLE + "packages = 'six'", "must be a list of texts, but is 'six'", ""),
        (TABLE + "packages = [1]", "must be a list of texts", ""),
        (TABLE + "packages = ['six']\npreload = ['import os']", "'import os' is no module's name", "pandas"),
        ("[sandbox.environments.Data_1]\npackages = ['six']", "'Data_1' is no name", "lower-case"),
        ("[sandbox]\nenvironments = 1", "sandbox.environments must hold tables", "environments.data"),
        ("[sandbox.environments]\ndata = 1", "sandbox.environments.data must be a table", "packages"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, message: str, hint: str) -> None:
    (tmp_path / "underpass.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path, environ={})
    assert message in caught.value.message
    assert str(tmp_path / "underpass.toml") in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "package",
    [
        "six @ https://x.example/six.whl",
        "git+https://x.example/six",
        "https://x.example/six.whl",
        "./six",
        "/srv/six",
        "..\\\\six",
        "six-1.0-py3-none-any.whl",
        "six.tar.gz",
    ],
)
def test_a_package_from_outside_the_registry_is_refused(tmp_path: Path, package: str) -> None:
    (tmp_path / "underpass.toml").write_text(f'{TABLE}packages = ["{package}"]')
    with pytest.raises(ConfigError, match="is an address or a path"):
        load_settings(tmp_path, environ={})


@pytest.mark.parametrize(
    "package", ["-rother", "--index-url=x", "six --hash=sha256:00", "six\\n-e .", "", "six=1", "-e ."]
)
def test_an_option_of_pip_is_no_package(tmp_path: Path, package: str) -> None:
    (tmp_path / "underpass.toml").write_text(f'{TABLE}packages = ["{package}"]')
    with pytest.raises(ConfigError, match="is no requirement"):
        load_settings(tmp_path, environ={})
