"""The conversation about one command: what is said, and what it cost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

from underpass.agent.model import Talker
from underpass.agent.outcome import AgentTokens
from underpass.errors import ModelFailed
from underpass.metrics import tokens

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelRequest, ModelResponse, ToolCallPart
    from pydantic_ai.tools import ToolDefinition


_THOUGHTS: Final = re.compile(r"\A\s*<think>.*?(</think>|\Z)", re.DOTALL)
"""What many open models write first; a stream that cuts the tags in two hides them from pydantic-ai."""


class NoAnswer(Exception):
    """The model comes to no answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the model says in one turn."""

    text: str
    calls: Sequence[ToolCallPart]
    """Functions that it calls."""
    was_cut: bool
    """Whether it was cut off where its provider's limit is."""


@dataclass(slots=True)
class Talk:
    """The messages between us and one model."""

    talker: Talker
    instructions: str = ""
    messages: list[ModelRequest | ModelResponse] = field(default_factory=list["ModelRequest | ModelResponse"])
    """What the model is told with the next request."""
    transcript: list[ModelRequest | ModelResponse] = field(
        default_factory=list["ModelRequest | ModelResponse"]
    )
    """All that was ever said."""
    can_call: bool = True
    """Whether the model can call functions; otherwise it can only write."""
    turns: int = 0
    """Requests that were answered."""
    cost: float | None = 0.0
    """US dollars; None once a price is not known."""
    tokens: AgentTokens = field(default_factory=AgentTokens)

    def begin(self, instructions: str, text: str) -> None:
        """Begin anew: the model knows nothing of what was said before."""
        self.instructions = instructions
        self.messages.clear()
        self.say(text)

    def say(self, text: str) -> None:
        """Say something to the model."""
        from pydantic_ai.messages import ModelRequest, UserPromptPart

        self._add(ModelRequest(parts=[UserPromptPart(content=whole(text))], instructions=self.instructions))

    def answer(self, answers: Sequence[tuple[ToolCallPart, str]]) -> None:
        """Give the model what came of its calls."""
        from pydantic_ai.messages import ModelRequest, ToolReturnPart

        parts = [
            ToolReturnPart(tool_name=call.tool_name, content=text, tool_call_id=call.tool_call_id)
            for call, text in answers
        ]
        self._add(ModelRequest(parts=parts, instructions=self.instructions))

    async def ask(self, tools: Sequence[ToolDefinition]) -> Heard:
        """Return what the model says. A model that takes no functions is asked without them from then on.

        Raises:
            ModelFailed: it cannot be asked.
            NoAnswer: it refuses.
        """
        from pydantic_ai.messages import TextPart, ThinkingPart

        tools = tools if self.can_call else []
        try:
            response = await self.talker.ask(self.messages, tools)
        except ModelFailed as error:
            if error.data["cause"] != "no_functions" or not tools:
                raise
            self.can_call, tools = False, []
            response = await self.talker.ask(self.messages, tools)
        for part in response.parts:
            if isinstance(part, TextPart | ThinkingPart):
                part.content = whole(part.content)
        self._count(response, tools)
        self._add(response)
        self.turns += 1
        text = _THOUGHTS.sub("", response.text or "", count=1).strip()
        heard = Heard(text, response.tool_calls, response.finish_reason == "length")
        if response.finish_reason == "content_filter":
            said = (response.provider_details or {}).get("refusal") or heard.text
            raise NoAnswer(f"the model refuses{f': {said}' if said else ', and says nothing'}")
        return heard

    def _add(self, message: ModelRequest | ModelResponse) -> None:
        self.messages.append(message)
        self.transcript.append(message)

    def _count(self, response: ModelResponse, tools: Sequence[ToolDefinition]) -> None:
        before, usage = self.tokens, response.usage
        if usage.input_tokens or usage.output_tokens:
            now = AgentTokens(
                usage.input_tokens or 0,
                usage.cache_read_tokens or 0,
                usage.cache_write_tokens or 0,
                usage.output_tokens or 0,
                usage.details.get("reasoning_tokens", 0),
                before.counted_by,
            )
        else:
            written = tokens.count(_written(response))
            now = AgentTokens(self._read(tools), output=written, counted_by=tokens.TOKENIZER)
        self.tokens = before + now
        try:
            price = float(response.cost().total_price)
            self.cost = None if self.cost is None else self.cost + price
        except (LookupError, ValueError, AssertionError):
            self.cost = None  # a model of one's own, or one whose price nobody knows

    def _read(self, tools: Sequence[ToolDefinition]) -> int:
        texts = [self.instructions]
        texts += [f"{tool.description}{orjson.dumps(tool.parameters_json_schema).decode()}" for tool in tools]
        for message in self.messages:
            if message.kind == "request":
                texts += [str(getattr(part, "content", "")) for part in message.parts]
            else:
                texts.append(_written(message))
        return sum(map(tokens.count, texts))


def whole(text: str) -> str:
    """Return a text without halves of characters, which JSON can express and nobody can send."""
    return text.encode("utf-8", "replace").decode()


def arguments_of(call: ToolCallPart) -> dict[str, object] | None:
    """Return the arguments of a call; None where they are no JSON object."""
    try:
        return call.args_as_dict(raise_if_invalid=True)
    except (ValueError, AssertionError):
        return None


def _written(response: ModelResponse) -> str:
    called = (f"{call.tool_name} {call.args}" for call in response.tool_calls)
    return "\n".join([response.text or "", *called])
