"""The conversation about one command: what is said, what it cost, and what has been run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from underpass.agent.model import Talker
from underpass.agent.outcome import AgentTokens
from underpass.metrics import tokens

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelRequest, ModelResponse, ToolCallPart
    from pydantic_ai.tools import ToolDefinition


@dataclass(slots=True)
class Talk:
    """The messages between us and one model."""

    talker: Talker
    instructions: str = ""
    messages: list[ModelRequest | ModelResponse] = field(default_factory=list["ModelRequest | ModelResponse"])
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

        self.messages.append(
            ModelRequest(parts=[UserPromptPart(content=text)], instructions=self.instructions)
        )

    def answer(self, answers: Sequence[tuple[ToolCallPart, str]]) -> None:
        """Give the model what came of its calls."""
        from pydantic_ai.messages import ModelRequest, ToolReturnPart

        parts = [
            ToolReturnPart(tool_name=call.tool_name, content=text, tool_call_id=call.tool_call_id)
            for call, text in answers
        ]
        self.messages.append(ModelRequest(parts=parts, instructions=self.instructions))

    async def ask(self, tools: Sequence[ToolDefinition]) -> ModelResponse:
        """Return the model's response. Raises ``ModelFailed``."""
        response = await self.talker.ask(self.messages, tools)
        self._count(response, tools)
        self.messages.append(response)
        self.turns += 1
        return response

    def _count(self, response: ModelResponse, tools: Sequence[ToolDefinition]) -> None:
        before, usage = self.tokens, response.usage
        if usage.input_tokens or usage.output_tokens:
            read, cached, wrote = usage.input_tokens, usage.cache_read_tokens, usage.output_tokens
            by = before.counted_by
        else:
            read, cached, wrote = self._read(tools), 0, tokens.count(_written(response))
            by = tokens.TOKENIZER
        self.tokens = AgentTokens(
            before.input + (read or 0), before.cached_input + (cached or 0), before.output + (wrote or 0), by
        )
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


def arguments_of(call: ToolCallPart) -> dict[str, object] | None:
    """Return the arguments of a call; None where they are no JSON object."""
    try:
        return call.args_as_dict(raise_if_invalid=True)
    except (ValueError, AssertionError):
        return None


def _written(response: ModelResponse) -> str:
    called = (f"{call.tool_name} {call.args}" for call in response.tool_calls)
    return "\n".join([response.text or "", *called])
