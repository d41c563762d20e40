"""One language model: opened by its name, asked with streaming, its failures in our words."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import anyio

from underpass.agent.events import OnEvent, Waits, Wrote, ignore
from underpass.catalog.secret_store import SecretStore
from underpass.errors import ConfigError, ModelFailed

if TYPE_CHECKING:
    from pydantic_ai.exceptions import ModelAPIError
    from pydantic_ai.messages import (
        ModelMessage,
        ModelResponse,
        ModelResponsePart,
        ModelResponsePartDelta,
    )
    from pydantic_ai.models import Model
    from pydantic_ai.providers import Provider
    from pydantic_ai.tools import ToolDefinition

_ATTEMPTS: Final = 4
_REFUSALS: Final = 2
"""Attempts where nobody listens: whoever is not there is seldom there a few seconds later."""
_LONGEST_WAIT: Final = 60.0
"""Seconds: who is told to come back later than that is told so."""
_KEYS: Final = {
    "openai": "OPENAI_API_KEY",
    "openai-chat": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "google": "GOOGLE_API_KEY",
    "ollama": "OLLAMA_API_KEY",
}
"""The variable that has the key, by provider; a secret of that name counts where it is not set."""
_LONGEST_SAID: Final = 500
"""Characters of what a provider says."""
_NO_KEY: Final = "none"
"""Sent to a server of one's own that wants no key; the clients refuse to send nothing."""
_OLLAMA: Final = "http://127.0.0.1:11434"
"""Where Ollama listens by default."""
_INSTALL: Final = "install the extra: pip install 'underpass[agent]'"

_NO_FUNCTIONS: Final = re.compile(
    r"(support|require|enable|unsupported|allowed)[^.]{0,60}\btool|\btools?\b[^.]{0,60}(support|require|enable)",
    re.IGNORECASE,
)
"""How Ollama, vLLM, llama.cpp and OpenRouter say that a model takes no functions."""


def open_model(name: str, *, base_url: str | None = None, state: Path | None = None) -> Model:
    """Return the model of this name.

    Parameters:
        name: ``PROVIDER:MODEL``, such as ``anthropic:claude-sonnet-5`` or ``ollama:qwen3``. With a
            ``base_url``, ``openai:`` means any server that speaks OpenAI's chat completions.
        base_url: where the model is served, if not at its provider's own address.
        state: the state folder, whose secrets count as well as the environment's keys.

    Raises:
        ConfigError: the name is not known, a key is missing, or the extra ``agent`` is not installed.
    """
    try:
        from pydantic_ai.exceptions import UserError
        from pydantic_ai.models import infer_model
        from pydantic_ai.providers import infer_provider_class
    except ImportError as error:
        raise ConfigError("access to models is not installed", hint=_INSTALL) from error
    provider, _, model = name.partition(":")
    if not model:
        raise ConfigError(
            f"{name!r:.80} is no model's name", hint="write PROVIDER:MODEL, such as ollama:qwen3", model=name
        )
    if base_url is not None:
        if not base_url.startswith(("http://", "https://")):
            raise ConfigError(
                f"{base_url!r:.200} is no address of a model", hint="it begins with http:// or https://"
            )
        provider = "openai-chat" if provider == "openai" else provider
    key = _key(provider, state)
    if key is None and provider in _KEYS:
        if base_url is None and provider != "ollama":
            variable = _KEYS[provider]
            raise ConfigError(
                f"{name}: there is no key",
                hint=f"set {variable} in the environment, or do `underpass secret set {variable}`",
                model=name,
            )
        key = _NO_KEY
    given: dict[str, Any] = {} if key is None else {"api_key": key}
    if provider == "ollama" and base_url is None:
        base_url = os.environ.get("OLLAMA_BASE_URL", _OLLAMA)
    if base_url is not None:
        given["base_url"] = _with_version(base_url, provider)

    def make(kind: str) -> Provider[Any]:
        return infer_provider_class(kind)(**given)

    try:
        return infer_model(f"{provider}:{model}", make)
    except UserError as error:
        message = str(error).split(". ", maxsplit=1)[0]
        raise ConfigError(
            f"{name}: {message}", hint="write PROVIDER:MODEL, such as ollama:qwen3", model=name
        ) from error
    except (ImportError, ValueError, TypeError) as error:
        raise ConfigError(f"{name}: {error}", hint=_INSTALL, model=name) from error


def _with_version(base_url: str, provider: str) -> str:
    # Ollama's own address is known without the path of its OpenAI protocol.
    plain = base_url.rstrip("/")
    return f"{plain}/v1" if provider == "ollama" and not plain.endswith("/v1") else plain


def _key(provider: str, state: Path | None) -> str | None:
    if (variable := _KEYS.get(provider)) is None:
        return None
    return os.environ.get(variable) or (None if state is None else SecretStore(state).get(variable))


class Talker:
    """Asks one model, and again where waiting helps.

    Parameters:
        model: the model.
        base_url: where it is served, if someone has said so; errors name it.
        on_event: is shown what it writes, and when it is asked again.
        sleep: waits; seconds.
    """

    def __init__(
        self,
        model: Model,
        *,
        base_url: str | None = None,
        on_event: OnEvent = ignore,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self.model = model
        self._base_url = base_url
        self._on_event = on_event
        self._sleep = sleep

    @property
    def name(self) -> str:
        """What its provider calls it."""
        return self.model.model_name

    async def ask(self, messages: Sequence[ModelMessage], tools: Sequence[ToolDefinition]) -> ModelResponse:
        """Return the model's response.

        A limit of its rate, an overload, and a connection that breaks are tried again, after the time that
        the provider names.

        Raises:
            ModelFailed: it cannot be asked, or does not answer.
        """
        from pydantic_ai.exceptions import (
            ModelAPIError,
            ModelConnectionError,
            ModelQuotaExceededError,
            ModelRequestRejectedError,
            UnexpectedModelBehavior,
        )

        lasting = (ModelQuotaExceededError, ModelRequestRejectedError)
        for attempt in range(_ATTEMPTS):
            try:
                return await self._stream(messages, tools)
            except ModelAPIError as error:
                wait = error.retry_after if error.retry_after is not None else 2.0**attempt
                told = failed(self.name, error, self._base_url, functions=bool(tools))
                hopeless = isinstance(error, lasting) or told.data["cause"] == "no_functions"
                is_refused = isinstance(error, ModelConnectionError) and error.phase == "connect"
                last = (_REFUSALS if is_refused else _ATTEMPTS) - 1
                if hopeless or attempt >= last or wait > _LONGEST_WAIT:
                    raise told from error
                self._on_event(Waits(wait, told.message))
                await self._sleep(wait)
            except UnexpectedModelBehavior as error:
                if attempt == _ATTEMPTS - 1:
                    raise ModelFailed(
                        f"{self.name} answers with what is no answer: {error}",
                        hint="try again, or another model" + _look_at(self._base_url),
                        model=self.name,
                        cause="malformed",
                    ) from error
        raise AssertionError

    async def _stream(
        self, messages: Sequence[ModelMessage], tools: Sequence[ToolDefinition]
    ) -> ModelResponse:
        from pydantic_ai.direct import model_request_stream
        from pydantic_ai.messages import PartDeltaEvent, PartStartEvent
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.settings import ModelSettings

        async with model_request_stream(
            self.model,
            list(messages),
            # The waiting is done here: it can be seen, and stopped.
            model_settings=ModelSettings(max_retries=0),
            model_request_parameters=ModelRequestParameters(function_tools=list(tools)),
        ) as stream:
            functions: dict[int, str] = {}
            async for event in stream:
                if isinstance(event, PartStartEvent):
                    if event.part.part_kind == "tool-call":
                        functions[event.index] = event.part.tool_name
                    self._show(event.part, functions.get(event.index, ""))
                elif isinstance(event, PartDeltaEvent):
                    self._show(event.delta, functions.get(event.index, ""))
            return stream.get()

    def _show(self, piece: ModelResponsePart | ModelResponsePartDelta, function: str) -> None:
        """Show a piece of what it writes; what it thinks is its own."""
        from pydantic_ai.messages import TextPart, TextPartDelta, ToolCallPart, ToolCallPartDelta

        text = None
        if isinstance(piece, TextPart):
            text = piece.content
        elif isinstance(piece, TextPartDelta):
            text = piece.content_delta
        elif isinstance(piece, ToolCallPart):
            text = piece.args
        elif isinstance(piece, ToolCallPartDelta):
            text = piece.args_delta
        if isinstance(text, str) and text:
            self._on_event(Wrote(text, function))


def failed(
    model: str, error: ModelAPIError, base_url: str | None = None, *, functions: bool = False
) -> ModelFailed:
    """Return the error for a model that could not be asked, with what to do.

    Parameters:
        model: its name.
        error: what its provider, or the way there, said.
        base_url: where it is served, if someone has said so.
        functions: whether it was given functions to call.
    """
    from pydantic_ai import exceptions as known

    causes: list[tuple[type[Exception], str, str, str]] = [
        (known.ModelAuthenticationError, "key", "its key is refused", "look at the key in the environment"),
        (known.ModelNotFoundError, "unknown", "there is no such model", "look at its name"),
        (
            known.ModelContextWindowExceededError,
            "context_full",
            "the conversation is longer than its context",
            "ask for less at once, or lower run.max_tokens",
        ),
        (known.ModelQuotaExceededError, "quota", "the account's quota is used up", "see its provider's page"),
        (known.ModelRateLimitError, "rate_limit", "it was asked too often", "wait, then try again"),
        (known.ModelOverloadedError, "overloaded", "it is overloaded", "try again later"),
        (known.ModelConnectionError, "connection", "it cannot be reached", "is it running?"),
        (
            known.ModelRequestRejectedError,
            "rejected",
            f"it does not take the request: {_said(error)}",
            "another model may take it",
        ),
    ]
    cause, what, hint = "provider", f"its provider answered: {_said(error)}", "try again later"
    if functions and _NO_FUNCTIONS.search(f"{error.message} {error.body}"):
        cause, what, hint = "no_functions", "it cannot call functions", "it can write programs: --mode python"
    else:
        for kind, name, said, advice in causes:
            if isinstance(error, kind):
                cause, what, hint = name, said, advice
                break
    if isinstance(error, known.ModelHTTPError) and error.suggested_model_id:
        hint = f"did you mean {error.suggested_model_id}?"
    if error.retry_after is not None:
        hint = f"try again in {error.retry_after:.0f} s"
    elif cause in {"connection", "unknown", "provider"}:
        hint += _look_at(base_url)
    return ModelFailed(
        f"{model}: {what}",
        hint=hint,
        model=model,
        cause=cause,
        status=getattr(error, "status_code", None),
        retry_after=error.retry_after,
    )


def _said(error: ModelAPIError) -> str:
    """Return what a provider says, in its own words where it has some."""
    body: Any = error.body
    for _ in range(2):  # some say it in `error`, others at once
        if isinstance(body, dict):
            told = cast("dict[str, Any]", body)
            if isinstance(message := told.get("message"), str) and message:
                status = getattr(error, "status_code", None)
                return message[:_LONGEST_SAID] if status is None else f"{message[:_LONGEST_SAID]} ({status})"
            body = told.get("error")
    return str(error)[:_LONGEST_SAID]


def _look_at(base_url: str | None) -> str:
    """Return what else may be wrong where someone has said where the model is served."""
    if base_url is None:
        return ""
    version = "" if base_url.rstrip("/").endswith("/v1") else "; most servers want /v1 at its end"
    return f"; is {base_url} the right address?{version}"
