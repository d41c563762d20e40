"""Makes a skill's file a command: ``python scripts/NAME.py --text …`` works from any shell.

What is added stands above the imports, because a shell's Python has no ``mcp_servers`` to import: it reads
the arguments and hands them to ``underpass skills run``. It is no part of the skill's code.
"""

from __future__ import annotations

import ast
from typing import Final

from underpass.skills.format.functions import Function, parsed
from underpass.skills.format.names import module_name

_FIRST: Final = 'if __name__ == "__main__":  # from a shell: Underpass runs it, with its tools\n'
_LAST: Final = "    os.execvp(command[0], command)\n\n"
_SHOWN: Final = 200


def with_command(code: str, name: str, function: Function) -> str:
    """Return a module's code with the command; as it is where it has one of its own."""
    if "__main__" in code:
        return code
    lines = code.splitlines(keepends=True)
    place = _end_of_head(parsed(code))
    head = "".join(lines[:place])
    return f"{head}{head and chr(10)}{_command(name, function)}{''.join(lines[place:])}"


def without_command(text: str) -> str:
    """Return a module's code without the command that ``with_command`` has added."""
    start = text.find(_FIRST)
    end = text.find(_LAST, start)
    if start < 0 or end < 0:
        return text
    return text[: max(start - 1, 0)] + text[end + len(_LAST) :]


def _command(name: str, function: Function) -> str:
    about = " ".join(function.documentation.split("\n\n")[0].split())[:_SHOWN]
    lines = [
        _FIRST,
        "    import argparse\n    import os\n\n",
        "    parser = argparse.ArgumentParser(\n",
        f"        prog={_text(module_name(name) + '.py')}, description={_text(about)},\n",
        '        conflict_handler="resolve",\n    )\n',
    ]
    for each in function.parameters:
        kind = f"metavar={_text(each.type[:_SHOWN] or 'VALUE')}"
        more = "required=True" if each.required else f"help={_text('default: ' + each.default[:_SHOWN])}"
        lines.append(f"    parser.add_argument({_text('--' + each.name)}, {kind}, {more})\n")
    lines += [
        f'    command = ["underpass", "skills", "run", {_text(name)}]\n',
        "    for parameter, value in vars(parser.parse_args()).items():\n",
        "        if value is not None:\n",
        '            command += ["--arg", f"{parameter}={value}"]\n',
        _LAST,
    ]
    return "".join(lines)


def _text(text: str) -> str:
    # argparse fills in what `%` names.
    return ascii(text.replace("%", "%%"))


def _end_of_head(module: ast.Module) -> int:
    """Return after which line the docstring and what must come first are."""
    place = 0
    for number, node in enumerate(module.body):
        is_docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not is_docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            break
        place = node.end_lineno or place
    return place
