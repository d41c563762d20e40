"""All libraries that an agent sees."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Final

from underpass.config import SkillSettings
from underpass.errors import (
    ExecutionError,
    SkillNotFound,
    SkillNotSaved,
    SkillRefused,
    UnderpassError,
    did_you_mean,
)
from underpass.skills.format.folder import FolderInvalid, invalid
from underpass.skills.format.frontmatter import NotRead
from underpass.skills.format.functions import function_of
from underpass.skills.format.layout import Reading, files_of, reading_of, settled, with_status
from underpass.skills.format.names import is_version, name_problem, skill_name, version_key
from underpass.skills.library.index import Index
from underpass.skills.library.listing import Listing, listings
from underpass.skills.library.numbering import FIRST, next_version, same_content
from underpass.skills.library.own import own_folder, user_library
from underpass.skills.library.shelf import ARCHIVE, REVIEW, VERSIONS, Place, Shelf
from underpass.skills.library.trust import Trust
from underpass.skills.skill import SCOPES, Scope, Skill, SkillDraft, SkillEntry, Status
from underpass.workspace.checkpoints.locking import locked
from underpass.workspace.folders import is_name, no_name

_MANY: Final = 100
"""Skills; the listing is kept for the next process where more had to be read."""
_NOT_APPROVED: Final = "it waits for a person's approval: see `underpass skills review`"
_NOT_TRUSTED: Final = (
    "it came with the files of its folder and nobody has approved it: see `underpass skills review`"
)
_ARCHIVED: Final = "it is in the archive"


class SkillLibrary:
    """Skills of an agent, of the project and of the user; a nearer one hides a farther one of its name.

    What is saved here is approved by the digest of all its files. A folder that came from elsewhere is
    data until a person approves a skill in it, or trusts it as a whole; that is written down in the
    user's own folder. An agent's library is used by that agent alone, and needs no approval: its programs
    can write there anyway.

    Parameters:
        state: Underpass's folder of the project; workspaces and the project's skills stand beside it.
        settings: where the user's library is.
        environ: ``XDG_DATA_HOME`` says where the user's own folder is.
    """

    def __init__(
        self, state: Path, settings: SkillSettings, *, environ: Mapping[str, str] = os.environ
    ) -> None:
        state = state.absolute()
        self._state = state
        self._workspaces = state.parent / "workspace"
        user, certain = user_library(settings.user_folder, environ)
        self._user_is_certain = certain
        self._own = own_folder(environ)
        self.trust = Trust(self._own)
        self._shared: dict[Scope, Shelf] = {
            "project": Shelf("project", state.parent, ("skills",)),
            "user": Shelf("user", user, ()),
        }
        self._agents: dict[str, Shelf] = {}
        self._listings: dict[Path, dict[str, Listing]] = {}
        self._merged: dict[str, tuple[object, list[SkillEntry]]] = {}
        self._lock = RLock()

    def folder(self, scope: Scope, agent: str) -> Path:
        """Return where a library is. Raises ``ValidationFailed`` for what is no name of an agent."""
        return self._shelf(scope, agent).folder

    def close(self) -> None:
        """Let the files go; the next use opens them again."""
        self.trust.close()

    def find(self, name: str, agent: str, version: str | None = None) -> Skill:
        """See ``SkillSource.find``."""
        name = skill_name(name)
        shelves = self._shelves(agent)
        if name_problem(name) is None:
            for shelf in shelves:
                try:
                    newest = shelf.read((name,))
                except FileNotFoundError:
                    continue
                except FolderInvalid as error:
                    raise invalid(name, error.problems) from error
                reading = self._version(shelf, newest, version)
                self._check_trust(shelf, reading)
                return reading.skill
            for shelf in shelves:
                for part in (REVIEW, ARCHIVE):
                    if (reading := shelf.find((part, name))) is not None:
                        self._check_trust(shelf, reading)
        raise self._not_found(name, agent)

    def look(
        self,
        name: str,
        agent: str,
        version: str | None = None,
        *,
        scope: Scope | None = None,
        waiting: bool = False,
    ) -> Skill:
        """Return a skill to look at, whether it may be used or not.

        Parameters:
            scope: of this library; by default of the nearest that has it.
            waiting: prefer what waits for approval to what is in use.

        Raises:
            SkillNotFound: with the nearest names.
            SkillInvalid: its files are damaged or not what the standard allows.
        """
        name = skill_name(name)
        shelves = self._shelves(agent) if scope is None else [self._shelf(scope, agent)]
        parts: list[Place] = [(), (REVIEW,), (ARCHIVE,)]
        if waiting:
            parts[:2] = [(REVIEW,), ()]
        if name_problem(name) is None:
            for part in parts:
                for shelf in shelves:
                    try:
                        return self._version(shelf, shelf.read((*part, name)), version).skill
                    except FileNotFoundError:
                        continue
                    except FolderInvalid as error:
                        raise invalid(name, error.problems) from error
        raise self._not_found(name, agent)

    def entries(self, agent: str) -> Sequence[SkillEntry]:
        """See ``SkillSource.entries``. What waits or is archived comes where no other of its name does."""
        parts = [(shelf, self._refreshed(shelf)) for shelf in self._shelves(agent)]
        approved = self.trust.approved()
        trusted = tuple(self._is_trusted(shelf) for shelf, _ in parts)
        state = (
            tuple(listing.changes for _, listed in parts for listing in listed.values()),
            approved,
            trusted,
        )
        with self._lock:
            known = self._merged.get(agent)
            if known is not None and known[0] == state:
                return known[1]
        merged: dict[str, SkillEntry] = {}
        shadowed: dict[str, list[Scope]] = {}
        for part in ("", REVIEW, ARCHIVE):
            for (_, listed), sure in zip(parts, trusted, strict=True):
                for _, entry in list(listed[part].lines.values()):
                    if entry.name not in merged:
                        merged[entry.name] = self._judged(entry, approved, trusted=sure)
                    elif not part:
                        shadowed.setdefault(entry.name, []).append(entry.scope)
        for name, scopes in shadowed.items():
            merged[name] = replace(merged[name], shadows=tuple(scopes))
        result = [merged[name] for name in sorted(merged)]
        with self._lock:
            self._merged[agent] = (state, result)
        return result

    def waiting(self, agent: str) -> Sequence[SkillEntry]:
        """Return what a person should look at: new skills, new versions, and what nobody has approved."""
        found: list[SkillEntry] = []
        approved = self.trust.approved()
        for shelf in self._shelves(agent):
            listed = self._refreshed(shelf)
            sure = self._is_trusted(shelf)
            for part in (REVIEW, ""):
                judged = [
                    self._judged(entry, approved, trusted=sure)
                    for _, entry in list(listed[part].lines.values())
                ]
                found.extend(entry for entry in judged if entry.status == "review")
        return sorted(found, key=lambda entry: entry.name)

    def versions(self, name: str, agent: str) -> Sequence[str]:
        """See ``SkillStore.versions``."""
        name = skill_name(name)
        if name_problem(name) is None:
            for shelf in self._shelves(agent):
                try:
                    newest = shelf.read((name,)).skill.version
                except FileNotFoundError:
                    continue
                except FolderInvalid:
                    newest = ""
                older = [
                    version
                    for version in shelf.versions(name)
                    if (reading := shelf.find(_old(name, version))) is not None
                    and reading.skill.status == "active"
                    and version != newest
                ]
                return sorted([*older, *([newest] if newest else [])], key=version_key, reverse=True)
        raise self._not_found(name, agent)

    def save(
        self,
        draft: SkillDraft,
        scope: Scope,
        agent: str,
        *,
        status: Status = "active",
        version: str | None = None,
    ) -> Skill:
        """See ``SkillStore.save``. What is in the library already, with other runs as its source, stays."""
        shelf = self._shelf(scope, agent)
        draft = settled(draft)
        try:
            files_of(draft, FIRST, "", status)
            function = function_of(draft.code, draft.entrypoint, draft.language)
        except (FolderInvalid, NotRead) as error:
            raise invalid(draft.name, getattr(error, "problems", (str(error),))) from error
        if version is not None and not is_version(version):
            raise invalid(draft.name, [f"version: {version!r:.40} is no version such as 1.2.0"])
        with self._writing(shelf, draft.name, agent):
            before, pending = shelf.find((draft.name,)), shelf.find((REVIEW, draft.name))
            for same in (before, pending if status == "review" else None):
                if same is not None and version is None and same_content(draft, same.skill.draft):
                    self._approve(shelf, same.skill.digest, same.skill)
                    return same.skill
            base = before or pending or shelf.find((ARCHIVE, draft.name))
            known = [
                *(each.skill.version for each in (before, pending, base) if each is not None),
                *shelf.versions(draft.name),
            ]
            if version is None:
                version = next_version(draft, function, base, known) if base else FIRST
                while version in known:
                    major, minor, patch = version_key(version)
                    version = f"{major}.{minor}.{patch + 1}"
            elif known and version_key(version) <= max(map(version_key, known)):
                newest = max(known, key=version_key)
                raise invalid(draft.name, [f"version: {version} is not above {newest}, which there is"])
            created = base.skill.created if base else ""
            created = created or datetime.now(UTC).date().isoformat()
            files = files_of(draft, version, created, status)
            place: Place = {"active": (), "review": (REVIEW,), "archived": (ARCHIVE,)}[status]
            return self._put(shelf, (*place, draft.name), files)

    def set_status(self, name: str, scope: Scope, agent: str, status: Status) -> Skill:
        """See ``SkillStore.set_status``. A new version that waits for review is the one that is meant."""
        name = skill_name(name)
        shelf = self._shelf(scope, agent)
        if name_problem(name) is not None:
            raise self._not_found(name, agent)
        with self._writing(shelf, name, agent):
            for part in ((REVIEW,), (), (ARCHIVE,)):
                place = (*part, name)
                try:
                    reading = shelf.read(place)
                except FileNotFoundError:
                    continue
                except FolderInvalid as error:
                    raise invalid(name, error.problems) from error
                to: Place = {"active": (name,), "review": (REVIEW, name), "archived": (ARCHIVE, name)}[status]
                if place == to and reading.skill.status == status:
                    self._approve(shelf, reading.skill.digest, reading.skill)
                    return reading.skill
                if status == "review":
                    self.trust.revoke(reading.skill.digest)
                skill = self._put(shelf, to, with_status(reading, status))
                if place != to:
                    shelf.remove(place)
                return skill
        raise self._not_found(name, agent)

    def _put(self, shelf: Shelf, place: Place, files: Mapping[str, bytes]) -> Skill:
        name = place[-1]
        try:
            before = shelf.read(place)
        except FileNotFoundError:
            before = None
        except FolderInvalid:
            before = None
            if len(place) == 1:
                shelf.set_aside(name)
        if before is not None:
            shelf.put(_old(name, before.skill.version), before.files)
        skill = reading_of(files, name, shelf.scope, shelf.folder.joinpath(*place)).skill
        self._approve(shelf, skill.digest, skill)
        shelf.put(place, files)
        return skill

    def _approve(self, shelf: Shelf, digest: str, skill: Skill) -> None:
        if shelf.scope != "agent" and skill.status == "active" and not self.trust.is_approved(digest):
            self.trust.approve(skill.name, [digest])

    def _version(self, shelf: Shelf, newest: Reading, version: str | None) -> Reading:
        if version is None or version == newest.skill.version:
            return newest
        name = newest.skill.name
        if is_version(version):
            try:
                return shelf.read(_old(name, version))
            except FileNotFoundError:
                pass
            except FolderInvalid as error:
                raise invalid(name, error.problems) from error
        known = [newest.skill.version, *shelf.versions(name)]
        raise SkillNotFound(
            f"skill {name!r} has no version {version!r:.40}",
            hint=f"there are {', '.join(dict.fromkeys(known[:20]))}",
            skill=name,
            version=version[:40],
        )

    def _check_trust(self, shelf: Shelf, reading: Reading) -> None:
        skill = reading.skill
        if skill.status == "archived":
            why, hint = _ARCHIVED, f"`underpass skills archive {skill.name} --restore` brings it back"
        elif skill.status == "review":
            why = _NOT_APPROVED
            hint = f"`underpass skills review {skill.name}` shows it, and approves it where you agree"
        elif self._is_trusted(shelf) or self.trust.is_approved(skill.digest):
            return
        else:
            why = _NOT_TRUSTED
            hint = f"`underpass skills review {skill.name}` shows it, and approves it as it is now; "
            hint += f"`underpass skills trust {shelf.scope}` trusts all of {shelf.folder}, now and later"
        raise SkillRefused(
            f"skill {skill.name!r} cannot be used: {why}", hint=hint, skill=skill.name, digest=skill.digest
        )

    def _is_trusted(self, shelf: Shelf) -> bool:
        if shelf.scope == "agent" or (shelf.scope == "user" and self._user_is_certain):
            return True
        return self.trust.is_trusted(shelf.folder)

    def _judged(self, entry: SkillEntry, approved: frozenset[str], *, trusted: bool) -> SkillEntry:
        if entry.problem is not None:
            return entry
        if entry.status == "archived":
            return replace(entry, problem=_ARCHIVED)
        if entry.status == "review":
            return replace(entry, problem=_NOT_APPROVED)
        if trusted or entry.digest in approved:
            return entry
        return replace(entry, status="review", problem=_NOT_TRUSTED)

    def _refreshed(self, shelf: Shelf) -> dict[str, Listing]:
        with self._lock:
            found = self._listings.get(shelf.folder)
            if found is None:
                found = self._listings[shelf.folder] = listings(shelf)
                for part, lines in Index(self._own, shelf.folder).load().items():
                    found[part].restore(lines)
        before = sum(listing.read for listing in found.values())
        for listing in found.values():
            listing.refresh()
        if sum(listing.read for listing in found.values()) - before > _MANY:
            Index(self._own, shelf.folder).store({part: each.lines for part, each in found.items()})
        return found

    def _shelves(self, agent: str) -> list[Shelf]:
        return [self._shelf(scope, agent) for scope in SCOPES]

    def _shelf(self, scope: Scope, agent: str) -> Shelf:
        if scope != "agent":
            return self._shared[scope]
        if (shelf := self._agents.get(agent)) is None:
            if not is_name(agent):
                raise no_name(agent)
            shelf = self._agents[agent] = Shelf("agent", self._workspaces, (agent, "skills"))
        return shelf

    @contextmanager
    def _writing(self, shelf: Shelf, name: str, agent: str) -> Generator[None]:
        """Be the only one who writes to a library; what the disk refuses is said."""
        try:
            if shelf.scope == "agent":
                self._make_workspace(agent)
            shelf.make()
            with locked(self._lock_file(shelf, agent)):
                shelf.tidy(name)
                yield
        except (OSError, ExecutionError) as error:
            why = error.strerror or str(error) if isinstance(error, OSError) else error.message
            where = getattr(error, "filename", None)
            raise SkillNotSaved(
                f"skill {name!r:.80} could not be saved in {shelf.folder}: {why}",
                hint=f"let whoever runs Underpass write to {shelf.folder} and to {self._own}, and make room; "
                "or save to another library"
                + (f" ({where})" if isinstance(where, str) and where.startswith("/") else ""),
                skill=name,
            ) from error

    def _lock_file(self, shelf: Shelf, agent: str) -> Path:
        # Never in the library: an agent's programs could hold it for ever.
        if shelf.scope == "user":
            return self._own / "user-skills.lock"
        return self._state / "skills" / f"{shelf.scope}{'-' + agent if shelf.scope == 'agent' else ''}.lock"

    def _make_workspace(self, agent: str) -> None:
        from underpass.sandbox.user import owner
        from underpass.workspace.folders import AgentFolders

        try:
            self._workspaces.mkdir(parents=True, exist_ok=True)
            AgentFolders(self._workspaces, owner=owner(self._workspaces)).ensure(agent)
        except UnderpassError as error:
            raise OSError(0, error.message) from error

    def _not_found(self, name: str, agent: str) -> SkillNotFound:
        known = [entry.name for entry in self.entries(agent) if entry.problem is None]
        if matches := did_you_mean(name[:80], known):
            hint = f"did you mean {' or '.join(map(repr, matches))}?"
        else:
            hint = "`underpass skills list` shows all" if known else "there are none yet"
        return SkillNotFound(f"there is no skill {name!r:.90}", hint=hint, skill=name[:80])


def _old(name: str, version: str) -> Place:
    return (VERSIONS, name, version, name)
