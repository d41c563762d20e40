"""The module of a skill, made of a Python program."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from underpass.skills.promotion.parameters import NO_DEFAULT, Parameter
from underpass.skills.promotion.python_program import PythonProgram
from underpass.skills.promotion.types_of import python_result, python_type

_WIDTH = 100


def python_module(
    program: PythonProgram,
    entrypoint: str,
    description: str,
    parameters: Sequence[Parameter],
    results: Sequence[Any],
) -> str:
    """Return the module: imports, and one typed async function with a docstring.

    Comments are not in it: it is written anew from the syntax tree, so that nothing depends on how the
    program was formatted.

    Parameters:
        program: used up; its tree is changed.
        entrypoint: the function's name.
        description: the docstring's first line.
        parameters: what replaces literals.
        results: of the runs, for the type of the function's own.
    """
    replaced: dict[int, ast.expr] = {}
    gone: set[int] = set()
    copied: dict[str, str] = {}
    for parameter in parameters:
        for at in parameter.places:
            place = program.places[at]
            replaced[id(place.node)] = _written(parameter.name, place.kind)
            if isinstance(place.node, ast.Name):
                gone.add(id(program.fixed[place.node.id]))
            elif place.variable == parameter.name:
                literal = parameter.values[0]
                if isinstance(literal, list | dict):
                    copied[parameter.name] = "list" if isinstance(literal, list) else "dict"
    tree = program.tree
    tops = {each.arg for each in ast.walk(tree) if isinstance(each, ast.arg)} | set(program.stored)
    body = [
        statement
        for statement in tree.body
        if id(statement) not in gone and not isinstance(statement, ast.Import | ast.ImportFrom)
    ]
    change = _Change(replaced, tops)
    if body and isinstance(last := body[-1], ast.Expr):
        body[-1] = ast.copy_location(ast.Return(last.value), last)
    body = [
        changed
        for each in body
        if not isinstance(each, ast.Global) and (changed := _settled(change.visit(each), copied)) is not None
    ]
    names = {parameter.name for parameter in parameters}
    body = [each for each in body if not _is_itself(each, names)]
    lines = _body(_documented(body))
    signature, defaults = _signature(parameters)
    result = python_result(results)
    head = _head(entrypoint, signature, result)
    told = _docstring(description, [parameter.name for parameter in parameters])
    text = "\n".join((*defaults, *lines))
    imports = list(_imports(tree))
    if "Any" in head and "Any" not in program.imports:
        imports.append("from typing import Any")
    futures = [each for each in imports if each.startswith("from __future__")]
    rest = [each for each in imports if each not in futures]
    above = "\n".join((*futures, *dict.fromkeys(rest)))
    start = f"{above}\n\n\n" if above else ""
    return f"{start}{head}\n    {told}\n{text}\n"


class _Change(ast.NodeTransformer):
    """Puts parameters in the places of literals."""

    def __init__(self, replaced: dict[int, ast.expr], tops: set[str]) -> None:
        self._replaced = replaced
        self._tops = tops

    def visit(self, node: ast.AST) -> Any:
        if (other := self._replaced.get(id(node))) is not None:
            return other
        return super().visit(node)

    def visit_Global(self, node: ast.Global) -> ast.stmt:
        """What was global in the program is its function's now."""
        return ast.Nonlocal(node.names) if set(node.names) <= self._tops else node


def _settled(statement: ast.stmt, copied: dict[str, str]) -> ast.stmt | None:
    """Let a list or a mapping that is changed later be the function's own, and not the caller's."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=same)) if name == same:
            pass
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.Name(id=same)) if name == same:
            pass
        case _:
            return statement
    if name not in copied:
        return statement
    made = ast.Call(ast.Name(copied[name], ast.Load()), [ast.Name(name, ast.Load())], [])
    return ast.Assign([ast.Name(name, ast.Store())], made, lineno=0)


def _is_itself(statement: ast.stmt, names: set[str]) -> bool:
    """Whether a statement only gives a parameter its own value."""
    match statement:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=same))
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.Name(id=same))
        ):
            return name == same and name in names
        case _:
            return False


def _written(name: str, kind: str) -> ast.expr:
    load = ast.Name(name, ast.Load())
    if kind == "text":
        return ast.FormattedValue(load, -1, None)
    if kind in {"tuple", "set"}:
        return ast.Call(ast.Name(kind, ast.Load()), [load], [])
    return load


def _documented(body: list[ast.stmt]) -> list[ast.stmt]:
    """Leave out texts that stand for themselves: the function's own docstring comes first."""
    return [
        each for each in body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
    ]


def _signature(parameters: Sequence[Parameter]) -> tuple[list[str], list[str]]:
    """Return the parameters, and the statements that give lists and mappings their defaults."""
    told: list[str] = []
    statements: list[str] = []
    for each in parameters:
        kind = python_type(each.values)
        if each.default is NO_DEFAULT:
            told.append(f"{each.name}: {kind}")
        elif type(each.default) in {list, dict}:
            # A default of a function is made once, for all its calls.
            optional = kind if kind.endswith("None") else f"{kind} | None"
            told.append(f"{each.name}: {optional} = None")
            statements += [f"    if {each.name} is None:", f"        {each.name} = {each.default!r}"]
        else:
            told.append(f"{each.name}: {kind} = {each.default!r}")
    return told, statements


def _head(entrypoint: str, signature: Sequence[str], result: str) -> str:
    line = f"async def {entrypoint}({', '.join(signature)}) -> {result}:"
    if len(line) <= _WIDTH:
        return line
    inner = "".join(f"    {each},\n" for each in signature)
    return f"async def {entrypoint}(\n{inner}) -> {result}:"


def _docstring(description: str, names: Sequence[str]) -> str:
    text = " ".join(description.replace("\\", "/").replace('"""', "'''").split())
    if text.endswith('"'):
        text += "."
    if not names:
        return f'"""{text}"""'
    return f'"""{text}\n\n    Parameters: {", ".join(names)}.\n    """'


def _imports(tree: ast.Module) -> Iterator[str]:
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield ast.unparse(statement)


def _body(statements: list[ast.stmt]) -> list[str]:
    """Return statements as the lines of a function, its head left out."""
    empty = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    whole = ast.AsyncFunctionDef("_", empty, statements or [ast.Return(None)], [], lineno=0)
    return ast.unparse(ast.fix_missing_locations(whole)).split("\n")[1:]
