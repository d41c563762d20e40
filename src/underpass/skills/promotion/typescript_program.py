"""A TypeScript program as its shape and its literals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

from underpass.execution.typescript_edits import walk
from underpass.skills.promotion.order import Touched, in_order
from underpass.skills.promotion.places import LITERAL, LONGEST_CODE, Place, Shape, bounds, digest_of, plural
from underpass.skills.promotion.python_program import NOT_LITERAL
from underpass.skills.promotion.typescript_order import touched_in_typescript

_LANGUAGE: Final = Language(tree_sitter_typescript.language_typescript())
SERVERS: Final = "mcp-servers"
_SKIPPED: Final = frozenset((
    "comment", "type_annotation", "type_arguments", "type_parameters", "empty_statement", "hash_bang_line",
    "import_statement", "interface_declaration", "type_alias_declaration", "asserts_annotation",
    ";", ",", "(", ")", "{", "}", "[", "]",
))  # fmt: skip
_INNER: Final = frozenset((
    "as_expression", "satisfies_expression", "non_null_expression", "parenthesized_expression",
    "required_parameter",
))  # fmt: skip
"""What means what its first part means, where it has no other."""
_CHANGES: Final = frozenset((
    "push", "pop", "shift", "unshift", "splice", "sort", "reverse", "fill", "copyWithin",
))  # fmt: skip
_OF_METHOD: Final = {
    "startsWith": "prefix", "endsWith": "suffix", "split": "separator", "join": "separator",
    "match": "pattern", "matchAll": "pattern", "toFixed": "digits", "repeat": "count",
    "includes": "text", "indexOf": "text", "padStart": "width", "padEnd": "width",
}  # fmt: skip
_OF_OPERATOR: Final = {"*": "factor", "/": "divisor", "%": "divisor", "**": "exponent"}
_BOUNDS: Final = {">": "min", ">=": "min", "<": "max", "<=": "max"}
_ESCAPES: Final = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": "",
}  # fmt: skip
_NUMBER: Final = re.compile(r"[0-9][0-9_]*(\.[0-9_]*)?([eE][+-]?[0-9]+)?|\.[0-9]+")
_KNOWN: Final = frozenset((
    "undefined", "NaN", "Infinity", "globalThis", "console", "Math", "JSON", "Object", "Array",
    "String", "Number", "Boolean", "Date", "RegExp", "Map", "Set", "WeakMap", "WeakSet", "Promise",
    "Error", "TypeError", "RangeError", "SyntaxError", "Symbol", "BigInt", "Intl", "parseInt",
    "parseFloat", "isNaN", "isFinite", "encodeURIComponent", "decodeURIComponent", "encodeURI",
    "decodeURI", "structuredClone", "setTimeout", "clearTimeout", "TextEncoder", "TextDecoder",
    "URL", "URLSearchParams", "atob", "btoa", "crypto", "performance", "arguments", "Uint8Array",
    "Float64Array", "ArrayBuffer", "DataView", "Iterator", "Reflect", "Proxy", "AggregateError",
    "AbortController",
))  # fmt: skip


def text_of(node: Node) -> str:
    """Return a node's text."""
    return (node.text or b"").decode()


class TypeScriptProgram:
    """A program, or the function of a skill that was made of one, taken apart.

    Parameters:
        code: the text.
        entrypoint: the function of a skill; its parameters stand for literals.

    Raises:
        ValueError: it does not parse, is too long, or has no such function.
    """

    language = "typescript"

    def __init__(self, code: str, entrypoint: str | None = None) -> None:
        if len(code) > LONGEST_CODE:
            raise ValueError(f"the program has more than {LONGEST_CODE:,} characters")
        self.source = code.encode()
        self.root = Parser(_LANGUAGE).parse(self.source).root_node
        if self.root.has_error:
            raise ValueError("the program does not parse")
        self.places: list[Place] = []
        """The literals, in their order in the normalised tree."""
        self.imports: dict[str, str] = dict(_imports(self.root))
        """What is imported, by the name that the program has for it."""
        self._parameters: frozenset[str] = frozenset()
        self._texts: set[str] = set()
        """The parameters that are texts."""
        self.statements = [each for each in self.root.named_children if each.type not in _SKIPPED]
        if entrypoint is not None:
            self.statements = self._function(entrypoint)
        self.stored = Counter(each for statement in self.statements for each in _bound(statement))
        """How often each name is bound."""
        changed = {each for statement in self.statements for each in _changed(statement)}
        self.fixed = dict(self._fixed(changed))
        """Variables that are set once, to a literal, with the statement that does it."""
        self._first = dict(self._set_first())
        self._order: dict[str, str] = {}
        self._unbound: dict[str, None] = {}
        self._out: list[str] = [f"import {each}" for each in sorted(set(self.imports.values()))]
        try:
            self._all(self.statements)
        except RecursionError as error:
            raise ValueError("the program is nested too deep") from error

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
        used = (text_of(each) for each in walk(self.root) if each.type in {"identifier", "type_identifier"})
        return frozenset({*self.stored, *self.imports, *self._unbound, *used})

    def _function(self, entrypoint: str) -> list[Node]:
        for statement in self.statements:
            function = statement.child_by_field_name("declaration")
            name = None if function is None else function.child_by_field_name("name")
            if function is None or name is None or text_of(name) != entrypoint:
                continue
            parameters, body = (function.child_by_field_name(each) for each in ("parameters", "body"))
            if parameters is not None and body is not None:
                self._parameters = frozenset(_targets(parameters))
                self._texts = set(re.findall(r"([\w$]+)\??:\s*string\b", text_of(parameters)))
                left = [each for each in body.named_children if each.type not in _SKIPPED]
                return [each for each in left if not self._is_copy(each)]
        raise ValueError(f"it has no async function {entrypoint}")

    def _is_copy(self, statement: Node) -> bool:
        """Whether a statement gives a parameter a value of the function's own."""
        found = re.fullmatch(r"(\w+) = structuredClone\((\w+)\);?", text_of(statement))
        return found is not None and found[1] == found[2] and found[1] in self._parameters

    def _fixed(self, changed: set[str]) -> Iterator[tuple[str, Node]]:
        for statement in self.statements:
            name, value = assignment(statement)
            if name is None or value is None or self.stored[name] != 1 or name in self.imports:
                continue
            literal = literal_of(value)
            if literal is not NOT_LITERAL and not (isinstance(literal, list | dict) and name in changed):
                yield name, statement

    def _set_first(self) -> Iterator[tuple[str, Node]]:
        """Variables that are declared with a literal at the top level, before anything is done with them."""
        for statement in self.statements:
            name, _ = assignment(statement)
            if name is not None:
                yield name, statement

    def _all(self, statements: list[Node]) -> None:
        kept = [each for each in statements if self.fixed.get(assignment(each)[0] or "") != each]
        is_value = bool(statements) and statements[-1].type == "expression_statement"
        ordered, last = (kept[:-1], kept[-1:]) if statements[-1:] == kept[-1:] else (kept, [])
        for statement in in_order(ordered, self._touched, self._written):
            self._statement(statement)
        for statement in last:
            if is_value:
                self._out.append("return_statement")
                self._node(statement.named_children[0], ("result",))
                self._out.append(")")
            else:
                self._statement(statement)

    def _statement(self, statement: Node) -> None:
        name, value = assignment(statement)
        if name is not None and value is not None:
            self._out.append("Assign")
            self._node(value, (name,), variable=name if self._first.get(name) == statement else None)
            self._name(name)
        else:
            self._node(statement)

    def _touched(self, statement: Node) -> Touched:
        nodes = list(walk(statement))
        inner = {
            each
            for node in nodes
            if node.type in {"arrow_function", "function_expression"}
            for each in _targets_of(node)
        }
        found = touched_in_typescript(
            nodes,
            set(_bound(statement)),
            {each.partition(".")[0].partition("[")[0] for each in _changed(statement)},
            set(self.imports),
        )
        found.reads -= inner
        found.writes -= inner
        return found

    def _written(self, statement: Node) -> Sequence[str]:
        """Return how a statement would be written next, without writing it."""
        before = self._out, self.places, self._order, self._unbound
        self._out, self.places, self._order, self._unbound = [], [], dict(self._order), {}
        self._statement(statement)
        written = self._out
        self._out, self.places, self._order, self._unbound = before
        return written

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
        self, node: Node, hints: tuple[str, ...] = (), *, is_input: bool = False, variable: str | None = None
    ) -> None:
        kind = node.type
        if kind in _SKIPPED:
            return
        children = [each for each in node.children if each.type not in _SKIPPED]
        if kind in _INNER and children and (kind != "required_parameter" or len(children) == 1):
            self._node(children[0], hints, is_input=is_input, variable=variable)
            return
        if kind == "shorthand_property_identifier":
            self._member(text_of(node), node, is_input=is_input)
            return
        if self._literal(node, hints, is_input=is_input, variable=variable):
            return
        out = self._out
        if not node.children:
            if kind in {"identifier", "shorthand_property_identifier_pattern"}:
                if kind != "identifier":
                    out.append(f"k:{text_of(node)}")
                self._name(text_of(node))
            elif kind not in {"const", "let", "var"}:
                out.append(f"{kind}:{text_of(node)}" if node.is_named else kind)
            return
        out.append(kind)
        match kind:
            case "call_expression":
                self._call(node)
            case "binary_expression" if operands := self._joined(node):
                out[-1] = "template_string"
                self._put_together(operands)
            case "binary_expression":
                self._binary(node)
            case "pair" | "pair_pattern":
                out.pop()
                key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
                assert key is not None
                assert value is not None
                if key.type == "computed_property_name":
                    self._node(key)
                    self._node(value)
                else:
                    self._member(_key(key), value, is_input=is_input)
                return
            case "object":
                for child in children:
                    self._node(child, is_input=is_input)
            case "arrow_function" if (only := node.child_by_field_name("parameter")) is not None:
                out.append("formal_parameters")
                self._node(only)
                out.append(")")
                for child in children:
                    if child != only:
                        self._node(child)
            case "for_in_statement":
                target, over = node.child_by_field_name("left"), node.child_by_field_name("right")
                about = (plural(text_of(target)),) if target is not None and not target.children else ()
                for child in children:
                    self._node(child, about if child == over else ())
            case "subscript_expression":
                index = node.child_by_field_name("index")
                for child in children:
                    if child == index and child.type == "string":
                        out.append(f"k:{_key(child)}")
                    else:
                        self._node(child, ("index",) if child == index else ())
            case "template_string":
                self._template(node)
            case "regex":
                out.append(text_of(node))
            case "return_statement":
                for child in children[1:]:
                    self._node(child, ("result",))
            case _:
                for child in children:
                    self._node(child)
        out.append(")")

    def _member(self, key: str, value: Node, *, is_input: bool) -> None:
        """Write a member of an object, or of a pattern; `{a}` is `{a: a}`."""
        self._out.append(f"k:{key}")
        if value.type == "shorthand_property_identifier":
            if not self._literal(value, (key,), is_input=is_input, variable=None):
                self._name(key)
        else:
            self._node(value, (key,), is_input=is_input)

    def _literal(self, node: Node, hints: tuple[str, ...], *, is_input: bool, variable: str | None) -> bool:
        if node.type in {"identifier", "shorthand_property_identifier"}:
            name = text_of(node)
            if name in self._parameters:
                self._out.append(LITERAL)
                self.places.append(Place(node, None, (name,)))
                return True
            if (statement := self.fixed.get(name)) is not None and not _is_target(node):
                _, value = assignment(statement)
                assert value is not None
                self._out.append(LITERAL)
                self.places.append(Place(node, literal_of(value), (name,), is_input=True))
                return True
            return False
        if node.type == "object" and is_input:
            return False
        value = literal_of(node)
        if value is NOT_LITERAL:
            return False
        self._out.append(LITERAL)
        self.places.append(Place(node, value, hints, is_input, variable))
        return True

    def _call(self, call: Node) -> None:
        function, arguments = (call.child_by_field_name(each) for each in ("function", "arguments"))
        assert function is not None
        is_tool = self.is_tool(function)
        self._node(function)
        if arguments is None:
            return
        if arguments.type != "arguments":
            self._node(arguments)
            return
        method = function.child_by_field_name("property")
        name = "" if method is None else text_of(method)
        about: tuple[str, ...] = (_OF_METHOD[name],) if name in _OF_METHOD else ()
        if name == "includes" and function.named_children[0].type == "array":
            about = ()
        for at, each in enumerate(one for one in arguments.named_children if one.type not in _SKIPPED):
            hints = ("start", "limit")[at : at + 1] if name == "slice" else about if not at else ()
            if each.type == "object":
                # Its members are the arguments.
                self._out.append("object")
                for member in each.named_children:
                    self._node(member, is_input=is_tool)
                self._out.append(")")
            else:
                self._node(each, hints, is_input=is_tool)

    def is_tool(self, function: Node) -> bool:
        """Whether a called expression is a tool, as far as the text tells."""
        while function.type == "member_expression":
            function = function.named_children[0]
        return self.imports.get(text_of(function), "").split("/")[0] == SERVERS

    def _binary(self, node: Node) -> None:
        left, operator, right = (node.child_by_field_name(each) for each in ("left", "operator", "right"))
        assert left is not None
        assert operator is not None
        assert right is not None
        sign = {"==": "===", "!=": "!=="}.get(operator.type, operator.type)
        self._out.append(sign)
        about = (_OF_OPERATOR[sign],) if sign in _OF_OPERATOR else None
        self._node(left, _about(right) if about is None else about)
        if about is None:
            about = bounds(_BOUNDS[sign], _about(left)) if sign in _BOUNDS else _about(left)
        self._node(right, about)

    def _joined(self, node: Node) -> list[Node]:
        """Return what is added to a text from the left, as what is put into a template; else nothing."""
        parts: list[Node] = []
        while node.type == "binary_expression":
            left, operator, right = (node.child_by_field_name(each) for each in ("left", "operator", "right"))
            if left is None or right is None or operator is None or operator.type != "+":
                break
            parts.append(right)
            node = left
        parts.append(node)
        # From the first text on all that is added is text; numbers before it would be added up.
        return parts[::-1] if len(parts) > 1 and any(map(self._is_text, parts[-2:])) else []

    def _is_text(self, node: Node) -> bool:
        return node.type in {"string", "template_string"} or (
            node.type == "identifier" and text_of(node) in self._texts
        )

    def _put_together(self, parts: list[Node]) -> None:
        for part in parts:
            if part.type == "template_string":
                self._template(part)
            elif not self._literal(part, ("text",), is_input=False, variable=None):
                self._out += ["template_substitution", "${"]
                self._node(part)
                self._out.append(")")

    def _template(self, node: Node) -> None:
        for part in parts_of(node):
            if isinstance(part, Node):
                inner = part.named_children[0]
                if not self._literal(inner, (), is_input=False, variable=None):
                    self._node(part)
            else:
                start, end = part
                text = decoded(self.source[start:end].decode())
                self._out.append(LITERAL)
                self.places.append(Place(part, text, ("text",), kind="text"))


def parts_of(template: Node) -> Iterator[Node | tuple[int, int]]:
    """Yield the pieces of a template: what is put in, and, as places in the source, the text between."""
    at = template.start_byte + 1
    for child in template.children:
        if child.type == "template_substitution":
            if child.start_byte > at:
                yield at, child.start_byte
            yield child
            at = child.end_byte
    if template.end_byte - 1 > at:
        yield at, template.end_byte - 1


def literal_of(node: Node) -> Any:
    """Return the value of a literal as JSON has it; ``NOT_LITERAL`` for anything else."""
    match node.type:
        case "string":
            return decoded(text_of(node)[1:-1])
        case "template_string" if not any(each.type == "template_substitution" for each in node.children):
            return decoded(text_of(node)[1:-1])
        case "number":
            return _number(text_of(node))
        case "unary_expression" if node.children[0].type == "-" and node.children[1].type == "number":
            value = _number(text_of(node.children[1]))
            return value if value is NOT_LITERAL else -value
        case "true" | "false":
            return node.type == "true"
        case "null":
            return None
        case "array" if node.named_children:
            values = [literal_of(each) for each in node.named_children if each.type != "comment"]
            return NOT_LITERAL if any(each is NOT_LITERAL for each in values) else values
        case "object" if node.named_children:
            return _object(node)
        case _:
            return NOT_LITERAL


def _object(node: Node) -> Any:
    found: dict[str, Any] = {}
    for member in node.named_children:
        key, value = member.child_by_field_name("key"), member.child_by_field_name("value")
        if member.type != "pair" or key is None or value is None or key.type == "computed_property_name":
            return NOT_LITERAL
        literal = literal_of(value)
        if literal is NOT_LITERAL:
            return NOT_LITERAL
        found[_key(key)] = literal
    return found


def _number(text: str) -> Any:
    if not _NUMBER.fullmatch(text):
        return NOT_LITERAL
    plain = text.replace("_", "")
    if plain.isdigit():
        return int(plain) if len(plain) < 16 and (plain == "0" or plain[0] != "0") else NOT_LITERAL
    return float(plain)


def decoded(text: str) -> str:
    """Return what the text between quotes stands for."""
    return re.sub(
        r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", _escape, text, flags=re.DOTALL
    )


def _escape(found: re.Match[str]) -> str:
    if (number := found[1] or found[2] or found[3]) is not None:
        return chr(int(number, 16))
    return _ESCAPES.get(found[4], found[4])


def _key(node: Node) -> str:
    return decoded(text_of(node)[1:-1]) if node.type == "string" else text_of(node)


def assignment(statement: Node) -> tuple[str | None, Node | None]:
    """Return the name and the value of a statement that declares one variable."""
    if statement.type not in {"lexical_declaration", "variable_declaration"}:
        return None, None
    declared = [each for each in statement.named_children if each.type == "variable_declarator"]
    if len(declared) != 1:
        return None, None
    name, value = declared[0].child_by_field_name("name"), declared[0].child_by_field_name("value")
    if name is None or name.type != "identifier":
        return None, None
    return text_of(name), value


def _imports(root: Node) -> Iterator[tuple[str, str]]:
    for statement in root.named_children:
        source = statement.child_by_field_name("source")
        if statement.type != "import_statement" or source is None:
            continue
        module = text_of(source)[1:-1]
        for node in walk(statement):
            if node.type == "import_specifier":
                name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
                assert name is not None
                yield text_of(alias or name), f"{module}/{text_of(name)}"
            elif node.type == "namespace_import":
                yield text_of(node.named_children[0]), module
            elif node.type == "import_clause" and node.children[0].type == "identifier":
                yield text_of(node.children[0]), f"{module}/default"


def _bound(root: Node) -> Iterator[str]:
    """Yield a name for each time that it is bound."""
    for node in walk(root):
        match node.type:
            case "variable_declarator" | "function_declaration" | "class_declaration" | "function_expression":
                if (name := node.child_by_field_name("name")) is not None:
                    yield from _targets(name)
            case "required_parameter" | "optional_parameter":
                if (pattern := node.child_by_field_name("pattern")) is not None:
                    yield from _targets(pattern)
            case "arrow_function" | "catch_clause":
                if (parameter := node.child_by_field_name("parameter")) is not None:
                    yield from _targets(parameter)
            case "for_in_statement" | "assignment_expression" | "augmented_assignment_expression":
                if (left := node.child_by_field_name("left")) is not None:
                    yield from _targets(left)
            case "update_expression":
                yield from _targets(node.named_children[0])
            case _:
                pass


def _targets(pattern: Node) -> Iterator[str]:
    """Yield the names that a pattern binds."""
    left = [pattern]
    while left:
        node = left.pop()
        if node.type in {"identifier", "shorthand_property_identifier_pattern", "type_identifier"}:
            yield text_of(node)
        elif node.type in {"assignment_pattern", "object_assignment_pattern"}:
            left.append(node.named_children[0])
        elif node.type == "required_parameter":
            left.extend(each for each in (node.child_by_field_name("pattern"),) if each is not None)
        elif node.type == "pair_pattern":
            left.extend(each for each in (node.child_by_field_name("value"),) if each is not None)
        elif node.type in {"object_pattern", "array_pattern", "rest_pattern", "formal_parameters"}:
            left.extend(node.named_children)


def _targets_of(function: Node) -> Iterator[str]:
    """Yield the names of a function's parameters."""
    for each in ("parameter", "parameters"):
        if (pattern := function.child_by_field_name(each)) is not None:
            yield from _targets(pattern)


def _is_target(node: Node) -> bool:
    parent = node.parent
    return parent is not None and parent.type == "variable_declarator" and parent.children[0] == node


def _changed(root: Node) -> Iterator[str]:
    """Yield the names whose values may be changed in place."""
    for node in walk(root):
        if node.type == "call_expression":
            function = node.child_by_field_name("function")
            method = None if function is None else function.child_by_field_name("property")
            if function is not None and method is not None and text_of(method) in _CHANGES:
                yield text_of(function.named_children[0])
        elif node.type in {"assignment_expression", "augmented_assignment_expression"}:
            target = node.child_by_field_name("left")
            if target is not None and target.type in {"subscript_expression", "member_expression"}:
                yield text_of(target.named_children[0])


def _about(node: Node) -> tuple[str, ...]:
    """What a literal that is compared with something may be called."""
    while True:
        match node.type:
            case "identifier":
                return (text_of(node),)
            case "member_expression":
                prop = node.child_by_field_name("property")
                return () if prop is None else (text_of(prop),)
            case "subscript_expression":
                index = node.child_by_field_name("index")
                if index is not None and index.type == "string":
                    return (_key(index),)
                node = node.named_children[0]
            case "call_expression":
                arguments, function = (node.child_by_field_name(each) for each in ("arguments", "function"))
                if function is not None and function.type == "member_expression":
                    node = function.named_children[0]
                elif arguments is not None and arguments.named_children:
                    node = arguments.named_children[0]
                else:
                    return ()
            case "parenthesized_expression" | "non_null_expression" | "as_expression" | "await_expression":
                node = node.named_children[0]
            case _:
                return ()
