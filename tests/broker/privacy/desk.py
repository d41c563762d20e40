"""A broker with servers in process: one with personal data, one that may get it, and one that may not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from underpass.broker import Broker, InMemoryCatalog
from underpass.broker.call import Stages
from underpass.broker.privacy.privacy import PersonalData
from underpass.catalog import InMemoryUpstream, ToolDefinition, ToolOutcome
from underpass.config import PrivacySettings
from underpass.errors import ToolError

EMAIL = "ada@example.org"


class Crm(InMemoryUpstream):
    """A server with one tool that answers what it is told to, and one that answers with its arguments."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.answer: Any = None
        self.error: ToolError | None = None
        self.got: list[Mapping[str, Any]] = []
        properties = {"age": {"type": "integer"}, "to": {"minLength": 15}}
        schema = {"type": "object", "properties": properties, "additionalProperties": True}
        self.add(ToolDefinition(name, "read"), self._read)
        self.add(ToolDefinition(name, "send", input_schema=schema), self._send)

    async def _read(self, _arguments: Mapping[str, Any]) -> ToolOutcome:
        if self.error is not None:
            raise self.error
        return ToolOutcome(structured=self.answer, has_structured=True)

    async def _send(self, arguments: Mapping[str, Any]) -> ToolOutcome:
        self.got.append(arguments)
        return ToolOutcome(structured=dict(arguments), has_structured=True)


class Desk:
    """A broker with a server that has personal data, one that may get it, and one that may not."""

    def __init__(self, folder: Path, **more: Any) -> None:
        chosen: dict[str, Any] = {"servers": ("crm",), "restore": ("mail",), **more}
        self.privacy = PersonalData(PrivacySettings(**chosen), folder, ["crm", "mail", "web"])
        self.servers = {name: Crm(name) for name in ("crm", "mail", "web")}
        catalog = InMemoryCatalog(self.servers)
        self.broker = Broker(catalog, count=len, stages=Stages(privacy=self.privacy))

    async def read(self, answer: Any, server: str = "crm", agent: str = "default") -> Any:
        self.servers[server].answer = answer
        return await self.broker.call(server, "read", {}, agent=agent)

    async def send(self, server: str = "mail", agent: str = "default", **arguments: Any) -> Any:
        return await self.broker.call(server, "send", arguments, agent=agent)

    def got(self, server: str = "mail") -> Mapping[str, Any]:
        return self.servers[server].got[-1]
