"""``underpass agent``: the answer on stdout, what it took on stderr."""

import signal
from pathlib import Path
from threading import Event

import pytest
from tests.cli.command_line import at_terminal, underpass, write_config
from tests.cli.processes import Bell, background
from tests.patience import LONG
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


def test_a_model_that_fails_ends_with_what_to_do(tmp_path: Path) -> None:
    write_config(tmp_path)
    with serve_model(Fails(404, code="model_not_found")) as model:
        url = f"{model.url}/v1"
        done = underpass("agent", "Hello", "--model", "openai:x", "--base-url", url, cwd=tmp_path)
    assert (done.status, done.stdout) == (1, "")
    said = f"error: x: there is no such model\nhint: look at its name; is {url} the right address?\n"
    assert done.stderr.endswith(said)


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        pytest.param(
            *("http://127.0.0.1:9", 1, "is it running?; is http://127.0.0.1:9 the right address?"),
            marks=pytest.mark.slow,
        ),
        ("127.0.0.1:9/v1", 2, "it begins with http:// or https://"),
    ],
)
def test_an_address_where_nobody_listens_is_said(tmp_path: Path, url: str, status: int, said: str) -> None:
    write_config(tmp_path)
    done = underpass("agent", "Hello", "--model", "openai:x", "--base-url", url, cwd=tmp_path)
    assert done.status == status
    assert said in done.stderr


@pytest.mark.slow
def test_the_wait_that_a_provider_asks_for_is_said(tmp_path: Path) -> None:
    write_config(tmp_path)
    with serve_model(Fails(429, retry_after="1", code="rate_limit_exceeded"), Says("Hello")) as model:
        arguments = ("agent", "Hello", "--model", "openai:x", "--base-url", f"{model.url}/v1")
        done = underpass(*arguments, cwd=tmp_path)
    assert (done.status, done.stdout) == (0, "Hello\n")
    assert "it was asked too often: asking again in 1 s" in done.stderr


def test_at_a_terminal_one_line_moves_and_the_answer_stays(tmp_path: Path) -> None:
    write_config(tmp_path, "time")
    goes_on = Event()
    says = Says("I look at the clock.", calls=(("run_code", {"code": NOW}),))
    with serve_model(says, Says("It is UTC.", waits=goes_on)) as model:
        goes_on.set()
        arguments = ("--model", "openai:x", "--mode", "python", "--base-url", f"{model.url}/v1")
        status, shown = at_terminal("agent", "Which zone?", *arguments, cwd=tmp_path)
    assert status == 0, shown
    assert "Asking the model…" in shown
    last = shown.rpartition("\x1b[2K")[2]
    assert last.startswith("It is UTC.\r\n"), "the moving line is gone"


@pytest.mark.slow
def test_a_person_at_a_terminal_is_asked_about_calls(tmp_path: Path) -> None:
    write_config(tmp_path, "time")
    rule = '[[policy.rules]]\nserver = "time"\ndecision = "ask"\n'
    (tmp_path / "underpass.toml").write_text(rule)
    with serve_model(runs(NOW), Says("It is UTC.")) as model:
        arguments = ("--model", "openai:x", "--mode", "python", "--base-url", f"{model.url}/v1")
        status, shown = at_terminal("agent", "Which zone?", *arguments, cwd=tmp_path, typed="once\n")
    assert status == 0, shown
    assert "time.get_current_time asks for permission" in shown
    assert '"UTC"' in model.last_read or "UTC" in model.last_read


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_signal_ends_the_program_and_tells_what_has_happened(
    tmp_path: Path, number: int, status: int
) -> None:
    write_config(tmp_path, "time")
    bell = Bell(tmp_path / "workspace" / "default")
    code = f"{NOW}\nopen('bell', 'w').write('x')\nwhile True: pass"
    with serve_model(runs(code)) as model:
        arguments = ("--model", "openai:x", "--mode", "python", "--base-url", f"{model.url}/v1")
        with background("agent", "Wait", *arguments, cwd=tmp_path) as process:
            bell.wait()
            process.send_signal(number)
            shown, error = process.communicate(timeout=LONG)
    assert (process.returncode, shown) == (status, b""), error
    assert "1 program had begun; these calls are done: time.get_current_time" in error.decode()
    assert b"Traceback" not in error
    listed = underpass("runs", "list", "--json", cwd=tmp_path).json
    assert [run["state"] for run in listed["runs"]] == ["Interrupted"]


@pytest.mark.slow
def test_a_model_that_cannot_be_asked_any_more_leaves_word_of_what_was_done(tmp_path: Path) -> None:
    write_config(tmp_path, "time")
    with serve_model(runs(NOW), Fails(401, code="invalid_api_key")) as model:
        arguments = ("--model", "openai:x", "--mode", "python", "--base-url", f"{model.url}/v1")
        done = underpass("agent", "Which zone?", *arguments, cwd=tmp_path)
    assert done.status == 1
    assert "these calls are done: time.get_current_time" in done.stderr


@pytest.mark.slow
def test_the_settings_of_the_agent_hold(tmp_path: Path) -> None:
    write_config(tmp_path, "time")
    (tmp_path / "underpass.toml").write_text('[agents.clerk]\nmodes = ["direct"]\n')
    arguments = ("--model", "openai:x", "--base-url", "http://127.0.0.1:9/v1")
    done = underpass("agent", "Hello", *arguments, "--agent", "clerk", "--mode", "python", cwd=tmp_path)
    assert done.status == 1
    assert "the agent 'clerk' may not use the mode 'python'" in done.stderr


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
