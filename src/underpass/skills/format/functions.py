"""What a skill's function is: how it is called, in one line, read from its code."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from underpass.skills.format.frontmatter import NotRead
from underpass.skills.skill import Language

SHOWN: Final = 400
"""Characters of a signature that a listing shows."""
_OPENING: Final = "([{<"
_CLOSING: Final = ")]}>"
_QUOTES: Final = "\"'`"
_BLANKS: Final = re.compile(r"\s+")
_NAME: Final = re.compile(r"\s*(?:readonly\s+)?([A-Za-z_$][\w$]*)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function."""

    name: str
    type: str = ""
    required: bool = True
    default: str = ""
    members: tuple[Parameter, ...] = ()
    """Of an object that TypeScript takes apart, as far as its type names them."""


@dataclass(frozen=True, slots=True)
class Function:
    """A skill's function. ``signature`` is one line, in its own language."""

    signature: str
    parameters: tuple[Parameter, ...]
    documentation: str = ""

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        """What is given by name: of a function of one object that object's members."""
        only = self.parameters[0] if len(self.parameters) == 1 else Parameter("")
        return only.members or self.parameters

    @property
    def shown(self) -> str:
        """The signature, bounded."""
        return self.signature if len(self.signature) <= SHOWN else f"{self.signature[: SHOWN - 2]} …"


def function_of(code: str, name: str, language: Language) -> Function:
    """Return the function ``name`` of a module.

    Raises:
        NotRead: the module is no code, or has no such async function.
    """
    return _python(code, name) if language == "python" else _typescript(code, name)


def parsed(code: str) -> ast.Module:
    """Return the syntax tree of a module. Raises ``NotRead``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a strange escape in a string is its author's concern
            return ast.parse(code)
    except SyntaxError as error:
        raise NotRead(f"line {error.lineno or 1}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotRead(f"it is no code of Python: {error or 'nested too deeply'}") from error


def _python(code: str, name: str) -> Function:
    for node in parsed(code).body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name == name:
            try:
                returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
                line = f"async def {name}({_arguments(node.args)}){returns}"
                return Function(_one_line(line), tuple(_parameters(node.args)), ast.get_docstring(node) or "")
            except RecursionError:
                raise NotRead(f"the signature of {name!r} is nested too deeply") from None
        if isinstance(node, ast.FunctionDef) and node.name == name:
            raise NotRead(f"{name!r} has to be an async function")
    raise NotRead(f"it has no async function {name!r}")


def _arguments(arguments: ast.arguments) -> str:
    """Return parameters as people write them, with blanks around the ``=`` after a type."""
    texts = {each.name: _argument(each) for each in _parameters(arguments)}
    parts = [texts[each.arg] for each in arguments.posonlyargs]
    parts += ["/"] if arguments.posonlyargs else []
    parts += [texts[each.arg] for each in arguments.args]
    if arguments.vararg:
        parts.append(f"*{ast.unparse(arguments.vararg)}")
    elif arguments.kwonlyargs:
        parts.append("*")
    parts += [texts[each.arg] for each in arguments.kwonlyargs]
    parts += [f"**{ast.unparse(arguments.kwarg)}"] if arguments.kwarg else []
    return ", ".join(parts)


def _argument(parameter: Parameter) -> str:
    typed = f"{parameter.name}: {parameter.type}" if parameter.type else parameter.name
    if parameter.required:
        return typed
    return f"{typed} = {parameter.default}" if parameter.type else f"{typed}={parameter.default}"


def _parameters(arguments: ast.arguments) -> list[Parameter]:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = [
        *zip(positional, [*defaults, *arguments.defaults], strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return [
        Parameter(
            each.arg,
            ast.unparse(each.annotation) if each.annotation else "",
            required=default is None,
            default=ast.unparse(default) if default else "",
        )
        for each, default in pairs
    ]


def _typescript(code: str, name: str) -> Function:
    found = re.search(rf"^export\s+async\s+function\s+{re.escape(name)}\s*(?=[(<])", code, re.MULTILINE)
    if found is None:
        raise NotRead(f"it has no `export async function {name}`")
    head = code[found.end() :]
    at = _skip(head, 0) if head[0] == "<" else 0
    while head[at : at + 1].isspace():
        at += 1
    if head[at : at + 1] != "(":
        raise NotRead(f"the parameters of {name!r} cannot be read")
    end = _skip(head, at)
    body = end
    while (letter := head[body : body + 1]) and not (
        letter == "{" and head[end:body].rstrip(" \t\r\n")[-1:] not in {":", "|", "&"}
    ):
        body = _skip(head, body) if letter in _OPENING or letter in _QUOTES else body + 1
    if not head[body : body + 1]:
        raise NotRead(f"the function {name!r} has no body")
    line = _one_line(f"export async function {name}{head[:body]}")
    parameters = tuple(_typescript_parameter(part) for part in _parts(head[at + 1 : end - 1]))
    return Function(line, parameters, _comment_before(code[: found.start()]))


def _skip(text: str, start: int) -> int:
    """Return the place after the bracket or the text that begins at ``start``."""
    if text[start] in _QUOTES:
        at = start + 1
        while text[at : at + 1] not in {text[start], ""}:
            at += 2 if text[at] == "\\" else 1
        return at + 1
    depth, at = 0, start
    while letter := text[at : at + 1]:
        if letter in _QUOTES:
            at = _skip(text, at)
            continue
        if letter in _OPENING:
            depth += 1
        elif letter in _CLOSING and text[at - 1 : at + 1] != "=>":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    raise NotRead("a bracket of its function is not closed")


def _parts(text: str, ends: str = ",") -> list[str]:
    """Split parameters at their commas, or members at what ends them."""
    parts: list[str] = []
    start, at = 0, 0
    while letter := text[at : at + 1]:
        if letter in ends:
            parts.append(text[start:at])
            start = at + 1
        at = _skip(text, at) if letter in _OPENING or letter in _QUOTES else at + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]


def _typescript_parameter(part: str) -> Parameter:
    part = part.strip()
    named = None if part[0] == "{" else _NAME.match(part)
    rest = part[_skip(part, 0) if part[0] == "{" else named.end() if named else 0 :].lstrip()
    optional = rest.startswith("?")
    kind, _, default = rest.lstrip(" ?:").replace("=>", "\0").partition("=")
    kind = kind.replace("\0", "=>").strip()
    return Parameter(
        named[1] if named else "options",
        _one_line(kind),
        required=not optional and not default,
        default=_one_line(default.replace("\0", "=>")).strip(),
        members=_members(kind),
    )


def _members(kind: str) -> tuple[Parameter, ...]:
    """Return the members of an object's type, where it is written out as one and has nothing but names."""
    if not kind.startswith("{") or _skip(kind, 0) != len(kind):
        return ()
    members: list[Parameter] = []
    for part in _parts(kind[1:-1], ";,\n"):
        named = _NAME.match(part)
        rest = part[named.end() :].lstrip() if named else ""
        if named is None or not rest.startswith((":", "?")):
            return ()
        members.append(Parameter(named[1], _one_line(rest.lstrip("?: ")), required=rest[0] != "?"))
    return tuple(members)


def _comment_before(text: str) -> str:
    text = text.rstrip()
    if not text.endswith("*/") or (start := text.rfind("/**")) < 0:
        return ""
    lines = text[start + 3 : -2].splitlines()
    return "\n".join(line.strip().removeprefix("*").strip() for line in lines).strip()


def _one_line(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()


def names_of(parameters: Sequence[Parameter]) -> list[str]:
    """Return the parameters' names."""
    return [each.name for each in parameters]
