"""Short ways to write tool definitions, and what may stand in a generated module."""

import ast
from typing import Any

from underpass.catalog.definition import ToolDefinition

JSON = dict[str, Any]


def tool(
    name: str = "search",
    schema: Any = None,
    *,
    description: str = "Search.",
    output: Any = None,
    server: str = "demo",
    **more: Any,
) -> ToolDefinition:
    """A tool; ``schema`` is its input schema, by default one of no parameters."""
    return ToolDefinition(
        server,
        name,
        description=description,
        input_schema={"type": "object", "properties": {}} if schema is None else schema,
        output_schema=output,
        **more,
    )


def of(**properties: Any) -> JSON:
    """An object schema of optional properties."""
    return {"type": "object", "properties": properties}


def foreign_statements(source: str) -> list[str]:
    """The statements of a module that are more than definitions, as source text."""
    return [ast.unparse(node) for node in _statements(ast.parse(source).body) if not _defines(node)]


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            found += _statements([*node.body, *node.orelse])
        else:
            found.append(node)
    return found


def _defines(node: ast.stmt) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(ast.Constant()):
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return not node.decorator_list and all(
                isinstance(default, ast.Name | ast.Constant | None) for default in node.args.kw_defaults
            )
        case ast.ClassDef():
            return not node.decorator_list and all(_is_field(member) for member in node.body)
        case ast.Assign(value=ast.Call(func=ast.Name("TypedDict"))):
            return True
        case ast.Assign(value=value):
            return _is_literal(value)
        case (
            ast.AnnAssign(value=None) | ast.AnnAssign(annotation=ast.Name("TypeAlias"), value=ast.Constant())
        ):
            return True
        case _:
            return False


def _is_field(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.AnnAssign | ast.Pass | ast.Expr) and getattr(node, "value", None) is None
    ) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True
