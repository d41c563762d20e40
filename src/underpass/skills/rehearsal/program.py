"""The program that calls a skill's function with a case's arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from underpass.errors import ValidationFailed
from underpass.skills.format.frontmatter import NotRead
from underpass.skills.format.functions import Function, function_of, names_of
from underpass.skills.skill import SkillDraft

ALONE: Final = "import json, sys, types\n"
"""How a program in Python begins that calls a skill which is in no library."""
_PYTHON: Final = """\
import json, sys, types
module = types.ModuleType({module!r})
module.__file__ = {filename!r}
sys.modules[{module!r}] = module
exec(compile({code!r}, {filename!r}, "exec", dont_inherit=True), module.__dict__)
return await getattr(module, {entrypoint!r})(**json.loads({arguments!r}))
"""


def program_of(draft: SkillDraft, arguments: Mapping[str, Any]) -> str:
    """Return a program whose value is what the skill's function returns.

    The skill's code is in it, so that it need not be in any library.

    Raises:
        ValidationFailed: there is no such function in the code.
    """
    text = json.dumps(arguments)
    if draft.language == "python":
        module = f"skills.{draft.name.replace('-', '_')}"
        return _PYTHON.format(
            module=module,
            filename=f"{module.replace('.', '/')}.py",
            code=draft.code,
            entrypoint=draft.entrypoint,
            arguments=text,
        )
    # What a program exports is only declared. JSON is a part of the language.
    return f"{draft.code}\nreturn await {typescript_call(draft, arguments)};"


def typescript_call(draft: SkillDraft, arguments: Mapping[str, Any]) -> str:
    """Return the call of the skill's function, with its arguments in the order of its parameters.

    A function of one parameter that is named like none of the arguments takes them all, as one object.
    """
    function = _function(draft)
    names = names_of(function.parameters)
    as_one = len(names) == 1 and names[0] not in arguments
    known = names_of(function.arguments)
    # Where the members of the one object are not written out, it may have any.
    if (not as_one or known != names) and (
        unknown := [each for each in arguments if each not in {*names, *known}]
    ):
        raise ValidationFailed(
            f"{draft.entrypoint} has no parameter {unknown[0]!r:.80}",
            hint=f"its parameters: {', '.join(known)}",
        )
    if as_one:
        return f"{draft.entrypoint}({json.dumps(arguments)})"
    given = [json.dumps(arguments[name]) if name in arguments else "undefined" for name in names]
    while given and given[-1] == "undefined":
        given.pop()
    return f"{draft.entrypoint}({', '.join(given)})"


def _function(draft: SkillDraft) -> Function:
    try:
        return function_of(draft.code, draft.entrypoint, draft.language)
    except NotRead as error:
        raise ValidationFailed(
            f"the code cannot be called: {error}", hint="the entrypoint names a function as it is in the code"
        ) from error
