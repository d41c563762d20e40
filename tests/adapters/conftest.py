"""An ``Underpass`` with a real git server and a small shop, and the programs that scripted models write."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from mcp.server import MCPServer
from mcp.server.mcpserver.context import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from tests.servers.catalogs import real

from underpass import Underpass

SECRET: Final = "what only the host may read"
PRICES: Final = {"apple": 0.5, "pear": 0.75}

SEVERAL: Final = """
import asyncio
from mcp_servers import git, shop
log = await git.git_log(repo_path={repository!r}, max_count=10)
prices = await asyncio.gather(*(shop.price(item=item) for item in ("apple", "pear")))
{{"commits": log.count("Commit:"), "total": sum(prices)}}
"""
FAILING: Final = "from mcp_servers import shop\nawait shop.price(item='plum')"
BIG: Final = "[{'number': number, 'text': 'x' * 50} for number in range(20_000)]"
ESCAPING: Final = """
found = []
for path in ({secret!r}, "/proc/1/environ", "/etc/passwd"):
    try:
        found.append(open(path).read())
    except OSError as error:
        found.append(type(error).__name__)
found
"""


class Shop:
    """A server of this process."""

    def __init__(self) -> None:
        self.server = MCPServer("shop")
        self.refunded: list[str] = []
        self.waiting = anyio.Event()
        """Set when ``wait`` has been called."""
        self.given_up = anyio.Event()
        """Set when that call is cancelled."""
        self.server.tool()(self.price)
        self.server.tool(annotations=ToolAnnotations(destructive_hint=True))(self.refund)
        self.server.tool()(self.wait)
        self.server.tool()(self.count)

    def price(self, item: str) -> float:
        """Return the price of an item."""
        if item not in PRICES:
            raise ToolError(f"there is no {item}")
        return PRICES[item]

    def refund(self, order: str) -> str:
        """Refund an order."""
        self.refunded.append(order)
        return f"refunded {order}"

    async def wait(self) -> None:
        """Never return."""
        self.waiting.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.given_up.set()

    async def count(self, context: Context[Any, Any]) -> int:
        """Count to two, and report each step."""
        for step in (1, 2):
            await context.report_progress(step, 2, f"step {step}")
        return 2


class Programs:
    """What scripted models write.

    Parameters:
        folder: a repository and a secret are made in it.
    """

    def __init__(self, folder: Path) -> None:
        self.repository = folder / "repository"
        self.secret = folder / "secret.txt"
        self.secret.write_text(SECRET)
        self.several = SEVERAL.format(repository=str(self.repository))
        self.escaping = ESCAPING.format(secret=str(self.secret))

    def make_repository(self) -> None:
        """Make a repository with three commits."""
        who = {f"GIT_{role}_NAME": "a" for role in ("AUTHOR", "COMMITTER")}
        who |= {f"GIT_{role}_EMAIL": "a@example.org" for role in ("AUTHOR", "COMMITTER")}
        git = ["git", "-C", str(self.repository)]
        subprocess.run(["git", "init", "-q", str(self.repository)], check=True)
        for number in range(3):
            commit = [*git, "commit", "-q", "--allow-empty", "-m", f"Change {number}"]
            subprocess.run(commit, check=True, env={**os.environ, **who})

    @property
    def all(self) -> tuple[str, str, str, str]:
        """Several calls, one that fails, a large result, and an attempt to get out."""
        return self.several, FAILING, BIG, self.escaping


def check_answers(texts: list[str]) -> None:
    """Check what a model has read of ``Programs.all``."""
    several, failing, big, escaping = texts
    assert '"commits":3' in several
    assert '"total":1.25' in several
    assert "there is no plum" in failing
    assert "line 2" in failing
    assert '"truncated":true' in big
    assert '"length":20000' in big
    assert len(big) < 5_000
    assert "FileNotFoundError" in escaping
    assert SECRET not in escaping


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def up(shop: Shop, tmp_path: Path) -> AsyncGenerator[Underpass]:
    """The shop alone."""
    async with Underpass.open({"shop": shop.server}, home=tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def servers(shop: Shop, programs: Programs) -> dict[str, Any]:
    """The shop and the git server."""
    programs.make_repository()
    return {"git": real("mcp-server-git", "--repository", str(programs.repository)), "shop": shop.server}


@pytest.fixture
async def up_with_git(servers: dict[str, Any], tmp_path: Path) -> AsyncGenerator[Underpass]:
    async with Underpass.open(servers, home=tmp_path / "home") as opened:
        yield opened
