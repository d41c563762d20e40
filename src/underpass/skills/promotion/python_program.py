"""A Python program as its shape and its literals."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from underpass.skills.promotion.order import Touched, in_order, touched_in_python
from underpass.skills.promotion.places import LITERAL, LONGEST_CODE, Place, Shape, bounds, digest_of, plural

SERVERS: Final = "mcp_servers"
NOT_LITERAL: Final = object()
_SKIPPED: Final = frozenset({
    "ctx", "type_comment", "annotation", "returns", "type_params", "kind", "type_ignores", "simple",
})  # fmt: skip
_NAMES: Final = frozenset({"name", "arg", "rest"})
"""Fields that bind a name of the program's."""
_OF_METHOD: Final = {
    "startswith": "prefix", "endswith": "suffix", "removeprefix": "prefix", "removesuffix": "suffix",
    "split": "separator", "partition": "separator", "join": "separator", "strftime": "format",
    "strptime": "format", "findall": "pattern", "search": "pattern", "match": "pattern", "sub": "pattern",
    "finditer": "pattern", "compile": "pattern", "most_common": "limit", "nlargest": "limit",
    "nsmallest": "limit", "range": "count", "get": "key", "count": "text", "index": "text", "find": "text",
}  # fmt: skip
_OF_OPERATOR: Final[dict[type[ast.operator], str]] = {
    ast.Mult: "factor",
    ast.Div: "divisor",
    ast.Mod: "divisor",
    ast.Pow: "exponent",
}
_BOUNDS: Final[dict[type[ast.cmpop], str]] = {ast.Gt: "min", ast.GtE: "min", ast.Lt: "max", ast.LtE: "max"}
_FOR_TYPES: Final = ("typing", "__future__")
"""What is imported of these computes nothing."""
_KNOWN: Final = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}
_READS: Final = frozenset({"items", "keys", "values", "get", "index", "count"})
"""Methods of lists and mappings that change nothing."""


class PythonProgram:
    """A program, or the function of a skill that was made of one, taken apart.

    Parameters:
        code: the text.
        entrypoint: the function of a skill; its parameters stand for literals.

    Raises:
        ValueError: it does not parse, is too long or nested too deep, or has no such function.
    """

    language = "python"

    def __init__(self, code: str, entrypoint: str | None = None) -> None:
        if len(code) > LONGEST_CODE:
            raise ValueError(f"the program has more than {LONGEST_CODE:,} characters")
        try:
            self.tree: ast.Module = compile(
                code, "program.py", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            )
            self.places: list[Place] = []
            """The literals, in their order in the normalised tree."""
            self.imports: dict[str, str] = {}
            """What is imported, by the name that the program has for it."""
            self.stored: Counter[str] = Counter()
            """How often each name is bound."""
            self._parameters: frozenset[str] = frozenset()
            self._copied: frozenset[str] = frozenset()
            self._texts: set[str] = set()
            """The parameters that are texts."""
            self._alone: set[int] = set()
            """Texts that are added to others, and are no pieces of formatted ones."""
            self._body = self.tree.body if entrypoint is None else self._function(entrypoint)
            self._bind()
            self.fixed = dict(self._fixed())
            """Variables that are set once, to a literal, with the statement that does it."""
            self._first = dict(self._set_first())
            self._order: dict[str, str] = {}
            self._unbound: dict[str, None] = {}
            used = (each for each in set(self.imports.values()) if not each.startswith(_FOR_TYPES))
            self._out: list[str] = [f"import {each}" for each in sorted(used)]
            self._statements(self._body, top=True)
        except (SyntaxError, RecursionError, MemoryError) as error:
            raise ValueError(f"the program does not parse: {error}") from error

    @property
    def shape(self) -> Shape:
        """What it has in common with others."""
        return Shape(
            self.language,
            digest_of(self.language, self._out),
            tuple(place.value for place in self.places),
            tuple(self._unbound),
        )

    @property
    def names(self) -> frozenset[str]:
        """All names that mean something in it."""
        return frozenset({*self.stored, *self.imports, *self._unbound, *_used(self.tree)})

    def _function(self, entrypoint: str) -> list[ast.stmt]:
        for statement in self.tree.body:
            if isinstance(statement, ast.AsyncFunctionDef) and statement.name == entrypoint:
                spec = statement.args
                self._parameters = frozenset(
                    each.arg for each in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)
                )
                every = (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)
                self._texts = {each.arg for each in every if _is_str(each.annotation)}
                copied = {name for each in statement.body if (name := self._copy(each)) is not None}
                self._copied, self._parameters = self._parameters, self._parameters - copied
                return [each for each in statement.body if not self._is_about_parameter(each)]
        raise ValueError(f"it has no async function {entrypoint}")

    def _is_about_parameter(self, statement: ast.stmt) -> bool:
        """Whether a statement gives a parameter its default, or a value of its own."""
        match statement:
            case ast.If(test=ast.Compare(left=ast.Name(id=name), ops=[ast.Is()])):
                return name in self._parameters
            case _:
                return False

    def _copy(self, statement: ast.stmt) -> str | None:
        """Return the parameter that a statement gives a value of the function's own."""
        name, value = _assignment(statement)
        match value:
            case ast.Call(func=ast.Name(id="list" | "dict"), args=[ast.Name(id=same)]) if name == same:
                return name if name in self._parameters else None
            case _:
                return None

    def _bind(self) -> None:
        for node in (each for statement in self._body for each in ast.walk(statement)):
            match node:
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                    self.stored[name] += 1
                case ast.AugAssign(target=ast.Name(id=name)):
                    self.stored[name] += 1
                case ast.arg(arg=name):
                    self.stored[name] += 1
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    self.stored[name] += 1
                case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                    self.stored[name] += 1
                case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                    self.stored[name] += 1
                case ast.Global(names=names) | ast.Nonlocal(names=names):
                    self.stored.update(names)
                case _:
                    pass
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    whole = alias.name if alias.asname else alias.name.partition(".")[0]
                    self.imports[alias.asname or whole] = whole
                    if not alias.asname and "." in alias.name:
                        self.imports[f"{alias.name} "] = alias.name
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                for alias in node.names:
                    self.imports[alias.asname or alias.name] = f"{module}.{alias.name}"

    def _fixed(self) -> Iterable[tuple[str, ast.stmt]]:
        changed = set(_changed(self._body))
        for statement in self._body:
            name, value = _assignment(statement)
            if name is None or value is None or self.stored[name] != 1 or name in self.imports:
                continue
            literal = literal_of(value)
            if literal is not NOT_LITERAL and not (isinstance(literal, list | dict) and name in changed):
                yield name, statement

    def _set_first(self) -> Iterable[tuple[str, ast.stmt]]:
        """Variables that are set to a literal at the top level before anything else is done with them."""
        seen: set[str] = set()
        for statement in self._body:
            name, value = _assignment(statement)
            if name is not None and value is not None and name not in seen:
                yield name, statement
            seen.update(_used([statement]))

    # What is below writes the normalised tree.

    def _statements(self, body: Iterable[ast.stmt], *, top: bool = False) -> None:
        kept = [each for each in body if self._is_kept(each, top=top)]
        if not top:
            for statement in kept:
                self._statement(statement, top=False)
            return
        for statement in in_order(kept[:-1], self._touched, self._written):
            self._statement(statement, top=True)
        match kept[-1:]:
            case [ast.Expr(value=value)]:
                self._out.append("Return")
                self._node(value, ("result",))
                self._out.append(")")
            case [statement]:
                self._statement(statement, top=True)
            case _:
                pass

    def _statement(self, statement: ast.stmt, *, top: bool) -> None:
        name, value = _assignment(statement)
        if name is not None and value is not None:
            self._out.append("Assign")
            first = top and self._first.get(name) is statement
            self._node(value, (name,), variable=name if first else None)
            self._name(name)
        else:
            self._node(statement)

    def _touched(self, statement: ast.stmt) -> Touched:
        return touched_in_python(statement, set(_changed([statement])), set(self.imports))

    def _written(self, statement: ast.stmt) -> Sequence[str]:
        """Return how a statement would be written next, without writing it."""
        before = self._out, self.places, self._order, self._unbound
        self._out, self.places, self._order, self._unbound = [], [], dict(self._order), {}
        self._statement(statement, top=True)
        written = self._out
        self._out, self.places, self._order, self._unbound = before
        return written

    def _is_kept(self, statement: ast.stmt, *, top: bool) -> bool:
        match statement:
            case ast.Import() | ast.ImportFrom():
                return False
            case ast.Expr(value=ast.Constant()):
                return top and statement is self._body[-1]
            case ast.AnnAssign(value=None):
                return False
            case _:
                name, _ = _assignment(statement)
                return name is None or self.fixed.get(name) is not statement

    def _name(self, name: str) -> None:
        if name in self.imports:
            self._out.append(f"i:{self.imports[name]}")
        elif name in self.stored:
            self._out.append(self._order.setdefault(name, f"v{len(self._order)}"))
        else:
            if name not in _KNOWN:
                self._unbound.setdefault(name)
            self._out.append(f"g:{name}")

    def _node(
        self,
        node: ast.AST,
        hints: tuple[str, ...] = (),
        *,
        is_input: bool = False,
        variable: str | None = None,
    ) -> None:
        if isinstance(node, ast.expr) and self._literal(node, hints, is_input=is_input, variable=variable):
            return
        out = self._out
        out.append(type(node).__name__)
        match node:
            case ast.Name(id=name):
                self._name(name)
            case ast.Attribute(value=value, attr=attribute):
                self._node(value)
                out.append(f"a:{attribute}")
            case ast.Constant(value=value):
                out.append(repr(value))
            case ast.Call():
                self._call(node)
            case ast.Compare(left=left, ops=ops, comparators=others):
                self._node(left, self._about(others[0]))
                for operator, other in zip(ops, others, strict=True):
                    out.append(type(operator).__name__)
                    about = self._about(left)
                    if isinstance(operator, ast.In | ast.NotIn):
                        about = tuple(map(plural, about))
                    elif (bound := _BOUNDS.get(type(operator))) is not None:
                        about = bounds(bound, about)
                    self._node(other, about)
            case ast.BinOp() if operands := self._joined(node):
                out[-1] = "JoinedStr"
                self._formatted(operands)
            case ast.BinOp(left=left, op=operator, right=right):
                out.append(type(operator).__name__)
                about = (_OF_OPERATOR[type(operator)],) if type(operator) in _OF_OPERATOR else ()
                self._node(left, about)
                self._node(right, about)
            case ast.Subscript(value=value, slice=key):
                self._node(value)
                self._subscript(key)
            case ast.Return(value=ast.expr() as value):
                self._node(value, ("result",))
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant):
                        out.append(f"k:{key.value!r}")
                    elif key is not None:
                        self._node(key)
                    self._node(value, (str(key.value),) if isinstance(key, ast.Constant) else ())
                out.append("end")
            case ast.JoinedStr(values=parts):
                self._formatted(parts)
            case ast.For(target=target, iter=over) | ast.AsyncFor(target=target, iter=over):
                self._node(over, _named(target))
                self._node(target)
                self._statements(node.body)
                out.append("else")
                self._statements(node.orelse)
            case ast.comprehension(target=target, iter=over, ifs=conditions):
                self._node(over, _named(target))
                self._node(target)
                for condition in conditions:
                    self._node(condition)
            case ast.MatchValue() | ast.MatchSingleton() | ast.FormattedValue(value=ast.Constant()):
                out.append(ast.dump(node))
            case ast.Global() | ast.Nonlocal():
                for name in node.names:
                    self._name(name)
            case _:
                self._fields(node)
        out.append(")")

    def _fields(self, node: ast.AST) -> None:
        for field, value in ast.iter_fields(node):
            if field in _SKIPPED:
                continue
            if field in _NAMES and isinstance(value, str):
                self._name(value)
            elif isinstance(value, ast.AST):
                self._node(value)
            elif isinstance(value, list):
                items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
                self._out.append(f"[{field}")
                if items and isinstance(items[0], ast.stmt):
                    self._statements(items)
                else:
                    for item in items:
                        if isinstance(item, ast.AST):
                            self._node(item)
                        else:
                            self._out.append(repr(item))
            else:
                self._out.append(repr(value))

    def _literal(
        self, node: ast.expr, hints: tuple[str, ...], *, is_input: bool, variable: str | None
    ) -> bool:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in self._parameters:
                self._out.append(LITERAL)
                self.places.append(Place(node, None, (node.id,)))
                return True
            if (statement := self.fixed.get(node.id)) is not None:
                _, value = _assignment(statement)
                assert value is not None
                self._out.append(LITERAL)
                literal = literal_of(value)
                self.places.append(Place(node, literal, (node.id,), is_input=True, kind=_kind(value)))
                return True
            return False
        match node:
            case ast.Call(func=ast.Name(id="tuple" | "set" | "list" | "dict"), args=[ast.Name(id=name)]) if (
                name in self._copied
            ):
                self._out.append(LITERAL)
                self.places.append(Place(node, None, (name,)))
                return True
            case _:
                value = literal_of(node)
        if value is NOT_LITERAL:
            return False
        self._out.append(LITERAL)
        self.places.append(Place(node, value, hints, is_input, variable, _kind(node)))
        return True

    def _call(self, call: ast.Call) -> None:
        is_tool = self.is_tool(call.func)
        self._node(call.func)
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        known = (_OF_METHOD[name],) if name in _OF_METHOD else ()
        for at, argument in enumerate(call.args):
            hints = ("digits",) if name == "round" and at else known if not at else ()
            self._node(argument, hints, is_input=is_tool)
        for keyword in call.keywords:
            self._out.append(f"k:{keyword.arg}")
            about = (keyword.arg,) if keyword.arg is not None else ()
            self._node(keyword.value, about, is_input=is_tool)

    def is_tool(self, function: ast.expr) -> bool:
        """Whether a called expression is a tool, as far as the text tells."""
        while isinstance(function, ast.Attribute):
            function = function.value
        known = self.imports.get(function.id, "") if isinstance(function, ast.Name) else ""
        return known.partition(".")[0] == SERVERS

    def _subscript(self, key: ast.expr) -> None:
        match key:
            case ast.Constant(value=str(text)):
                self._out.append(f"k:{text!r}")
            case ast.Slice(lower=lower, upper=upper, step=step):
                for part, about in ((lower, "start"), (upper, "limit"), (step, "step")):
                    if part is None:
                        self._out.append("none")
                    else:
                        self._node(part, (about,))
            case _:
                self._node(key, ("index",))

    def _joined(self, node: ast.BinOp) -> list[ast.expr]:
        """Return the parts of texts that are added, as those of a formatted one; nothing of all else.

        Where one is a text, all are: to add anything else is an error.
        """
        parts: list[ast.expr] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add):
            parts.append(left.right)
            left = left.left
        parts.append(left)
        if len(parts) == 1 or not any(map(self._is_text, parts)):
            return []
        joined: list[ast.expr] = []
        for part in reversed(parts):
            match part:
                case ast.JoinedStr(values=values):
                    joined += values
                case ast.Constant():
                    self._alone.add(id(part))
                    joined.append(part)
                case _:
                    joined.append(ast.FormattedValue(part, -1))
        return joined

    def _is_text(self, node: ast.expr) -> bool:
        match node:
            case ast.Constant(value=str()) | ast.JoinedStr() | ast.Call(func=ast.Name(id="str")):
                return True
            case ast.Name(id=name):
                return name in self._texts
            case _:
                return False

    def _formatted(self, parts: Iterable[ast.expr]) -> None:
        for part in parts:
            if isinstance(part, ast.Constant):
                self._out.append(LITERAL)
                kind = "" if id(part) in self._alone else "text"
                self.places.append(Place(part, part.value, ("text",), kind=kind))
            elif isinstance(part, ast.FormattedValue):
                plain = part.conversion == -1 and part.format_spec is None
                value = _without_str(part.value) if plain else part.value
                if plain and self._literal(value, (), is_input=False, variable=None):
                    continue
                self._node(value)
                self._out.append(str(part.conversion))
                if isinstance(part.format_spec, ast.JoinedStr):
                    for each in part.format_spec.values:
                        # A format is no text: it is a part of the program.
                        if isinstance(each, ast.FormattedValue):
                            self._node(each.value)
                        else:
                            self._out.append(ast.dump(each))

    def _about(self, node: ast.expr) -> tuple[str, ...]:
        """What a literal that is compared with something may be called."""
        match node:
            case ast.Subscript(slice=ast.Constant(value=str(key))):
                return (key,)
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(key)), *_]):
                return (key,)
            case ast.Call(func=ast.Name(id="len")):
                return ("length",)
            case ast.Call(func=ast.Attribute(value=value)) | ast.Subscript(value=value):
                return self._about(value)
            case ast.Call(args=[argument, *_]):
                return self._about(argument)
            case ast.Attribute(attr=name) | ast.Name(id=name):
                return (name,)
            case _:
                return ()


def literal_of(node: ast.expr) -> Any:
    """Return the value of a literal as JSON has it; ``NOT_LITERAL`` for anything else.

    Lists, tuples, sets and mappings of literals are literals; empty ones are where something begins.
    """
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value if not isinstance(value, int) or abs(value) < 2**63 else NOT_LITERAL
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value if not isinstance(value, bool) else NOT_LITERAL
        case ast.List(elts=[_, *_] as items) | ast.Tuple(elts=[_, *_] as items) | ast.Set(elts=items):
            values = [literal_of(item) for item in items]
            return NOT_LITERAL if any(value is NOT_LITERAL for value in values) else values
        case ast.Dict(keys=[_, *_] as keys, values=items):
            values = [literal_of(item) for item in items]
            if any(value is NOT_LITERAL for value in values):
                return NOT_LITERAL
            names = [key.value if isinstance(key, ast.Constant) else None for key in keys]
            if not all(isinstance(name, str) for name in names):
                return NOT_LITERAL
            return dict(zip(map(str, names), values, strict=True))
        case _:
            return NOT_LITERAL


def _is_str(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Name) and node.id == "str"


def _without_str(node: ast.expr) -> ast.expr:
    """Return what a text is made of; in a formatted string that makes no difference."""
    match node:
        case ast.Call(func=ast.Name(id="str"), args=[ast.expr() as value], keywords=[]):
            return value
        case _:
            return node


def _kind(node: ast.expr) -> str:
    return "tuple" if isinstance(node, ast.Tuple) else "set" if isinstance(node, ast.Set) else ""


def _assignment(statement: ast.stmt) -> tuple[str | None, ast.expr | None]:
    """Return the name and the value of a statement that sets one variable."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return name, value
        case _:
            return None, None


def _named(target: ast.expr) -> tuple[str, ...]:
    return (plural(target.id),) if isinstance(target, ast.Name) else ()


def _changed(body: Iterable[ast.stmt]) -> Iterable[str]:
    """Yield the names whose values may be changed in place."""
    for node in (each for statement in body for each in ast.walk(statement)):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=method) if method not in _READS:
                yield name
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                yield name
            case _:
                pass


def _used(nodes: ast.AST | Iterable[ast.AST]) -> Iterable[str]:
    for node in [nodes] if isinstance(nodes, ast.AST) else nodes:
        for each in ast.walk(node):
            if isinstance(each, ast.Name):
                yield each.id
