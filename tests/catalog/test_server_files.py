from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from mcp.server import MCPServer

from underpass.catalog import (
    InMemoryUpstream,
    ServerSpec,
    add_server,
    discover_configs,
    find_config,
    load_servers,
)
from underpass.catalog.references import resolve
from underpass.catalog.secret_store import SecretStore
from underpass.errors import ConfigError

pytestmark = pytest.mark.requirement("R01")


def written(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def spec(entry: dict[str, Any], environ: dict[str, str] | None = None) -> ServerSpec:
    (loaded,) = load_servers({"mcpServers": {"s": entry}}, environ or {}).values()
    assert isinstance(loaded, ServerSpec)
    return loaded


def test_the_shapes_of_all_programs_are_read(tmp_path: Path) -> None:
    path = written(
        tmp_path / ".mcp.json",
        {
            "mcpServers": {
                "claude": {"command": "uvx", "args": ["mcp-server-git", "--port", 80], "env": {"A": True}},
                "cursor": {"url": "https://host/mcp", "headers": {"X": "1"}},
                "gemini": {"httpUrl": "https://host/mcp", "trust": True, "timeout": 5000},
                "old": {"type": "sse", "url": "https://host/sse"},
                "typed": {"type": "streamable-http", "url": "https://host/mcp", "disabled": True},
                "local": {"command": "run", "cwd": "sub"},
            },
            "other": [1],
        },
    )
    servers = load_servers(path, {})
    assert servers["claude"] == ServerSpec(
        "claude", "stdio", "uvx", ("mcp-server-git", "--port", "80"), {"A": "true"}, source=path
    )
    assert servers["cursor"] == ServerSpec(
        "cursor", "http", url="https://host/mcp", headers={"X": "1"}, source=path
    )
    assert servers["gemini"] == ServerSpec("gemini", "http", url="https://host/mcp", source=path)
    assert servers["old"] == ServerSpec("old", "sse", url="https://host/sse", source=path)
    assert servers["typed"] == ServerSpec("typed", "http", url="https://host/mcp", disabled=True, source=path)
    assert servers["local"] == ServerSpec("local", "stdio", "run", cwd=tmp_path / "sub", source=path)


def test_the_file_of_vs_code_is_read(tmp_path: Path) -> None:
    content: dict[str, Any] = {"inputs": [], "servers": {"a": {"type": "stdio", "command": "${input:x}"}}}
    (server,) = load_servers(written(tmp_path / "mcp.json", content), {}).values()
    assert isinstance(server, ServerSpec)
    assert server.command == "${input:x}"


@pytest.mark.anyio
async def test_variables_are_expanded_when_the_server_starts_wherever_a_program_would(tmp_path: Path) -> None:
    environ = {"A": "1", "EMPTY": ""}
    entry = {
        "command": "${A}/run",
        "args": ["${A}${A}", "${NONE:-x y}", "${EMPTY:-z}", "${NONE}", "$A", "${A:-no}"],
        "env": {"T": "${A}"},
    }
    read = spec(entry, environ)
    assert read.command == "${A}/run"
    server, _ = await resolve(read, SecretStore(tmp_path))
    assert server.command == "1/run"
    assert server.args == ("11", "x y", "z", "${NONE}", "$A", "1")
    assert server.env == {"T": "1"}
    remote = spec({"url": "http://${A}", "headers": {"H": "Bearer ${A}"}}, environ)
    remote, _ = await resolve(remote, SecretStore(tmp_path))
    assert (remote.url, remote.headers) == ("http://1", {"H": "Bearer 1"})


def test_malformed_json_is_reported_with_its_place(tmp_path: Path) -> None:
    path = written(tmp_path / ".mcp.json", '{\n  "mcpServers": {,}\n}')
    with pytest.raises(ConfigError, match=r"\.mcp\.json, line 2, column 18") as caught:
        load_servers(path)
    assert caught.value.data == {"path": str(path), "line": 2, "column": 18}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"mcpServers": []}, "mcpServers must be an object, but is an array"),
        ({"mcpServers": {"a": "uvx"}}, "mcpServers.a must be an object, but is a string"),
        ({"mcpServers": {"a": {}}}, "mcpServers.a names no command"),
        ({"mcpServers": {"a": {"type": "http"}}}, "mcpServers.a is of type 'http' but has no url"),
        ({"mcpServers": {"a": {"command": 5}}}, "mcpServers.a.command must be a string, but is a number"),
        ({"mcpServers": {"a": {"command": "x", "args": "y"}}}, "mcpServers.a.args must be an array"),
        (
            {"mcpServers": {"a": {"command": "x", "args": ["y", None]}}},
            r"mcpServers.a.args\[1\] must be a str",
        ),
        ({"mcpServers": {"a": {"command": "x", "env": {"B": []}}}}, "mcpServers.a.env.B must be a string"),
        (
            {"mcpServers": {"a": {"command": "x", "disabled": 1}}},
            "mcpServers.a.disabled must be true or false",
        ),
        ({"servers": {"a": {"type": "htp", "url": "x"}}}, "servers.a.type names an unknown transport"),
        ({"servers": {"a": {"type": {}, "url": "x"}}}, "servers.a.type must be a string, but is an object"),
        ([], "must hold an object, but holds an array"),
        ({"mcp": {}}, 'names no servers: it has no "mcpServers"'),
        ("[" * 100_000, "nested too deeply"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_shape_is_reported_with_its_path(tmp_path: Path, content: object, place: str) -> None:
    with pytest.raises(ConfigError, match=place) as caught:
        load_servers(written(tmp_path / "mcp.json", content))
    assert str(tmp_path) in caught.value.message


def test_files_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        load_servers(tmp_path / "missing.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_servers(tmp_path)
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_servers(tmp_path / "latin.json")


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    assert load_servers(written(tmp_path / "a.json", '\ufeff{"mcpServers": {}}')) == {}


def test_a_mapping_may_leave_out_the_key_and_hold_objects() -> None:
    upstream, server = InMemoryUpstream("u"), MCPServer("m")
    given = ServerSpec("g", "stdio", "run")
    loaded = load_servers({"c": {"command": "x"}, "u": upstream, "m": server, "g": given}, {})
    assert loaded == {"c": ServerSpec("c", "stdio", "x"), "u": upstream, "m": server, "g": given}
    with pytest.raises(ConfigError, match=r"^s must be an object, but is a Python set"):
        load_servers({"s": set[str]()})
    with pytest.raises(ConfigError, match=r"^s is of type 'sse' but has no url"):
        load_servers({"s": {"type": "sse"}})


def test_secrets_are_not_shown_with_the_server() -> None:
    servers = [
        spec({"command": "x", "env": {"KEY": "hunter2"}}),
        spec({"url": "x", "headers": {"Authorization": "hunter2"}}),
    ]
    assert "hunter2" not in repr(servers)


def test_the_nearest_configuration_is_found(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    outer = written(tmp_path / ".mcp.json", {})
    assert find_config(deep, {}) == outer
    inner = written(tmp_path / "a" / ".mcp.json", {})
    assert find_config(deep, {}) == inner
    assert find_config(deep, {"UNDERPASS_CONFIG": "/elsewhere.json"}) == Path("/elsewhere.json")
    inner.unlink()
    outer.unlink()
    assert find_config(deep, {}) is None


def test_adding_a_server_keeps_the_rest_of_the_file(tmp_path: Path) -> None:
    path = written(
        tmp_path / ".mcp.json",
        '{\n    "note": "ü",\n    "mcpServers": {\n        "b": {"command": "x", "odd": 1}},\n    "z": 1\n}',
    )
    path.chmod(0o600)
    add_server(path, "a", {"command": "y"})
    text = path.read_text()
    assert list(json.loads(text)) == ["note", "mcpServers", "z"]
    assert json.loads(text)["mcpServers"] == {"b": {"command": "x", "odd": 1}, "a": {"command": "y"}}
    assert '\n    "note": "ü"' in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [".mcp.json"]


def test_adding_makes_the_file_and_follows_the_shape_and_the_link_that_are_there(tmp_path: Path) -> None:
    new = tmp_path / "new" / ".mcp.json"
    add_server(new, "a", {"url": "http://x"})
    assert json.loads(new.read_text()) == {"mcpServers": {"a": {"url": "http://x"}}}
    target = written(tmp_path / "code.json", {"servers": {}})
    link = tmp_path / "link.json"
    link.symlink_to(target)
    add_server(link, "a", {"command": "x"})
    assert link.is_symlink()
    assert json.loads(target.read_text()) == {"servers": {"a": {"command": "x"}}}


def test_a_name_is_not_overwritten_by_accident(tmp_path: Path) -> None:
    path = written(tmp_path / ".mcp.json", {"mcpServers": {"a": {"command": "x"}}})
    with pytest.raises(ConfigError, match="already names a server 'a'"):
        add_server(path, "a", {"command": "y"})
    add_server(path, "a", {"command": "y"}, replace=True)
    assert json.loads(path.read_text())["mcpServers"]["a"] == {"command": "y"}


def test_a_bad_entry_or_file_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = written(tmp_path / ".mcp.json", {"mcpServers": []})
    with pytest.raises(ConfigError, match="names no command"):
        add_server(path, "a", {})
    with pytest.raises(ConfigError, match="must be an object"):
        add_server(path, "a", {"command": "x"})
    assert json.loads(path.read_text()) == {"mcpServers": []}


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = written(tmp_path / ".mcp.json", {"mcpServers": {}})
    with pytest.raises(UnicodeEncodeError):
        add_server(path, "a", {"command": "\ud800"})
    assert json.loads(path.read_text()) == {"mcpServers": {}}
    assert [file.name for file in tmp_path.iterdir()] == [".mcp.json"]


def test_configurations_of_other_programs_are_found(tmp_path: Path) -> None:
    home, cwd = tmp_path / "home", tmp_path / "project"
    entry = {"command": "x"}
    servers = {"mcpServers": {"s": entry, "odd": 5}}
    claude = {"projects": {str(cwd): {"mcpServers": {"p": entry}}, "/other": {"mcpServers": {"o": entry}}}}
    places = {
        "Claude Code": written(cwd / ".mcp.json", servers),
        "Claude Desktop": written(home / ".config/Claude/claude_desktop_config.json", servers),
        "Cursor": written(home / ".cursor/mcp.json", servers),
        "VS Code": written(cwd / ".vscode/mcp.json", {"servers": {"s": entry}}),
    }
    mine = written(home / ".claude.json", servers | claude)
    written(home / ".gemini/settings.json", {"theme": "dark"})
    written(cwd / ".gemini/settings.json", {"mcpServers": []})
    broken = written(cwd / ".cursor/mcp.json", "{")
    found = discover_configs(home, cwd)
    assert {config.path for config in found} == {*places.values(), mine, broken}
    by_path = {config.path: config for config in found}
    for program, path in places.items():
        assert by_path[path].program == program
        assert by_path[path].servers == {"s": entry}
    assert by_path[mine].servers == {"s": entry, "p": entry}
    assert "line 1" in (by_path[broken].error or "")
    assert discover_configs(tmp_path / "nobody", tmp_path / "nowhere") == []
