"""Writing a rule into ``underpass.toml``; everything else in it, comments included, stays as it is."""

from __future__ import annotations

import fcntl
import os
import re
import time
import tomllib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from underpass.broker.policy.decision import Decision
from underpass.broker.policy.reading import SETTING, read_rules
from underpass.broker.policy.rule import Rule
from underpass.catalog.edit import write_atomically
from underpass.errors import ConfigError

_HEADER: Final = re.compile(r"^[ \t]*\[\[[ \t]*policy[ \t]*\.[ \t]*rules[ \t]*\]\]", re.MULTILINE)


def rule_of(decision: Decision) -> Mapping[str, Any]:
    """Return the table that would allow what ``decision`` asks about.

    Raises:
        ConfigError: there is none: a person has to write the rule.
    """
    try:
        [table] = tomllib.loads(decision.setting)["policy"]["rules"]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError):
        raise ConfigError(
            f"there is no rule to write that allows this: {decision.reason}",
            hint="write one into underpass.toml",
        ) from None
    return table


def remember(path: Path, decision: Decision, before: Rule | None = None) -> None:
    """Add the rule that ``decision.setting`` is to the file, unless it is there.

    Nobody else writes the file meanwhile, and it is replaced in one step.

    Parameters:
        path: ``underpass.toml``; it is made where there is none.
        before: the rule that it has to stand before to take effect; by default it is the last.

    Raises:
        ConfigError: the file cannot be read or written, or no longer has the rule ``before`` (``path``).
    """
    wanted = rule_of(decision)
    try:
        with _held(path):
            text = path.read_bytes().decode() if path.exists() else ""
            found = tomllib.loads(text).get("policy", {}).get("rules", [])
            rules = read_rules(found, str(path))
            if before is not None and before not in rules:
                raise _unwritten(path, "the rule that asks is not there any more")
            at = len(found) if before is None else rules.index(before)
            if wanted in found[:at]:
                return
            text = _inserted(text, decision.setting, at, len(found))
            try:
                # A header may stand in a text of several lines, or the rules in one line: look what came out.
                after = tomllib.loads(text)["policy"]["rules"]
            except (tomllib.TOMLDecodeError, KeyError, TypeError):
                after = None
            if after != [*found[:at], wanted, *found[at:]]:
                raise _unwritten(path, "its rules do not each have a [[policy.rules]] of their own")
            write_atomically(path, text, mode=path.stat().st_mode & 0o777 if path.exists() else 0o644)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unwritten(path, str(error)) from error


def _inserted(text: str, rule: str, at: int, count: int) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    comment = f'# A person answered "always" on {time.strftime("%Y-%m-%d")}.'
    block = newline.join([comment, *rule.strip().splitlines(), ""])
    headers = list(_HEADER.finditer(text))
    if at == count or at >= len(headers):
        head = text.rstrip()
        return f"{head}{newline}{newline}{block}" if head else block
    start = _with_comments(text, headers[at].start())
    return f"{text[:start]}{block}{newline}{text[start:]}"


def _with_comments(text: str, start: int) -> int:
    """Return where the comments begin that stand right above: they are about what follows."""
    while start:
        line = text.rfind("\n", 0, start - 1) + 1
        if not text[line:start].lstrip(" \t").startswith("#"):
            break
        start = line
    return start


@contextmanager
def _held(path: Path) -> Generator[None]:
    # The folder itself is locked: the file is replaced, and another one would be left lying about.
    folder = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _unwritten(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{path}: the rule was not written: {why}",
        hint=f"write it yourself, below [[{SETTING}]], and start again",
        path=str(path),
    )
