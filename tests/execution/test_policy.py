"""What programs of both languages see of the policy, with the real git server."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.servers.catalogs import real

from underpass import Underpass
from underpass.errors import PermissionDenied

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R14")]

PYTHON = """
from mcp_servers import git
from mcp_runtime import PermissionDenied, ToolLimitExceeded
seen = []
for tool, more in ((git.git_status, {}), (git.git_add, {"files": ["a"]}), (git.git_reset, {})):
    try:
        await tool(repo_path=REPO, **more)
        seen.append("done")
    except PermissionDenied as error:
        seen.append([error.message, error.hint])
for _ in range(2):
    try:
        await git.git_log(repo_path=REPO)
        seen.append("done")
    except ToolLimitExceeded as error:
        seen.append(error.message)
seen
"""
TYPESCRIPT = """
import { git } from "mcp-servers";
import { PermissionDenied, ToolLimitExceeded } from "mcp-runtime";
const seen: unknown[] = [];
const repo_path = REPO;
for (const call of [
  () => git.gitStatus({ repo_path }),
  () => git.gitAdd({ repo_path, files: ["a"] }),
  () => git.gitReset({ repo_path }),
]) {
  try {
    await call();
    seen.push("done");
  } catch (error) {
    if (!(error instanceof PermissionDenied)) throw error;
    seen.push([error.message, error.hint]);
  }
}
for (let n = 0; n < 2; n++) {
  try {
    await git.gitLog({ repo_path });
    seen.push("done");
  } catch (error) {
    if (!(error instanceof ToolLimitExceeded)) throw error;
    seen.push(error.message);
  }
}
seen
"""
RULES: list[Mapping[str, Any]] = [
    {"server": "git", "tool": "git_add", "decision": "deny", "reason": "nothing is added here"},
    {"server": "git", "tool": "git_log", "decision": "allow", "calls_per_run": 1},
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    author = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / "a").write_text("a")
    subprocess.run(["git", *author, "commit", "-q", "--allow-empty", "-m", "empty"], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize(("language", "code"), [("python", PYTHON), ("typescript", TYPESCRIPT)])
async def test_a_program_can_catch_what_is_denied_and_limited(
    tmp_path: Path, repository: Path, language: str, code: str
) -> None:
    servers = {"git": real("mcp-server-git")}
    async with Underpass.open(servers, home=tmp_path, settings={"policy.rules": RULES}) as up:
        program = code.replace("REPO", repr(str(repository)))
        result = await up.run(program, language=language)
    assert result.error is None
    status, added, reset, *logs = result.value
    assert status == "done"
    assert added[0] == "git.git_add is denied: nothing is added here"
    assert reset[0].startswith("git.git_reset needs a person's permission, and nobody could be asked")
    assert 'tool = "git_reset"\ndecision = "allow"' in reset[1]
    assert logs == ["done", "git.git_log: rule 2 allows a run 1 call, and none is left"]
    staged = await anyio.run_process(["git", "diff", "--cached"], cwd=repository)
    assert staged.stdout == b"", "the server never saw the call"
    assert [call.error for call in result.tool_calls] == [
        None, "PermissionDenied", "PermissionDenied", None, "ToolLimitExceeded",
    ]  # fmt: skip


async def test_a_program_that_does_not_catch_a_denial_ends_with_it(tmp_path: Path, repository: Path) -> None:
    servers = {"git": real("mcp-server-git")}
    async with Underpass.open(servers, home=tmp_path) as up:
        result = await up.run(
            f"from mcp_servers import git\nawait git.git_reset(repo_path={str(repository)!r})"
        )
        assert result.error is not None
        assert result.error.type == "PermissionDenied"
        assert "[[policy.rules]]" in result.error.hint
        with pytest.raises(PermissionDenied):
            await up.call_tool("git", "git_reset", {"repo_path": str(repository)})
        status = await up.call_tool("git", "git_status", {"repo_path": str(repository)})
        assert "Untracked files" in str(status)


async def test_a_rule_about_a_category_knows_the_categories_that_searches_know(
    tmp_path: Path, repository: Path
) -> None:
    rules = [{"category": "version-control", "decision": "deny"}]
    servers = {"git": real("mcp-server-git"), "time": real("mcp-server-time")}
    async with Underpass.open(servers, home=tmp_path, settings={"policy.rules": rules}) as up:
        assert "version-control" in await up.list_categories("git")
        with pytest.raises(PermissionDenied, match="rule 1"):
            await up.call_tool("git", "git_status", {"repo_path": str(repository)})
        assert await up.call_tool("time", "get_current_time", {"timezone": "UTC"})
