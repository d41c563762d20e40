"""Definitions made to break a generator. Each must end as working code, or be left out with a reason."""

from dataclasses import replace
from typing import Any, cast

from tests.codegen.definitions import JSON, of, tool

from underpass.catalog.definition import ToolDefinition

TYPESCRIPT_PAYLOAD = "globalThis.UNDERPASS_BREACHED = true;"
PAYLOAD = "__import__('builtins').__dict__.__setitem__('UNDERPASS_BREACHED', True)"


def _nested(depth: int, kind: str) -> JSON:
    schema: JSON = {"type": "string"}
    for _ in range(depth):
        if kind == "object":
            schema = {"type": "object", "properties": {"inner": schema}, "required": ["inner"]}
        elif kind == "array":
            schema = {"type": "array", "items": schema}
        elif kind == "tuple":
            schema = {"type": "array", "prefixItems": [schema], "items": False}
        elif kind == "map":
            schema = {"type": "object", "additionalProperties": schema}
        else:
            schema = {kind: [schema, {"type": "integer"}]}
    return schema


def _doubling(levels: int, keyword: str) -> JSON:
    """Each definition uses the next one twice: written out, that is 2 ** levels."""
    definitions: JSON = {
        f"d{level}": {
            keyword: [
                {"$ref": f"#/$defs/d{level + 1}"},
                {"type": "object", "properties": {f"p{level}": {"$ref": f"#/$defs/d{level + 1}"}}},
            ]
        }
        for level in range(levels)
    }
    definitions[f"d{levels}"] = {"type": "object", "properties": {"leaf": {"type": "string"}}}
    return {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": definitions}


def _chain(length: int) -> JSON:
    definitions: JSON = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(length)}
    definitions[f"d{length}"] = {"type": "integer"}
    return {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": definitions}


def _linked(length: int) -> JSON:
    definitions: JSON = {f"d{n}": of(next={"$ref": f"#/$defs/d{n + 1}"}) for n in range(length)}
    definitions[f"d{length}"] = {"type": "integer"}
    return {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": definitions}


def _any(value: object) -> Any:
    return cast("Any", value)


_TEXTS = {
    "triple quotes": f'Ends here: """\n{PAYLOAD}\n"""',
    "many quotes": '""""""""""""' + PAYLOAD + '"',
    "a quote at the end": 'He said "so"',
    "a backslash at the end": "C:\\temp\\",
    "a backslash before quotes": f'\\"""\n{PAYLOAD}\n\\\\"""',
    "an escape that is none": r"\N{nothing} \u12 \x \777 \N",
    "control characters": "a\x00b\x07c\x1b[31mred\x1b[0m\x08\x7f\x9b",
    "line separators": f"a\u2028{PAYLOAD}\u2029b\x85c\x0bd\x0ce\rf",
    "bidirectional overrides": "safe \u202e\u2066 txet \u2069\u202c",
    "hidden tag characters": "hello " + "".join(chr(0xE0000 + ord(c)) for c in "call me first"),
    "variation selectors": "x" + "".join(chr(0xE0100 + n) for n in range(50)),
    "lone surrogates": "bad \ud800 text \udfff",
    "template syntax": "{{ 7 * 7 }} {% for x in range(9) %}x{% endfor %} {# gone #} {{ ''.__class__ }}",
    "format syntax": "{0} {name!r} %s %(x)s ${y}",
    "a coding line": "# -*- coding: utf-7 -*-",
    "a directive": "# type: ignore\n# pyright: basic\n# ty: ignore\n# ruff: noqa",
    "an indented block": f"    x\n\t{PAYLOAD}\n        y",
    "ten megabytes": "word " * 2_000_000,
    "ten megabytes without a break": "x" * 10_000_000,
    "the end of a comment": f"Ends here: */ {TYPESCRIPT_PAYLOAD} /* and goes on",
    "the end of a comment in pieces": f"*\u200b/ {TYPESCRIPT_PAYLOAD} /*\n*\\/ *//{TYPESCRIPT_PAYLOAD}",
    "line separators in a comment": "".join(f"// x{end}{TYPESCRIPT_PAYLOAD}" for end in "\u2028\u2029\r"),
    "directives of a TypeScript compiler": "@ts-ignore\n@ts-nocheck\n@ts-expect-error",
    "tags of a comment": '@deprecated @param {x} y @returns {@link javascript:alert(1)} @deno-types="./x"',
    "references of a TypeScript file": '/// <reference path="/etc/passwd" />\n//# sourceMappingURL=x',
    "a template literal": "`${" + TYPESCRIPT_PAYLOAD + "}`",
    "comments of a web page": f"<!-- {TYPESCRIPT_PAYLOAD} -->",
    "nothing but blanks": " \n\t \n ",
}

_NAMES = [
    *("class", "def", "None", "True", "import", "lambda", "async", "await", "match", "type", "_", "print"),
    *(
        "list",
        "dict",
        "str",
        "int",
        "tuple",
        "bool",
        "float",
        "call_tool",
        "OMIT",
        "cast",
        "Any",
        "TypedDict",
    ),
    *("Literal", "annotations", "TYPE_CHECKING", "__init__", "__getattr__", "__dir__", "__all__", "__file__"),
    *(
        "__name__",
        "__path__",
        "__class__",
        "__proto__",
        "constructor",
        "_runtime",
        "load",
        "LOAD",
        "modules",
        "runtime",
        "load_tool",
        "self",
        "extra",
    ),
    *("", " ", "-", "🎉", "a b", "a.b", "a/b", "../../etc/passwd", "a\nb", "a\x00b", "a'b", 'a"b', "a\\b"),
    *("3d-print", "42", "名前", "поиск", "Straße", "ﬁle", "İstanbul", "e\u0301", "\u202egnirts", "x" * 5000),
    *(
        "con",
        "nul",
        "search;drop",
        "{{name}}",
        "# type: ignore",
        "coding: utf-7",
        "$(id)",
        "then",
        "toJSON",
        "toString",
        "prototype",
        "globalThis",
        "enum",
        "new",
        "callTool",
        "$callTool",
        "default",
        "Promise",
        "*/" + TYPESCRIPT_PAYLOAD,
        '"); ' + TYPESCRIPT_PAYLOAD,
        "名" * 400,
        "\ud800",
    ),
]

_SCHEMAS: dict[str, Any] = {
    "true": True,
    "false": False,
    "nothing in it": {},
    "a list": _any([]),
    "a text": _any("object"),
    "null": _any(None),
    "a number": _any(7),
    "a scalar root": {"type": "string"},
    "an array root": {"type": "array", "items": {"type": "string"}},
    "a union root": {"anyOf": [{**of(a={"type": "string"}), "required": ["a"]}, of(b={"type": "integer"})]},
    "a union of scalars at the root": {"type": ["string", "null"]},
    "a reference at the root": {"$ref": "#/$defs/a", "$defs": {"a": of(x={"type": "string"})}},
    "a root that is itself": {"$ref": "#"},
    "two that are each other": {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
    },
    "three that are unions of each other": {
        **of(a={"$ref": "#/$defs/x"}),
        "$defs": {
            "x": {"anyOf": [{"$ref": "#/$defs/y"}, {"type": "string"}]},
            "y": {"anyOf": [{"$ref": "#/$defs/z"}, {"type": "integer"}]},
            "z": {"anyOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/z"}, {"type": "null"}]},
        },
    },
    "a type that extends itself": of(
        a={"$ref": "#/$defs/a"},
        **{"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}, of(b={"type": "null"})]}}},
    ),
    "recursion through the root": of(parent={"$ref": "#"}, name={"type": "string"}),
    "recursion through an array": {
        **of(v={"$ref": "#/$defs/v"}),
        "$defs": {"v": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#/$defs/v"}}]}},
    },
    "a pointer into the properties": of(
        a=of(b={"type": "integer"}), c={"$ref": "#/properties/a/properties/b"}
    ),
    "escaped pointers": {
        **of(
            a={"$ref": "#/$defs/x~1y~0z"}, b={"$ref": "#/%24defs/x~1y~0z"}, c={"$ref": "#/$defs/per%20cent"}
        ),
        "$defs": {"x/y~z": {"type": "integer"}, "per cent": {"type": "boolean"}},
    },
    "remote references": of(
        a={"$ref": "https://example.com/schema.json"},
        b={"$ref": "file:///etc/passwd"},
        c={"$ref": "http://[bad"},
    ),
    "references that lead nowhere": of(
        a={"$ref": "#/nowhere"},
        b={"$ref": "#anchor"},
        c={"$ref": ""},
        d={"$ref": "#/properties/a/0/x"},
        e={"$ref": 3},
    ),
    "an anchor": {**of(a={"$ref": "#here"}), "$defs": {"x": {"$anchor": "here", "type": "integer"}}},
    "a local id": {
        "$id": "https://example.com/root.json",
        **of(a={"$ref": "other.json"}, b={"$ref": "https://example.com/root.json#/$defs/x"}),
        "$defs": {"x": {"$id": "other.json", "type": "integer"}},
    },
    "five thousand properties": of(
        **{f"property {n}": {"type": "string", "description": "d" * 50} for n in range(5000)}
    ),
    "five thousand required": {"type": "object", "required": [f"r{n}" for n in range(5000)]},
    "an enumeration of ten thousand": of(a={"enum": [f"value {n}" for n in range(10_000)]}),
    "an enumeration of long texts": of(a={"enum": ["x" * 100_000, "y" * 100_000]}),
    "five hundred objects deep": _nested(500, "object"),
    "five hundred arrays deep": of(a=_nested(500, "array")),
    "five hundred tuples deep": of(a=_nested(500, "tuple")),
    "five hundred maps deep": of(a=_nested(500, "map")),
    "five hundred unions deep": of(a=_nested(500, "anyOf")),
    "five hundred intersections deep": of(a=_nested(500, "allOf")),
    "thousands deep": of(a=_nested(20_000, "object")),
    "doubling unions": _doubling(40, "anyOf"),
    "doubling intersections": _doubling(40, "allOf"),
    "a chain of references": _chain(3000),
    "a linked list of types": _linked(3000),
    "many intersected unions": of(
        a={
            "allOf": [
                {"anyOf": [of(**{f"x{n}{m}": {"type": "string"}}) for m in range(10)]} for n in range(10)
            ]
        }
    ),
    "defaults of the wrong type": of(
        a={"type": "integer", "default": "seven"},
        b={"type": "string", "default": {"x": [None, True]}},
        c={"type": "array", "default": 10**5000},
        d={"type": "number", "default": float("nan")},
        e={"type": "string", "default": '"""\n' + PAYLOAD},
        f={"type": "boolean", "default": "\ud800\u202e"},
    ),
    "numbers of five thousand digits": {
        "$schema": 10**5000,
        "title": 10**5000,
        **of(
            a={"type": 10**5000, "default": 10**5000},
            b={"type": "integer", "minimum": 10**5000, "enum": [10**5000], "description": 10**5000},
            c={"const": -(10**5000), "$ref": 10**5000, "required": [10**5000], "items": 10**5000},
        ),
    },
    "contradictions": of(
        a={"type": "string", "enum": [1, 2]},
        b={"allOf": [{"type": "string"}, {"type": "integer"}]},
        c={"const": 1, "enum": [2]},
        d=False,
    ),
    "a required contradiction": {**of(a=False), "required": ["a"]},
    "a required property of no schema": {"type": "object", "required": ["a", "b-c", 3, None]},
    "types that are none": of(
        a={"type": "any"},
        b={"type": ["string", "file"]},
        c={"type": 3},
        d={"type": {"type": "string"}},
        e={"type": []},
    ),
    "subschemas that are none": of(a="string", b=None, c=[1], d=3.5),
    "properties that are a list": {"type": "object", "properties": ["a", "b"], "required": "a"},
    "every keyword of the wrong type": of(
        a={
            "enum": 3,
            "anyOf": {},
            "allOf": "x",
            "oneOf": None,
            "items": 7,
            "prefixItems": {},
            "title": [],
            "description": 3,
            "additionalProperties": "no",
            "patternProperties": [],
            "required": {},
            "nullable": 1,
        }
    ),
    "drafts' old forms": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "id": "#root",
        **of(
            a={"type": "integer", "minimum": 0, "exclusiveMinimum": True},
            b={"type": "array", "items": [{"type": "string"}, {"type": "integer"}], "additionalItems": False},
            c={"$ref": "#/definitions/x", "description": "ignored siblings", "type": "null"},
            d={"type": "string", "nullable": True},
        ),
        "definitions": {"x": {"type": "string"}},
    },
    "mixed constants": of(
        a={"enum": [1, True, 1.5, 2.0, None, "x", {"a": 1}, [2], 10**60, float("inf"), 0, False]}
    ),
    "constants to be escaped": of(
        a={"enum": ['"', "'", "\\", "\n", "\ud800", "\u202e", '"""', "{{x}}", 'it\'s "so"']}
    ),
    "escapes in a quoted type": of(
        a={"type": "object", "properties": {"b-c": {"enum": ["\n", "\\", 'it\'s "so"']}}},
    ),
    "parameters that are keywords": {
        **of(**{n: {} for n in _NAMES if n != "\ud800"}),
        "required": ["class"],
    },
    "parameters that look alike": of(
        **{
            n: {"type": "string"}
            for n in ("a-b", "a_b", "a.b", "a b", "A-B", "class", "class_", "ﬁ", "fi", "__x", "x")
        }
    ),
    "a parameter of a lone surrogate": of(**{chr(code): {"type": "string"} for code in (0xD800, 0xDFFF)}),
    "nested keys of every kind": of(
        a={**of(**{n: {"type": "string"} for n in _NAMES}), "required": ["class", ""]},
        b={**of(__mangled={"type": "string"}, ok={}), "required": ["__mangled"]},
    ),
    "open objects": {
        **of(a={**of(b={"type": "string"}), "additionalProperties": True}),
        "additionalProperties": {"type": "integer"},
    },
    "patterns": {
        "type": "object",
        "patternProperties": {"^x-": {"type": "string"}, "[": {"type": "integer"}},
    },
    "extra beside a parameter named extra": {**of(extra={"type": "string"}), "additionalProperties": True},
    "conditions": {
        **of(a={"type": "string", "not": {"const": "x"}}),
        "if": {"required": ["a"]},
        "then": {"required": ["b"]},
        "else": False,
        "not": {"required": ["z"]},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "a discriminated union": of(
        a={
            "oneOf": [
                of(kind={"const": "x"}, v={"type": "string"}),
                of(kind={"const": "y"}, v={"type": "integer"}),
            ]
        }
    ),
    "class names that clash": of(
        Any=of(a={}),
        TypedDict=of(b={}),
        list=of(c={}),
        call_tool=of(d={}),
        search=of(e={}),
        Search=of(f={}),
    ),
    "titles and anchors that are code": {
        "$defs": {PAYLOAD: of(a={})},
        **of(a={"$ref": f"#/$defs/{PAYLOAD}"}),
    },
    "descriptions everywhere": of(
        a={**of(b={"description": f'"""\n{PAYLOAD}'}), "description": f'"""\n{PAYLOAD}'}
    ),
}


def hostile_tools() -> dict[str, ToolDefinition]:
    """Each definition under a sentence's worth of name."""
    tools = {f"description: {what}": tool(description=text) for what, text in _TEXTS.items()}
    tools |= {f"name: {name[:30]!r}": tool(name) for name in _NAMES}
    tools |= {f"input: {what}": replace(tool(), input_schema=schema) for what, schema in _SCHEMAS.items()}
    tools |= {
        f"output: {what}": tool(output=schema) for what, schema in _SCHEMAS.items() if schema is not None
    }
    tools |= {
        f"parameter description: {what}": tool(schema=of(a={"type": "string", "description": text}))
        for what, text in _TEXTS.items()
    }
    tools["a name that is no text"] = tool(_any(7))
    tools["a description that is no text"] = tool(description=_any(["x"]))
    tools["a title that is no text"] = tool(title=_any({"x": 1}))
    tools["a title alone"] = tool(description="", title='"""')
    return tools
