"""Lets the names that a TypeScript program declares outlive it, for the programs after it in its session.

What is declared at the top level becomes a property of the global object, where all programs look for names
that they do not declare themselves. So a function sees what a name means now, and a name can be declared
again:

    const a = 1, { b } = found;     ;     __names__.const.a = 1, ({ b: __names__.const.b } = found);
    function f() {}                 function __declared_f() {}, and at the beginning __names__.function.f = …
    class A {}                      ;{ class A {} __names__.function.A = A;}
    import { git } from "…";        import { git as __declared_git } from "…"; …

Nothing moves to another line. A name that Deno has as well (``name``, ``URL``) gets another one throughout:
other modules look for Deno's own there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from underpass.execution.deno_globals import GLOBALS
from underpass.execution.typescript_edits import Edits, walk

NAMES: Final = "__names__"
"""The parameter of a program's function that keeps names; the guest gives it."""
_DECLARED: Final = "__declared_"
"""Begins what the program itself calls its functions and imports: it uses them by their kept names, too."""
_OWN: Final = "__own_"
"""Begins the other name of what Deno has as well; the guest takes it out of functions' names."""
_FUNCTIONS: Final = ("function_declaration", "generator_function_declaration", "function_signature")
_CLASSES: Final = ("class_declaration", "abstract_class_declaration")
_OWN_SCOPE: Final = frozenset((
    "function_declaration", "generator_function_declaration", "function_expression", "generator_function",
    "arrow_function", "class_body", "method_definition", "internal_module", "ambient_declaration",
    "import_statement",
))  # fmt: skip
"""What has its own ``var``."""
_STATEMENTS: Final = ("program", "export_statement", "statement_block", "switch_case", "switch_default")
"""Where a declaration is a statement among others."""
_SHORTHANDS: Final = ("shorthand_property_identifier", "shorthand_property_identifier_pattern")
_IMPORT: Final = frozenset(("import_statement",))


@dataclass(frozen=True, slots=True)
class _Import:
    """One name that an import gives the program."""

    local: Node
    """Where the program's name for it is."""
    imported: str
    alias: bool
    """Whether the name stands alone, and is not the exporting module's as well."""
    statement: Node


class KeptNames:
    """The declarations of one program, rewritten.

    Parameters:
        root: the program, which has no syntax error.
        edits: what becomes of its text; what it holds already is left as it is.
        shadowed: names of Deno's that programs of the session declare; those of this one are added.

    ``imports`` and ``head`` are what the module and its function begin with.
    """

    def __init__(self, root: Node, edits: Edits, shadowed: set[str]) -> None:
        self._root = root
        self._edits = edits
        self._shadowed = shadowed
        self._done: set[int] = set()
        """Where the names begin that are rewritten already."""
        self.imports = ""
        self._begin: list[str] = []
        self._variables: list[str] = []
        statements = [_declaration(node) for node in root.named_children]
        variables = [node for node in walk(root, but=_OWN_SCOPE) if _is_variable(node)]
        imported = [each for node in statements if node.type == "import_statement" for each in _imports(node)]
        shadowed |= set(_declared(statements, variables, imported)) & GLOBALS
        for node in statements:
            self._keep(node)
        for node in variables:
            self._variable(node)
        if imported:
            self._import(imported)
        if shadowed:
            self._rename()
        self.head = "".join(
            (
                *(f'{NAMES}.shadow("{name}");' for name in sorted(shadowed)),
                *(f'{NAMES}.variable("{name}");' for name in dict.fromkeys(self._variables)),
                *self._begin,
            )
        )

    def _kept(self, name: str) -> str:
        """What a name is called where it is kept."""
        return _OWN + name if name in self._shadowed else name

    def _keep(self, node: Node) -> None:
        if node.type == "lexical_declaration":
            self._declaration(node, "const" if node.children[0].type == "const" else "let")
        elif node.type in _FUNCTIONS:
            self._function(node)
        elif node.type in _CLASSES:
            self._class(node)
        elif node.type == "enum_declaration":
            name = _text(node.child_by_field_name("name"))
            kept = self._kept(name)
            if node.children[0].type == "const":
                # Its values would be put where it is used, and nothing of it be left to use later.
                self._edits.blank(node.children[0])
            self._edits.insert_before(node, f";{NAMES}.let.{kept} = (() => {{ ")
            self._edits.insert_after(node, f" return {kept}; }})();")

    def _function(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        assert name is not None
        declared = _DECLARED + _text(name)
        self._edits.replace(name, declared)
        self._done.add(name.start_byte)
        if node.type != "function_signature":
            self._begin.append(f"{NAMES}.function.{self._kept(_text(name))} = {declared};")

    def _class(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        assert name is not None
        kept = self._kept(_text(name))
        self._edits.insert_before(node, ";{ ")
        if kept != _text(name):
            self._edits.replace(name, kept)
        self._edits.insert_after(node, f" {NAMES}.function.{kept} = {kept};}}")

    def _variable(self, node: Node) -> None:
        self._variables += [self._kept(_text(target)) for target in _variable_targets(node)]
        if node.type == "variable_declaration":
            self._declaration(node, "let")
            return
        kind, left = node.child_by_field_name("kind"), node.child_by_field_name("left")
        assert kind is not None
        assert left is not None
        self._edits.blank(kind)
        self._targets(left, "let")

    def _declaration(self, node: Node, kind: str) -> None:
        keyword = node.children[0]
        self._edits.blank(keyword)
        is_statement = node.parent is not None and node.parent.type in _STATEMENTS
        if is_statement:
            # What becomes of it may begin with a parenthesis, or end with a value.
            self._edits.insert_before(keyword, ";")
        for declarator in node.named_children:
            if declarator.type == "variable_declarator":
                self._declarator(declarator, kind, is_variable=keyword.type == "var")
        if is_statement and node.children[-1].type != ";":
            self._edits.insert_after(node, ";")

    def _declarator(self, node: Node, kind: str, *, is_variable: bool) -> None:
        name = node.child_by_field_name("name")
        value = node.child_by_field_name("value")
        assert name is not None
        for child in node.children:
            if child.type in {"type_annotation", "!"}:
                self._edits.blank(child)
        if name.type == "identifier" and value is None:
            if is_variable:
                self._edits.insert_before(name, "void ")
            else:
                self._edits.insert_after(name, " = void 0")
                self._targets(name, kind)
            return
        self._targets(name, kind)
        if name.type != "identifier":
            self._edits.insert_before(name, "(")
            self._edits.insert_after(value or name, ")")

    def _targets(self, pattern: Node, kind: str) -> None:
        """Let a pattern give its values to kept names."""
        for target in _targets(pattern):
            name = _text(target)
            if target.type in _SHORTHANDS:
                self._edits.insert_before(target, f"{name}: {NAMES}.{kind}.")
                if self._kept(name) != name:
                    self._edits.replace(target, self._kept(name))
                self._done.add(target.start_byte)
            else:
                self._edits.insert_before(target, f"{NAMES}.{kind}.")

    def _import(self, imported: list[_Import]) -> None:
        values, types = _uses(self._root)
        unused: dict[Node, dict[str, str]] = defaultdict(dict)
        for each in imported:
            name = _text(each.local)
            if name in types and name not in values:
                continue  # nothing is left of it at run time
            if name not in values and each.imported != "*":
                # It may be a type as well, which the module does not have when it is asked for by name.
                unused[each.statement][name] = each.imported
                continue
            declared = _DECLARED + name
            self._edits.replace(each.local, declared if each.alias else f"{name} as {declared}")
            self._begin.append(f"{NAMES}.const.{self._kept(name)} = {declared};")
        for number, (statement, names) in enumerate(unused.items()):
            source = statement.child_by_field_name("source")
            assert source is not None
            path = self._edits.edited(source.start_byte, source.end_byte).decode()
            attributes = "".join(
                f" {_text(each)}" for each in statement.children if each.type == "import_attribute"
            )
            module = f"{_DECLARED}{number}"
            given = ", ".join(f'{self._kept(local)}: "{name}"' for local, name in names.items())
            self.imports += f"import * as {module} from {path}{attributes};"
            self._begin.append(f"{NAMES}.imported({module}, {{ {given} }});")

    def _rename(self) -> None:
        """Give what Deno has as well its other name, wherever the program names it."""
        others = [
            each for node in walk(self._root) for each in _properties(node) if each[0] in self._shadowed
        ]
        for node in walk(self._root, but=_IMPORT):
            name = _text(node) if node.type in {"identifier", *_SHORTHANDS} else ""
            if name not in self._shadowed or node.start_byte in self._done:
                continue
            if any(other == name and _holds(scope, node) for other, scope in others):
                continue
            self._edits.replace(node, self._kept(name))
            if node.type in _SHORTHANDS:
                self._edits.insert_before(node, f"{name}: ")


def _declaration(node: Node) -> Node:
    """What an ``export`` declares, or the statement itself."""
    inner = node.child_by_field_name("declaration") if node.type == "export_statement" else None
    return inner or node


def _is_variable(node: Node) -> bool:
    if node.type != "for_in_statement":
        return node.type == "variable_declaration"
    kind = node.child_by_field_name("kind")
    return kind is not None and kind.type == "var"


def _declared(statements: list[Node], variables: list[Node], imported: list[_Import]) -> Iterator[str]:
    """Yield the names that a program declares at its top level."""
    for node in statements:
        if node.type == "lexical_declaration":
            yield from map(_text, _declarator_targets(node))
        elif node.type in {*_FUNCTIONS, *_CLASSES, "enum_declaration"}:
            yield _text(node.child_by_field_name("name"))
    for node in variables:
        yield from map(_text, _variable_targets(node))
    for each in imported:
        yield _text(each.local)


def _variable_targets(node: Node) -> Iterator[Node]:
    if node.type == "variable_declaration":
        yield from _declarator_targets(node)
    elif (left := node.child_by_field_name("left")) is not None:
        yield from _targets(left)


def _declarator_targets(node: Node) -> Iterator[Node]:
    for declarator in node.named_children:
        if (name := declarator.child_by_field_name("name")) is not None:
            yield from _targets(name)


def _targets(pattern: Node) -> Iterator[Node]:
    """Yield the names that a pattern binds."""
    left = [pattern]
    while left:
        node = left.pop()
        if node.type in {"identifier", "shorthand_property_identifier_pattern"}:
            yield node
        elif node.type == "pair_pattern":
            left += node.children_by_field_name("value")
        elif node.type in {"object_assignment_pattern", "assignment_pattern"}:
            left += node.children_by_field_name("left")
        elif node.type in {"object_pattern", "array_pattern", "rest_pattern"}:
            left += node.named_children


def _imports(statement: Node) -> Iterator[_Import]:
    """Yield what an import gives the program, types that are called so left out."""
    clause = next((node for node in statement.named_children if node.type == "import_clause"), None)
    if clause is None or _is_type(statement):
        return
    for node in clause.named_children:
        if node.type == "identifier":
            yield _Import(node, "default", alias=True, statement=statement)
        elif node.type == "namespace_import":
            yield _Import(node.named_children[0], "*", alias=True, statement=statement)
        for specifier in node.named_children if node.type == "named_imports" else ():
            name, alias = specifier.child_by_field_name("name"), specifier.child_by_field_name("alias")
            if name is not None and not _is_type(specifier):
                exported = _text(name).strip("\"'")
                yield _Import(alias or name, exported, alias=alias is not None, statement=statement)


def _properties(node: Node) -> Iterator[tuple[str, Node]]:
    """Yield the names of properties that are variables, too, and where: none of them can be renamed."""
    if node.type == "enum_body":
        for member in node.named_children:
            yield _text(member.child_by_field_name("name") or member), node
    elif node.type in {"accessibility_modifier", "readonly"}:
        # `constructor(public name: string)`
        parameter = node.parent
        pattern = None if parameter is None else parameter.child_by_field_name("pattern")
        if parameter is not None and pattern is not None and parameter.parent is not None:
            yield _text(pattern), parameter.parent.parent or parameter.parent


def _holds(scope: Node, node: Node) -> bool:
    return scope.start_byte <= node.start_byte and node.end_byte <= scope.end_byte


def _is_type(node: Node) -> bool:
    return any(child.type == "type" for child in node.children)


def _uses(root: Node) -> tuple[set[str], set[str]]:
    """Return the names that a program uses as values, and those that it uses as types."""
    values: set[str] = set()
    types: set[str] = set()
    for node in walk(root, but=_IMPORT):
        if node.type == "type_identifier":
            types.add(_text(node))
        elif node.type in {"identifier", *_SHORTHANDS}:
            values.add(_text(node))
    return values, types


def _text(node: Node | None) -> str:
    return "" if node is None or node.text is None else node.text.decode()
