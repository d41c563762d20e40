"""A rule as text: for people, and for ``underpass.toml``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from underpass.broker.policy.glob import Glob
from underpass.broker.policy.rule import Condition, Predicate, Range, Rule
from underpass.catalog import ToolDefinition


def written(rule: Rule) -> dict[str, str]:
    """Return the keys of a rule with their values as TOML."""
    values = {
        "server": _globs(rule.server),
        "tool": _globs(rule.tool),
        "category": _globs(rule.category),
        "annotation": _several([_text(name) for name in rule.annotation]),
        "agent": _globs(rule.agent),
        "arguments": _table(rule.arguments),
        "decision": _text(rule.decision),
        "rate": "" if rule.rate is None else _text(rule.rate.text),
        "calls_per_run": "" if rule.calls_per_run is None else str(rule.calls_per_run),
        "bytes_per_run": "" if rule.bytes_per_run is None else str(rule.bytes_per_run),
        "flow": _text(rule.flow) if rule.flow else "",
        "reason": _text(rule.reason) if rule.reason else "",
    }
    return {key: value for key, value in values.items() if value}


def allowing(tool: ToolDefinition, agent: str, rule: Rule | None, *, flow: bool = False) -> str:
    """Return the rule that allows what ``rule`` does not, and no more: empty where none can be written.

    Parameters:
        rule: what stands in the way; its conditions and limits hold for the new rule as well. None for the
            default.
        flow: whether the run's data speaks against the call.
    """
    names = {"server": tool.server, "tool": tool.name}
    if rule is not None and rule.agent:
        names["agent"] = agent
    if any("*" in name for name in names.values()):
        return ""  # a tool that is called "*" must not be allowed for all others
    kept = {} if rule is None else written(rule)
    for key in ("category", "annotation", "reason", "flow"):
        kept.pop(key, None)
    kept |= {key: _text(name) for key, name in names.items()}
    kept["decision"] = _text("allow")
    if flow:
        kept["flow"] = _text("allow")
    order = {key: number for number, key in enumerate(("server", "tool", "agent", "arguments", "decision"))}
    keys = sorted(kept, key=lambda key: order.get(key, len(order)))
    return "\n".join(["[[policy.rules]]", *(f"{key} = {kept[key]}" for key in keys)])


def _text(text: str) -> str:
    # A JSON string is a TOML string, but for one character that JSON need not escape, and for surrogates.
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")


def _globs(globs: Sequence[Glob]) -> str:
    return _several([_text(glob.text) for glob in globs])


def _several(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]" if texts else ""


def _table(predicates: Mapping[str, Predicate]) -> str:
    parts = (
        f"{_text(name)} = {_several([_condition(each) for each in predicate.conditions])}"
        for name, predicate in predicates.items()
    )
    return f"{{{', '.join(parts)}}}" if predicates else ""


def _condition(condition: Condition) -> str:
    if isinstance(condition, Glob):
        return _text(condition.text)
    if isinstance(condition, Range):
        bounds = {"min": condition.least, "max": condition.most}
        return f"{{{', '.join(f'{key} = {bound}' for key, bound in bounds.items() if bound is not None)}}}"
    return str(condition).lower()
