"""The docstring of a generated function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from underpass.codegen import python_literals
from underpass.codegen.ir import Field
from underpass.codegen.text import clean, clean_line

_LONGEST_DESCRIPTION = 8_000
_LONGEST_PARAMETER = 800
_LONGEST_DEFAULT = 80
_LONGEST_TYPE = 200
_LONGEST = 40_000
"""Characters after which parameters are no longer described."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One keyword-only parameter of a generated function."""

    field: Field
    identifier: str
    annotation: str

    @property
    def required(self) -> bool:
        """Whether a caller must give it."""
        return self.field.required

    @property
    def literal(self) -> str:
        """The parameter's real name, as a string literal."""
        return python_literals.string(self.field.name)

    @property
    def default(self) -> str | None:
        """The declared default as a short expression, if there is one."""
        return python_literals.value(self.field.default, _LONGEST_DEFAULT) if self.field.has_default else None


def docstring(
    description: str,
    parameters: Sequence[Parameter],
    returns: str,
    notes: Sequence[str],
) -> str:
    """Return the text between the triple quotes, lines after the first indented by four blanks."""
    parts = [clean(description, _LONGEST_DESCRIPTION) or "No description."]
    if parameters:
        parts.append("\n".join(["Parameters:", *_parameter_lines(parameters)]))
    if returns != "Any":
        parts.append(f"Returns: {clean_line(returns, _LONGEST_TYPE)}")
    if notes:
        parts.append("\n".join(["Notes:", *(f"    {clean_line(note, 200)}" for note in notes)]))
    text = python_literals.docstring_body("\n\n".join(parts))
    if "\n" not in text:
        return text
    return "\n".join(f"    {line}" if line else "" for line in text.split("\n")).lstrip(" ") + "\n    "


def constraints(field: Field) -> str:
    """Return a field's constraints in words, one line."""
    return ", ".join(f"{key} {clean_line(str(value), 120)}" for key, value in field.constraints)


def _parameter_lines(parameters: Sequence[Parameter]) -> Iterator[str]:
    left = _LONGEST
    for parameter in parameters:
        facts = [clean_line(parameter.annotation, _LONGEST_TYPE)]
        if parameter.default is not None:
            facts.append(f"default {clean_line(parameter.default, _LONGEST_DEFAULT)}")
        elif not parameter.required:
            facts.append("optional")
        if parameter.identifier != parameter.field.name:
            facts.append(f"sent as {clean_line(parameter.literal, 100)}")
        if limits := constraints(parameter.field):
            facts.append(limits)
        description = clean_line(parameter.field.description, _LONGEST_PARAMETER if left > 0 else 0)
        line = f"    {parameter.identifier} ({', '.join(facts)}){': ' if description else ''}{description}"
        left -= len(line)
        yield line
