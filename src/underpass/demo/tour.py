"""The demonstration itself: runs the programs and measures them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_types import Tool

from underpass import Underpass
from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.package import write_package
from underpass.codegen.python import PythonPackage
from underpass.demo.programs import Program, programs
from underpass.demo.setup import Setting
from underpass.execution.result import RunResult
from underpass.metrics import tokens


@dataclass(frozen=True, slots=True)
class Definitions:
    """Tokens of tool definitions: what a conversation carries before anything is asked."""

    tools: int
    direct: int
    """All tools of all servers."""
    underpass: int
    """The facade's own tools."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A program and its run."""

    program: Program
    result: RunResult


@dataclass(frozen=True, slots=True)
class Tour:
    """Everything that the demonstration has to show."""

    setting: Setting
    servers: Mapping[str, int]
    """Server → number of its tools."""
    modules: int
    """Files of the generated package."""
    definitions: Definitions
    shown: tuple[Shown, ...]

    @property
    def ok(self) -> bool:
        """Whether every program gave its answer."""
        return all(shown.result.ok for shown in self.shown)

    def to_dict(self) -> dict[str, Any]:
        """The tour as one JSON object."""
        repository = self.setting.repository
        results = [shown.result for shown in self.shown]
        return {
            "ok": self.ok,
            "repository": {
                "path": str(repository.path),
                "commits": repository.commits,
                "built": repository.built,
            },
            "servers": [{"name": name, "tools": count} for name, count in self.servers.items()],
            "modules": self.modules,
            "definition_tokens": {
                "tools": self.definitions.tools,
                "direct": self.definitions.direct,
                "underpass": self.definitions.underpass,
            },
            "programs": [
                {
                    "name": shown.program.name,
                    "task": shown.program.task,
                    "code": shown.program.code,
                    "result": shown.result.to_dict(),
                }
                for shown in self.shown
            ],
            "tokens": {
                "direct": sum(result.tokens.direct for result in results),
                "context": sum(result.tokens.context for result in results),
                "tokenizer": tokens.TOKENIZER,
            },
        }


async def tour(
    setting: Setting, own: Sequence[Tool], step: Callable[[str], None], *, sandbox: str | None
) -> Tour:
    """List the servers, generate their modules, run every program.

    Parameters:
        own: the tools of the facade, whose definitions are counted beside those of the servers.
        step: told what is done next, in a few words.

    Raises:
        ServerUnavailable: a server cannot be listed.
        SandboxUnavailable: this machine cannot isolate code.
    """
    step("starting the servers and reading their tools")
    async with Underpass.open(setting.config, sandbox=sandbox) as up:
        listings = {name: await up.catalog.listing(name) for name in setting.names}
        step("generating modules")
        modules = _generate(setting, listings)
        shown: list[Shown] = []
        for program in programs(str(setting.repository.path)):
            step(f"running: {program.task}")
            shown.append(Shown(program, await up.run(program.code, agent="demo")))
        return Tour(
            setting,
            {name: len(listing.tools) for name, listing in listings.items()},
            modules,
            _definitions(listings, own),
            tuple(shown),
        )


def _generate(setting: Setting, listings: Mapping[str, Listing]) -> int:
    files = PythonPackage(listings).files()
    write_package(files, setting.folder / "mcp_servers")
    return len(files)


def _definitions(listings: Mapping[str, Listing], own: Sequence[Tool]) -> Definitions:
    tools = [tool for listing in listings.values() for tool in listing.tools]
    return Definitions(
        tools=len(tools),
        direct=sum(_tokens(_definition(tool)) for tool in tools),
        underpass=sum(
            _tokens({"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema})
            for tool in own
        ),
    )


def _definition(tool: ToolDefinition) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}


def _tokens(definition: Mapping[str, Any]) -> int:
    return tokens.count(json.dumps(definition, ensure_ascii=False, separators=(",", ":")))
