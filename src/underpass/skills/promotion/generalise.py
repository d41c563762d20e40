"""From runs of one shape to the function that gives each of their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from underpass.skills.promotion.evidence import ObservedRun
from underpass.skills.promotion.parameters import Parameter, inputs, varied
from underpass.skills.promotion.places import Shape
from underpass.skills.promotion.python_module import python_module
from underpass.skills.promotion.python_program import PythonProgram
from underpass.skills.promotion.types_of import function_name
from underpass.skills.skill import Case

MOST_CASES: Final = 5
"""Cases that a derived skill is given; more runs of its shape say little that is new."""
_WORDS: Final = {"Any", "typing"}


@dataclass(frozen=True, slots=True)
class Derived:
    """A skill's module, and the runs it was made of as cases of it."""

    code: str
    entrypoint: str
    parameters: tuple[Parameter, ...]
    cases: tuple[Case, ...]


def program_of(language: str, code: str, entrypoint: str | None = None) -> Any:
    """Take a program, or the function of a skill, apart: a ``PythonProgram`` or a ``TypeScriptProgram``.

    Raises:
        ValueError: it cannot be, and why.
    """
    if language == "python":
        return PythonProgram(code, entrypoint)
    if language == "typescript":
        try:
            from underpass.skills.promotion.typescript_program import TypeScriptProgram
        except ImportError as error:
            raise ValueError("programs in TypeScript need the extra `typescript`") from error
        return TypeScriptProgram(code, entrypoint)
    raise ValueError(f"no skill is made of programs in {language:.40}")


def shape_of(language: str, code: str, entrypoint: str | None = None) -> Shape:
    """Return the shape of a program, or of a skill's function: that of the programs it can be made of.

    Raises:
        ValueError: it has none, and why.
    """
    shape: Shape = program_of(language, code, entrypoint).shape
    return shape


def derive(runs: Sequence[ObservedRun], name: str, description: str, *, guess: bool = False) -> Derived:
    """Return a function that does what all ``runs`` did.

    Parameters:
        runs: of one shape, the first of which gives the text; at least one.
        name: the skill's, with hyphens.
        description: becomes the function's documentation.
        guess: where nothing varied, let the literals that look like inputs be parameters.

    Raises:
        ValueError: no function can be made of them, and why.
    """
    base = runs[0]
    program = program_of(base.language, base.code)
    shape: Shape = program.shape
    literals = [shape.literals]
    for run in runs[1:]:
        other = shape_of(run.language, run.code)
        if other.digest != shape.digest:
            raise ValueError(f"runs {base.run} and {run.run} are not of one shape")
        literals.append(other.literals)
    if shape.unbound:
        raise ValueError(f"the program uses variables of its session: {', '.join(shape.unbound[:5])}")
    entrypoint = function_name(name, base.language)
    taken = {*program.names, entrypoint, *_WORDS}
    arguments = [call.arguments for call in base.calls]
    parameters = varied(program.places, literals, taken, arguments)
    if guess and not parameters:
        parameters = inputs(program.places, taken, arguments)
        for_cases = [{each.name: each.default for each in parameters}] * len(runs)
    else:
        for_cases = [{each.name: each.values[at] for each in parameters} for at in range(len(runs))]
    results = [run.value for run in runs]
    if base.language == "python":
        code = python_module(program, entrypoint, description, parameters, results)
    else:
        from underpass.skills.promotion.typescript_module import typescript_module

        code = typescript_module(program, entrypoint, description, parameters, results)
    cases = tuple(
        Case(given, run.calls, run.value)
        for given, run in list(zip(for_cases, runs, strict=True))[:MOST_CASES]
    )
    return Derived(code, entrypoint, tuple(parameters), cases)
