"""From a program's text to code objects: top-level ``await``, top-level ``return``, last value."""

from __future__ import annotations

import ast
from types import CodeType

VALUE_NAME = "__value__"
"""The global that the program's value is left in."""

MAIN = "__main__"
"""The function that holds a program with a top-level ``return``; never a name of the program's."""


def compile_program(source: str, filename: str) -> CodeType:
    """Compile a program so that running it leaves its value in the global ``__value__``.

    The value is the last expression's, or what a top-level ``return`` gives. The result may have
    to be awaited (its flags say ``CO_COROUTINE``). Line numbers stay those of ``source``. Raises
    ``SyntaxError``.
    """
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(source, filename, "exec", flags, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    # Few programs have a `return`, and looking at every node takes longer than running most of them.
    finder = _TopLevel()
    if "return" in source:
        finder.visit(tree)
    if finder.returns:
        _wrap(tree, finder)
    elif tree.body and isinstance(last := tree.body[-1], ast.Expr):
        tree.body[-1] = ast.copy_location(_assign(last.value), last)
    ast.fix_missing_locations(tree)
    return compile(tree, filename, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def _assign(value: ast.expr) -> ast.Assign:
    return ast.Assign(targets=[ast.Name(VALUE_NAME, ast.Store())], value=value)


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


def _wrap(tree: ast.Module, top_level: _TopLevel) -> None:
    """Move the program into an async function whose names are declared global.

    So ``return`` means what it says, and names are still seen by the program's functions and by
    the next program of the same run.
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
    call = ast.Await(ast.Call(func=ast.Name(MAIN, ast.Load()), args=[], keywords=[]))
    tree.body = [*futures, main, _assign(call)]
