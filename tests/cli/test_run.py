import json
import re
from pathlib import Path

import pytest
from tests.cli.command_line import at_terminal, underpass, write_config


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write_config(folder, "time")
    return folder


@pytest.mark.requirement("R10", "R12", "R33")
def test_a_run_in_json_is_one_object_with_all_it_is_about(project: Path) -> None:
    code = (
        "from mcp_servers import time\n"
        "there = await time.convert_time(source_timezone='UTC', time='12:00', target_timezone='Asia/Tokyo')\n"
        "print('asked')\n"
        "there['time_difference']\n"
    )
    done = underpass("run", "-c", code, "--json", cwd=project)
    assert done.status == 0
    result = done.json
    assert set(result) >= {
        "run", "ok", "value", "stdout", "stderr", "error",
        "tool_calls", "duration_ms", "sandbox", "language", "checked", "tokens",
    }  # fmt: skip
    assert (result["ok"], result["value"], result["stdout"]) == (True, "+9.0h", "asked\n")
    [call] = result["tool_calls"]
    assert (call["server"], call["tool"], call["ok"]) == ("time", "convert_time", True)
    assert set(result["duration_ms"]) == {"total", "queue", "start", "run"}
    assert set(result["tokens"]) == {"context", "direct", "saved", "tokenizer"}
    assert result["sandbox"] == "process"


def test_a_run_for_people_prints_output_then_value_then_a_footer_on_stderr(project: Path) -> None:
    done = underpass("run", "-c", "print('hello')\n{'a': [1]}", cwd=project)
    assert done.stdout == 'hello\n{\n  "a": [\n    1\n  ]\n}\n'
    assert "0 tool calls" in done.stderr
    assert "sandbox process" in done.stderr


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_a_program_comes_from_a_file_or_from_standard_input(project: Path, source: str) -> None:
    code = "# é\nreturn 'ünï'\n"
    (project / "program.py").write_text(code, encoding="utf-8")
    done = underpass("run", "program.py" if source == "file" else "-", stdin=code, cwd=project)
    assert done.stdout == '"ünï"\n'


@pytest.mark.requirement("R16")
def test_a_failing_program_exits_1_and_shows_the_users_own_lines(project: Path) -> None:
    (project / "bad.py").write_text("x = 1\nraise ValueError('no such berth')\n")
    done = underpass("run", "bad.py", cwd=project)
    assert (done.status, done.stdout) == (1, "")
    assert "ValueError: no such berth" in done.stderr
    assert "bad.py" in done.stderr
    assert "line 2" in done.stderr
    assert "site-packages" not in done.stderr
    as_json = underpass("run", "bad.py", "--json", cwd=project)
    assert as_json.status == 1
    assert as_json.json["ok"] is False
    assert as_json.json["error"]["type"] == "ValueError"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def f(:\n", "SyntaxError"),
        ("while True: pass", "Timeout"),
        ("import asyncio\nawait asyncio.sleep(60)", "Timeout"),
        ("from mcp_servers import tiem", "did you mean"),
        ("from mcp_servers import time\nawait time.convert_tim()", "did you mean"),
        ("float('nan')", "nan"),
        ("a = []; a.append(a); a", "itself"),
        ("object()", "JSON"),
    ],
)
def test_bad_programs_end_with_a_clear_error(project: Path, code: str, said: str) -> None:
    done = underpass("run", "-c", code, "--timeout", "3", cwd=project)
    assert done.status == 1
    assert said.lower() in done.stderr.lower()
    assert "underpass/" not in done.stderr


@pytest.mark.requirement("R12")
def test_a_large_value_is_bounded_and_kept_whole(project: Path) -> None:
    done = underpass(
        "run", "-c", "list(range(100_000))", "--max-tokens", "200", "--json", "--agent", "big", cwd=project
    )
    assert len(done.stdout) < 4_000
    kept = list((project / "workspace" / "big" / "results").glob("*.json"))
    assert json.loads(kept[0].read_text()) == list(range(100_000))


def test_a_program_cannot_write_control_characters_to_the_terminal(project: Path) -> None:
    done = underpass("run", "-c", r"print('\x1b[2J\x1b]0;owned\x07 \u202e')", cwd=project)
    assert done.stdout == "\\x1b[2J\\x1b]0;owned\\x07 \\x202e\n"


@pytest.mark.parametrize("arguments", [["--json"], []])
def test_output_in_a_locale_with_few_characters_is_no_error(project: Path, arguments: list[str]) -> None:
    code = "print('\u4e2d'); '\u00fc'"
    done = underpass("run", "-c", code, *arguments, cwd=project, env={"PYTHONIOENCODING": "ascii"})
    assert done.status == 0
    assert "ü" in done.stdout


def test_running_without_a_sandbox_is_said_in_every_output(project: Path) -> None:
    done = underpass("run", "-c", "1", "--sandbox", "none", cwd=project)
    assert "warning: sandbox none" in done.stderr
    assert "not isolated" in done.stderr
    as_json = underpass("run", "-c", "1", "--json", cwd=project, env={"UNDERPASS_SANDBOX_TIER": "none"})
    assert as_json.json["sandbox"] == "none"
    assert "warning" in as_json.stderr


def test_a_named_configuration_that_is_missing_is_an_error(tmp_path: Path) -> None:
    done = underpass("run", "-c", "1", "--config", "absent.json", cwd=tmp_path)
    assert (done.status, done.stdout) == (2, "")
    assert "hint: `underpass init`" in done.stderr


def test_without_a_configuration_a_program_runs_with_no_servers(tmp_path: Path) -> None:
    done = underpass("run", "-c", "1 + 1", cwd=tmp_path)
    assert (done.status, done.stdout) == (0, "2\n")
    assert "no configuration found" in done.stderr


@pytest.mark.parametrize("file", ["absent.py", "."])
def test_a_program_that_cannot_be_read_is_a_mistake_in_the_call(tmp_path: Path, file: str) -> None:
    done = underpass("run", file, cwd=tmp_path)
    assert done.status == 2
    assert "cannot be read" in done.stderr


def test_a_program_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in underpass("run", "x.py", cwd=tmp_path).stderr


def test_a_wrong_setting_is_answered_with_the_right_one(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {}}')
    (tmp_path / "underpass.toml").write_text("[run]\ntimeuot = 5\n")
    done = underpass("run", "-c", "1", cwd=tmp_path)
    assert done.status == 2
    assert "did you mean run.timeout" in done.stderr


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colour_unless_it_asks_for_none(
    project: Path, variables: dict[str, str], coloured: bool
) -> None:
    status, shown = at_terminal("run", "-c", "{'a': 1}", cwd=project, env=variables)
    assert status == 0
    assert '"a"' in shown
    assert bool(re.search(r"\x1b\[[0-9;]*[39][0-9]m", shown)) is coloured
