"""Which of ty's complaints stop a run, and how they are told.

Only what would surely fail at run time stops a run. Programs that models write are sloppy about
``None``, annotations and dicts, and run well: a complaint that rests on one of these is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from underpass.checking import type_text
from underpass.checking.circumstances import Circumstances
from underpass.checking.modules import CheckedModules, KnownServer, there_are
from underpass.checking.skills import Found
from underpass.checking.verdict import Problem
from underpass.errors import UnderpassError, did_you_mean
from underpass.skills.loading.references import PACKAGE as _SKILLS
from underpass.skills.loading.references import read

_PACKAGE: Final = "mcp_servers"
_RUNTIME: Final = "mcp_runtime"
_ANY_ERROR: Final = frozenset({"", "Exception", "BaseException"})
_COROUTINE: Final = "CoroutineType"
_NUMBERS: Final = frozenset({"int", "float", "bool"})
_POSITIONAL: Final = "too-many-positional-arguments"
_SURE: Final = frozenset(
    {"int", "float", "str", "bool", "bytes", "list", "dict", "set", "tuple", "Literal", _COROUTINE}
)
"""Types whose instances have no attributes but their own."""

_MODULE: Final = re.compile(r"Module `(?P<module>[^`]+)` has no member `(?P<name>[^`]+)`")
_IMPORT: Final = re.compile(r"Cannot resolve imported module `(?P<module>[^`]+)`")
_ATTRIBUTE: Final = re.compile(r"Object of type `(?P<type>.+)` has no attribute `(?P<name>[^`]+)`")
_NAME: Final = re.compile(r"Name `(?P<name>[^`]+)` used when not defined")
_KEY: Final = re.compile(
    r'Unknown key "(?P<name>.*)" for TypedDict `(?P<type>[^`]+)`(?:: Did you mean "(?P<close>.+?)")?'
)
_FUNCTION: Final = re.compile(
    r"(?P<what>function|bound method|method|class|constructor of class)? ?`(?P<function>[^`]+)`"
)
_EXPECTED: Final = re.compile(r"Expected `(?P<expected>.+)`, found `(?P<found>.+)`")
_TYPE: Final = re.compile(r"of type `(?P<type>.+?)`(?: is not| with no|$)")
_AWAITED: Final = re.compile(r"`(?P<type>.+)` is not awaitable")
_ARGUMENT: Final = re.compile(r"Argument `(?P<name>[^`]+)`")
_REQUIRED: Final = re.compile(r"required parameters? (?P<names>.+?) of ")

Diagnostic = Mapping[str, Any]
_Told = str | tuple[str, str]
"""What is wrong; and, where it is about a tool, how that is called."""

CONFIGURATION: Final = """\
[environment]
python = "{python}"
python-version = "{version}"
python-platform = "{platform}"
root = ["."]

[rules]
all = "ignore"
{rules}
"""


def rules() -> str:
    """Return the settings that switch on what is looked at here, and nothing else."""
    return "\n".join(f'{rule} = "error"' for rule in sorted(_RULES))


class PythonRules:
    """Turns the complaints about one program into problems.

    Parameters:
        modules: what is known of the servers that it names.
        root: the address of the project's folder.
        skills: those that it imports.
    """

    def __init__(self, code: str, modules: CheckedModules, root: str, skills: Found) -> None:
        self._skills = skills
        self._around = Circumstances(code)
        self._modules = modules
        self._root = root

    def problems(self, diagnostics: Iterable[Diagnostic]) -> tuple[Problem, ...]:
        """Return what would fail, in the order of the lines."""
        found: dict[tuple[int, str], Problem] = {}
        for each in _without_echoes(diagnostics):
            code = str(each.get("code"))
            if code == "invalid-syntax":
                if "outside of a" in each["message"]:
                    continue  # top-level `await` and `return`
                # Python itself says it best, before it runs anything.
                return ()
            if code not in _RULES:
                continue
            line = each["range"]["start"]["line"]
            for told in _RULES[code](self, each, line):
                message, usage = told if isinstance(told, tuple) else (told, "")
                found.setdefault((line, message), Problem(line + 1, message, usage))
        return tuple(sorted(found.values(), key=lambda problem: problem.line))

    def _source(self, each: Diagnostic) -> str:
        """Return the text that a complaint is about, or its first line; places are counted in UTF-8."""
        start, end = each["range"]["start"], each["range"]["end"]
        line = self._around.lines[int(start["line"])].encode()
        stop = end["character"] if end["line"] == start["line"] else len(line)
        return line[start["character"] : stop].decode(errors="replace")

    def _import_not_found(self, each: Diagnostic, line: int) -> Iterator[_Told]:
        if not (match := _IMPORT.match(each["message"])):
            return
        package, _, rest = match["module"].partition(".")
        if package == _SKILLS and not self._expects(line, "ImportError"):
            yield from self._no_skill(match["module"])
        if package not in (_PACKAGE, _RUNTIME) or self._expects(line, "ImportError", "ModuleNotFoundError"):
            return
        if package == _RUNTIME:
            yield f"{_RUNTIME} has no module {rest!r}"
            return
        server, _, tool = rest.partition(".")
        if server not in self._modules.packages:
            yield f"there is no server {server!r}; {_suggestion(server, self._modules.packages)}"
        elif (known := self._modules.known.get(server)) and tool.removeprefix("_") not in known.tools:
            yield _no_tool(server, tool.removeprefix("_"), known)

    def _missing_member(self, each: Diagnostic, line: int) -> Iterator[_Told]:
        match = _MODULE.match(each["message"])
        if match and not self._expects(line, "ImportError"):
            yield from self._no_member(match["module"], match["name"])

    def _missing_attribute(self, each: Diagnostic, line: int) -> Iterator[_Told]:
        message = each["message"]
        if match := _MODULE.match(message):
            if not self._gives(line, match["name"]):
                yield from self._no_member(match["module"], match["name"])
        elif match := _ATTRIBUTE.match(message):
            source = self._source(each)
            if not self._gives(line, match["name"]) and not self._around.is_uncertain(source):
                yield from self._no_attribute(match["type"], match["name"])

    def _gives(self, line: int, attribute: str) -> bool:
        return self._around.gives_attribute(attribute) or self._catches(line, "AttributeError")

    def _no_member(self, module: str, name: str) -> Iterator[_Told]:
        package, _, server = module.partition(".")
        if package == _SKILLS:
            yield from self._no_skill(f"{module}.{name}")
            if server and read(f"{module}.{name}") is None and not name.startswith("_"):
                yield f"the skill {server!r} has no {name!r}"
        elif package == _PACKAGE and not server:
            yield f"there is no server {name!r}; {_suggestion(name, self._modules.packages)}"
        elif package == _PACKAGE:
            if known := self._modules.known.get(server):
                yield _no_tool(server, name, known)
        elif package == _RUNTIME:
            yield f"{module} has no {name!r}"
        elif not name.startswith("_"):
            yield f"module {module!r} has no {name!r}"

    def _no_skill(self, module: str) -> Iterator[_Told]:
        reference = read(module)
        if reference is not None and isinstance(error := self._skills.get(reference), UnderpassError):
            yield f"{error.message}; {error.hint}" if error.hint else error.message

    def _no_attribute(self, type_: str, name: str) -> Iterator[_Told]:
        if len(type_text.members(type_)) > 1:
            return
        known = type_text.name(type_)
        if known == _COROUTINE:
            yield f"a call of a tool must be awaited before {name!r} of its result: (await …).{name}"
        elif keys := self._keys(known):
            hint = f'use ["{name}"]' if name in keys else f"keys: {', '.join(keys)}"
            yield f"the result is a dict and has no attribute {name!r}; {hint}"
        elif known in _SURE and not self._defines(known):
            yield f"{_plain(type_)} has no attribute {name!r}"
        elif known == "Workspace" and not self._defines(known):
            yield f"workspace has no {name!r}"

    def _unresolved_reference(self, each: Diagnostic, line: int) -> Iterator[_Told]:
        match = _NAME.match(each["message"])
        if (
            not match
            or self._around.binds_names_unseen
            or self._catches(line, "NameError", "UnboundLocalError")
        ):
            return
        name = match["name"]
        hint = ""
        if name in self._modules.packages:
            hint = f"; from {_PACKAGE} import {name}"
        elif close := [server for server, known in self._modules.known.items() if name in known.tools]:
            hint = f"; from {_PACKAGE}.{close[0]} import {name}"
        elif close := did_you_mean(name, set(re.findall(r"[^\W\d]\w+", self._around.code)) - {name}):
            hint = f"; did you mean {close[0]!r}?"
        yield f"{name!r} is not defined{hint}"

    def _key(self, each: Diagnostic, line: int) -> Iterator[_Told]:
        match = _KEY.match(each["message"])
        if (
            not match
            or self._around.gives_key(match["name"])
            or self._catches(line, "KeyError", "LookupError")
        ):
            return
        if match["type"] and self._defines(match["type"]):
            return
        close, keys = match["close"], self._keys(match["type"])
        close = close or next(iter(did_you_mean(match["name"], keys)), None)
        hint = f"did you mean {close!r}?" if close else f"keys: {', '.join(keys[:30])}"
        yield f"the result has no key {match['name']!r}; {hint}"

    def _wrong_call(self, each: Diagnostic, line: int) -> Iterator[_Told]:
        if self._catches(line, "TypeError", "ToolArgumentsInvalid"):
            return
        message: str = each["message"]
        if not (function := self._callee(each)):
            # The function's own text says what it takes; ty knows it as well as Python does.
            yield message.splitlines()[0].replace("`", "'")
            return
        server, tool, usage = function
        if each["code"] == "unknown-argument" and (match := _ARGUMENT.search(message)):
            yield f"{server}.{tool} has no parameter {match['name']!r}", usage
        elif each["code"] == "missing-argument":
            names = (
                match["names"].replace("`", "'") if (match := _REQUIRED.search(message)) else "a parameter"
            )
            yield f"{server}.{tool} needs {names}", usage
        elif each["code"] == _POSITIONAL:
            yield f"{server}.{tool} takes its arguments by name", usage
        else:
            yield f"{server}.{tool}: {message.splitlines()[0].replace('`', chr(39))}", usage

    def _wrong_type(self, each: Diagnostic, line: int) -> Iterator[_Told]:
        match = _EXPECTED.search(each["message"].partition("\n")[0])
        if not match or self._catches(line, "TypeError", "ToolArgumentsInvalid"):
            return
        expected, found = match["expected"], match["found"]
        if type_text.name(found) == _COROUTINE:
            if self._is_declared_in(each, "builtins.pyi"):
                yield "a call of a tool must be awaited before its result is used: (await …)"
            return
        function = self._callee(each) or self._called_skill(each)
        if function is None or self._fits(expected, found):
            return
        argument, _, value = self._source(each).partition("=")
        value = value.strip() or argument.strip()
        # `None` and names that other functions assign: the type is what it was at one time.
        if (found == "None" and value != "None") or self._around.is_uncertain(value):
            return
        server, tool, usage = function
        yield f"{server}.{tool}: {argument.strip()[:40]} must be {expected}, not {_given(found)}", usage

    def _fits(self, expected: str, found: str) -> bool:
        """Whether a value of the type that was found may do, when JSON is made of it."""
        have = type_text.members(found)
        objects = self._classes
        kind = type_text.kind(have[0], objects)
        if len(have) > 1 or kind is None:
            return True
        wanted = type_text.members(expected)
        kinds = {type_text.kind(member, objects) for member in wanted}
        if None in kinds:
            return True
        if kind not in kinds:
            return False
        given = type_text.literals(have[0])
        same = [member for member in wanted if type_text.kind(member, objects) == kind]
        allowed = [value for member in same for value in type_text.literals(member)]
        only_literals = all(type_text.literals(member) for member in same)
        return not (given and only_literals and not any(value in allowed for value in given))

    def _not_usable(self, each: Diagnostic, line: int) -> Iterator[_Told]:
        message = each["message"].partition("\n")[0]
        match = _AWAITED.search(message) if each["code"] == "invalid-await" else _TYPE.search(message)
        if not match or self._catches(line, "TypeError"):
            return
        type_, source = match["type"], self._source(each)
        if len(type_text.members(type_)) > 1 or self._around.is_uncertain(
            source.removeprefix("await").strip()
        ):
            return
        name = type_text.name(type_)
        if name == _COROUTINE:
            yield "a call of a tool must be awaited before its result is used: (await …)"
        elif each["code"] == "invalid-await":
            called = source.rstrip().endswith(")")
            if (name in _SURE or self._keys(name) or (name == "None" and called)) and not self._defines(name):
                yield f"{_plain(type_)} cannot be awaited: leave the await away"
        elif each["code"] == "not-iterable" and name in _NUMBERS and not self._defines(name):
            # Of a union, each member that cannot be subscripted is named alone: that says nothing.
            yield f"{_plain(type_)} cannot be looped over"

    def _not_callable(self, each: Diagnostic, line: int) -> Iterator[_Told]:
        message = each["message"].partition("\n")[0]
        if self._catches(line, "TypeError"):
            return
        if match := re.search(rf"`<module '{_PACKAGE}\.(\w+)'>`", message):
            if known := self._modules.known.get(match[1]):
                yield f"{match[1]!r} is a server and no function; {there_are(known.tools)}"
        elif (match := _TYPE.search(message)) and not self._around.is_uncertain(self._source(each)):
            name = type_text.name(match["type"])
            if (name in _SURE or self._keys(name)) and not self._defines(name):
                yield f"{_plain(match['type'])} is no function"

    def _unawaited(self, each: Diagnostic, _line: int) -> Iterator[_Told]:
        if f"`{_COROUTINE}[" in each["message"]:
            yield "the call is never awaited, so it never happens: write await before it"

    def _callee(self, each: Diagnostic) -> tuple[str, str, str] | None:
        """Return server, tool and usage of the tool whose call is complained of."""
        for related in each.get("relatedInformation") or ():
            address: str = related["location"]["uri"]
            if address.startswith(f"{self._root}/{_PACKAGE}/"):
                server, _, module = address.removeprefix(f"{self._root}/{_PACKAGE}/").partition("/")
                tool = module.removeprefix("_").removesuffix(".py")
                known = self._modules.known.get(server)
                if known is not None and tool in known.tools:
                    return server, tool, known.usage(tool)
        return None

    def _called_skill(self, each: Diagnostic) -> tuple[str, str, str] | None:
        """Return package, name and usage of the skill whose call is complained of."""
        for related in each.get("relatedInformation") or ():
            address: str = related["location"]["uri"]
            if address.startswith(f"{self._root}/{_SKILLS}/"):
                return _SKILLS, address.removeprefix(f"{self._root}/{_SKILLS}/").partition("/")[0], ""
        return None

    @staticmethod
    def _is_declared_in(each: Diagnostic, module: str) -> bool:
        related = each.get("relatedInformation") or ()
        return any(place["location"]["uri"].endswith(f"/{module}") for place in related)

    def _keys(self, class_: str) -> list[str]:
        """Return the keys of a generated ``TypedDict``; none when there is none of that name."""
        return [] if self._defines(class_) else self._classes.get(class_, [])

    @cached_property
    def _classes(self) -> dict[str, list[str]]:
        """The keys of each ``TypedDict`` that the program may get, by the name of the class."""
        words = set(re.findall(r"\w+", self._around.code))
        return {
            class_: keys
            for known in self._modules.known.values()
            for class_, keys in known.classes(words).items()
        }

    def _defines(self, class_: str) -> bool:
        """Whether the program has a class of that name."""
        return re.search(rf"\bclass\s+{re.escape(class_)}\b", self._around.code) is not None

    def _catches(self, line: int, *errors: str) -> bool:
        return self._around.catches(line, frozenset(errors))

    def _expects(self, line: int, *errors: str) -> bool:
        """Whether an import is tried, with a way out for when it fails."""
        return self._around.catches(line, _ANY_ERROR | frozenset(errors))


_Rule = Callable[[PythonRules, Diagnostic, int], Iterator[_Told]]
# ruff: noqa: SLF001 - the table of the class's own rules
_RULES: Final[Mapping[str, _Rule]] = {
    "import-not-found": PythonRules._import_not_found,
    "missing-module-member": PythonRules._missing_member,
    "missing-attribute": PythonRules._missing_attribute,
    "unresolved-reference": PythonRules._unresolved_reference,
    "invalid-typed-dict-key": PythonRules._key,
    "unknown-argument": PythonRules._wrong_call,
    "missing-argument": PythonRules._wrong_call,
    _POSITIONAL: PythonRules._wrong_call,
    "parameter-already-assigned": PythonRules._wrong_call,
    "invalid-argument-type": PythonRules._wrong_type,
    "invalid-await": PythonRules._not_usable,
    "not-iterable": PythonRules._not_usable,
    "not-subscriptable": PythonRules._not_usable,
    "not-callable": PythonRules._not_callable,
    "unused-awaitable": PythonRules._unawaited,
}


def _without_echoes(diagnostics: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Leave out what only follows from another mistake: a misspelt parameter is missing as well."""
    diagnostics = list(diagnostics)
    causes = [each for each in diagnostics if each.get("code") in ("unknown-argument", _POSITIONAL)]
    for each in diagnostics:
        if each.get("code") != "missing-argument" or not any(_within(cause, each) for cause in causes):
            yield each


def _within(inner: Diagnostic, outer: Diagnostic) -> bool:
    place = _place(inner["range"]["start"])
    return _place(outer["range"]["start"]) <= place <= _place(outer["range"]["end"])


def _place(position: Mapping[str, int]) -> tuple[int, int]:
    return position["line"], position["character"]


def _no_tool(server: str, name: str, known: KnownServer) -> _Told:
    if close := did_you_mean(name, known.tools):
        others = f" or {' or '.join(map(repr, close[1:]))}" if close[1:] else ""
        return f"server {server!r} has no tool {name!r}; did you mean {close[0]!r}{others}?", known.usage(
            close[0]
        )
    return f"server {server!r} has no tool {name!r}; {there_are(known.tools)}"


def _suggestion(name: str, known: Iterable[str]) -> str:
    known = list(known)
    if close := did_you_mean(name, known):
        return f"did you mean {' or '.join(map(repr, close))}?"
    return there_are(known)


def _plain(type_: str) -> str:
    """Name a type as a sentence about a value does."""
    names = {
        "None": "None",
        "str": "text",
        "list": "a list",
        "dict": "a dict",
        "int": "a number",
        "float": "a number",
    }
    name = type_text.name(type_)
    if name == "Literal":
        values = type_text.literals(type_)
        return repr(values[0])[:60] if values else "the value"
    return names.get(name, f"a value of type {name}")


def _given(found: str) -> str:
    return (
        found.removeprefix("Literal[").removesuffix("]")[:80]
        if found.startswith("Literal[")
        else _plain(found)
    )
