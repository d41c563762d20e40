"""A skill to save, and libraries to save it in."""

from pathlib import Path
from typing import Any

from underpass.config import SkillSettings
from underpass.skills.library.library import SkillLibrary
from underpass.skills.skill import Case, RecordedCall, SkillDraft

PYTHON = '''"""Counts."""

from mcp_servers import texts


async def count_words(text: str, *, detailed: bool = False) -> dict[str, int]:
    """Count the words of a text."""
    found = await texts.split(text=text)
    return {"words": len(found)}
'''

TYPESCRIPT = """import { texts } from "mcp-servers";

/** Count the words of a text. */
export async function countWords(
  { text, detailed = false }: { text: string; detailed?: boolean },
): Promise<{ words: number }> {
  return { words: (await texts.split({ text })).length };
}
"""

CASE = Case({"text": "a b"}, (RecordedCall("texts", "split", {"text": "a b"}, ["a", "b"]),), {"words": 2})
FAILED = Case(
    {"text": ""},
    (RecordedCall("texts", "split", {"text": ""}, None, {"type": "ToolFailed", "message": "empty"}),),
    None,
)


def draft(**changes: Any) -> SkillDraft:
    facts: dict[str, Any] = {
        "name": "count-words",
        "description": "Counts the words of a text: when you need a length --- and no more.",
        "language": "python",
        "code": PYTHON,
        "entrypoint": "count_words",
        "tools": {"texts.split": "d1" * 32, "my server.odd, name=%": "é"},
        "cases": (CASE, FAILED),
        "examples": "## Short\n\n```python\n# a comment\nawait count_words(text='a')\n```",
        "pitfalls": "- An empty text: *yes*.",
        "tags": ("text", "two words"),
        "author": "Ada: the first",
        "provenance": {"origin": "saved", "runs": "a b,c=d"},
    }
    return SkillDraft(**{**facts, **changes})


def typescript_draft(**changes: Any) -> SkillDraft:
    return draft(language="typescript", code=TYPESCRIPT, entrypoint="countWords", **changes)


def library(folder: Path, *, own: Path | None = None, setting: str = "") -> SkillLibrary:
    """The libraries of a project below ``folder``, for a user whose own folder is ``own``."""
    return SkillLibrary(
        folder / "project" / ".underpass",
        SkillSettings(user_folder=setting),
        environ={"XDG_DATA_HOME": str(own or folder / "own")},
    )
