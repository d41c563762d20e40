"""A model is opened by its name, with a key that is somewhere."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from underpass import ConfigError
from underpass.agent.model import open_model
from underpass.catalog.secret_store import SecretStore

pytestmark = pytest.mark.requirement("R30")

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "OLLAMA_API_KEY", "OLLAMA_BASE_URL")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)


@pytest.mark.parametrize(
    ("name", "url", "opened"),
    [
        ("openai:any", "http://h:1/v1", ("any", "http://h:1/v1")),
        ("anthropic:any", "http://h:1", ("any", "http://h:1")),
        ("ollama:qwen3", None, ("qwen3", "http://127.0.0.1:11434/v1")),
        ("ollama:qwen3", "http://h:1/", ("qwen3", "http://h:1/v1")),
        ("ollama:qwen3", "http://h:1/v1/", ("qwen3", "http://h:1/v1")),
    ],
)
def test_a_model_of_ones_own_needs_no_key(name: str, url: str | None, opened: tuple[str, str]) -> None:
    model = open_model(name, base_url=url)
    assert (model.model_name, str(model.base_url).rstrip("/")) == opened


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("openai:gpt-5.2", "OPENAI_API_KEY"),
        ("anthropic:claude-sonnet-5", "ANTHROPIC_API_KEY"),
        ("google:gemini-3", "GOOGLE_API_KEY"),
    ],
)
def test_a_key_is_taken_from_the_environment_or_the_secrets(
    name: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="there is no key") as caught:
        open_model(name, state=tmp_path)
    assert variable in caught.value.hint
    SecretStore(tmp_path).set(variable, "sk-kept")
    assert open_model(name, state=tmp_path).model_name == name.partition(":")[2]
    monkeypatch.setenv(variable, "sk-set")
    assert open_model(name).model_name == name.partition(":")[2]


def test_where_ollama_listens_may_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://h:2")
    assert str(open_model("ollama:qwen3").base_url).rstrip("/") == "http://h:2/v1"


@pytest.mark.parametrize(
    ("name", "url", "said"),
    [
        ("gpt-5.2", None, "'gpt-5.2' is no model's name"),
        ("openai:", None, "is no model's name"),
        ("opnai:gpt-5.2", None, "opnai"),
        ("openai:x", "h:1/v1", "'h:1/v1' is no address of a model"),
        ("mistral:x", None, "mistral"),
    ],
)
def test_a_name_or_address_that_is_none_is_said(name: str, url: str | None, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_model(name, base_url=url)
    assert said in caught.value.message
    assert caught.value.hint


def test_without_the_extra_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_ai.exceptions", None)
    with pytest.raises(ConfigError) as caught:
        open_model("openai:x", base_url="http://h:1/v1")
    assert caught.value.hint == "install the extra: pip install 'underpass[agent]'"
