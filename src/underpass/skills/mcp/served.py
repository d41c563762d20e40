"""The skills that Underpass offers to its clients, as entries and files of the extension."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from underpass.errors import UnderpassError
from underpass.skills.format.folder import digest_of, read_folder
from underpass.skills.mcp.wire import MOST_BYTES, MOST_FILES, SKILL, NotUsable
from underpass.skills.seams import SkillSource
from underpass.skills.skill import SkillEntry

PAGE: Final = 100
"""Skills of one page."""
SCHEME: Final = "skill://"
DIRECTORY: Final = "inode/directory"
_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class File:
    """A file of a skill."""

    uri: str
    path: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One state of a skill: what its files are, and what its head says."""

    folder: Path
    digest: str
    """The library's: of all files."""
    head: Mapping[str, Any]
    files: tuple[File, ...]

    def entry(self) -> dict[str, Any]:
        """Return the skill as the extension has it."""
        files = [
            {"uri": file.uri, "digest": f"sha256:{file.digest}", "size": file.size} for file in self.files
        ]
        return {"uri": uri_of(self.name), "frontmatter": dict(self.head), "resources": files}

    def resource(self) -> dict[str, Any]:
        """Return its SKILL.md as an ordinary resource."""
        return {
            "uri": uri_of(self.name),
            "name": self.name,
            "description": self.head["description"],
            "mimeType": "text/markdown",
        }

    @property
    def name(self) -> str:
        """With hyphens."""
        return self.head["name"]


class ServedSkills:
    """The active skills of the project and of the user. An agent's own are not for others.

    It waits for the disk: call it in a thread.

    Parameters:
        source: the skills.
        agent: as whom the source is asked.
    """

    def __init__(self, source: SkillSource, agent: str = "default") -> None:
        self._source = source
        self._agent = agent
        self._manifests: dict[str, Manifest] = {}

    def page(self, after: str | None) -> tuple[Sequence[Manifest], str | None]:
        """Return a page of skills by name, and the name that the next one begins after.

        Parameters:
            after: what the page before gave.
        """
        found: list[Manifest] = []
        for entry in self._entries():
            if after is not None and entry.name <= after:
                continue
            if len(found) == PAGE:
                return found, found[-1].name
            if (manifest := self._manifest(entry)) is not None:
                found.append(manifest)
        return found, None

    def skill(self, uri: str) -> Manifest | None:
        """Return the skill whose SKILL.md has this URI, if its files are still those that are approved."""
        found = next((found for found in self._of(uri) if uri_of(found.name) == uri), None)
        return found if found is not None and _files(found.folder, found.digest) else None

    def read(self, uri: str) -> tuple[File, bytes] | None:
        """Return a file of a skill with its content, which has the digest that its entry has."""
        for manifest in self._of(uri):
            file = next((file for file in manifest.files if file.uri == uri), None)
            content = _files(manifest.folder, manifest.digest).get(file.path) if file else None
            if file is not None and content is not None:
                return file, content
        return None

    def children(self, uri: str) -> list[dict[str, Any]] | None:
        """Return the files and folders that are directly in a folder; None where there is no such folder."""
        for manifest in self._of(uri):
            below = [file.uri for file in manifest.files if file.uri.startswith(f"{uri}/")]
            names = dict.fromkeys(each[len(uri) + 1 :].partition("/")[::2] for each in below)
            folders = {name for name, rest in names if rest}
            files = [{**_named(uri, name), "mimeType": mime_of(name)} for name, rest in names if not rest]
            if below:
                return files + [{**_named(uri, name), "mimeType": DIRECTORY} for name in sorted(folders)]
        return None

    def _entries(self) -> Iterator[SkillEntry]:
        for entry in self._source.entries(self._agent):
            if entry.problem is None and entry.status == "active" and entry.scope != "agent":
                yield entry

    def _of(self, uri: str) -> Iterator[Manifest]:
        name = uri.removeprefix(SCHEME).partition("/")[0] if uri.startswith(SCHEME) else ""
        for entry in self._entries():
            if entry.name == name and (manifest := self._manifest(entry)) is not None:
                yield manifest

    def _manifest(self, entry: SkillEntry) -> Manifest | None:
        from underpass.skills.mcp.head import head_of  # the reader of YAML: not for those who only start

        known = self._manifests.get(entry.digest)
        if known is not None and known.name == entry.name:
            return known
        try:
            skill = self._source.find(entry.name, self._agent)
            files = _files(skill.folder, skill.digest)
            head = head_of(files[SKILL])
        except (UnderpassError, NotUsable, KeyError):
            return None
        if head.get("name") != entry.name or not isinstance(head.get("description"), str):
            return None
        if len(files) > MOST_FILES or sum(map(len, files.values())) > MOST_BYTES:
            return None
        manifest = Manifest(
            skill.folder,
            skill.digest,
            head,
            tuple(
                File(uri_of(entry.name, path), path, hashlib.sha256(content).hexdigest(), len(content))
                for path, content in sorted(files.items())
            ),
        )
        if len(self._manifests) >= _KEPT:
            self._manifests.clear()
        self._manifests[entry.digest] = manifest
        return manifest


def uri_of(name: str, path: str = SKILL) -> str:
    """Return the URI of a file of a skill."""
    return f"{SCHEME}{name}/{quote(path)}"


def mime_of(name: str) -> str:
    """Return the kind of a file by its name."""
    if name.endswith(".md"):
        return "text/markdown"
    if name.endswith(".ts"):
        return "text/x-typescript"  # the tables of systems take it for a film
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _named(folder: str, name: str) -> dict[str, Any]:
    return {"uri": f"{folder}/{name}", "name": name}


def _files(folder: Path, digest: str) -> Mapping[str, bytes]:
    """Read a skill's files; none where they are not what is approved."""
    try:
        files = read_folder(folder)
    except UnderpassError:
        return {}
    return files if digest_of(files) == digest else {}
