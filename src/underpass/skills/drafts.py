"""Makes a draft of code that somebody gives, with cases that show what it does."""

from __future__ import annotations

import ast
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, cast

from underpass.catalog.digest import tool_digest
from underpass.codegen.names import identifiers
from underpass.discovery.directory import ListingSource
from underpass.errors import ServerUnavailable, SkillInvalid, UnderpassError
from underpass.skills.format.names import module_name, skill_name
from underpass.skills.rehearsal.rehearsal import Rehearsed, verdict
from underpass.skills.skill import Case, Language, RecordedCall, SkillDraft

MOST_CASES: Final = 20
_EXPORTED: Final = re.compile(r"^export\s+async\s+function\s+([A-Za-z_$][\w$]*)", re.MULTILINE)
_WORD: Final = re.compile(r"[A-Za-z_$][\w$]*")
_LONGEST: Final = 200_000

Record = Callable[[SkillDraft, Mapping[str, Any]], Awaitable[Case]]
"""Calls a draft once with arguments, for real, and returns what it called. Raises ``UnderpassError``."""


class Replays(Protocol):
    """Runs a case."""

    async def run(self, draft: SkillDraft, case: Case, agent: str = "") -> Rehearsed:
        """Run one case and say what it came to."""
        ...


@dataclass(frozen=True, slots=True)
class GivenCase:
    """Arguments with which a skill can be called, and what is known of that."""

    arguments: Mapping[str, Any]
    result: Any = None
    has_result: bool = False

    @classmethod
    def of(cls, value: object) -> GivenCase:
        """Read one: an object with ``arguments`` and perhaps ``result``. Raises ``SkillInvalid``."""
        if isinstance(value, Mapping):
            given = cast("Mapping[str, Any]", value)
            arguments: Any = given.get("arguments", {})
            if isinstance(arguments, Mapping):
                return cls(cast("Mapping[str, Any]", arguments), given.get("result"), "result" in given)
        raise SkillInvalid(
            "a case is an object with `arguments`, and with `result` where it is known",
            hint='such as {"arguments": {"text": "a"}, "result": 1}',
            problems=["cases"],
        )


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants to save."""

    name: str
    description: str
    code: str
    language: Language = "python"
    entrypoint: str | None = None
    examples: str = ""
    pitfalls: str = ""
    tags: tuple[str, ...] = ()
    cases: tuple[GivenCase, ...] = ()
    author: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict[str, str])


class Drafts:
    """Makes drafts whose cases pass.

    Parameters:
        source: the tools as they are.
        rehearsal: runs the cases.
    """

    def __init__(self, source: ListingSource, rehearsal: Replays) -> None:
        self._source = source
        self._rehearsal = rehearsal

    async def make(
        self, request: Request, agent: str, calls: Sequence[RecordedCall], record: Record | None
    ) -> SkillDraft:
        """Return the draft, with all cases and the digests of its tools.

        Parameters:
            agent: whose other skills its code may import.
            calls: that the program has made which saves it: they answer its cases.
            record: makes the calls of a case for which these do not do; None where none may be made.

        Raises:
            SkillInvalid: a case does not come to its result.
            SandboxUnavailable, Overloaded: there is no sandbox for the cases.
        """
        name = skill_name(request.name)
        if len(request.code) > _LONGEST or len(request.cases) > MOST_CASES:
            raise SkillInvalid(
                f"a skill has at most {_LONGEST:,} characters of code and {MOST_CASES} cases",
                hint="save several",
                skill=name[:80],
                problems=["code"],
            )
        draft = SkillDraft(
            name,
            request.description,
            request.language,
            request.code,
            request.entrypoint or entrypoint_of(request.code, request.language, name),
            examples=request.examples,
            pitfalls=request.pitfalls,
            tags=request.tags,
            author=request.author,
            provenance=request.provenance,
        )
        cases = [await self._case(draft, given, agent, calls, record) for given in request.cases]
        tools = await self._tools(draft, cases)
        return replace(draft, cases=tuple(cases), tools=tools)

    async def _case(
        self,
        draft: SkillDraft,
        given: GivenCase,
        agent: str,
        calls: Sequence[RecordedCall],
        record: Record | None,
    ) -> Case:
        case = Case(given.arguments, tuple(calls), given.result)
        done = await self._rehearsal.run(draft, case, agent)
        if done.detail and record is not None:
            case = await record(draft, given.arguments)
            done = await self._rehearsal.run(draft, case, agent)
        expected = given.result if given.has_result else done.value
        case = Case(given.arguments, done.used, expected)
        if detail := verdict(case, replace(done, unused=())):
            raise SkillInvalid(
                f"the skill {draft.name!r:.80} does not pass its case: {detail}",
                hint="give what a call that worked got and gave; tools answer as they did in this run",
                skill=draft.name[:80],
                problems=[detail],
            )
        return case

    async def _tools(self, draft: SkillDraft, cases: Sequence[Case]) -> dict[str, str]:
        """The tools that the cases have called, and those that the code names."""
        called = {(call.server, call.tool) for case in cases for call in case.calls}
        words = set(_WORD.findall(draft.code))
        modules = identifiers(self._source.names, "server")
        found: dict[str, str] = {}
        for server in self._source.names:
            is_named = modules[server] in words or f'"{server}"' in draft.code
            if not is_named and all(server != each for each, _ in called):
                continue
            try:
                listing = await self._source.listing(server)
            except (ServerUnavailable, UnderpassError):
                continue
            functions = identifiers((tool.name for tool in listing.tools), "tool")
            for tool in listing.tools:
                named = {functions[tool.name], tool.name, _camel(functions[tool.name])} & words
                if (server, tool.name) in called or (is_named and named):
                    found[f"{server}.{tool.name}"] = tool_digest(tool)
        return found


def entrypoint_of(code: str, language: Language, name: str) -> str:
    """Return the function of a module that is meant: the one named like the skill, or the only public one."""
    if language == "typescript":
        functions = _EXPORTED.findall(code)
        wanted = _camel(module_name(name))
    else:
        try:
            body = ast.parse(code).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise SkillInvalid(
                f"the code of skill {name!r:.80} cannot be read: {error}",
                hint="it is a module with an async function",
                skill=name[:80],
                problems=["code"],
            ) from error
        functions = [
            node.name
            for node in body
            if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_")
        ]
        wanted = module_name(name)
    if wanted in functions:
        return wanted
    if len(functions) == 1:
        return functions[0]
    kind = "an exported async function" if language == "typescript" else "a public async function"
    raise SkillInvalid(
        f"the code of skill {name!r:.80} has to have {kind} named {wanted!r:.80}, or only one",
        hint="or say which by `entrypoint`",
        skill=name[:80],
        problems=["entrypoint"],
    )


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)
