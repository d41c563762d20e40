"""From a TypeScript program's text to a module that Deno can run, without moving a line.

A program may `return` and `await` at its top level, and its last expression is its value. So it
becomes the body of an async function; its imports, which no function may hold, go before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

from underpass.execution.typescript_edits import Edits, Shift, walk
from underpass.execution.typescript_names import NAMES, KeptNames

MAIN = "__program__"
"""The function that holds a program; the guest takes the name out of tracebacks."""

_LANGUAGE = Language(tree_sitter_typescript.language_typescript())
_HEAD = f"export default async function {MAIN}({{}}) {{{{"
_ANSWER = "return await ("
_TAIL = "\n}"
_IGNORED = ("comment", "empty_statement")
_PACKAGE = "mcp-servers"
_PLAIN = frozenset((
    "arguments", "array", "array_pattern", "arrow_function", "assignment_expression", "assignment_pattern",
    "augmented_assignment_expression", "await_expression", "binary_expression", "break_statement",
    "call_expression", "catch_clause", "class", "class_body", "class_declaration", "class_heritage",
    "class_static_block", "comment", "computed_property_name", "continue_statement", "do_statement",
    "else_clause", "empty_statement", "escape_sequence", "expression_statement", "extends_clause", "false",
    "finally_clause", "for_in_statement", "for_statement", "formal_parameters", "function_declaration",
    "function_expression", "generator_function", "generator_function_declaration", "identifier",
    "if_statement", "labeled_statement", "lexical_declaration", "member_expression", "method_definition",
    "new_expression", "null", "number", "object", "object_assignment_pattern", "object_pattern",
    "optional_chain", "pair", "pair_pattern", "parenthesized_expression", "private_property_identifier",
    "program", "property_identifier", "public_field_definition", "regex", "regex_flags", "regex_pattern",
    "required_parameter", "rest_pattern", "return_statement", "sequence_expression",
    "shorthand_property_identifier", "shorthand_property_identifier_pattern", "spread_element",
    "statement_block", "statement_identifier", "string", "string_fragment", "subscript_expression", "super",
    "switch_body", "switch_case", "switch_default", "switch_statement", "template_string",
    "template_substitution", "ternary_expression", "this", "throw_statement", "true", "try_statement",
    "type_identifier", "unary_expression", "undefined", "update_expression", "variable_declaration",
    "variable_declarator", "while_statement", "yield_expression",
))  # fmt: skip
"""What JavaScript has as well; a class's name is a ``type_identifier``, too."""
_DECLARATIONS = (
    "function_declaration", "generator_function_declaration", "class_declaration",
    "abstract_class_declaration", "interface_declaration", "type_alias_declaration",
    "enum_declaration", "lexical_declaration", "variable_declaration", "ambient_declaration",
)  # fmt: skip

_CLOSED = frozenset((
    "function_declaration", "generator_function_declaration", "function_expression", "generator_function",
    "arrow_function", "class_declaration", "abstract_class_declaration", "class", "interface_declaration",
    "type_alias_declaration",
))  # fmt: skip
"""What declares nothing around it but its own name."""

Resolve = Callable[[str], str | None]
"""Says where an import leads; None leaves it as it is."""


@dataclass(frozen=True, slots=True)
class Imports:
    """What a program imports of the generated package, as far as its text says."""

    paths: frozenset[str] = frozenset()
    """All that it imports, by the text between the quotes."""
    names: frozenset[str] = frozenset()
    """Names imported from the package itself: servers, by their names in code."""
    everything: bool = False
    """It imports the package as a whole, so any word of the program can be a server."""
    words: frozenset[str] = field(default_factory=frozenset[str])
    """Identifiers and property names of the program, where ``everything`` is imported."""
    exports: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """The names that it asks of each path outside of the package, ``default`` among them."""


class TypeScriptProgram:
    """A program, parsed once. Errors in it are Deno's to report: its parser knows the language better."""

    def __init__(self, source: str) -> None:
        self._source = source.encode()
        # A parser keeps the state of its last text, so each program has its own.
        self._root = Parser(_LANGUAGE).parse(self._source).root_node
        self._edits = Edits(self._source)

    @property
    def is_plain(self) -> bool:
        """Whether it is JavaScript as it stands, without imports and exports.

        It may be too lenient, where JavaScript's own parser refuses what this one took for TypeScript's.
        """
        return not self._root.has_error and all(
            node.type in _PLAIN for node in walk(self._root) if node.is_named
        )

    def imports(self) -> Imports:
        """Say what it imports."""
        paths: set[str] = set()
        names: set[str] = set()
        everything = False
        exports: dict[str, frozenset[str]] = {}
        for path, _, statement in self._imported():
            paths.add(path)
            if path != _PACKAGE:
                exports[path] = exports.get(path, frozenset()) | frozenset(_asked(statement))
                continue
            imported = list(_named_imports(statement))
            names.update(imported)
            everything = everything or not imported
        words = frozenset(_words(self._root)) if everything else frozenset[str]()
        return Imports(frozenset(paths), frozenset(names), everything, words, exports)

    def redirected(self, resolve: Resolve) -> str:
        """Return it as the module that it is, with imports that lead to where ``resolve`` says."""
        edits = Edits(self._source)
        for path, literal, _ in self._imported():
            if (target := resolve(path)) is not None:
                edits.replace(literal, f'"{target}"')
        return edits.edited(0, len(self._source)).decode()

    @cached_property
    def unclear(self) -> int | None:
        """The first line that hides what is declared: our parser does not understand it, though Deno may."""
        if not self._root.has_error:
            return None
        shown = walk(self._root, but=_CLOSED)
        return min(
            (node.start_point[0] + 1 for node in shown if node.is_error or node.is_missing), default=None
        )

    def module(self, resolve: Resolve, shadowed: set[str] | None = None) -> tuple[str, list[Shift]]:
        """Return the module, and where its lines are not what the program's author wrote.

        Parameters:
            resolve: says where each import leads.
            shadowed: for a program whose names are kept: which of them the language has as well, by the
                programs before; those of this one are added.
        """
        edits = self._edits = Edits(self._source)
        for path, literal, _ in self._imported():
            if (target := resolve(path)) is not None:
                edits.replace(literal, f'"{target}"')
        statements = [node for node in self._root.named_children if node.type not in _IGNORED]
        kept = None
        if shadowed is not None and self.unclear is None:
            kept = KeptNames(self._root, edits, shadowed)
        hoisted = self._hoist([node for node in statements if node.type == "import_statement"])
        for at, node in enumerate(statements):
            last = at == len(statements) - 1
            if node.type == "export_statement":
                self._export(node, last=last)
            elif node.type == "hash_bang_line":
                edits.blank(node)
            elif node.type == "expression_statement" and last and not _is_using(node):
                self._answer(node.named_children[0])
        body = edits.edited(0, len(self._source)).decode()
        before = b"".join(hoisted).decode() + _HEAD.format("")
        if kept is not None:
            before = b"".join(hoisted).decode() + kept.imports + _HEAD.format(NAMES) + kept.head
        return f"{before}{body}{_TAIL}", [(1, 0, len(before)), *edits.shifts]

    def _imported(self) -> Iterator[tuple[str, Node, Node]]:
        """Yield each import's path, the literal that holds it, and the import."""
        for node in walk(self._root):
            literal: Node | None = None
            if node.type in {"import_statement", "export_statement"}:
                literal = node.child_by_field_name("source")
            elif node.type == "call_expression":
                function = node.child_by_field_name("function")
                arguments = node.child_by_field_name("arguments")
                if function is not None and function.type == "import" and arguments is not None:
                    literal = next(iter(arguments.named_children), None)
            if literal is not None and literal.type == "string" and literal.text is not None:
                yield literal.text[1:-1].decode(), literal, node

    def _hoist(self, imports: list[Node]) -> list[bytes]:
        """Take imports out of their places, and return each as one line."""
        for node in imports:
            for inner in walk(node):
                if inner.type == "comment":
                    self._edits.blank(inner)
        lines = [self._edits.edited(node.start_byte, node.end_byte) for node in imports]
        for node in imports:
            self._edits.blank(node)
        return [line.replace(b"\r", b" ").replace(b"\n", b" ").rstrip(b"; ") + b";" for line in lines]

    def _export(self, node: Node, *, last: bool) -> None:
        """A function cannot export: what is exported is only declared, and a default is the value."""
        value = node.child_by_field_name("value")
        declaration = node.child_by_field_name("declaration")
        if value is not None:
            self._edits.blank_from(node.start_byte, value.start_byte)
            if last:
                self._answer(value)
        elif declaration is not None and declaration.type in _DECLARATIONS:
            self._edits.blank_from(node.start_byte, declaration.start_byte)
        else:
            self._edits.blank(node)

    def _answer(self, expression: Node) -> None:
        self._edits.insert_before(expression, _ANSWER)
        self._edits.insert_after(expression, ")")


def _is_using(statement: Node) -> bool:
    """Whether a statement is what our parser makes of ``using x = …`` and ``await using x = …``."""
    inner = statement.named_children[0]
    while inner.type == "await_expression":
        inner = inner.named_children[0]
    return inner.type == "assignment_expression" and inner.children[0].type == "using"


def _named_imports(statement: Node) -> Iterator[str]:
    for node in walk(statement):
        if node.type == "import_specifier":
            name = node.child_by_field_name("name")
            if name is not None and name.text is not None:
                yield name.text.decode()


def _asked(statement: Node) -> Iterator[str]:
    """Yield the names that an import asks of a module."""
    for node in walk(statement):
        if node.type in {"import_specifier", "export_specifier"}:
            name = node.child_by_field_name("name")
            if name is not None and name.text is not None and name.text.decode().isidentifier():
                yield name.text.decode()
        elif node.type == "import_clause" and any(child.type == "identifier" for child in node.children):
            yield "default"


def _words(root: Node) -> Iterator[str]:
    for node in walk(root):
        if node.type in {"identifier", "property_identifier", "shorthand_property_identifier_pattern"}:
            text = node.text
            if text is not None:
                yield text.decode()
        elif node.type == "string_fragment" and node.text is not None:
            yield node.text.decode()
