"""``underpass agent``: the answer on stdout, what it took on stderr."""

from pathlib import Path

import pytest
from tests.cli.command_line import underpass, write_config
from tests.servers.models import Fails, Says, runs, serve_model

pytestmark = pytest.mark.requirement("R30", "R31")

NOW = "from mcp_servers import time\n(await time.get_current_time(timezone='UTC'))['timezone']"
KEYLESS = {"OPENAI_API_KEY": "", "ANTHROPIC_API_KEY": ""}


def test_the_answer_is_all_that_stands_on_stdout(tmp_path: Path) -> None:
    write_config(tmp_path, "time")
    with serve_model(runs(NOW), Says("It is \x1b[31mUTC.")) as model:
        done = underpass(
            *("agent", "Which zone is it?", "--model", "openai:scripted", "--mode", "python", "--show-code"),
            *("--base-url", f"{model.url}/v1"),
            cwd=tmp_path,
        )
    assert (done.status, done.stdout) == (0, "It is \\x1b[31mUTC.\n"), done.stderr
    assert "get_current_time" in done.stderr
    assert "python · 2 turns · 1 program · 200 tokens read, 20 written" in done.stderr


def test_json_has_the_programs_their_results_and_the_tokens(tmp_path: Path) -> None:
    write_config(tmp_path, "time")
    with serve_model(runs(NOW), Says("UTC")) as model:
        done = underpass(
            *("agent", "Which zone?", "--model", "anthropic:claude-x", "--mode", "python", "--json"),
            *("--base-url", model.url),
            cwd=tmp_path,
        )
    told = done.json
    assert (told["ok"], told["answer"], told["mode"]) == (True, "UTC", "python")
    assert (told["runs"][0]["code"], told["runs"][0]["value"]) == (NOW, "UTC")
    counted = {"input": 200, "cached_input": 0, "cache_written": 0, "output": 20, "reasoning": 0}
    assert told["tokens"] == {**counted, "counted_by": "provider"}


def test_a_key_that_is_kept_as_a_secret_is_used(tmp_path: Path) -> None:
    write_config(tmp_path)
    assert underpass("secret", "set", "OPENAI_API_KEY", cwd=tmp_path, stdin="sk-kept").status == 0
    with serve_model(Says("Hello")) as model:
        arguments = ("agent", "Hello", "--model", "openai:x", "--base-url", f"{model.url}/v1")
        done = underpass(*arguments, cwd=tmp_path, env=KEYLESS)
    assert done.status == 0, done.stderr
    assert model.keys == ["Bearer sk-kept"]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("openai:gpt-5.2", "OPENAI_API_KEY"),
        ("anthropic:claude-sonnet-5", "ANTHROPIC_API_KEY"),
        ("gpt-5.2", "PROVIDER:MODEL"),
        ("opnai:gpt-5.2", "opnai"),
    ],
)
def test_a_model_that_cannot_be_opened_is_an_error_that_says_what_to_do(
    tmp_path: Path, model: str, said: str
) -> None:
    write_config(tmp_path)
    done = underpass("agent", "Hello", "--model", model, cwd=tmp_path, env=KEYLESS)
    assert done.status == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refused_key_ends_with_what_to_do(tmp_path: Path) -> None:
    write_config(tmp_path)
    with serve_model(Fails(401, code="invalid_api_key")) as model:
        arguments = ("agent", "Hello", "--model", "openai:x", "--base-url", f"{model.url}/v1")
        done = underpass(*arguments, cwd=tmp_path)
    assert done.status == 1
    assert "its key is refused" in done.stderr


def test_without_an_answer_the_status_says_so(tmp_path: Path) -> None:
    write_config(tmp_path)
    with serve_model(runs("1"), runs("2")) as model:
        done = underpass(
            *("agent", "Go on", "--model", "openai:x", "--mode", "python", "--max-turns", "2"),
            *("--base-url", f"{model.url}/v1"),
            cwd=tmp_path,
        )
    assert (done.status, done.stdout) == (1, "")
    assert "no answer: the model gave no answer in 2 turns" in done.stderr
