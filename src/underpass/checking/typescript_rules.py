"""Which of TypeScript's complaints stop a run, and how they are told.

Types are taken away before a program runs, so most complaints come to nothing then. What stays are
calls of tools that no tool takes, results that have not what is asked of them, and names that there
are not. What JavaScript allows, it allows: properties that a program gives to an object itself, too
many arguments for a function, a value where ``null`` may be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from underpass.checking import type_text
from underpass.checking.modules import CheckedModules, KnownServer, there_are
from underpass.checking.skills import Found
from underpass.checking.typescript_calls import Imports, called_at, imports
from underpass.checking.typescript_notation import TypeScriptNotation
from underpass.checking.verdict import Problem
from underpass.errors import UnderpassError, did_you_mean
from underpass.skills.loading.references import read

_PACKAGE: Final = "mcp-servers"
_RUNTIMES: Final = ("mcp-runtime", "mcp-runtime/data")
_TOP_LEVEL: Final = frozenset({1103, 1108, 1375, 1378, 1431, 1432})
"""``await`` and ``return`` outside of a function."""
_SYNTAX: Final = range(1000, 2000)
_AWAIT: Final = "a call must be awaited before its result is used: (await …)"

_MEMBER: Final = re.compile(
    r"[\"']+(?P<module>[^\"']+)[\"']+ has no exported member (?:named )?'(?P<name>[^']+)'"
)
_PATH: Final = re.compile(r"Import \"(?P<path>[^\"]+)\"|module '(?P<module>[^']+)'")
_PROPERTY: Final = re.compile(
    r"Property '(?P<name>[^']+)' does not exist on type '(?P<type>.+?)'(?:\. D|\.?$)"
)
_NAMESPACE: Final = re.compile(rf"typeof import\(\"[^\"]*/{_PACKAGE}/(?P<server>[\w$]+)/index\"")
_UNKNOWN: Final = re.compile(r"'(?P<name>[^']+)' does not exist in type '(?P<type>[\w$]+)'")
_UNKNOWN_KEY: Final = re.compile(r"'(?P<name>[^']+)' does not exist in type '\{")
_ASSIGNED: Final = re.compile(r"Type '(?P<found>.+)' is not assignable to type '(?P<expected>.+?)'\.")
_GIVEN: Final = re.compile(
    r"Argument of type '(?P<found>.+)' is not assignable to parameter of type '(?P<type>[\w$]+)'"
)
_MISSING: Final = re.compile(
    r"Property '(?P<name>[^']+)' is missing in type|the following properties from type '[^']+': (?P<names>.+)"
)
_NESTED: Final = re.compile(
    r"Types of property '(?P<name>[^']+)' are incompatible\.\s+"
    r"Type '(?P<found>.+)' is not assignable to type '(?P<expected>.+)'"
)
_NAME: Final = re.compile(r"Cannot find name '(?P<name>[^']+)'|shorthand property '(?P<short>[^']+)'")
_OPTIONS: Final = re.compile(
    r"\b(?P<name>listCategories|listCapabilities)\(\s*$|\b(?P<search>searchTools)\([^()]*,\s*$"
)
"""What stands before the options of a function of discovery."""
_NO_OPTIONS: Final = re.compile(
    r"^(?:Type|Argument of type) '(?P<given>.+?)' (?:has no properties in common|is not assignable)"
)
_PARAMETER: Final = re.compile(
    r"Argument of type '(?P<found>.+)' is not assignable to parameter of type '(?P<expected>[^']+)'"
)
_SKILL: Final = re.compile(r"skills/[\w-]+(?:@[\d.]+\d)?\.ts")
_READ: Final = 2_000_000
"""Characters that are read for calls: a program may have thousands of faults in thousands of lines."""
_COUNTED: Final = re.compile(r"Expected (?P<most>[\d-]+) arguments?, but got (?P<given>\d+)")
_VALUE: Final = re.compile(r"^(?:\"|'|`|-?\d|\[|\{|true\b|false\b)")

Diagnostic = Mapping[str, Any]
_Told = str | tuple[str, str]


class TypeScriptRules:
    """Turns the complaints about one program into problems.

    Parameters:
        modules: what is known of the servers that it names.
        root: the address of the project's folder.
        skills: those that it imports.
    """

    def __init__(
        self, code: str, modules: CheckedModules, notation: TypeScriptNotation, root: str, skills: Found
    ) -> None:
        self._skills = skills
        self._code = code
        self._lines = code.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._modules = modules
        self._notation = notation
        self._root = root
        self._left = _READ

    def problems(self, diagnostics: Iterable[Diagnostic]) -> tuple[Problem, ...]:
        """Return what would fail, in the order of the lines."""
        found: dict[tuple[int, str], Problem] = {}
        for each in diagnostics:
            code = each.get("code")
            if isinstance(code, int) and code in _SYNTAX:
                if code in _TOP_LEVEL:
                    continue
                # The sandbox refuses it before it runs anything.
                return ()
            rule = _RULES.get(code) if each.get("severity") == 1 and code is not None else None
            line = each["range"]["start"]["line"]
            for told in rule(self, each) if rule is not None else ():
                message, usage = told if isinstance(told, tuple) else (told, "")
                found.setdefault((line, message), Problem(line + 1, message, usage))
        return tuple(sorted(found.values(), key=lambda problem: problem.line))

    def _around(self, each: Diagnostic) -> tuple[str, str, str]:
        """Return a complaint's line before it, its text, and the line after it; places are in UTF-16."""
        start, end = each["range"]["start"], each["range"]["end"]
        line = self._lines[int(start["line"])].encode("utf-16-le")
        first = 2 * int(start["character"])
        last = 2 * int(end["character"]) if end["line"] == start["line"] else len(line)
        parts = (line[:first], line[first:last], line[last:])
        before, text, after = (part.decode("utf-16-le", "replace") for part in parts)
        return before, text, after

    def _called(self, each: Diagnostic) -> tuple[str, str] | None:
        """Return the module and the function whose call a complaint is about, if it was imported."""
        before = "\n".join([*self._lines[: int(each["range"]["start"]["line"])], self._around(each)[0]])
        self._left -= len(before)
        name = called_at(before) if self._left > 0 else None
        if name is None:
            return None
        first, _, rest = name.partition(".")
        module, imported = self._imports.get(first, ("", ""))
        if not module or "." in rest or bool(rest) == bool(imported and module != _PACKAGE):
            return None
        return (f"{module}/{imported}" if module == _PACKAGE else module, rest or imported)

    @cached_property
    def _imports(self) -> Imports:
        return imports(self._code)

    def _called_skill(self, each: Diagnostic) -> str | None:
        """Return the path of the skill whose call a complaint is about."""
        module = (self._called(each) or ("", ""))[0]
        return module if module.startswith("skills/") else None

    def _member(self, each: Diagnostic) -> Iterator[_Told]:
        if not (match := _MEMBER.search(each["message"])):
            return
        module, name = match["module"], match["name"]
        if name[:1].isupper():
            return  # a type, which nothing is left of at run time
        if _SKILL.fullmatch(module):
            yield f"the skill {module.removesuffix('.ts')!r} has no {name!r}"
        elif module == _PACKAGE:
            yield f"there is no server {name!r}; {_suggestion(name, self._modules.packages)}"
        elif server := self._notation.server(module):
            yield from self._no_tool(server, name)
        elif module in _RUNTIMES:
            close = re.search(r"Did you mean '([^']+)'", each["message"])
            yield f"{module} has no {name!r}" + (f"; did you mean {close[1]!r}?" if close else "")

    def _path(self, each: Diagnostic) -> Iterator[_Told]:
        match = _PATH.search(each["message"])
        path = (match["path"] or match["module"]) if match else ""
        skill = _SKILL.search(path) or re.search(rf"{_SKILL.pattern}$", each["message"].partition("\n")[0])
        if skill and "import(" not in self._around(each)[0]:
            reference = read(skill[0].removesuffix(".ts"))
            if reference is not None and isinstance(error := self._skills.get(reference), UnderpassError):
                yield f"{error.message}; {error.hint}" if error.hint else error.message
            return
        if path.startswith(f"{_PACKAGE}/") and "import(" not in self._around(each)[0]:
            name = path.removeprefix(f"{_PACKAGE}/")
            if self._notation.server(path) is None:
                yield f"there is no server {name!r}; {_suggestion(name, self._modules.packages)}"

    def _property(self, each: Diagnostic) -> Iterator[_Told]:
        if not (match := _PROPERTY.search(each["message"])):
            return
        name, type_ = match["name"], match["type"]
        if self._gives(name):
            return
        before, _, after = self._around(each)
        if namespace := _NAMESPACE.match(type_):
            yield from self._no_tool(namespace["server"], name)
        elif type_.startswith("Promise<"):
            yield _AWAIT
        elif keys := self._classes.get(type_):
            close = did_you_mean(name, keys)
            hint = f"did you mean {close[0]!r}?" if close else f"it has: {', '.join(keys[:30])}"
            yield f"the result has no {name!r}; {hint}"
        elif type_.startswith("{ path(name?: string): string;"):
            yield f"workspace has no {name!r}"
        elif after.lstrip().startswith("(") and not self._is_uncertain(before):
            # A property that is not there is undefined; to call it is the error.
            kind = self._plain(type_)
            if kind is not None:
                yield f"{kind} has no method {name!r}"

    def _plain(self, type_: str) -> str | None:
        text = self._aliases.get(type_, type_)
        if text.endswith("[]"):
            return "an array"
        known = {"string": "a string", "number": "a number", "boolean": "a boolean"}
        return known.get("string" if text.startswith('"') else text)

    def _unknown(self, each: Diagnostic) -> Iterator[_Told]:
        if (match := _UNKNOWN.search(each["message"])) and (tool := self._owner(match["type"])):
            server, function, known = tool
            if match["type"] == _parameters(function):
                yield f"{server}.{function} has no parameter {match['name']!r}", known.usage(function)
            else:
                yield (
                    f"{server}.{function}: there is no {match['name']!r} in {match['type']}",
                    known.usage(function),
                )
        elif (match := _UNKNOWN_KEY.search(each["message"])) and (skill := self._called_skill(each)):
            yield f"{skill} has no parameter {match['name']!r}"

    def _assigned(self, each: Diagnostic) -> Iterator[_Told]:
        match = _ASSIGNED.search(each["message"].partition("\n")[0])
        if match is None or _fits(match["expected"], match["found"]):
            return
        before, name, after = self._around(each)
        value = after.partition(":")[2].strip() if after.lstrip().startswith(":") else ""
        if not _VALUE.match(value) and self._is_uncertain(f"{before}{value}."):
            return
        if (tool := self._tool(each)) is None:
            if skill := self._called_skill(each):
                yield f"{skill}: {name[:40]} must be {match['expected']}, not {match['found']}"
            return
        server, function, known = tool
        yield (
            f"{server}.{function}: {name[:40]} must be {match['expected']}, not {match['found']}",
            known.usage(function),
        )

    def _argument(self, each: Diagnostic) -> Iterator[_Told]:
        message: str = each["message"]
        before, text, _ = self._around(each)
        if (called := _OPTIONS.search(before)) and (given := _NO_OPTIONS.search(message)):
            sure = _VALUE.match(text) or not self._is_uncertain(f"{text}.")
            if sure and type_text.kind(given["given"]) in {"string", "number", "boolean", "array"}:
                name = called["name"] or called["search"]
                yield f"{name} takes its options in an object: {{ server: {text} }}"
            return
        if (parameter := _PARAMETER.search(message)) and (skill := self._called_skill(each)):
            if text.startswith("{") and "..." not in self._code and (missing := _MISSING.search(message)):
                yield f"{skill} needs {missing['name'] or missing['names'].rstrip('.')}"
            elif not _fits(parameter["expected"], parameter["found"]) and not self._is_uncertain(f"{text}."):
                yield f"{skill}: {text[:40]} must be {parameter['expected']}, not {parameter['found']}"
            return
        if not (match := _GIVEN.search(message)) or not (tool := self._owner(match["type"])):
            return
        server, function, known = tool
        usage = known.usage(function)
        if nested := _NESTED.search(message):
            if not _fits(nested["expected"], nested["found"]):
                what = f"{nested['name']} must be {nested['expected']}, not {nested['found']}"
                yield f"{server}.{function}: {what}", usage
        elif missing := _MISSING.search(message):
            names = missing["name"] or missing["names"].rstrip(".")
            yield f"{server}.{function} needs {names}", usage
        elif type_text.kind(match["found"]) is not None:
            yield f"{server}.{function} takes its arguments in one object", usage

    def _count(self, each: Diagnostic) -> Iterator[_Told]:
        if tool := self._tool(each):
            server, function, known = tool
            yield f"{server}.{function} needs its arguments", known.usage(function)
        elif self._skills and self._is_about(each, f"{self._root}/skills/"):
            # Only what is missing is complained of with the place of its declaration.
            yield each["message"].partition("\n")[0]
        elif any(
            "/typescript/" in place["location"]["uri"] for place in each.get("relatedInformation") or ()
        ):
            yield each["message"].partition("\n")[0]
        elif called := self._called(each):
            module, function = called
            if module.startswith("skills/") and (counted := _COUNTED.search(each["message"])):
                # JavaScript would drop them.
                yield f"{module} takes {counted['most']} arguments, and not {counted['given']}"
                return
            known = self._modules.known.get(server := self._notation.server(module) or "")
            if known is not None and function in known.tools:
                yield f"{server}.{function} takes its arguments in one object", known.usage(function)

    @staticmethod
    def _is_about(each: Diagnostic, address: str) -> bool:
        related = each.get("relatedInformation") or ()
        return any(place["location"]["uri"].startswith(address) for place in related)

    def _name(self, each: Diagnostic) -> Iterator[_Told]:
        if not (match := _NAME.search(each["message"])):
            return
        name = match["name"] or match["short"]
        before, _, _ = self._around(each)
        if re.search(r"\b(globalThis|eval|Function)\b", self._code) or re.search(
            rf"typeof\s+{re.escape(name)}\b", self._code
        ):
            return
        if (
            re.search(r"(?::|\bas|<|\||&|\bextends|\bimplements|\bsatisfies|\bkeyof|\btypeof)\s*$", before)
            and not match["short"]
            and (name[:1].isupper() or before.rstrip().endswith(("as", "satisfies")))
        ):
            return  # a type
        if name[:1].isupper() and re.search(r"[:<][^=;]*[,|&\[(]\s*$", before):
            return
        hint = ""
        if name in self._modules.packages:
            hint = f'; import {{ {name} }} from "{_PACKAGE}"'
        elif close := did_you_mean(
            name, set(re.findall(r"(?:const|let|var|function|class)\s+([\w$]+)", self._code))
        ):
            hint = f"; did you mean {close[0]!r}?"
        yield f"{name!r} is not defined{hint}"

    def _not_callable(self, each: Diagnostic) -> Iterator[_Told]:
        if match := _NAMESPACE.search(each["message"]):
            if known := self._modules.known.get(match["server"]):
                yield f"{match['server']!r} is a server and no function; {there_are(known.tools)}"
        elif match := re.search(r"Type '(Number|String|Boolean)' has no call signatures", each["message"]):
            yield f"a {match[1].lower()} is no function"

    def _iterated(self, each: Diagnostic) -> Iterator[_Told]:
        if "Type 'Promise<" in each["message"]:
            yield _AWAIT

    def _as_told(self, each: Diagnostic) -> Iterator[_Told]:
        yield each["message"].partition("\n")[0]

    def _no_tool(self, server: str, name: str) -> Iterator[_Told]:
        if (known := self._modules.known.get(server)) and name not in known.tools:
            if close := did_you_mean(name, known.tools):
                others = f" or {' or '.join(map(repr, close[1:]))}" if close[1:] else ""
                yield (
                    f"server {server!r} has no tool {name!r}; did you mean {close[0]!r}{others}?",
                    known.usage(close[0]),
                )
            else:
                yield f"server {server!r} has no tool {name!r}; {there_are(known.tools)}"

    def _tool(self, each: Diagnostic) -> tuple[str, str, KnownServer] | None:
        """Return the tool whose call is complained of: server, function, and what is known of it."""
        for related in each.get("relatedInformation") or ():
            address: str = related["location"]["uri"]
            if address.startswith(f"{self._root}/{_PACKAGE}/"):
                server, _, module = address.removeprefix(f"{self._root}/{_PACKAGE}/").partition("/")
                function = module.removeprefix("_").removesuffix(".ts")
                known = self._modules.known.get(server)
                if known is not None and function in known.tools:
                    return server, function, known
        return None

    def _owner(self, type_: str) -> tuple[str, str, KnownServer] | None:
        """Return the tool whose module has the type of that name, if the program may call it."""
        for server, known in self._modules.known.items():
            for function in sorted(known.texts.keys() & self._words):
                if re.search(
                    rf"^export (?:interface|type) {re.escape(type_)}\b", known.texts[function], re.MULTILINE
                ):
                    return server, function, known
        return None

    @cached_property
    def _words(self) -> set[str]:
        return self._notation.words(self._code)

    @cached_property
    def _classes(self) -> dict[str, list[str]]:
        """The keys of each interface that the program may get, but for those of its own."""
        return {
            name: keys
            for known in self._modules.known.values()
            for name, keys in known.classes(self._words).items()
            if re.search(rf"\b(?:interface|class|type)\s+{re.escape(name)}\b", self._code) is None
        }

    @cached_property
    def _aliases(self) -> dict[str, str]:
        return {
            name: text
            for known in self._modules.known.values()
            for function in known.texts.keys() & self._words
            for name, text in re.findall(
                r"^export type ([\w$]+) = (.*);$", known.texts[function], re.MULTILINE
            )
        }

    def _gives(self, name: str) -> bool:
        """Whether the program gives something a property of that name, or asks whether it is there."""
        name = re.escape(name)
        quoted = rf"[\"']{name}[\"']"
        given = (
            rf"\.\s*{name}\s*[-+*/|&?%]*=(?!=)",
            rf"{quoted}\s*(?:\]\s*=(?!=)|in\b)",
            rf"Object\.assign\([^\n]*\b{name}\b",
        )
        return re.search("|".join(given), self._code) is not None

    def _is_uncertain(self, before: str) -> bool:
        """Whether what stands before a dot begins with a name that has an annotation: a wish, not a fact."""
        chain = re.search(r"([A-Za-z_$][\w$]*)(?:\??\.[\w$]+|\[[^\]]*\]|\([^()]*\))*[?!]?\.$", before)
        if chain is None:
            return False
        annotated = rf"(?:[(,]\s*|\b(?:let|const|var)\s+){re.escape(chain[1])}\??\s*:"
        return re.search(annotated, self._code) is not None


_Rule = Callable[[TypeScriptRules, Diagnostic], Iterator[_Told]]
# ruff: noqa: SLF001 - the table of the class's own rules
_RULES: Final[Mapping[int | str, _Rule]] = {
    **dict.fromkeys((2305, 2614, 2724), TypeScriptRules._member),
    **dict.fromkeys(
        (2307, 2792, "resolver-error", "import-prefix-missing", "no-local"), TypeScriptRules._path
    ),
    **dict.fromkeys((2339, 2551, 2570), TypeScriptRules._property),
    **dict.fromkeys((2353, 2561), TypeScriptRules._unknown),
    2322: TypeScriptRules._assigned,
    **dict.fromkeys((2345, 2559), TypeScriptRules._argument),
    2554: TypeScriptRules._count,
    **dict.fromkeys((2304, 2552, 18004), TypeScriptRules._name),
    2349: TypeScriptRules._not_callable,
    **dict.fromkeys((2488, 2504), TypeScriptRules._iterated),
    **dict.fromkeys((2448, 2588), TypeScriptRules._as_told),
}


def _fits(expected: str, found: str) -> bool:
    """Whether a value of the type that was found may do, when JSON is made of it."""
    have = type_text.members(found)
    kind = type_text.kind(have[0])
    if len(have) > 1 or kind is None:
        return True
    wanted = type_text.members(expected)
    kinds = {type_text.kind(member) for member in wanted}
    if None in kinds:
        return True
    if kind not in kinds:
        return False
    given = type_text.literals(have[0])
    same = [member for member in wanted if type_text.kind(member) == kind]
    allowed = [value for member in same for value in type_text.literals(member)]
    return not (given and all(map(type_text.literals, same)) and not any(value in allowed for value in given))


def _parameters(function: str) -> str:
    return f"{function[:1].upper()}{function[1:]}Parameters"


def _suggestion(name: str, known: Iterable[str]) -> str:
    if close := did_you_mean(name, known):
        return f"did you mean {' or '.join(map(repr, close))}?"
    return there_are(known)
