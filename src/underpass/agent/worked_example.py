"""One program for the tools at hand, that shows a model how such a program goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from underpass.agent.example_tools import Listed, Step, figure_of, kind_of, listed, name_of, step_for
from underpass.codegen import python_literals, typescript_literals
from underpass.codegen.calls import CALLS, Language
from underpass.codegen.example import example
from underpass.codegen.interface import ToolInterface
from underpass.codegen.literals import literal
from underpass.codegen.result_use import Use, use_of
from underpass.discovery.hit import Hit

_LONGEST: Final = 12
"""Lines of an example."""
_WIDEST: Final = 200
"""Characters of one of its lines."""
_READS: Final = "read"
"""The capability of tools that change nothing: no other is called in an example of many calls."""


def worked_example(hits: Sequence[Hit], language: Language) -> str | None:
    """Return a program that calls tools and makes a few facts of what comes back; None where there is none.

    It has two steps where the tools fit together: the second calls a tool for each thing that the first has
    listed. Otherwise it makes one call, and takes the most telling things of a list, where that is one.

    Parameters:
        hits: the tools that fit a command, the best first.
        language: of the program.
    """
    reading = [hit for hit in hits if _READS in hit.capabilities]
    lists = [found for hit in reading if (found := listed(hit)) is not None]
    for first in lists:
        for second in reading:
            if (step := step_for(first, second)) is not None and _fits(
                program := _two_steps(first, step, language)
            ):
                return program
    with_figures = [(found, figure) for found in lists if (figure := figure_of(found)) is not None]
    for found, figure in [*with_figures, *((found, None) for found in lists)]:
        if (program := _one_step(found, figure, language)) is not None and _fits(program):
            return program
    shown = (example(hit.tool, language, observed=hit.observed) for hit in [*reading, *hits])
    return next((each.strip() for each in shown if each and _fits(each)), None)


def _fits(program: str) -> bool:
    lines = program.strip().split("\n")
    return len(lines) <= _LONGEST and max(map(len, lines)) <= _WIDEST


def _two_steps(first: Listed, step: Step, language: Language) -> str:
    listing = _call(first.hit, first.interface, first.arguments, {}, language)
    use = use_of(step.interface)
    if language == "python":
        items = f"result[{python_literals.string(first.member)}]" if first.member else "result"
        link = f"item[{python_literals.string(step.member)}]"
        each = _call(step.hit, step.interface, step.others, {step.parameter: link}, language)
        server = CALLS[language].path(step.hit.tool).partition(".")[0]
        return (
            f"import asyncio\nfrom mcp_servers import {server}\n\n"
            f"result = await {listing}\n"
            f"found = await asyncio.gather(*({each} for item in {items}[:50]))\n"
            f"{_python_facts(use, step)}"
        )
    items = f"result{_reads(first.member)}" if first.member else "result"
    item = "(item: any)" if first.interface.observed else "(item)"
    each = _call(
        step.hit, step.interface, step.others, {step.parameter: f"item{_reads(step.member)}"}, language
    )
    server = CALLS[language].path(step.hit.tool).partition(".")[0]
    return (
        f'import {{ {server} }} from "mcp-servers";\n\n'
        f"const result = await {listing};\n"
        f"const found = await Promise.all({items}.slice(0, 50).map({item} => {each}));\n"
        f"{_typescript_facts(use, step)}"
    )


def _one_step(first: Listed, figure: str | None, language: Language) -> str | None:
    """Return a call of a list's tool, and what tells most of what is in it."""
    if (named := name_of(first)) is None:
        return None
    listing = _call(first.hit, first.interface, first.arguments, {}, language)
    server = CALLS[language].path(first.hit.tool).partition(".")[0]
    if language == "python":
        items = f"result[{python_literals.string(first.member)}]" if first.member else "result"
        top = f"{items}[:3]"
        if figure is not None:
            key = f"lambda item: item[{python_literals.string(figure)}]"
            top = f"sorted({items}, key={key}, reverse=True)[:3]"
        return (
            f"from mcp_servers import {server}\n\n"
            f"result = await {listing}\n"
            f"top = {top}\n"
            f'{{"count": len({items}), "top": [item[{python_literals.string(named)}] for item in top]}}'
        )
    items = f"result{_reads(first.member)}" if first.member else "result"
    item, pair = ("(item: any)", "(a: any, b: any)") if first.interface.observed else ("(item)", "(a, b)")
    top = items
    if figure is not None:
        top = f"[...{items}].sort({pair} => b{_reads(figure)} - a{_reads(figure)})"
    return (
        f'import {{ {server} }} from "mcp-servers";\n\n'
        f"const result = await {listing};\n"
        f"const top = {top}.slice(0, 3);\n"
        f"({{ count: {items}.length, top: top.map({item} => item{_reads(named)}) }});"
    )


def _call(
    hit: Hit,
    interface: ToolInterface,
    arguments: Mapping[str, Any],
    links: Mapping[str, str],
    language: Language,
) -> str:
    """Return a call in one line; ``links`` are arguments that are expressions."""
    calls = CALLS[language]
    names = calls.names(interface)
    given = [
        calls.argument(name, names[name]) + literal(calls.notation, value)
        for name, value in arguments.items()
    ]
    given += [calls.argument(name, names[name]) + expression for name, expression in links.items()]
    inside = ", ".join(given)
    if language == "typescript" and inside:
        inside = f"{{ {inside} }}"
    return f"{calls.path(hit.tool)}({inside})"


def _python_facts(use: Use, step: Step) -> str:
    kind = kind_of(step, use)
    member = f"each[{python_literals.string(use.member)}]"
    if kind in {"integer", "number"}:
        return f'{{"count": len(found), "sum": sum({member} for each in found)}}'
    if kind == "string":
        return f'{{"count": len(found), "different": sorted({{{member} for each in found}})[:5]}}'
    return '{"count": len(found), "first": found[:1]}'


def _typescript_facts(use: Use, step: Step) -> str:
    kind = kind_of(step, use)
    each = "(each: any)" if use.observed else "(each)"
    member = f"each{_reads(use.member)}"
    if kind in {"integer", "number"}:
        total = "(sum: number, each: any)" if use.observed else "(sum, each)"
        return f"({{ count: found.length, sum: found.reduce({total} => sum + {member}, 0) }});"
    if kind == "string":
        different = f"[...new Set(found.map({each} => {member}))].sort().slice(0, 5)"
        return f"({{ count: found.length, different: {different} }});"
    return "({ count: found.length, first: found.slice(0, 1) });"


def _reads(member: str) -> str:
    name = typescript_literals.key(member)
    return f"[{name}]" if name.startswith('"') else f".{name}"
