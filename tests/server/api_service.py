"""A real service with tenants, and what one of them has in it."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from tests.cli.command_line import write_config
from tests.patience import LONG
from tests.server.http_service import Service, serving
from tests.servers.catalogs import HOSTILE

from underpass.server.tenancy.principal import Scope
from underpass.server.tenancy.tokens import TokenStore

SETTINGS = """
[service]
requests_per_second = 0

[[policy.rules]]
server = "hostile"
tool = "pid"
decision = "ask"
"""
ALL: tuple[Scope, ...] = ("run", "read", "approve")


@dataclass(frozen=True, slots=True)
class ApiUnderTest:
    """The service, and clients with tokens."""

    service: Service
    clients: dict[str, httpx2.Client] = field(default_factory=dict[str, httpx2.Client])

    @property
    def base(self) -> str:
        return self.service.url.removesuffix("/mcp")

    @property
    def tokens(self) -> TokenStore:
        return TokenStore(self.service.folder / ".underpass")

    @property
    def operator(self) -> httpx2.Client:
        return self.client(self.service.token)

    def client(self, token: str | None) -> httpx2.Client:
        """A client that sends a token, or none."""
        name = token or ""
        if name not in self.clients:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            self.clients[name] = httpx2.Client(base_url=self.base, headers=headers, timeout=LONG)
        return self.clients[name]

    def tenant(
        self, name: str | None, scopes: Sequence[Scope] = ALL, *, seconds: float | None = None
    ) -> httpx2.Client:
        """A client with a new token of a tenant's."""
        return self.client(self.tokens.create(name, scopes, seconds=seconds)[1])

    def close(self) -> None:
        for client in self.clients.values():
            client.close()


def project_of_tenants(folder: Path, settings: str = SETTINGS) -> Path:
    """A folder with one quick server, and settings."""
    folder.mkdir(parents=True, exist_ok=True)
    write_config(folder, hostile={"command": sys.executable, "args": [str(HOSTILE)]})
    (folder / "underpass.toml").write_text(settings, encoding="utf-8")
    return folder


@contextmanager
def api(folder: Path, settings: str = SETTINGS) -> Generator[ApiUnderTest]:
    """Serve a project over HTTP."""
    with serving(project_of_tenants(folder, settings)) as service:
        found = ApiUnderTest(service)
        try:
            yield found
        finally:
            found.close()


def run(client: httpx2.Client, code: str, **more: Any) -> dict[str, Any]:
    """Run a program, and return its result."""
    answer = client.post("/api/runs", json={"code": code, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def events(text: str) -> list[dict[str, str]]:
    """The events of a stream."""
    found = [block.split("\n") for block in text.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block) for block in found]
