"""The module of a skill, made of a TypeScript program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from tree_sitter import Node

from underpass.execution.typescript_edits import walk
from underpass.skills.promotion.parameters import NO_DEFAULT, Parameter
from underpass.skills.promotion.types_of import typescript_result, typescript_type
from underpass.skills.promotion.typescript_program import TypeScriptProgram, assignment, text_of

_WIDTH = 100
_Edit = tuple[int, int, str]


def typescript_module(
    program: TypeScriptProgram,
    entrypoint: str,
    description: str,
    parameters: Sequence[Parameter],
    results: Sequence[Any],
) -> str:
    """Return the module: imports, and one typed async function with a comment that documents it.

    The program's text stays as it is but for literals that are parameters now.

    Parameters:
        entrypoint: the function's name.
        description: the comment's first line.
        parameters: what replaces literals.
        results: of the runs, for the type of the function's own.

    Raises:
        ValueError: the program exports something.
    """
    source = program.source
    if any(each.type == "export_statement" for each in program.root.named_children):
        raise ValueError("the program exports something")
    edits: list[_Edit] = []
    gone: set[int] = set()
    for parameter in parameters:
        for at in parameter.places:
            place = program.places[at]
            node: Any = place.node
            if place.kind == "text":
                edits.append((node[0], node[1], f"${{{parameter.name}}}"))
                continue
            if node.type in {"identifier", "shorthand_property_identifier"}:
                gone.add(program.fixed[text_of(node)].start_byte)
            if place.variable == parameter.name:
                edits.append(_declared(program, node, parameter))
            elif node.type == "shorthand_property_identifier":
                key = text_of(node)
                written = key if key == parameter.name else f"{key}: {parameter.name}"
                edits.append((node.start_byte, node.end_byte, written))
            else:
                pair = node.parent
                key = pair.child_by_field_name("key") if pair is not None and pair.type == "pair" else None
                is_same = key is not None and text_of(key) == parameter.name
                start = key.start_byte if key is not None and is_same else node.start_byte
                edits.append((start, node.end_byte, parameter.name))
    imports = [each for each in program.root.named_children if each.type == "import_statement"]
    removed = [(each.start_byte, each.end_byte) for each in imports]
    removed += [(each.start_byte, each.end_byte) for each in program.statements if each.start_byte in gone]
    edits += [(start, _line_end(source, end), "") for start, end in removed]
    if program.statements and (last := program.statements[-1]).type == "expression_statement":
        edits.append((last.start_byte, last.start_byte, "return "))
    body = _edited(source, edits, _lines_in_texts(program.root))
    above = "\n".join(text_of(each) for each in imports)
    head = _head(entrypoint, parameters, typescript_result(results))
    told = " ".join(description.replace("*/", "* /").split())
    start = f"{above}\n\n" if above else ""
    return f"{start}/** {told} */\n{head} {{\n{body}\n}}\n"


def _declared(program: TypeScriptProgram, node: Node, parameter: Parameter) -> _Edit:
    """Take the declaration of a variable away whose place the parameter takes."""
    statement = next(each for each in program.statements if assignment(each)[1] == node)
    copy = ""
    if isinstance(parameter.values[0], list | dict):
        # What is changed later is the function's own, and not the caller's.
        copy = f"{parameter.name} = structuredClone({parameter.name});"
    end = statement.end_byte if copy else _line_end(program.source, statement.end_byte)
    return statement.start_byte, end, copy


def _line_end(source: bytes, end: int) -> int:
    """Return the end of a line that nothing else stands on behind ``end``."""
    at = end
    while at < len(source) and source[at : at + 1] in b" \t;":
        at += 1
    return at + 1 if source[at : at + 1] == b"\n" else end


def _lines_in_texts(root: Node) -> set[int]:
    """Return the lines that begin inside of a text or a comment, by where they begin."""
    found: set[int] = set()
    for node in walk(root):
        if node.type == "template_string" and node.start_point[0] != node.end_point[0]:
            text = node.text or b""
            found.update(node.start_byte + at + 1 for at, byte in enumerate(text) if byte == 10)
    return found


def _edited(source: bytes, edits: Sequence[_Edit], in_texts: set[int]) -> str:
    """Return the source after changes, each line moved to the right that is not inside of a text."""
    parts: list[bytes] = []
    indents = [each + 1 for each, byte in enumerate(source) if byte == 10 and each + 1 not in in_texts]
    marks = [(each, each, "\0") for each in (0, *indents)]
    at = 0
    for start, end, text in sorted((*edits, *marks), key=lambda each: (each[0], each[1] != each[0], each[1])):
        if start < at:
            continue
        parts += (source[at:start], text.encode())
        at = end
    parts.append(source[at:])
    lines = b"".join(parts).decode().split("\n")
    moved = ["  " + each.replace("\0", "") if each.startswith("\0") else each for each in lines]
    kept = [each.rstrip() if not each.strip() else each for each in moved]
    return "\n".join(_trimmed(kept)).replace("\0", "")


def _trimmed(lines: list[str]) -> list[str]:
    while lines and not lines[0]:
        del lines[0]
    while lines and not lines[-1]:
        del lines[-1]
    return lines or ["  return null;"]


def _head(entrypoint: str, parameters: Sequence[Parameter], result: str) -> str:
    begin = f"export async function {entrypoint}("
    if not parameters:
        return f"{begin}): Promise<{result}>"
    names = ", ".join(_named(each) for each in parameters)
    types = "; ".join(_typed(each) for each in parameters)
    everything = " = {}" if all(each.default is not NO_DEFAULT for each in parameters) else ""
    line = f"{begin}{{ {names} }}: {{ {types} }}{everything}): Promise<{result}>"
    if len(line) <= _WIDTH:
        return line
    many = "".join(f"  {each};\n" for each in map(_typed, parameters))
    return f"{begin}{{ {names} }}: {{\n{many}}}{everything}): Promise<{result}>"


def _named(parameter: Parameter) -> str:
    if parameter.default is NO_DEFAULT:
        return parameter.name
    return f"{parameter.name} = {orjson.dumps(parameter.default).decode()}"


def _typed(parameter: Parameter) -> str:
    optional = "" if parameter.default is NO_DEFAULT else "?"
    return f"{parameter.name}{optional}: {typescript_type(parameter.values)}"
