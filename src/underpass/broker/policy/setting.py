"""The text of a rule that would allow a call, as a person or ``remember`` puts it into ``underpass.toml``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from underpass.broker.policy.glob import Glob
from underpass.broker.policy.rule import Condition, Predicate, Range, Rule
from underpass.catalog import ToolDefinition


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
    written = {key: _text(name) for key, name in names.items()}
    if rule is not None and rule.arguments:
        written["arguments"] = _table(rule.arguments)
    written["decision"] = '"allow"'
    if rule is not None and rule.decision != "deny":
        if rule.rate is not None:
            written["rate"] = _text(rule.rate.text)
        for key in ("calls_per_run", "bytes_per_run"):
            if (limit := getattr(rule, key)) is not None:
                written[key] = str(limit)
    if flow:
        written["flow"] = '"allow"'
    return "\n".join(["[[policy.rules]]", *(f"{key} = {value}" for key, value in written.items())])


def _text(text: str) -> str:
    # A JSON string is a TOML string, but for one character that JSON need not escape, and for surrogates.
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")


def _table(predicates: Mapping[str, Predicate]) -> str:
    parts = (f"{_text(name)} = {_predicate(predicate)}" for name, predicate in predicates.items())
    return f"{{{', '.join(parts)}}}"


def _predicate(predicate: Predicate) -> str:
    conditions = [_condition(condition) for condition in predicate.conditions]
    return conditions[0] if len(conditions) == 1 else f"[{', '.join(conditions)}]"


def _condition(condition: Condition) -> str:
    if isinstance(condition, Glob):
        return _text(condition.text)
    if isinstance(condition, Range):
        bounds: dict[str, Any] = {"min": condition.least, "max": condition.most}
        return f"{{{', '.join(f'{key} = {bound}' for key, bound in bounds.items() if bound is not None)}}}"
    return str(condition).lower()
