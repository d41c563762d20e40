"""Putting a run's questions to the person behind an MCP client, in either era of the protocol."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, get_args

import anyio
from mcp.server import Server, ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    InputResponse,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from underpass.background import Background
from underpass.broker.approvals import Answer, Ask, Question
from underpass.broker.approvals.question import one_line
from underpass.catalog.elicitation import Filled, Form

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "answer": {
            "type": "string",
            "title": "May this call be made?",
            "description": "once: this call; run: this tool for the rest of the run; always: from now on, "
            "as a rule in underpass.toml; refuse: no",
            "enum": ["once", "run", "always", "refuse"],
            "enumNames": ["Once", "For the rest of this run", "Always", "No"],
        }
    },
    "required": ["answer"],
}
_TOGETHER: Final = 0.02
"""Seconds in which further questions go to the client with the first."""
_KEPT: Final = 600.0
"""Seconds for which what a run came to waits for a client that has not answered its questions."""
_SWEEP: Final = 60.0
"""Seconds between two looks for those."""


class Caller:
    """Who asked for a run: told of its progress, and asked about its calls.

    Parameters:
        ask: the person; None where the client cannot ask.
    """

    def __init__(self, context: ServerRequestContext[Any], ask: Ask | None) -> None:
        self.context: ServerRequestContext[Any] | None = context
        """The request that waits for the run; None while none does."""
        self.ask = ask
        self._furthest = 0.0

    async def report(self, progress: float, total: float | None, message: str | None) -> None:
        """Pass progress on."""
        if progress > self._furthest:  # the protocol allows no other; a program may report any
            self._furthest = progress
            if self.context is not None:
                await self.context.session.report_progress(progress, total, message)


Work = Callable[[Caller], Awaitable[CallToolResult]]
"""A tool call of a client's that may have questions."""


class _Paused:
    """One call, which goes on while its client is asked."""

    def __init__(self, context: ServerRequestContext[Any]) -> None:
        self.caller = Caller(context, self)
        self.scope = anyio.CancelScope()
        self.outcome: CallToolResult | Exception | None = None
        self.open: dict[str, ElicitRequestFormParams] = {}
        """What has been asked and has no answer that was heard."""
        self.answers: dict[str, ElicitResult] = {}
        self.changed = anyio.Event()
        self.until = 0.0
        """When it is given up, as ``anyio.current_time`` counts."""

    async def go(self, work: Work) -> None:
        """Do the work, whoever waits for it."""
        with self.scope:
            try:
                self.outcome = await work(self.caller)
            except Exception as error:  # noqa: BLE001 - raised again where somebody waits for it
                self.outcome = error
        self._change()

    async def next(self) -> None:
        """Wait until there is an outcome, or something to be asked."""
        while self.outcome is None:
            if self.unanswered():
                await anyio.sleep(_TOGETHER)
                return
            await self.changed.wait()

    def unanswered(self) -> dict[str, ElicitRequestFormParams]:
        """What there is to ask."""
        return {number: form for number, form in self.open.items() if number not in self.answers}

    def answer(self, responses: Mapping[str, InputResponse]) -> None:
        """Take what the person said; what is not among it is asked again."""
        for number, response in responses.items():
            if number in self.open and isinstance(response, ElicitResult):
                self.answers[number] = response
        self._change()

    async def ask(self, question: Question) -> Answer:
        """Put a question to the person."""
        return answer_of(await self._put(question.id, _form(question)))

    async def fill(self, form: Form) -> Filled:
        """Have a server's form filled in."""
        return filled_of(await self._put(secrets.token_hex(4), _forwarded(form)))

    async def _put(self, number: str, form: ElicitRequestFormParams) -> ElicitResult:
        self.open[number] = form
        self._change()
        try:
            while number not in self.answers:
                await self.changed.wait()
            return self.answers.pop(number)
        finally:
            del self.open[number]

    def _change(self) -> None:
        self.changed.set()
        self.changed = anyio.Event()


class Rounds(Background):
    """Calls that go on between the requests of their clients; enter it before use.

    The newest revision of the protocol has no requests to a client: a call that needs an answer is answered
    with the question, and made again with the answer. What names it in between is encrypted for this process,
    bound to the call's arguments, and good for one answer.

    Parameters:
        wait_seconds: how long a person has to answer.
    """

    def __init__(self, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        self._paused: dict[str, _Paused] = {}

    def protect(self, server: Server[Any]) -> None:
        """Let ``server`` encrypt what names a call that waits, and accept nothing else."""
        security = RequestStateSecurity.ephemeral(ttl=self._wait_seconds + _KEPT)
        server.middleware.append(RequestStateBoundary(security, default_audience=server.name))

    async def answer(
        self, context: ServerRequestContext[Any], params: CallToolRequestParams, work: Work
    ) -> CallToolResult | InputRequiredResult:
        """Return what the work comes to, or what has to be asked first.

        Raises:
            MCPError: the question is not, or no longer, one that waits.
        """
        if params.request_state is None:
            paused = _Paused(context)
            self._tasks.start_soon(paused.go, work)
        else:
            found = self._paused.pop(params.request_state, None)
            if found is None:
                raise MCPError(
                    code=INVALID_PARAMS, message="no question waits for this answer: call the tool anew"
                )
            paused = found
            paused.caller.context = context
            paused.answer(params.input_responses or {})
        try:
            await paused.next()
        except anyio.get_cancelled_exc_class():
            paused.scope.cancel()
            raise
        finally:
            paused.caller.context = None
        if isinstance(paused.outcome, Exception):
            raise paused.outcome
        if paused.outcome is not None:
            return paused.outcome
        state = secrets.token_hex(16)
        paused.until = anyio.current_time() + self._wait_seconds + _KEPT
        self._paused[state] = paused
        requests = {number: ElicitRequest(params=form) for number, form in paused.unanswered().items()}
        # There may be none by now: the client comes back a moment later then.
        return InputRequiredResult(input_requests={**requests}, request_state=state)

    async def _work(self) -> None:
        """End what no client comes back to."""
        while True:
            await anyio.sleep(_SWEEP)
            for state, paused in list(self._paused.items()):
                if paused.until < anyio.current_time():
                    del self._paused[state]
                    paused.scope.cancel()


async def with_questions(
    context: ServerRequestContext[Any], params: CallToolRequestParams, work: Work, rounds: Rounds | None
) -> CallToolResult | InputRequiredResult:
    """Do what a client called for; its questions go to the person behind the client, if that can ask."""
    if not _can_ask(context):
        return await work(Caller(context, None))
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return await work(Caller(context, _Elicitation(context)))
    if rounds is None:
        return await work(Caller(context, None))
    return await rounds.answer(context, params, work)


class _Elicitation:
    """Asks with a request to the client, as revisions with a handshake have it."""

    def __init__(self, context: ServerRequestContext[Any]) -> None:
        self._context = context

    async def ask(self, question: Question) -> Answer | None:
        result = await self._put(_form(question))
        return None if result is None else answer_of(result)

    async def fill(self, form: Form) -> Filled:
        result = await self._put(_forwarded(form))
        return "cancel" if result is None else filled_of(result)

    async def _put(self, form: ElicitRequestFormParams) -> ElicitResult | None:
        try:
            return await self._context.session.elicit_form(
                form.message, form.requested_schema, related_request_id=self._context.request_id
            )
        except (MCPError, NoBackChannelError):
            return None


def answer_of(result: ElicitResult) -> Answer:
    """Return what a person's form says. Whoever closes it, or leaves it empty, allows nothing."""
    given = (result.content or {}).get("answer") if result.action == "accept" else None
    for answer in get_args(Answer):
        if given == answer:
            return answer
    return "refuse"


def filled_of(result: ElicitResult) -> Filled:
    """Return what a person wrote into a server's form."""
    return result.content or {} if result.action == "accept" else result.action


def _forwarded(form: Form) -> ElicitRequestFormParams:
    """Say whose words these are."""
    message = f"Server {one_line(form.server)} asks during {one_line(form.tool)}: {form.message}"
    return ElicitRequestFormParams(message=message, requested_schema=dict(form.schema))


def _form(question: Question) -> ElicitRequestFormParams:
    return ElicitRequestFormParams(message=question.text(), requested_schema=SCHEMA)


def _can_ask(context: ServerRequestContext[Any]) -> bool:
    capabilities = context.session.client_capabilities
    elicitation = None if capabilities is None else capabilities.elicitation
    # Before there were modes, nothing was said of them.
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)
