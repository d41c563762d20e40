"""The body of a SKILL.md: signature, use, examples and pitfalls as Markdown."""

from __future__ import annotations

import re
from typing import Final

from underpass.skills.format.functions import Function, Parameter
from underpass.skills.format.names import module_name, title
from underpass.skills.skill import SkillDraft

_EXAMPLES: Final = "## Examples"
_PITFALLS: Final = "## Pitfalls"
_HEADING: Final = re.compile(r"^#{1,2}(?=\s)")
_CODE: Final = re.compile(r"\s{0,3}(```+|~~~+)")


def body_of(draft: SkillDraft, function: Function) -> str:
    """Return the Markdown below the head."""
    parts = [
        f"# {title(draft.name)}",
        f"## Signature\n\n{_block(draft.language, function.shown)}",
        f"## Use\n\n{_block(draft.language, _use(draft, function))}",
        f"From a shell:\n\n{_block('sh', shell_line(draft.name, function))}",
    ]
    if examples := section_text(draft.examples):
        parts.append(f"{_EXAMPLES}\n\n{examples}")
    if pitfalls := section_text(draft.pitfalls):
        parts.append(f"{_PITFALLS}\n\n{pitfalls}")
    return "\n\n".join(parts) + "\n"


def sections_of(body: str) -> tuple[str, str]:
    """Return examples and pitfalls; empty where a body has none."""
    found: dict[str, list[str]] = {}
    section = ""
    for line, is_code in _lines(body):
        if not is_code and _HEADING.match(line):
            section = line.rstrip()
        else:
            found.setdefault(section, []).append(line)
    return (
        "\n".join(found.get(_EXAMPLES, [])).strip(),
        "\n".join(found.get(_PITFALLS, [])).strip(),
    )


def section_text(text: str) -> str:
    """Return Markdown as a part of a section: its headings are below the section's."""
    return "\n".join(
        _HEADING.sub("###", line) if not is_code else line for line, is_code in _lines(text)
    ).strip()


def shell_line(name: str, function: Function) -> str:
    """Return how a skill is run from a shell."""
    given = (f"--arg {each.name}=…" for each in function.arguments if each.required)
    return " ".join(["underpass skills run", name, *given])


def _block(language: str, code: str) -> str:
    return f"```{language}\n{code}\n```"


def _use(draft: SkillDraft, function: Function) -> str:
    called = f"{module_name(draft.name)}.{draft.entrypoint}"
    needed = [each for each in function.parameters if each.required]
    if draft.language == "python":
        arguments = ", ".join(f"{each.name}=…" for each in needed)
        return f"from skills import {module_name(draft.name)}\n\nresult = await {called}({arguments})"
    arguments = ", ".join(_typescript_argument(each) for each in needed)
    return (
        f'import {{ {draft.entrypoint} }} from "skills/{draft.name}";\n\n'
        f"const result = await {draft.entrypoint}({arguments});"
    )


def _typescript_argument(parameter: Parameter) -> str:
    needed = [each.name for each in parameter.members if each.required]
    return f"{{ {', '.join(needed)} }}" if needed else parameter.name


def _lines(text: str) -> list[tuple[str, bool]]:
    """Return each line with whether it is part of a block of code."""
    lines: list[tuple[str, bool]] = []
    fence = ""
    for line in text.replace("\r\n", "\n").split("\n"):
        found = _CODE.match(line)
        if fence:
            lines.append((line, True))
            if found and found[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        else:
            fence = found[1] if found else ""
            lines.append((line, bool(found)))
    return lines
