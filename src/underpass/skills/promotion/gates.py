"""What stands between a derived function and a library. Each refusal names its gate and its reason."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from underpass.broker.privacy.detect import Detector, TooMuch
from underpass.broker.privacy.kinds import TOKEN
from underpass.skills.format.secrets import secrets_in
from underpass.skills.promotion.answers import answers_in
from underpass.skills.promotion.generalise import program_of
from underpass.skills.promotion.imports import import_problems
from underpass.skills.seams import Rehearsal
from underpass.skills.skill import SkillDraft

Gate = Literal[
    "evidence", "derivation", "syntax", "entrypoint", "imports", "secret", "answer", "cases", "library"
]
_SHORTEST_SECRET: Final = 6
_PERSONAL: Final = Detector(("card", "iban"), (), "")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a candidate becomes no skill."""

    gate: Gate
    reason: str


class Gates:
    """Examines drafts.

    Parameters:
        rehearsal: runs the recorded cases.
        secrets: the values of known secrets, which no skill may hold.
        packages: what skills may import besides the standard library's harmless part.
    """

    def __init__(
        self,
        rehearsal: Rehearsal,
        *,
        secrets: Callable[[], Collection[str]] = tuple,
        packages: Collection[str] = (),
    ) -> None:
        self._rehearsal = rehearsal
        self._secrets = secrets
        self._packages = packages

    async def examine(self, draft: SkillDraft) -> Refusal | None:
        """Return why a draft is refused; None where it passes.

        What is cheap comes first; the cases are run only where all else is right.

        Raises:
            SandboxUnavailable, Overloaded: there is no sandbox to run the cases in.
        """
        try:
            program = program_of(draft.language, draft.code, draft.entrypoint)
        except ValueError as error:
            return Refusal("syntax", str(error))
        literals = [place.value for place in program.places]
        defaults = list(_defaults(draft))
        if (problem := entrypoint_problem(draft)) is not None:
            return Refusal("entrypoint", problem)
        if problems := import_problems(draft.language, draft.code, self._packages):
            return Refusal("imports", "; ".join(problems[:5]))
        if (problem := self._secret(draft)) is not None:
            return Refusal("secret", problem)
        if (problem := answers_in([*literals, *defaults], draft.cases)) is not None:
            return Refusal("answer", problem)
        if not draft.cases:
            return Refusal("cases", "there is no recorded case to try it with")
        results = await self._rehearsal.rehearse(draft)
        if failed := [result for result in results if not result.passed]:
            return Refusal("cases", f"{len(failed)} of {len(results)} cases failed: {failed[0].detail}")
        return None

    def _secret(self, draft: SkillDraft) -> str | None:
        texts = (draft.code, draft.description, draft.examples, draft.pitfalls)
        for text in texts:
            if found := secrets_in(text):
                return f"it holds {found[0]}"
            if any(secret in text for secret in self._secrets() if len(secret) >= _SHORTEST_SECRET):
                return "it holds a secret of a server"
            if TOKEN.search(text):
                return "it holds what stands for a personal value in one run"
            try:
                if spans := _PERSONAL.find(text):
                    return f"it holds the number of a {spans[0].found.kind}"
            except TooMuch:
                return "it holds too many numbers to be looked through"
        return None


def entrypoint_problem(draft: SkillDraft) -> str | None:
    """Return what is wrong with a draft's public function; None where it is one, async, typed and documented.

    Raises:
        ValueError: the code does not parse.
    """
    name = draft.entrypoint
    if draft.language == "typescript":
        return _typescript_problem(draft.code, name)
    public = [
        each
        for each in program_of("python", draft.code).tree.body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not each.name.startswith("_")
    ]
    if [each.name for each in public] != [name]:
        return f"the code has to have one public function, {name}, and no other"
    function = public[0]
    if not isinstance(function, ast.AsyncFunctionDef):
        return f"{name} has to be an async function"
    spec = function.args
    every = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    if spec.vararg or spec.kwarg or function.returns is None or any(not each.annotation for each in every):
        return f"the parameters and the result of {name} have to be typed, each by itself"
    if not ast.get_docstring(function):
        return f"{name} has no docstring"
    return None


def _typescript_problem(code: str, name: str) -> str | None:
    root = program_of("typescript", code).root
    from underpass.execution.typescript_edits import walk

    exported = [each for each in root.named_children if each.type == "export_statement"]
    functions = [each.child_by_field_name("declaration") for each in exported]
    if len(functions) != 1 or (function := functions[0]) is None:
        return f"the code has to export one function, {name}, and nothing else"
    own = function.child_by_field_name("name")
    if function.type != "function_declaration" or own is None or (own.text or b"").decode() != name:
        return f"the code has to export one function, {name}, and nothing else"
    if not any(child.type == "async" for child in function.children):
        return f"{name} has to be an async function"
    parameters = function.child_by_field_name("parameters")
    given: list[Any] = [] if parameters is None else parameters.named_children
    typed = all(any(each.type == "type_annotation" for each in one.children) for one in given)
    if not typed or function.child_by_field_name("return_type") is None:
        return f"the parameters and the result of {name} have to be typed"
    before = exported[0].prev_named_sibling
    comments = [] if before is None else [each for each in walk(before) if each.type == "comment"]
    if not any((each.text or b"").startswith(b"/**") for each in comments):
        return f"{name} has no comment that documents it"
    return None


def _defaults(draft: SkillDraft) -> Iterable[Any]:
    """Yield what a call gets without arguments, as far as the cases say it was the run's own."""
    if draft.language == "python":
        for node in ast.walk(program_of("python", draft.code).tree):
            if isinstance(node, ast.arguments):
                for each in (*node.defaults, *node.kw_defaults):
                    if isinstance(each, ast.Constant):
                        yield each.value
        return
    head = draft.code.partition(f"function {draft.entrypoint}")[2].partition("Promise<")[0]
    yield from re.findall(r'"((?:[^"\\]|\\.)*)"', head)


def similar(first: str, second: str) -> float:
    """Return how similar two texts are in their words: 0 to 1."""
    one, other = (frozenset(re.findall(r"[a-z0-9]+", text.lower())) for text in (first, second))
    return len(one & other) / len(one | other) if one | other else 1.0
