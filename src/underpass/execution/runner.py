"""The road of a run: lease a sandbox, talk with it, shape its answer, count what it cost."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio.to_thread

from underpass.broker import Broker, RunCalls
from underpass.broker.approvals import Ask
from underpass.broker.cache.flights import Flight
from underpass.broker.journal import Journal, JournaledRun, RunRecord
from underpass.checking.checker import Checker
from underpass.config import RunSettings
from underpass.errors import UnderpassError, ValidationFailed, WorkspaceFull, did_you_mean
from underpass.execution import failure
from underpass.execution.agent_modules import AgentModules
from underpass.execution.answer import Answer, Keep, bounded
from underpass.execution.asking import RunAsker
from underpass.execution.clock import Clock
from underpass.execution.conversation import Conversation, Outcome
from underpass.execution.files import FilesOfRun
from underpass.execution.host import ModuleSource, OnCall, OnProgress, Question, RunHost
from underpass.execution.language import Language, Python
from underpass.execution.modules import GeneratedModules
from underpass.execution.result import Duration, RunError, RunResult, Tokens
from underpass.execution.reuse import KeptRun, KeptRuns, RunWatch
from underpass.execution.sessions import Sessions, Turn
from underpass.execution.shape import Count
from underpass.metrics import tokens
from underpass.metrics.meter import Meter
from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.lease import Lease, Sandbox
from underpass.skills.loading.python import PythonSkills
from underpass.workspace import results
from underpass.workspace.changes import FileChanges
from underpass.workspace.checkpoints import Checkpoints
from underpass.workspace.quota import WorkspaceQuotas

_BIG: Final = 65_536
"""Bytes from which a result is shaped in a thread: it would hold up other runs."""
_UNKNOWN: Final = "skipped: the variables of the session are not known before it runs"
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]


@dataclass(frozen=True, slots=True)
class Program:
    """One request to run code."""

    code: str
    agent: str = "default"
    timeout: float = 30.0
    """Wall-clock seconds."""
    max_tokens: int = 2_000
    filename: str = "program.py"
    """What tracebacks call it."""
    environment: SandboxEnvironment | None = None
    """The packages that it can import."""
    check: bool = True
    """Whether its types are checked before it runs."""
    language: str = "python"
    rollback_on_error: bool = False
    """Whether the agent's files are made what they were when it fails."""
    session: str | None = None
    """The session whose variables it shares; None for a sandbox of its own."""
    cache: bool | None = None
    """Whether the result of an equal run will do; None for what the settings say."""


class Runner:
    """Runs programs in one sandbox against one broker.

    Parameters:
        workspaces: the folder that holds a folder for each agent.
        questions: answers to ``mcp_runtime``'s functions, by name.
        settings: the limits that hold for every run.
        checker: finds, before anything runs, what would surely fail.
        quotas: the quotas of the agents' workspaces.
        checkpoints: the checkpoints of the agents' workspaces.
        journal: records what runs do.
        sessions: sandboxes that stay between runs.
        kept: the results of earlier runs.
        meter: is told of every run.
        skills: the skills of all agents.
        changes: records which files runs change.
        more: the languages besides Python; programs in Python run in ``sandbox``.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        broker: Broker,
        modules: GeneratedModules,
        workspaces: Path,
        questions: Mapping[str, Question],
        settings: RunSettings,
        quotas: WorkspaceQuotas,
        checkpoints: Checkpoints,
        checker: Checker,
        journal: Journal,
        sessions: Sessions,
        kept: KeptRuns,
        meter: Meter,
        skills: PythonSkills,
        changes: FileChanges,
        more: Iterable[Language] = (),
    ) -> None:
        self._languages = {language.name: language for language in (Python(sandbox, modules, skills), *more)}
        self._broker = broker
        self._modules = modules
        self._skills = skills
        self._workspaces = workspaces
        self._questions = questions
        self._settings = settings
        self._quotas = quotas
        self._checkpoints = checkpoints
        self._checker = checker
        self._journal = journal
        self._sessions = sessions
        self._kept = kept
        self._meter = meter
        self._changes = changes
        self._count: Count = tokens.count

    async def run(
        self,
        program: Program,
        on_progress: OnProgress | None = None,
        *,
        on_call: OnCall | None = None,
        ask: Ask | None = None,
        resumed: JournaledRun | None = None,
        run_id: str | None = None,
    ) -> RunResult:
        """Run one program. A failing program is a result, not an exception.

        Parameters:
            on_call: told of each tool call.
            ask: puts questions about calls to a person.
            run_id: of ``new_run_id``, for whoever has to know it before the run ends.
            resumed: the first life of a run whose program this is; by default a new run begins.

        Raises:
            ValidationFailed: the request itself is no good; nothing ran.
            SandboxUnavailable, Overloaded: no sandbox is to be had.
        """
        language = self._language(program)
        run = (run_id or new_run_id()) if resumed is None else resumed.record.run
        journal = self._journal.begin(_record(run, program)) if resumed is None else resumed
        if (trail := self._broker.stages.trail) is not None:
            trail.began(journal.record)
        metered = self._meter.begin(journal.record)
        changes = self._changes.of(run, program.agent)
        cause, result = "Interrupted", None
        try:
            await changes.begin()
            if resumed is None and self._may_be_kept(program):
                result = await self._reused(
                    run, program, on_progress, language, journal, on_call=on_call, ask=ask
                )
            else:
                result = await self._run(
                    run, program, on_progress, language, journal, on_call=on_call, ask=ask
                )
            cause = "ok" if result.error is None else result.error.type
            cause = "cached" if result.cached else cause
        except BaseException as error:
            if isinstance(error, UnderpassError):
                cause = error.type
            journal.end(cause if resumed is None else "Interrupted", spoke=False)
            raise
        else:
            return result
        finally:
            if trail is not None:
                trail.ended(journal.record, cause)
            metered.end(cause, result)
            changes.end()

    def _may_be_kept(self, program: Program) -> bool:
        wanted = self._kept.by_default if program.cache is None else program.cache
        return wanted and program.session is None

    async def _reused(
        self,
        run: str,
        program: Program,
        on_progress: OnProgress | None,
        language: Language,
        journal: JournaledRun,
        *,
        on_call: OnCall | None,
        ask: Ask | None,
    ) -> RunResult:
        """Return the result of an equal run, or run the program."""
        begun = time.monotonic()
        kept_runs, epoch, sandbox = self._kept, self._kept.epoch(), language.sandbox.label
        files = await kept_runs.fingerprint(program.agent)
        if files is None or epoch is None:
            # Nothing is known of the files, so that this run is like no other; the next may be like it.
            files = run
        key = kept_runs.key(program, sandbox, files)

        async def reuse(kept: KeptRun | None) -> RunResult | None:
            if kept is None or not await self._admits(kept, run, program, journal, ask=ask):
                return None
            journal.end("cached", spoke=True)
            return kept.result(run, language.name, (time.monotonic() - begun) * 1e3)

        async def work(flight: Flight[tuple[RunResult, KeptRun | None]]) -> tuple[RunResult, KeptRun | None]:
            watch = RunWatch(flight.leave)
            result = await self._run(
                run, program, on_progress, language, journal, on_call=on_call, ask=ask, watch=watch
            )
            return result, await kept_runs.keep(program, sandbox, result, watch, epoch)

        if (result := await reuse(await kept_runs.find(key, program.agent))) is not None:
            return result
        (result, kept), was_shared = await kept_runs.flights.share(
            (key, epoch),
            work,
            lambda made: made[1] is not None,
            now=kept_runs.now(),
            good_for=kept_runs.seconds,
        )
        if not was_shared:
            return result
        if (reused := await reuse(kept)) is not None:
            return reused
        return await self._run(run, program, on_progress, language, journal, on_call=on_call, ask=ask)

    async def _admits(
        self, kept: KeptRun, run: str, program: Program, journal: JournaledRun, *, ask: Ask | None
    ) -> bool:
        """Whether the calls that a result rests on may be made now: the policy decides about each."""
        asker = RunAsker(ask, Clock(program.timeout), journal)
        calls = self._broker.open_run(run=run, agent=program.agent, asker=asker)
        try:
            for read in kept.reads:
                tool = await self._kept.tool(read.server, read.tool)
                if tool is None or not await calls.admits(tool, read):
                    return False
        finally:
            await calls.close()
        return True

    async def _run(
        self,
        run: str,
        program: Program,
        on_progress: OnProgress | None,
        language: Language,
        journal: JournaledRun,
        *,
        on_call: OnCall | None,
        ask: Ask | None,
        watch: RunWatch | None = None,
    ) -> RunResult:
        sandbox = language.sandbox
        folder = self._workspaces / program.agent
        # A run's second life has files of its own beside those of the first.
        attempt = journal.record.attempts
        name = run if attempt == 1 else f"{run}-{attempt}"
        begun = time.monotonic()
        turn = await self._turn(program)
        # The checker does not know what earlier runs of a session have defined.
        unknown = program.check and turn is not None and not turn.new
        check = (
            self._checker.begin(program.code, language.name, program.agent)
            if program.check and not unknown
            else None
        )
        lease = turn or await sandbox.lease(program.agent, program.environment)
        leased = time.monotonic()
        quota = self._quotas.watch(program.agent, lease)
        blobs = results.ResultBlobs(folder, name, reserve=quota.take)
        clock = Clock(program.timeout)
        asker = RunAsker(ask, clock, journal)
        calls = self._broker.open_run(
            run=run,
            agent=program.agent,
            blobs=blobs,
            journal=journal,
            asker=asker,
            session=None if turn is None else turn.session,
            reads=None if watch is None else watch.reads,
        )
        files = FilesOfRun(self._checkpoints, program.agent, name)
        uses = self._skills.programs.uses_of(program.agent, run)
        interrupted = False
        try:
            await quota.begin()
            if program.rollback_on_error:
                await files.begin()
            verdict = None if check is None else await check.verdict()
            if verdict is not None and (refusal := verdict.refusal()) is not None:
                outcome = Outcome(error=refusal)
            else:
                about_skills = self._skills.programs.questions.questions(program.agent, run)
                own = {"workspace_room": quota.room, **files.questions()}
                questions = {**self._questions, **about_skills, **own}
                modules: ModuleSource = (
                    AgentModules(self._modules, self._skills, program.agent)
                    if turn is None
                    else turn.session.modules
                )
                if watch is not None:
                    watch.before = await self._kept.fingerprint(program.agent)
                    questions, modules = watch.questions(questions), watch.source(modules)
                host = RunHost(calls, modules, questions, on_progress, on_call, uses=uses)
                outcome = await self._talk(run, program, lease, host, language, clock=clock, watch=watch)
            is_watched = watch is not None and not watch.reads.are_spoiled
            if program.rollback_on_error or is_watched:
                await files.end(lease)
            if watch is not None and is_watched:
                watch.after = await self._kept.fingerprint(program.agent)
        except BaseException:
            interrupted = True
            if program.rollback_on_error:
                await files.settle(failed=True)
            raise
        finally:
            lease.release()
            quota.leave()
            if interrupted:
                await calls.close()
        if quota.error is not None:
            outcome.error = quota.error
        spoke = outcome.done is not None
        # A guest of Deno's that is out of time says so itself, and leaves open what was under way.
        uses.close(died=outcome.done is None or failure.is_timeout(outcome.done.error))
        if (halted := journal.halted or (journal.diverged_at_end() if spoke else None)) is not None:
            # The program may have caught what it was told, and has done nothing since that counts.
            outcome.error = halted
        done = time.monotonic()
        # The guest's word for when it began is believed only within what we saw.
        began = outcome.done.started if outcome.done is not None else None
        started = min(max(began or leased, leased), done)
        full = await quota.verdict(refused=outcome.done is not None and outcome.done.refused)
        cpu_before = 0.0 if turn is None else turn.cpu_before
        error = self._error(program, calls, outcome, full, quota.refusal, cpu_before=cpu_before)
        if error is not None and turn is not None and turn.lost:
            error = failure.session_lost(error, turn.session.name)
        if program.rollback_on_error:
            problem = await files.settle(failed=error is not None)
            if error is not None:
                error = failure.rolled_back(error, problem)
        journal.end("ok" if error is None else error.type, spoke=spoke)
        keep: Keep = partial(results.keep_if_possible, folder, name, reserve=quota.take)
        keep = keep if watch is None else watch.keep(keep)
        answer, used = await self._shape(program, calls, outcome, error, keep, load=language.load)
        await calls.close()
        return RunResult(
            run=run,
            ok=answer.error is None,
            value=answer.value,
            stdout=answer.stdout,
            stderr=answer.stderr,
            error=answer.error,
            tool_calls=tuple(calls.calls),
            duration=Duration(
                total=(time.monotonic() - begun) * 1e3,
                queue=(leased - begun) * 1e3,
                start=(started - leased) * 1e3,
                run=(done - started) * 1e3,
            ),
            sandbox=sandbox.label if turn is None else turn.session.label,
            language=language.name,
            tokens=used,
            truncated=answer.truncated,
            handle=answer.handle,
            checked=_UNKNOWN if unknown else False if verdict is None else verdict.checked,
            session=None if turn is None else turn.told(),
        )

    async def _turn(self, program: Program) -> Turn | None:
        """Wait for a turn in the program's session, where it is for one."""
        if program.session is None:
            return None
        return await self._sessions.enter(
            program.agent,
            program.session,
            program.environment,
            patience=program.timeout,
            language=program.language,
        )

    async def _talk(
        self,
        run: str,
        program: Program,
        lease: Lease,
        host: RunHost,
        language: Language,
        *,
        clock: Clock,
        watch: RunWatch | None,
    ) -> Outcome:
        conversation = Conversation(
            lease,
            host,
            clock=clock,
            output_bytes=self._settings.output_bytes,
            keeps_time=language.keeps_time,
        )
        shadowed = lease.session.shadowed if isinstance(lease, Turn) else None
        frame: dict[str, Any] = {
            "run": run,
            "filename": program.filename,
            "timeout": program.timeout,
            "max_value": self._settings.result_bytes,
            **await language.frame(program.code, program.agent, shadowed),
        }
        if watch is not None:
            watch.note_modules([*frame.get("modules", ()), *frame.get("rests_on", ())])
        if not isinstance(lease, Turn):
            return await conversation.hold(frame)
        frame |= await lease.frame(program.filename)
        lease.session.modules.note(frame.get("modules", {}))
        self._sessions.begin(lease)
        outcome = await conversation.hold(frame)
        lease.note(outcome)
        return outcome

    async def _shape(
        self,
        program: Program,
        calls: RunCalls,
        outcome: Outcome,
        error: RunError | None,
        keep: Keep,
        *,
        load: str,
    ) -> tuple[Answer, Tokens]:
        def work() -> tuple[Answer, Tokens]:
            answer = bounded(
                None if outcome.done is None else outcome.done.value,
                ("".join(outcome.output["stdout"]), "".join(outcome.output["stderr"])),
                error,
                max_tokens=program.max_tokens,
                count=self._count,
                keep=keep,
                load=load,
            )
            code = self._count(program.code)
            context = code + self._count(answer.text)
            direct = calls.direct.tokens()
            results = [(*tool, count) for tool, count in calls.direct.credited.items()]
            return answer, Tokens(context, direct, tokens.TOKENIZER, code, calls.direct.calls, results)

        printed = sum(map(len, outcome.output["stdout"])) + sum(map(len, outcome.output["stderr"]))
        moved = sum(call.bytes_in + call.bytes_out for call in calls.calls)
        if outcome.size + printed + moved + len(program.code) < _BIG:
            return work()
        return await anyio.to_thread.run_sync(work)

    def _error(
        self,
        program: Program,
        calls: RunCalls,
        outcome: Outcome,
        full: WorkspaceFull | None,
        refusal: WorkspaceFull | None,
        *,
        cpu_before: float,
    ) -> RunError | None:
        calls_done = sum(call.ok for call in calls.calls)
        if outcome.error is not None:
            cpu_seconds = self._settings.cpu_seconds
            return failure.host_error(
                outcome.error, calls_done, cpu_seconds=cpu_seconds, cpu_before=cpu_before
            )
        if outcome.done is not None and (outcome.done.error is not None or outcome.done.refused):
            # Python hides a refused write from a program that leaves it to Python to close its files.
            error = {"type": failure.FILE_SIZE} if outcome.done.error is None else outcome.done.error
            limits = {**asdict(self._settings), "timeout": program.timeout}
            return failure.guest_error(error, calls_done, limits, full or refusal)
        if full is not None:
            return failure.host_error(full, calls_done)
        if outcome.done is not None and outcome.done.problems:
            return failure.unexpressed(outcome.done.problems, calls_done)
        return None

    def _language(self, program: Program) -> Language:
        _check(program)
        language = self._languages.get(program.language)
        if language is None:
            close = did_you_mean(program.language, self._languages)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(self._languages)}"
            raise ValidationFailed(f"no program can be written in {program.language!r:.60}", hint=hint)
        return language


def _record(run: str, program: Program) -> RunRecord:
    environment = program.environment
    return RunRecord(
        run,
        time.time(),
        program.agent,
        program.language,
        None if environment is None else environment.name,
        program.filename,
        program.timeout,
        program.max_tokens,
        program.check,
        program.rollback_on_error,
        program.code,
        program.session,
    )


def _check(program: Program) -> None:
    if not 0 < program.timeout <= 86_400:
        raise ValidationFailed("the timeout must be more than 0 and at most 86,400 s", hint="30 is usual")
    if program.max_tokens < 1:
        raise ValidationFailed("max_tokens must be at least 1", hint="2,000 is usual")
    if program.session is not None and program.rollback_on_error:
        raise ValidationFailed(
            "a run in a session cannot be undone: its variables would stay as they are",
            hint="leave rollback_on_error or session out; code can use workspace.checkpoint and restore",
        )
    try:
        program.code.encode()
    except UnicodeEncodeError as error:
        raise ValidationFailed(f"the program is no valid text: {error}", hint="send UTF-8") from error


def new_run_id() -> str:
    """Return an id that sorts by time: milliseconds since 1970 and 40 random bits, in base 32."""
    number = (time.time_ns() // 1_000_000) << 40 | secrets.randbits(40)
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(80, -10, -10)])[1:]
