import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.command_line import BIN, underpass

from underpass.cli.main import COMMANDS, cli, main

HEAVY = [
    "anyio",
    "jinja2",
    "jsonschema_rs",
    "mcp",
    "mcp_types",
    "orjson",
    "pydantic",
    "rich",
    "rs_bpe",
    "underpass.catalog",
    "underpass.codegen",
    "underpass.execution",
    "underpass.sandbox",
]


def test_help_imports_no_command_and_nothing_heavy() -> None:
    unwanted = {*HEAVY, *(module for module, _ in COMMANDS.values())}
    code = (
        "import sys\n"
        "from underpass.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as exit: assert exit.code == 0\n"
        f"heavy = sorted({unwanted} & set(sys.modules))\n"
        "print('heavy:', heavy, file=sys.stderr)\n"
    )
    # Coverage of subprocesses would import more than the program does.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert "heavy: []" in done.stderr
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


def test_underpass_is_imported_without_the_sdk_and_without_what_few_use() -> None:
    late = {"mcp", "mcp_types", "pydantic", "pydantic_ai", "sqlite3", "rs_bpe", "phonenumbers"}
    code = f"import sys\nfrom underpass import Underpass\nprint(sorted({late} & set(sys.modules)))"
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself_with_an_example_and_has_a_json_form(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([name, "--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    assert f"$ underpass {name}" in shown
    assert "--json" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_a_summary_in_the_table_says_what_the_command_says(name: str) -> None:
    command = cli.get_command(None, name)  # pyright: ignore[reportArgumentType]
    assert command is not None
    assert COMMANDS[name][1].endswith(".")


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["tools", "--nonsense"], ["run"], ["run", "a.py", "-c", "1"], ["add", "x"], ["docs"]],
)
def test_a_mistake_in_the_call_exits_2_and_says_so(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error:" in captured.err


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out.startswith("underpass 0.")


def test_mcp_codegen_is_generate_under_another_name(tmp_path: Path) -> None:
    shown = underpass("-h", cwd=tmp_path, program="mcp-codegen")
    assert shown.status == 0
    assert shown.stdout.startswith("Usage: mcp-codegen [OPTIONS]")
    assert "$ mcp-codegen --format python --output" in shown.stdout
    assert "underpass generate" not in shown.stdout
    wrong = underpass("--outptu", "x", cwd=tmp_path, program="mcp-codegen")
    assert (wrong.status, "'mcp-codegen --help'" in wrong.stderr) == (2, True)


def test_a_reader_who_has_seen_enough_causes_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{BIN}/underpass --help | head -c 1",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_an_unexpected_error_is_one_line_unless_debug_is_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("cannot happen")

    monkeypatch.setattr(cli, "invoke", broken)
    with pytest.raises(SystemExit) as exit_:
        main(["tools"])
    assert exit_.value.code == 1
    assert "error: RuntimeError: cannot happen" in capsys.readouterr().err
    with pytest.raises(RuntimeError):
        main(["--debug", "tools"])
