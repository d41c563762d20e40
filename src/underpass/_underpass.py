"""``Underpass``: everything together, as a library user sees it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from underpass._places import metering_of, python_place, sessions_of, typescript_place, workspaces_of
from underpass._skills import skills_of
from underpass._stages import OperatorStages, stages_of
from underpass.broker import Broker
from underpass.broker.approvals import Ask
from underpass.broker.journal import Decisions, Journal, JournaledRun, RunRecord
from underpass.catalog.catalog import Catalog
from underpass.catalog.lock import ToolLock
from underpass.catalog.manifest_cache import ManifestCache
from underpass.checking.checker import Checker
from underpass.codegen.documentation import Detail
from underpass.codegen.documentation import Language as CallLanguage
from underpass.config import Settings, load_settings, state_dir
from underpass.discovery import minilm
from underpass.discovery.directory import ToolDirectory
from underpass.discovery.groups import HitGroup
from underpass.discovery.hit import Hit
from underpass.discovery.questions import Questions, server_list
from underpass.discovery.request import SearchRequest
from underpass.errors import ConfigError
from underpass.execution.asking import OutsideAsker
from underpass.execution.host import OnCall, OnProgress
from underpass.execution.language import Language
from underpass.execution.modules import GeneratedModules
from underpass.execution.result import RunResult
from underpass.execution.resuming import Resuming
from underpass.execution.runner import Program, Runner
from underpass.execution.sessions import SessionInfo, Sessions
from underpass.metrics import tokens
from underpass.metrics.house import watch_house
from underpass.metrics.metering import Metering
from underpass.metrics.statistics import Statistics
from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.lease import Sandbox
from underpass.shapes.recorder import ShapeRecorder
from underpass.skills.library.library import SkillLibrary
from underpass.skills.loading.programs import SkillPrograms
from underpass.skills.loading.python import PythonSkills
from underpass.skills.seams import FinishedRun
from underpass.skills.search.beside import beside_tools
from underpass.skills.search.hit import SkillHit
from underpass.skills.skills import Skills
from underpass.workspace.changes import FileChanges
from underpass.workspace.checkpoints import Checkpoints
from underpass.workspace.quota import WorkspaceQuotas

if TYPE_CHECKING:
    from underpass.adapters import RunOptions, UnderpassTool


class Underpass:
    """Servers, a broker and a sandbox. Made by ``Underpass.open``."""

    def __init__(
        self,
        catalog: Catalog,
        sandbox: Sandbox,
        quotas: WorkspaceQuotas,
        state: Path,
        settings: Settings,
        *,
        shapes: ShapeRecorder,
        checker: Checker,
        journal: Journal,
        directory: ToolDirectory,
        stages: OperatorStages,
        sessions: Sessions,
        metering: Metering,
        changes: FileChanges,
        skills: PythonSkills,
        languages: Sequence[Language] = (),
    ) -> None:
        self.catalog = catalog
        self.shapes = shapes
        """What results of tools looked like."""
        self.settings = settings
        self.state = state
        """The state folder."""
        self.approvals = stages.approvals
        """Asks people about calls."""
        self.trail = stages.audit
        """Records runs, decisions and calls."""
        self.directory = directory
        """Where tools are found."""
        self._broker = Broker(
            catalog, count=tokens.count, limits=settings.calls, observer=shapes.observer, stages=stages.stages
        )
        self.metering = metering
        """Takes down what runs cost."""
        self.statistics = Statistics(metering.folder, metering.settle)
        """What all runs together cost and saved. It waits for the disk: call it in a thread."""
        self.instruments = metering.instruments
        """The metrics of this process, for Prometheus and OpenTelemetry."""
        self._checker = checker
        self._sessions = sessions
        self.journal = journal
        """What runs did."""
        self.sandbox = sandbox
        """Where programs in Python run."""
        self.checkpoints = Checkpoints(workspaces_of(state), state, settings.workspace)
        """The states of agents' files that are kept. It does not wait: call it in a thread."""
        self.changes = changes
        """Which files each run created, changed and removed."""
        self.skills: Skills
        """The library of reusable functions."""
        self.skill_programs = skills.programs
        """What programs get of skills."""
        self._runner = Runner(
            sandbox,
            broker=self._broker,
            modules=GeneratedModules(catalog),
            workspaces=workspaces_of(state),
            questions=Questions(self.directory, catalog.states).by_name(),
            settings=settings.run,
            quotas=quotas,
            checkpoints=self.checkpoints,
            checker=checker,
            journal=journal,
            sessions=sessions,
            kept=stages.kept_runs,
            meter=metering,
            changes=changes,
            skills=skills,
            more=languages,
        )

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        config: Path | str | Mapping[str, Any] | None = None,
        *,
        sandbox: str | None = None,
        home: Path | str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[Underpass]:
        """Connect to the servers of ``config``; leaving the context ends them and every sandbox.

        Servers start when they are first needed.

        Parameters:
            config: a file of ``mcpServers``, the same as a mapping, or None for no servers. Beside a
                file stands ``underpass.lock``: a tool that is no longer what it was there is refused.
                What its servers list is kept in the state folder.
            sandbox: ``"process"`` (default) or ``"none"``, which isolates nothing.
            home: where ``workspace/`` and ``.underpass/`` are; by default beside the configuration
                file, and in the current folder where there is none.
            settings: settings by dotted name (``{"run.memory_mb": 1024}``), over those of
                ``underpass.toml`` and the environment.

        Raises:
            ConfigError: the configuration, a setting or the lock file is missing or malformed.
            SandboxUnavailable: the isolation cannot be had here (raised by the first ``run``).
        """
        path = Path(config) if isinstance(config, Path | str) else None
        if path is not None and not path.is_file():
            raise ConfigError(
                f"there is no configuration file {path}", hint="`underpass init` writes one", path=str(path)
            )
        beside = Path.cwd() if path is None else path.absolute().parent
        state = Path(home) / ".underpass" if home is not None else state_dir(path, beside)
        chosen = load_settings(beside, arguments={"sandbox.tier": sandbox, **(settings or {})})
        lock = None if path is None else ToolLock(path)
        if lock is not None:
            lock.check()
        catalog = Catalog(
            {} if config is None else config,
            settings=chosen.servers,
            limits=chosen.calls,
            lock=lock,
            state=state,
            manifests=None if path is None else ManifestCache(state / "manifests"),
        )
        async with AsyncExitStack() as stack:
            place = await python_place(stack, chosen, state, catalog)
            quotas = WorkspaceQuotas(workspaces_of(state), chosen.workspace, file_mb=chosen.run.file_mb)
            await stack.enter_async_context(quotas)
            changes = await stack.enter_async_context(FileChanges(workspaces_of(state), state))
            shapes = await stack.enter_async_context(ShapeRecorder(state))
            journal = await stack.enter_async_context(Journal(state / "journal", chosen.journal))
            await stack.enter_async_context(catalog)
            library = SkillLibrary(state, chosen.skills)
            stack.callback(library.close)
            skills = PythonSkills(SkillPrograms(library))
            checker = await stack.enter_async_context(
                Checker(catalog, state / "checking", skills=skills.programs)
            )
            embeddings = minilm.embeddings(state / minilm.FILE_NAME, chosen.discovery.semantic)
            if embeddings is not None:
                await stack.enter_async_context(embeddings)
            directory = ToolDirectory(catalog, shapes.find, embeddings)
            metering = await metering_of(stack, chosen, state, catalog)
            stages = await stages_of(
                stack,
                chosen,
                state,
                catalog,
                directory,
                beside=beside,
                metering=metering,
                skills=skills.programs,
            )
            typescript = await typescript_place(stack, chosen, state, catalog, shapes, skills=skills.programs)
            sessions = await sessions_of(
                stack, chosen, state, catalog, (place, typescript.sandbox), skills=skills
            )
            places = {"python": place, "typescript": typescript.sandbox}
            watch_house(metering.instruments, catalog, sessions, places)
            up = cls(
                catalog,
                place,
                quotas,
                state,
                chosen,
                shapes=shapes,
                checker=checker,
                journal=journal,
                directory=directory,
                stages=stages,
                sessions=sessions,
                metering=metering,
                changes=changes,
                skills=skills,
                languages=[typescript],
            )
            stack.callback(up.statistics.close)
            up.skills = await skills_of(
                stack, up, library, typescript=typescript, quotas=quotas, embeddings=embeddings
            )
            if chosen.journal.resume == "auto":
                await stack.enter_async_context(Resuming(journal, up._again))
            yield up

    async def run(
        self,
        code: str,
        *,
        agent: str = "default",
        timeout: float | None = None,  # noqa: ASYNC109 - the program's, enforced outside of it as well
        max_tokens: int | None = None,
        filename: str | None = None,
        language: str = "python",
        environment: str | None = None,
        check: bool | None = None,
        rollback_on_error: bool = False,
        session: str | None = None,
        cache: bool | None = None,
        on_progress: OnProgress | None = None,
        on_call: OnCall | None = None,
        ask: Ask | None = None,
        run_id: str | None = None,
    ) -> RunResult:
        """Run a program in a sandbox of its own. A failing program is a result, not an exception.

        Parameters:
            code: top-level ``await`` and ``return`` work, and the last expression is the value.
            agent: whose workspace the program sees.
            timeout: wall-clock seconds, by default the setting ``run.timeout``.
            max_tokens: the bound of value, printed output and error together, by default the
                setting ``run.max_tokens``.
            filename: what tracebacks call the program, by default ``program.py`` or ``program.ts``.
            language: ``"python"`` or ``"typescript"``.
            environment: the packages a Python program can import, by the name in ``underpass.toml``;
                by default none but the standard library.
            check: whether types are checked before anything runs, by default the setting ``run.check``;
                a program that would surely fail is then an error, and nothing of it ran.
            rollback_on_error: whether the agent's files are made what they were when the program fails;
                ``error.data["rolled_back"]`` says whether they are.
            session: any name: variables, imports and functions of the agent's earlier runs under it are
                there. A run waits for its turn, ``timeout`` at most; ``RunResult.session`` says whether the
                session is new, and whether it was lost. All its programs are in one language.
            cache: whether the result of an equal run will do, and this one's may be given to later ones; by
                default the setting ``cache.runs``. A program that asks for the time or for chance gets
                what it got then.
            on_progress: awaited with the progress that the program and its tools report.
            on_call: told of each tool call as it is made; what it returns is told how it went (see
                ``OnCall``).
            ask: awaited with a ``Question`` about each call of which the policy says that a person
                decides; returns ``"once"``, ``"run"``, ``"always"``, ``"refuse"``, or None where nobody can
                be asked. The time of the run stands meanwhile. By default nobody is asked.
            run_id: one of ``underpass.execution.runner.new_run_id``, where it has to be known before the
                run ends.

        Raises:
            ValidationFailed: the request itself is no good; nothing ran.
            ConfigError: there is no such environment, or it is not built.
            SandboxUnavailable, Overloaded: no sandbox is to be had, or the session is busy.
        """
        limits = self.settings.run
        program = Program(
            code,
            agent,
            limits.timeout if timeout is None else timeout,
            limits.max_tokens if max_tokens is None else max_tokens,
            filename or f"program.{'ts' if language == 'typescript' else 'py'}",
            None if environment is None else self._environment(environment),
            limits.check if check is None else check,
            language,
            rollback_on_error,
            session,
            cache,
        )
        result = await self._runner.run(program, on_progress, on_call=on_call, ask=ask, run_id=run_id)
        if result.ok and not (result.truncated or result.cached):
            self.skills.finished(FinishedRun(result.run, language, code, agent, session, result.value))
        return result

    def sessions(self) -> list[SessionInfo]:
        """Return the sessions of all agents, the longest unused first."""
        return self._sessions.list()

    def end_session(self, name: str, *, agent: str = "default") -> bool:
        """End a session; its variables are gone. Returns whether there was one.

        A run that is going on in it ends with the error ``SandboxCrashed``.

        Parameters:
            name: what its runs call it.
            agent: whose session.
        """
        return self._sessions.end(agent, name)

    async def resume(
        self,
        run: str,
        *,
        call_again: Collection[int] = (),
        assume_done: Mapping[int, Any] | None = None,
        on_progress: OnProgress | None = None,
        ask: Ask | None = None,
    ) -> RunResult:
        """Continue a run that died: its host was killed, its sandbox crashed, or it was interrupted.

        The code runs again from its start. Calls that were finished are answered from the journal and
        not made again. Where the code does not do again what it did, the run ends with the error
        ``RunDiverged``, and nothing more was called.

        Parameters:
            run: the run's id.
            call_again: the sequence numbers of unknown calls that have not happened.
            assume_done: for unknown calls that have happened: the value that the code is to get, by
                their sequence number.
            on_progress: awaited with the progress that the program and its tools report.
            ask: as for ``run``; what was answered since the run died is not asked again.

        Raises:
            CallUnknown: the run died during calls that are not idempotent, and nobody knows whether they
                have happened; ``data["calls"]`` has them, and ``call_again`` and ``assume_done`` decide.
            ValidationFailed: there is no such run, it goes on, or it came to its own end.
            ConfigError: there is no such environment any more, or it is not built.
            SandboxUnavailable, Overloaded: no sandbox is to be had.
        """
        record = self.journal.find(run)
        program = self._program(record)
        resumed = self.journal.resume(record, Decisions(frozenset(call_again), assume_done or {}))
        return await self._runner.run(program, on_progress, ask=ask, resumed=resumed)

    async def _again(self, record: RunRecord, resumed: JournaledRun) -> RunResult:
        return await self._runner.run(self._program(record), resumed=resumed)

    def _program(self, record: RunRecord) -> Program:
        return Program(
            record.code,
            record.agent,
            record.timeout,
            record.max_tokens,
            record.filename,
            None if record.environment is None else self._environment(record.environment),
            record.check,
            record.language,
            record.rollback_on_error,
        )

    def warm_up(self) -> None:
        """Start, in the background, what the first run would otherwise wait for."""
        if self.settings.run.check:
            self._checker.warm_up()

    async def call_tool(
        self,
        server: str,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        agent: str = "default",
        ask: Ask | None = None,
    ) -> Any:
        """Call one tool from outside of any program, and return its value as a program would see it.

        Parameters:
            server, tool: the names in the configuration and in the server's listing.
            agent: whose workspace keeps images and files; their ``path`` is absolute here.
            ask: as for ``run``.

        Raises:
            ToolError: one of the family, by cause.
        """
        from underpass.sandbox.user import owner
        from underpass.workspace.outside import OutsideBlobs

        workspaces = workspaces_of(self.state)
        blobs = OutsideBlobs(workspaces, owner=owner(workspaces), agent=agent)
        asker = None if ask is None else OutsideAsker(ask)
        return await self._broker.call(server, tool, arguments or {}, agent=agent, blobs=blobs, asker=asker)

    def _environment(self, name: str) -> SandboxEnvironment:
        from underpass import environments

        return environments.find(name, self.settings, self.state)

    @overload
    async def search_tools(
        self,
        query: str,
        *,
        server: str | None = None,
        category: str | None = None,
        capabilities: Iterable[str] = (),
        limit: int | None = None,
        detail: Detail = "brief",
    ) -> list[Hit]: ...

    @overload
    async def search_tools(
        self,
        *,
        queries: Sequence[str],
        server: str | None = None,
        category: str | None = None,
        capabilities: Iterable[str] = (),
        limit: int | None = None,
        detail: Detail = "brief",
    ) -> list[HitGroup]: ...

    @overload
    async def search_tools(
        self, query: str, *, skills: Literal[True], agent: str = "default", limit: int | None = None
    ) -> list[Hit | SkillHit]: ...

    async def search_tools(
        self,
        query: str | None = None,
        *,
        queries: Sequence[str] | None = None,
        server: str | None = None,
        category: str | None = None,
        capabilities: Iterable[str] = (),
        limit: int | None = None,
        detail: Detail = "brief",
        skills: bool = False,
        agent: str = "default",
    ) -> list[Hit] | list[HitGroup] | list[Hit | SkillHit]:
        """Return the tools that fit ``query`` best, or those that fit each of ``queries``.

        Parameters:
            query: words for one step of a task; empty for all that a filter leaves, by name.
            queries: instead of ``query``, one for each step, at most 20: a group of hits for each, in which
                a tool stands under the query that it fits best.
            server: search this server alone; the others are not started.
            category: only tools of this category.
            capabilities: only tools that have all of these.
            limit: how many at most, 10 by default; for each of ``queries`` 5. At most 50 altogether.
            detail: with ``"full"`` a hit's signature is whole, and its ``to_dict`` has the documentation.
            skills: also the skills that fit ``query``, in one ranking with the tools; goes with no filter.
            agent: whose skills.

        Raises:
            ServerNotFound, ServerUnavailable: for a ``server`` that is named.
            ValidationFailed: no tool is of this category, or has one of these capabilities; or an argument
                is no good.
        """
        request = SearchRequest.read(
            {
                "query": query,
                "queries": queries,
                "server": server,
                "category": category,
                "capabilities": list(capabilities),
                "limit": limit,
                "detail": detail,
                "skills": skills,
            }
        )
        if not skills:
            return await self.directory.answer(request)
        return await beside_tools(request, self.directory, self.skills, agent)

    async def get_tool_documentation(
        self, names: Sequence[str], *, detail: Detail = "brief", language: CallLanguage = "python"
    ) -> dict[str, str]:
        """Return the Markdown documentation of tools, by the names given (``git.git_log``).

        Parameters:
            names: the tools, as their servers or as generated code of either language calls them.
            detail: ``"brief"`` is about 600 tokens for each at most; ``"full"`` leaves nothing out.
            language: ``"python"`` or ``"typescript"``, of signatures and examples.

        Raises:
            ServerNotFound, ServerUnavailable, ToolNotFound
        """
        return {name: await self.directory.document(name, language, detail) for name in names}

    def as_tool(self, *, typescript: bool = False, **options: Unpack[RunOptions]) -> UnderpassTool:
        """Return the tool that runs programs, for an agent of one's own; see ``adapters.as_tool``."""
        from underpass import adapters

        return adapters.as_tool(self, typescript=typescript, **options)

    def as_tools(self, *, typescript: bool = False, **options: Unpack[RunOptions]) -> list[UnderpassTool]:
        """Return the tools that run programs, find tools and explain them; see ``adapters.as_tools``."""
        from underpass import adapters

        return adapters.as_tools(self, typescript=typescript, **options)

    async def list_categories(self, server: str | None = None) -> dict[str, int]:
        """Return each category of tools with how many there are, the largest first.

        Parameters:
            server: of this server's tools only.

        Raises:
            ServerNotFound, ServerUnavailable: for a ``server`` that is named.
        """
        return await self.directory.categories(server)

    async def list_capabilities(self, server: str | None = None) -> dict[str, int]:
        """Return each capability with how many tools have it, the commonest first.

        Parameters:
            server: of this server's tools only.

        Raises:
            ServerNotFound, ServerUnavailable: for a ``server`` that is named.
        """
        return await self.directory.capabilities(server)

    async def list_servers(self) -> list[dict[str, Any]]:
        """Return the servers in use: ``name``, ``module``, ``state``, ``tools`` and ``error`` of each.

        ``tools`` is how many there are, None where that is not known; no server is started.
        """
        return server_list(self.catalog.states())
