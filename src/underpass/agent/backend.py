"""What an agent needs of ``Underpass``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from underpass.broker.approvals import Ask
from underpass.catalog.catalog import Catalog
from underpass.config import Settings
from underpass.discovery.directory import ToolDirectory
from underpass.execution.host import OnCall
from underpass.execution.result import RunResult
from underpass.metrics.statistics import Statistics


class Backend(Protocol):
    """Runs programs, calls tools, and knows which there are."""

    catalog: Catalog
    directory: ToolDirectory
    settings: Settings
    state: Path
    """The state folder."""
    statistics: Statistics
    """What its runs cost."""

    async def run(
        self, code: str, *, agent: str, language: str, ask: Ask | None, on_call: OnCall | None
    ) -> RunResult:
        """Run a program. A failing program is a result, not an exception."""
        ...

    async def call_tool(
        self,
        server: str,
        tool: str,
        arguments: Mapping[str, Any] | None,
        *,
        agent: str,
        ask: Ask | None,
    ) -> Any:
        """Call one tool. Raises ``ToolError``."""
        ...
