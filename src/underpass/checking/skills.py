"""The skills that a program names, on disk where a checker finds their signatures."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from underpass.checking.modules import Changes
from underpass.errors import UnderpassError
from underpass.skills.loading.programs import check_language
from underpass.skills.loading.references import PACKAGE, Reference, imported, read
from underpass.skills.skill import Language, Skill

Found = Mapping[Reference, Skill | UnderpassError]
"""The skills of a program, or why it has none."""

_PATH: Final = re.compile(rf"""(["'])({PACKAGE}/[^"'\n]+)\1""")


def references(code: str, language: str) -> list[Reference]:
    """Return the skills that a program imports, as far as its text says."""
    if PACKAGE not in code:
        return []
    if language == "python":
        return imported(code)
    paths = {path for _, path in _PATH.findall(code)}
    return [reference for path in sorted(paths) if (reference := read(path)) is not None]


def usable(found: Found, language: Language) -> dict[Reference, Skill | UnderpassError]:
    """Return the same, with an error for each skill that is written in another language."""
    judged: dict[Reference, Skill | UnderpassError] = {}
    for reference, skill in found.items():
        judged[reference] = skill
        if isinstance(skill, Skill):
            try:
                check_language(skill, language)
            except UnderpassError as error:
                judged[reference] = error
    return judged


def digests(found: Found) -> dict[str, str]:
    """Return what stands for each skill; it is another when the skill is another."""
    return {
        reference.path: skill.digest if isinstance(skill, Skill) else skill.message
        for reference, skill in found.items()
    }


def with_suffixes(code: str) -> str:
    """Return a TypeScript program that imports skills by the names of their files."""
    return _PATH.sub(r"\1\2.ts\1", code) if PACKAGE in code else code


class CheckedSkills:
    """Writes skills into a checker's project; agents may have different ones of the same name."""

    def __init__(self, folder: Path, language: Language) -> None:
        self._root = folder / PACKAGE
        self._language = language
        self._written: dict[Path, str] = {}
        self._names: set[str] = set()

    def write(self, found: Found) -> Changes:
        """Make the folder hold what a program imports, and return what was written for it."""
        files: dict[Path, str] = {}
        removed = [path for each, skill in found.items() for path in self._gone(each, skill)]
        for reference, skill in found.items():
            if isinstance(skill, Skill):
                files |= self._files(reference, skill)
        if self._language == "python" and found:
            # Where it is written, what is missing is complained of by name.
            lines = [f"from . import {name} as {name}\n" for name in sorted(self._names)]
            files[self._root / "__init__.pyi"] = "".join(lines)
        created: list[Path] = []
        changed: list[Path] = []
        for path, text in files.items():
            if self._written.get(path) == text:
                continue
            (changed if path in self._written else created).append(path)
            if not path.parent.exists():
                created.append(path.parent)
                path.parent.mkdir(parents=True)
            path.write_text(text, "utf-8")
            self._written[path] = text
        return Changes(tuple(created), tuple(changed), tuple(removed))

    def _gone(self, reference: Reference, skill: Skill | UnderpassError) -> list[Path]:
        """Remove what was written for a skill that there is not any more, or for another agent."""
        if isinstance(skill, Skill):
            return []
        place = self._root.parent / f"{reference.path}.ts"
        if self._language == "python":
            place = self._root / reference.module.removeprefix(f"{PACKAGE}.").replace(".", "/")
            place = place if reference.version is None else place.with_suffix(".pyi")
            if reference.version is None:
                self._names.discard(reference.name)
        gone = [path for path in self._written if path == place or place in path.parents]
        for path in gone:
            path.unlink()
            del self._written[path]
        if place.is_dir():
            # Without its files it would still be a package.
            place.rmdir()
            gone.append(place)
        return gone

    def _files(self, reference: Reference, skill: Skill) -> dict[Path, str]:
        if self._language == "typescript":
            return {self._root.parent / f"{reference.path}.ts": skill.draft.code}
        name, text = reference.name, _stub(skill)
        self._names.add(name)
        if reference.version is None:
            return {self._root / name / "__init__.pyi": text}
        version = self._root / name / f"v{reference.version.replace('.', '_')}.pyi"
        return {version: text} | (
            {}
            if self._root / name / "__init__.pyi" in self._written
            else {version.parent / "__init__.pyi": ""}
        )


def _stub(skill: Skill) -> str:
    """What others need of a Python skill: what its function takes. What it returns, it only promises."""
    try:
        tree = ast.parse(skill.draft.code)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                node.body = [ast.Expr(ast.Constant(...))]
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                node.returns = None
        return ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError):
        return "from typing import Any\n\ndef __getattr__(name: str) -> Any: ...\n"
