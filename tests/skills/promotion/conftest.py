"""An Underpass with servers of this process, and what promotes its runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.execution.conftest import server

from underpass import Underpass
from underpass._places import typescript_place, workspaces_of
from underpass.config import AgentSettings, SkillSettings
from underpass.execution.language import Python
from underpass.execution.modules import GeneratedModules
from underpass.execution.result import RunResult
from underpass.skills.library.library import SkillLibrary
from underpass.skills.loading.in_memory import SkillsInMemory
from underpass.skills.loading.programs import SkillPrograms
from underpass.skills.promotion.promotion import Promotion
from underpass.skills.rehearsal import SandboxRehearsal
from underpass.skills.seams import FinishedRun
from underpass.workspace.quota import WorkspaceQuotas

ACCOUNTS = [
    {"name": f"Firm {n}", "owner": ("Ada", "Bo", "Cy")[n % 3], "stage": ("customer", "prospect")[n % 2],
     "city": ("Lisbon", "Oslo", "Graz")[n % 3], "value": 137 * n + 211}
    for n in range(12)
]  # fmt: skip


async def _accounts(given: Mapping[str, Any]) -> Any:
    return [each for each in ACCOUNTS if given.get("stage") in {None, each["stage"]}][
        : given.get("limit", 99)
    ]


async def _account(given: Mapping[str, Any]) -> Any:
    return next(each for each in ACCOUNTS if each["name"] == given["name"])


async def _rates(given: Mapping[str, Any]) -> Any:
    return {"base": given["base"], "rates": {"USD": 1.25, "SEK": 11.5, "JPY": 160.0}}


async def _forecast(given: Mapping[str, Any]) -> Any:
    seed = len(given["city"])
    return [{"day": n, "high": seed * 3 + n, "rain": (seed * n) % 5} for n in range(given.get("days", 4))]


@dataclass
class Workshop:
    """Runs programs, and tells a promotion of them."""

    up: Underpass
    rehearsal: SandboxRehearsal
    library: SkillLibrary

    def promotion(self, promote: Literal["off", "review", "auto"] = "auto", **options: Any) -> Promotion:
        return Promotion(
            self.up.state,
            SkillSettings(promote=promote),
            store=self.library,
            rehearsal=self.rehearsal,
            flush=self.up.journal.write,
            **options,
        )

    async def run(
        self, code: str, language: str = "python", promotion: Promotion | None = None, **about: Any
    ) -> RunResult:
        result = await self.up.run(code, language=language, check=False)
        assert result.ok, (result.error, code)
        if promotion is not None:
            agent, session = about.get("agent", "default"), about.get("session")
            promotion.note(FinishedRun(result.run, language, code, agent, session, result.value))
        return result


Workshops = Callable[[], AbstractAsyncContextManager[Workshop]]
NOT_SAVED = AgentSettings(auto_save=False)


@pytest.fixture
def workshops(tmp_path: Path) -> Workshops:
    """Opens a workshop."""

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Workshop]:
        servers = [
            server("crm", list_accounts=_accounts, get_account=_account),
            server("exchange", get_rates=_rates),
            server("weather", get_forecast=_forecast),
        ]
        settings = {"skills.promote": "off"}
        async with (
            Underpass.open({each.name: each for each in servers}, home=tmp_path, settings=settings) as up,
            AsyncExitStack() as stack,
        ):
            modules = GeneratedModules(up.catalog)
            typescript = await typescript_place(
                stack, up.settings, up.state, up.catalog, up.shapes, skills=SkillPrograms(SkillsInMemory())
            )
            quotas = WorkspaceQuotas(
                workspaces_of(up.state), up.settings.workspace, file_mb=up.settings.run.file_mb
            )
            rehearsal = SandboxRehearsal(
                lambda skills: [Python(up.sandbox, modules, skills), typescript],
                modules=modules,
                skills=SkillsInMemory(),
                source=up.catalog,
                workspaces=workspaces_of(up.state),
                quotas=await stack.enter_async_context(quotas),
                settings=up.settings.run,
            )
            environ = {"XDG_DATA_HOME": str(tmp_path / "data")}
            yield Workshop(up, rehearsal, SkillLibrary(up.state, SkillSettings(), environ=environ))

    return opened
