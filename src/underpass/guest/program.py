"""From a program's text to code objects: top-level ``await``, top-level ``return``, last value."""

from __future__ import annotations

import ast
from inspect import CO_COROUTINE
from types import CodeType
from typing import NamedTuple

MAIN = "__main__"
"""The function that holds a program with a top-level ``return``; never a name of the program's."""

_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class Program(NamedTuple):
    """A program as code: its statements, and then the expression that is its value."""

    body: CodeType | None
    value: CodeType | None

    @property
    def awaits(self) -> bool:
        """Whether it has to run in an event loop."""
        body, value = self
        return bool(
            (body is not None and body.co_flags & CO_COROUTINE)
            or (value is not None and value.co_flags & CO_COROUTINE)
        )


def compile_program(source: str, filename: str) -> Program:
    """Compile a program whose value is its last expression's, or what a top-level ``return`` gives.

    Line numbers stay those of ``source``. Raises ``SyntaxError``.
    """
    if "return" not in source and (program := _split(source, filename)) is not None:
        return program
    flags = ast.PyCF_ONLY_AST | _AWAIT
    tree = compile(source, filename, "exec", flags, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    top_level = _TopLevel()
    top_level.visit(tree)
    value: ast.expr | None = None
    if top_level.returns:
        value = _wrap(tree, top_level)
    elif tree.body and isinstance(last := tree.body[-1], ast.Expr):
        tree.body.pop()
        value = last.value
    ast.fix_missing_locations(tree)
    body = compile(tree, filename, "exec", _AWAIT, dont_inherit=True) if tree.body else None
    if value is None:
        return Program(body, None)
    expression = ast.fix_missing_locations(ast.Expression(value))
    return Program(body, compile(expression, filename, "eval", _AWAIT, dont_inherit=True))


def _split(source: str, filename: str) -> Program | None:
    """Compile the last expression and what stands before it apart, where both are whole by themselves.

    Most programs end with an expression that begins at the left margin. The text can then be cut
    there, and no syntax tree need be made of Python objects: that takes three times as long as all
    the rest. Where the cut falls into a string or a statement, one of the parts is no valid code.
    """
    lines = source.split("\n")
    start = len(lines) - 1
    while start >= 0 and not lines[start][:1].strip(" \t\r\f)]}#"):
        start -= 1
    if start < 0:
        return None
    try:
        end = "\n" * start + "\n".join(lines[start:])
        value = compile(end, filename, "eval", _AWAIT, dont_inherit=True)
        before = "\n".join(lines[:start])
        body = compile(before, filename, "exec", _AWAIT, dont_inherit=True) if start else None
    except (SyntaxError, ValueError):
        return None
    return Program(body, value)


class _TopLevel(ast.NodeVisitor):
    """Finds ``return`` and the names bound outside of functions and classes."""

    def __init__(self) -> None:
        self.returns = False
        self.names: dict[str, None] = {}

    def visit_Return(self, node: ast.Return) -> None:
        self.returns = True
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.names[node.id] = None

    def visit_alias(self, node: ast.alias) -> None:
        self.names[(node.asname or node.name).partition(".")[0]] = None

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.names[node.name] = None
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.name:
            self.names[node.name] = None
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self.names[node.name] = None

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.names[node.rest] = None
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        for name in node.names:
            self.names[name] = None

    def _visit_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        """A definition binds its name; what is inside it is not at the top level."""
        self.names[node.name] = None

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _visit_definition

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """A lambda binds nothing outside of itself."""

    def _visit_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        """Only ``:=`` inside a comprehension binds a name outside of it."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.NamedExpr):
                self.visit(inner.target)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension


class _WithoutAnnotations(ast.NodeTransformer):
    """A name that is declared global cannot be annotated: keeps the value alone."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if not isinstance(node.target, ast.Name):
            return node
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)

    def _leave(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = _leave


def _wrap(tree: ast.Module, top_level: _TopLevel) -> ast.expr:
    """Move the program into an async function whose names are declared global.

    So ``return`` means what it says, and names are still seen by the program's functions and by
    the next program of the same run. Returns the expression that awaits the function.
    """
    futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    body = [_WithoutAnnotations().visit(node) for node in tree.body if node not in futures]
    if isinstance(last := body[-1], ast.Expr):
        body[-1] = ast.copy_location(ast.Return(last.value), last)
    if top_level.names:
        body.insert(0, ast.Global(names=list(top_level.names)))
    main = ast.parse(f"async def {MAIN}(): pass").body[0]
    assert isinstance(main, ast.AsyncFunctionDef)
    main.body = body
    tree.body = [*futures, main]
    return ast.Await(ast.Call(func=ast.Name(MAIN, ast.Load()), args=[], keywords=[]))
