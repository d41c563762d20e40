"""The configuration of every program is read as that program means it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from underpass.catalog import ServerSpec, add_server, discover_configs, load_servers
from underpass.catalog.adopt import candidates, moved, without_secrets
from underpass.catalog.references import resolve
from underpass.catalog.secret_store import SecretStore
from underpass.errors import ConfigError

pytestmark = pytest.mark.requirement("R01")

VS_CODE = """\
// Written by hand.
{
  "inputs": [
    {"type": "promptString", "id": "api-key", "description": "The key of \\"tickets\\"", "password": true},
    {"type": "promptString", "id": "region", "description": "Region", "default": "eu"},
    {"type": "pickString", "id": "mode", "description": "Mode", "options": ["a", "b"]},
    5, /* no input */
  ],
  "servers": {
    "tickets": {
      "type": "stdio",
      "command": "${workspaceFolder}/run", // a comment with "quotes" and { braces
      "args": ["--region", "${input:region}", "https://host//path",],
      "env": {"KEY": "${input:api-key}", "HOME_OF": "${env:OWNER}", "SEP": "${/}", "GONE": null},
      "envFile": "${workspaceFolder}/.env",
    },
    "remote": {"url": "https://h/mcp?k=${input:api-key}", "headers": {"X": "t ${input:mode}"}},
  },
}
"""
CODEX = """\
model = "m"
[mcp_servers.docs]
command = "npx"
args = ["-y", "docs"]
env_vars = ["A", {name = "B", source = "remote"}]
enabled = false
[mcp_servers.docs.env]
C = "c"
[mcp_servers.figma]
url = "https://figma.example/mcp"
bearer_token_env_var = "FIGMA"
http_headers = { X = "1" }
env_http_headers = { Y = "WHY" }
"""
GOOSE = """\
GOOSE_MODEL: m
extensions:
  developer: {type: builtin, enabled: true, name: developer}
  files: &files
    type: stdio
    enabled: true
    cmd: npx
    args: [-y, files]
    envs: {A: 1}
    env_keys: [TOKEN]
    timeout: 300
  remote: {type: streamable_http, enabled: false, uri: "https://r.example/mcp", headers: {X: y}}
  nested: {enabled: true, config: {type: stdio, cmd: run}}
  1: {type: stdio, cmd: numbered}
"""


def written(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def specs(path: Path, environ: dict[str, str] | None = None) -> dict[str, ServerSpec]:
    loaded = load_servers(path, environ or {})
    return {name: spec for name, spec in loaded.items() if isinstance(spec, ServerSpec)}


@pytest.mark.anyio
async def test_vs_codes_file_is_read_with_comments_inputs_places_and_its_env_file(tmp_path: Path) -> None:
    path = written(tmp_path / ".vscode" / "mcp.json", VS_CODE)
    written(tmp_path / ".env", "# note\nexport FROM_FILE='a b'\nKEY=not this\nTOKEN=\"t0ken\\nx\" # no\n")
    store = SecretStore(tmp_path / ".underpass")
    store.set("api-key", "s3cret/${A}")
    read = specs(path, {"OWNER": "me", "INPUT_MODE": "b"})
    server, redactor = await resolve(read["tickets"], store)
    assert server.command == f"{tmp_path}/run"
    assert server.args == ("--region", "eu", "https://host//path")
    assert server.env == {
        "FROM_FILE": "a b", "TOKEN": "t0ken\nx", "KEY": "s3cret/${A}", "HOME_OF": "me", "SEP": "/",
    }  # fmt: skip
    assert redactor.text("it is s3cret/${A}, in eu") == "it is [secret api-key], in eu"
    remote, _ = await resolve(read["remote"], store)
    assert remote.url == "https://h/mcp?k=s3cret%2F%24%7BA%7D"
    assert remote.headers == {"X": "t b"}


@pytest.mark.anyio
@pytest.mark.requirement("R43")
async def test_an_input_without_a_value_fails_its_server_alone_and_says_how_to_set_it(tmp_path: Path) -> None:
    read = specs(written(tmp_path / "mcp.json", VS_CODE.replace('"envFile"', '"other"')))
    store = SecretStore(tmp_path)
    with pytest.raises(
        ConfigError, match=r'the input api-key \(The key of "tickets"\) has no value'
    ) as caught:
        await resolve(read["tickets"], store)
    assert "`underpass secret set api-key`" in caught.value.hint
    assert "INPUT_API_KEY" in caught.value.hint
    store.set("api-key", "s3cret")
    assert (await resolve(read["tickets"], store))[0].env["KEY"] == "s3cret"
    with pytest.raises(ConfigError, match="the input mode"):
        await resolve(read["remote"], store)


@pytest.mark.anyio
async def test_a_missing_env_file_is_named(tmp_path: Path) -> None:
    (server,) = specs(
        written(tmp_path / "a.json", {"s": 1, "servers": {"a": {"command": "x", "envFile": "no"}}})
    ).values()
    with pytest.raises(ConfigError, match="the envFile no cannot be read: No such file"):
        await resolve(server, SecretStore(tmp_path))


def test_codexs_tables_are_read(tmp_path: Path) -> None:
    read = specs(written(tmp_path / "config.toml", CODEX))
    docs, figma = read["docs"], read["figma"]
    assert (docs.command, docs.args, docs.disabled) == ("npx", ("-y", "docs"), True)
    assert docs.env == {"A": "${A:-}", "B": "${B:-}", "C": "c"}
    assert (figma.transport, figma.url) == ("http", "https://figma.example/mcp")
    assert figma.headers == {"Y": "${WHY:-}", "Authorization": "Bearer ${FIGMA}", "X": "1"}


def test_gooses_extensions_are_read_and_its_own_parts_left_to_it(tmp_path: Path) -> None:
    read = specs(written(tmp_path / "config.yaml", GOOSE))
    assert set(read) == {"files", "remote", "nested"}
    assert read["files"].env == {"TOKEN": "${TOKEN:-keyring://TOKEN}", "A": "1"}
    assert (read["remote"].transport, read["remote"].disabled) == ("http", True)
    assert read["nested"].command == "run"


def test_claude_codes_file_gives_the_servers_of_this_project_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = {str(tmp_path): {"mcpServers": {"a": {"command": "mine"}, "c": {"command": "c"}}}}
    both = {"mcpServers": {"a": {"command": "all"}, "b": {"command": "b"}}, "projects": mine}
    assert {name: spec.command for name, spec in specs(written(tmp_path / "x.json", both)).items()} == {
        "a": "mine", "b": "b", "c": "c",
    }  # fmt: skip
    assert set(specs(written(tmp_path / "y.json", {"projects": mine}))) == {"a", "c"}


@pytest.mark.parametrize(("name", "content"), [("a", VS_CODE), ("b", CODEX), ("c", GOOSE), ("d", "{}")])
def test_the_content_tells_the_format_where_the_suffix_does_not(
    tmp_path: Path, name: str, content: str
) -> None:
    path = written(tmp_path / name, content)
    if content == "{}":
        with pytest.raises(ConfigError, match="names no servers"):
            load_servers(path)
    else:
        assert load_servers(path, {})


@pytest.mark.parametrize(
    ("name", "content", "line", "column"),
    [
        ("a.json", '{"servers": {\n  // note\n  "a": }}', 3, 8),
        ("a.json", '{"servers": [1,,]}', 1, 16),
        ("a.json", '{"servers": {} /* open', 1, 16),
        ("a.toml", '[mcp_servers.x]\ncommand = "a\n', 2, 13),
        ("a.toml", "a = [", 1, 6),
        ("a.yaml", "extensions:\n  a: [1\n", 3, 1),
    ],
)
def test_a_malformed_file_is_refused_with_its_line_and_column(
    tmp_path: Path, name: str, content: str, line: int, column: int
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_servers(written(tmp_path / name, content))
    assert (caught.value.data["line"], caught.value.data["column"]) == (line, column)


@pytest.mark.parametrize("content", ["a: \x07", "a: 2001-99-99", "- 1"])
def test_other_yaml_that_is_no_configuration_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigError):
        load_servers(written(tmp_path / "a.yaml", content))


def test_an_address_that_ends_in_sse_is_of_that_transport_when_no_type_says_otherwise(tmp_path: Path) -> None:
    entries = {"a": {"url": "http://h/sse?x=1"}, "b": {"url": "http://h/sse", "type": "http"}}
    read = specs(written(tmp_path / "a.json", {"mcpServers": entries}))
    assert [spec.transport for spec in read.values()] == ["sse", "http"]


def test_adding_a_server_keeps_comments_and_brings_its_inputs(tmp_path: Path) -> None:
    path = written(tmp_path / "mcp.json", VS_CODE)
    asked: list[dict[str, Any]] = [
        {"id": "region", "type": "promptString"},
        {"id": "new", "type": "promptString"},
    ]
    add_server(path, "added", {"command": "x"}, inputs=asked)
    text = path.read_text()
    assert text.startswith("// Written by hand.\n")
    assert '// a comment with "quotes" and { braces\n' in text
    assert set(specs(path)) == {"tickets", "remote", "added"}
    assert specs(path)["added"].inputs["region"].default == "eu"
    assert "new" in specs(path)["added"].inputs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "{ // nothing yet\n}",
        '{"mcpServers": {}}',
        '{"mcpServers": {"a": {"command": "x"} // the only one\n}}',
        '{"a": [1, 2,], "mcpServers": {"a": {"command": "x"},},}',
        '{\r\n\t"mcpServers": {\r\n\t\t"a": {"command": "x"}\r\n\t}\r\n}\r\n',
    ],
)
def test_whatever_the_layout_the_entry_is_added_and_the_text_around_it_stays(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes(text.encode())
    add_server(path, "added", {"command": "y", "args": ["1"]})
    after = path.read_bytes().decode()
    assert specs(path)["added"].args == ("1",)
    for word in ("// nothing yet", "// the only one", '"a": [1, 2,]', '\r\n\t\t"a"'):
        assert (word in text) == (word in after)


def test_another_programs_toml_or_yaml_is_not_added_to(tmp_path: Path) -> None:
    path = written(tmp_path / "config.yaml", GOOSE)
    with pytest.raises(ConfigError, match="another program's"):
        add_server(path, "a", {"command": "x"})
    assert path.read_text() == GOOSE


def test_every_programs_file_is_found_where_the_system_has_it(tmp_path: Path) -> None:
    home, cwd = tmp_path / "home", tmp_path / "project"
    entry = {"mcpServers": {"s": {"command": "x"}}}
    places = [
        written(cwd / ".codex/config.toml", CODEX),
        written(home / "Library/Application Support/Claude/claude_desktop_config.json", entry),
        written(home / "AppData/Roaming/Code/User/mcp.json", VS_CODE),
        written(home / "other/config.toml", CODEX),
        written(home / "xdg/goose/config.yaml", GOOSE),
    ]
    environ = {"CODEX_HOME": str(home / "other"), "XDG_CONFIG_HOME": str(home / "xdg")}
    found = discover_configs(home, cwd, environ)
    assert [config.path for config in found] == places
    assert [config.program for config in found] == ["Codex", "Claude Desktop", "VS Code", "Codex", "Goose"]
    assert found[-1].servers["files"]["command"] == "npx"


def test_servers_of_one_name_get_names_that_stay_and_equal_ones_are_one(tmp_path: Path) -> None:
    def config(folder: str, **servers: dict[str, Any]) -> None:
        written(tmp_path / folder, {"mcpServers": servers})

    config(".mcp.json", git={"command": "a"}, same={"command": "s", "args": []}, bad={"command": 5})
    config(".cursor/mcp.json", git={"command": "b"}, same={"type": "stdio", "command": "s"})
    config(".gemini/settings.json", git={"command": "c", "env": {"T": "$TOKEN"}})
    written(tmp_path / ".vscode/mcp.json", "{")
    found, unusable = candidates(discover_configs(tmp_path / "none", tmp_path, {}))
    assert [each.name for each in found] == ["git", "same", "git-cursor", "git-gemini"]
    assert [program for program, _ in found[1].also] == ["Cursor"]
    assert found[3].entry["env"] == {"T": "${TOKEN}"}
    assert ["bad.command" in problem or ".vscode" in problem for problem in unusable] == [True, True]


@pytest.mark.requirement("R43")
def test_secrets_of_an_entry_become_references_and_everything_else_stays() -> None:
    entry: dict[str, Any] = {
        "command": "x",
        "args": ["--token", "abcd1234", "--api-key=efgh5678", "--port", 80, "plain"],
        "env": {"API_KEY": "k3y-value", "MODE": "fast", "FROM": "${TOKEN}", "NUMBER": 1},
        "headers": {"Authorization": "Bearer h3ader"},
        "url": "https://me:passw0rd@host/mcp?api_key=que3ry&page=2",
    }
    without, secrets = without_secrets("my server", entry, lambda name, value: name == "my-server.API_KEY")
    assert without == {
        "command": "x",
        "args": [
            "--token", "keyring://my-server.token", "--api-key=keyring://my-server.api-key",
            "--port", 80, "plain",
        ],
        "env": {"API_KEY": "keyring://my-server.API_KEY-2", "MODE": "fast", "FROM": "${TOKEN}", "NUMBER": 1},
        "headers": {"Authorization": "Bearer keyring://my-server.Authorization"},
        "url": "https://me:keyring://my-server.password@host/mcp?api_key=keyring://my-server.api_key&page=2",
    }  # fmt: skip
    assert set(secrets.values()) == {"abcd1234", "efgh5678", "k3y-value", "h3ader", "passw0rd", "que3ry"}


def test_an_entry_that_moves_to_another_folder_means_the_same(tmp_path: Path) -> None:
    entry = {
        "command": "${workspaceFolder}/x",
        "args": ["${workspaceFolder}"],
        "cwd": "sub",
        "envFile": "~/.env",
    }
    assert moved(entry, tmp_path) == {
        "command": f"{tmp_path}/x", "args": [str(tmp_path)], "cwd": f"{tmp_path}/sub", "envFile": "~/.env",
    }  # fmt: skip
