"""Servers that offer skills: honest and hostile ones."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from underpass.catalog.upstream import Method
from underpass.config import SkillSettings
from underpass.errors import ToolFailed, ToolNotFound
from underpass.skills.library.library import SkillLibrary
from underpass.skills.skill import Case, SkillDraft

CODE = '''"""Counts words."""


async def count_words(text: str, least: int = 1) -> int:
    """Count the words of a text that have ``least`` letters."""
    return sum(len(word) >= least for word in text.split())
'''


def draft(name: str = "count-words", code: str = CODE, **more: Any) -> SkillDraft:
    return SkillDraft(
        name,
        "Counts the words of a text. Use it for statistics.",
        "python",
        code,
        "count_words",
        cases=(Case({"text": "a bb"}, result=2),),
        **more,
    )


def library(place: Path) -> SkillLibrary:
    place.mkdir(parents=True, exist_ok=True)
    return SkillLibrary(
        place / ".underpass",
        SkillSettings(),
        environ={"XDG_DATA_HOME": str(place / "data"), "HOME": str(place)},
    )


def files_of_a_skill(place: Path, skill: SkillDraft | None = None) -> dict[str, bytes]:
    """The files that a library makes of a skill."""
    saved = library(place).save(skill or draft(), "project", "default")
    return {
        str(path.relative_to(saved.folder)): path.read_bytes()
        for path in sorted(saved.folder.rglob("*"))
        if path.is_file()
    }


def entry_of(files: Mapping[str, bytes], frontmatter: Mapping[str, Any], root: str) -> dict[str, Any]:
    resources = [
        {
            "uri": f"{root}/{path}",
            "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
            "size": len(content),
        }
        for path, content in files.items()
    ]
    return {"uri": f"{root}/SKILL.md", "frontmatter": dict(frontmatter), "resources": resources}


class Hostile:
    """A source of answers that may be anything.

    Parameters:
        pages: of ``skills/list``, by cursor.
        files: what ``resources/read`` gives, by URI.
    """

    def __init__(self, *entries: Any, files: Mapping[str, bytes] | None = None) -> None:
        self.entries: list[Any] = list(entries)
        self.files = dict(files or {})
        self.asked: list[tuple[str, str, str]] = []
        self.page: Callable[[str | None], Mapping[str, Any]] | None = None
        self.contents: Callable[[str, bytes], Any] = self._contents

    @property
    def names(self) -> tuple[str, ...]:
        return ("peer", "plain")

    async def request(
        self,
        server: str,
        method: Method,
        params: Mapping[str, Any],
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Mapping[str, Any]:
        if server != "peer":
            raise ToolNotFound("it has no skills", server=server, tool=method, known=[])
        self.asked.append((server, method, params.get("uri", "")))
        if method == "skills/list":
            return {"skills": self.entries} if self.page is None else self.page(params.get("cursor"))
        if method == "skills/get":
            for entry in self.entries:
                if entry["uri"] == params["uri"]:
                    return {"skill": entry}
            raise ToolFailed("no skill", code=-32602)
        if params["uri"] not in self.files:
            raise ToolFailed("no resource", code=-32602)
        return {"contents": self.contents(params["uri"], self.files[params["uri"]])}

    def _contents(self, uri: str, content: bytes) -> Any:
        return [{"uri": uri, "blob": base64.b64encode(content).decode()}]
