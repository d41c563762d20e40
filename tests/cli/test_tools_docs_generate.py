import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command_line import at_terminal, underpass, write_config

from underpass.discovery import minilm

BROKEN = {"command": "there-is-no-such-command"}

MANIFEST = "\n".join(
    [
        json.dumps(
            {
                "server": "my-git",
                "name": "git_log",
                "description": "Shows commit logs",
                "inputSchema": {"type": "object"},
            }
        ),
        json.dumps(
            {
                "server": "wiki",
                "name": "search",
                "description": "Finds pages",
                "inputSchema": {"type": "object"},
            }
        ),
        "{ broken",
    ]
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write_config(folder, "time", broken=BROKEN, off={"command": "x", "disabled": True})
    (folder / "tools.jsonl").write_text(MANIFEST)
    return folder


@pytest.mark.requirement("R01")
def test_tools_lists_each_server_with_its_state_tools_and_error(project: Path) -> None:
    done = underpass("tools", "--json", cwd=project)
    assert done.status == 0
    servers = {server["name"]: server for server in done.json["servers"]}
    assert servers["time"]["state"] == "started"
    assert [tool["name"] for tool in servers["time"]["tools"]] == ["get_current_time", "convert_time"]
    assert servers["broken"]["state"] == "failed"
    assert "there-is-no-such-command" in servers["broken"]["error"]
    assert servers["off"]["state"] == "disabled"
    assert done.stderr == ""


def test_tools_is_readable_without_a_terminal(project: Path) -> None:
    done = underpass("tools", cwd=project)
    assert "from mcp_servers import time" in done.stdout
    assert "broken: " in done.stdout
    assert "\x1b" not in done.stdout


def test_tools_of_one_server_shows_their_signatures_and_starts_no_other(project: Path) -> None:
    done = underpass("tools", "--server", "time", cwd=project)
    assert "convert_time(*, source_timezone: str" in done.stdout
    assert "broken" not in done.stdout


def test_a_server_that_cannot_start_is_shown_when_asked_for_alone(project: Path) -> None:
    done = underpass("tools", "--server", "broken", "--json", cwd=project)
    assert done.status == 0
    assert done.json["servers"][0]["state"] == "failed"


@pytest.mark.requirement("R21")
def test_a_query_ranks_tools(project: Path) -> None:
    done = underpass("tools", "convert between timezones", "--limit", "1", "--json", cwd=project)
    [hit] = done.json
    assert hit["id"] == "time::convert_time"
    assert set(hit) == {
        "id", "server", "name", "summary", "signature", "category", "capabilities", "score"
    }  # fmt: skip
    shown = underpass("tools", "convert between timezones", cwd=project)
    assert shown.stdout.startswith("time.convert_time(")


def test_a_query_that_nothing_fits_says_so(project: Path) -> None:
    assert underpass("tools", "zebra", "--json", cwd=project).json == []
    assert "no tool fits" in underpass("tools", "zebra", cwd=project).stdout


@pytest.mark.parametrize("arguments", [["tools"], ["tools", "--json"], ["doctor"]])
def test_a_locale_with_few_characters_is_no_error(project: Path, arguments: list[str]) -> None:
    done = underpass(*arguments, cwd=project, env={"PYTHONIOENCODING": "ascii"})
    assert "time" in done.stdout
    assert "error" not in done.stderr


def test_a_manifest_is_listed_and_searched_without_any_server(project: Path) -> None:
    done = underpass("tools", "--manifest", "tools.jsonl", "--json", cwd=project)
    servers = {server["name"]: server for server in done.json["servers"]}
    assert servers["my-git"]["module"] == "my_git"
    assert servers["wiki"]["tools"][0]["id"] == "wiki::search"
    assert any("line 3" in str(finding) for server in servers.values() for finding in server["findings"])
    hits = underpass("tools", "commits", "--manifest", "tools.jsonl", "--json", cwd=project)
    assert [hit["id"] for hit in hits.json] == ["my-git::git_log"]
    shown = underpass("tools", "--manifest", "tools.jsonl", "--server", "wiki", cwd=project)
    assert "search() -> Any" in shown.stdout


def test_a_query_can_be_narrowed_to_a_category_and_capabilities(project: Path) -> None:
    words = ["tools", "find pages", "--manifest", "tools.jsonl", "--json"]
    [hit] = underpass(*words, "--capability", "read", "--capability", "search", cwd=project).json
    assert hit["id"] == "wiki::search"
    assert hit["capabilities"] == ["read", "search"]
    narrowed = underpass(*words, "--category", hit["category"], "--server", "wiki", cwd=project)
    assert [hit["id"] for hit in narrowed.json] == ["wiki::search"]
    listed = underpass("tools", *words[2:], "--capability", "search", cwd=project)
    assert [hit["id"] for hit in listed.json] == ["wiki::search"]


@pytest.mark.requirement("R21", "R22")
def test_a_manifest_keeps_the_labels_of_its_servers(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"server": "a", "name": "one", "category": "Email and Messaging"},
        {"server": "a", "name": "two", "category": "x", "_meta": {"category": "Weather"}},
        {"server": "a", "name": "three", "category": ["no label"]},
        {"server": "a", "name": "four", "category": "x", "_meta": "no object"},
    ]
    (tmp_path / "tools.jsonl").write_text("\n".join(map(json.dumps, lines)))
    words = ["--manifest", "tools.jsonl", "--json"]
    [one] = underpass("tools", "--category", "communication", *words, cwd=tmp_path).json
    [two] = underpass("tools", "--category", "weather", *words, cwd=tmp_path).json
    assert (one["id"], one["category"], two["id"]) == ("a::one", "communication", "a::two")


@pytest.mark.requirement("R21")
def test_signatures_are_in_the_language_that_is_asked_for(project: Path) -> None:
    words = ["--manifest", "tools.jsonl", "--language", "typescript"]
    [hit] = underpass("tools", "commits", *words, "--json", cwd=project).json
    shown = underpass("tools", "--server", "wiki", *words, cwd=project)
    assert hit["signature"].startswith("gitLog(")
    assert "search(): Promise<unknown>" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "hint"),
    [
        (["tools", "x", "--manifest", "tools.jsonl", "--capability", "serch"], 1, "did you mean 'search'"),
        (["tools", "--manifest", "tools.jsonl", "--server", "wikki"], 1, "did you mean 'wiki'"),
        (["tools", "--manifest", "absent.jsonl"], 2, "hint:"),
        (["tools", "--server", "tiem"], 1, "did you mean 'time'"),
        (["tools", "--config", "absent.json"], 2, "underpass init"),
        (["docs", "time.convert_tim"], 1, "did you mean 'convert_time'"),
        (["docs", "tme.convert_time"], 1, "did you mean 'time'"),
        (["docs", "broken.x"], 1, "there-is-no-such-command"),
    ],
)
def test_a_wrong_name_is_answered_with_what_to_do(
    project: Path, arguments: list[str], status: int, hint: str
) -> None:
    done = underpass(*arguments, cwd=project)
    assert (done.status, done.stdout) == (status, "")
    assert "error: " in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_malformed_json_is_answered_with_its_place(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {\n  "a": }\n}')
    for arguments in (
        ["tools"],
        ["run", "-c", "1"],
        ["serve"],
        ["generate", "--output", "x"],
        ["docs", "a.b"],
    ):
        done = underpass(*arguments, cwd=tmp_path)
        assert done.status == 2
        assert "line 2, column 8" in done.stderr


def test_no_configuration_is_no_error_and_is_said(tmp_path: Path) -> None:
    done = underpass("tools", cwd=tmp_path)
    assert done.status == 0
    assert "no configuration found" in done.stderr
    assert "underpass add" in done.stdout
    assert underpass("tools", "--json", cwd=tmp_path).json == {"servers": []}


@pytest.mark.requirement("R22")
@pytest.mark.parametrize("name", ["time.convert_time", "time::convert_time"])
def test_docs_gives_markdown(project: Path, name: str) -> None:
    done = underpass("docs", name, cwd=project)
    assert done.stdout.startswith("# time.convert_time")
    assert "target_timezone" in done.stdout
    as_json = underpass("docs", name, "--json", cwd=project).json
    assert as_json["id"] == "time::convert_time"
    assert as_json["documentation"].strip() == done.stdout.strip()


def test_docs_are_set_in_type_at_a_terminal(project: Path) -> None:
    status, shown = at_terminal("docs", "time.convert_time", cwd=project)
    assert status == 0
    assert "time.convert_time" in shown
    assert "```" not in shown


@pytest.mark.requirement("R03", "R07")
def test_generate_writes_an_importable_package(project: Path, tmp_path: Path) -> None:
    output = tmp_path / "mcp_servers"
    done = underpass(
        "generate", "--format", "python", "--output", output, "--server", "time", "--json", cwd=project
    )
    assert done.status == 0
    assert done.json["tools"] == 2
    assert done.json["servers"] == {"time": "time"}
    code = "from mcp_servers import time; print(time.convert_time.__doc__.splitlines()[0])"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert shown.stdout == "Convert time between timezones\n"
    again = underpass("generate", "--output", output, "--server", "time", "--json", cwd=project)
    assert again.json["changed"] == 0


def test_generate_writes_what_it_can_and_fails_for_the_rest(project: Path, tmp_path: Path) -> None:
    done = underpass("generate", "--output", tmp_path / "all", cwd=project)
    assert done.status == 1
    assert "broken: " in done.stderr
    assert "2 tools of 1 server" in done.stdout


def test_generate_from_a_manifest_needs_no_server(project: Path, tmp_path: Path) -> None:
    arguments = ["--manifest", "tools.jsonl", "--output", str(tmp_path / "m")]
    done = underpass(*arguments, cwd=project, program="mcp-codegen")
    assert done.status == 0
    assert "line 3" in done.stderr
    assert (tmp_path / "m" / "my_git" / "_git_log.py").exists()


def test_generate_touches_no_file_of_someone_else(project: Path, tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("# mine\n")
    done = underpass("generate", "--manifest", "tools.jsonl", "--output", tmp_path, cwd=project)
    assert done.status == 1
    assert "hint: " in done.stderr
    assert (tmp_path / "__init__.py").read_text() == "# mine\n"


@pytest.mark.requirement("R02", "R13")
def test_generate_writes_a_typescript_package(project: Path, tmp_path: Path) -> None:
    arguments = ["--manifest", "tools.jsonl", "--format", "typescript", "--output", tmp_path / "mcp-servers"]
    done = underpass("generate", *arguments, "--declarations", "--json", cwd=project)
    assert done.status == 0
    assert done.json["format"] == "typescript"
    assert done.json["servers"] == {"my-git": "myGit", "tools": "tools", "wiki": "wiki"}
    assert (tmp_path / "mcp-servers" / "myGit" / "_gitLog.ts").exists()
    assert (
        'declare module "mcp-servers/my-git"' in (tmp_path / "mcp-servers" / "mcp-servers.d.ts").read_text()
    )
    again = underpass("generate", *arguments, "--json", cwd=project)
    assert again.json["changed"] == 1  # the declarations go


@pytest.mark.requirement("R02")
def test_mcp_codegen_writes_one_module_for_the_server_that_it_is_named_after(
    project: Path, tmp_path: Path
) -> None:
    output = tmp_path / "workspace" / "mcp-servers" / "wiki.ts"
    (tmp_path / "workspace" / "mcp-servers").mkdir(parents=True)
    (output.parent / "mine.ts").write_text("// mine\n")
    arguments = ["--manifest", "tools.jsonl", "--output", str(output), "--format", "typescript"]
    done = underpass(*arguments, cwd=project, program="mcp-codegen")
    assert done.status == 0
    assert 'callTool("wiki", "search", args)' in output.read_text()
    assert (output.parent / "mine.ts").read_text() == "// mine\n"
    named = underpass(
        "generate", *arguments[:2], "--output", output.with_name("x.ts"), "--server", "my-git", cwd=project
    )
    assert "1 tool of 1 server in" in named.stdout


def test_generate_writes_one_module_of_a_server_that_is_asked(project: Path, tmp_path: Path) -> None:
    done = underpass("generate", "--output", tmp_path / "time.ts", "--declarations", cwd=project)
    assert done.status == 0
    assert "getCurrentTime(args: GetCurrentTimeParameters)" in (tmp_path / "time.ts").read_text()
    assert "export declare function convertTime(" in (tmp_path / "time.d.ts").read_text()
    failed = underpass("generate", "--output", tmp_path / "broken.ts", cwd=project)
    assert failed.status == 1
    assert "there-is-no-such-command" in failed.stderr
    assert not (tmp_path / "broken.ts").exists()


@pytest.mark.requirement("R04")
def test_generate_takes_templates_of_the_users(project: Path, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "tool.py.jinja").write_text("{{ header }}\n# {{ tool.name }}\n")
    arguments = [
        "--manifest",
        "tools.jsonl",
        "--output",
        tmp_path / "m",
        "--templates",
        tmp_path / "templates",
    ]
    assert underpass("generate", *arguments, cwd=project).status == 0
    assert (tmp_path / "m" / "wiki" / "_search.py").read_text().endswith("# search\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "x.ts"], "named after no server: choose one with --server"),
        (["--output", "x.ts", "--format", "python"], "go with --format typescript"),
        (["--output", "x", "--declarations"], "go with --format typescript"),
        (["--output", "_runtime.ts"], "name it otherwise"),
    ],
)
def test_generate_says_what_a_single_module_needs(project: Path, arguments: list[str], message: str) -> None:
    for source in (["--manifest", "tools.jsonl"], []):
        done = underpass("generate", *arguments, *source, cwd=project)
        assert done.status == 2
        assert message in done.stderr


@pytest.mark.requirement("R23")
def test_tools_searches_by_meaning_where_the_extra_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not minilm.is_installed():
        pytest.skip("the extra `semantic` is not installed")
    (tmp_path / "tools.jsonl").write_text(MANIFEST)
    (tmp_path / ".underpass").mkdir()
    arguments = ("tools", "what happened in my repository", "--manifest", "tools.jsonl", "--json")
    assert json.loads(underpass(*arguments, cwd=tmp_path).stdout) == []
    assert not (tmp_path / ".underpass" / minilm.FILE_NAME).exists()
    monkeypatch.setenv("UNDERPASS_DISCOVERY_SEMANTIC", "auto")
    # A search waits for the model for three seconds; a busy machine may need a second one.
    found = (json.loads(underpass(*arguments, cwd=tmp_path).stdout) for _ in range(5))
    assert next(hits for hits in found if hits)[0]["id"] == "my-git::git_log"
    assert (tmp_path / ".underpass" / minilm.FILE_NAME).exists()
