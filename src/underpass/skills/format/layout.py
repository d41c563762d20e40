"""Between a skill and its files: which part stands where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final, cast, get_args

from underpass.catalog.hidden import hidden_in
from underpass.skills.format import cases, lists
from underpass.skills.format.body import body_of, section_text, sections_of
from underpass.skills.format.folder import FolderInvalid, digest_of
from underpass.skills.format.frontmatter import Frontmatter, NotRead, dump, parse, split
from underpass.skills.format.functions import Function, function_of
from underpass.skills.format.names import function_problem, is_version, module_name, name_problem
from underpass.skills.format.secrets import secrets_in
from underpass.skills.format.shell import with_command, without_command
from underpass.skills.skill import Language, Scope, Skill, SkillDraft, SkillEntry, Status

SKILL: Final = "SKILL.md"
_ENDINGS: Final[Mapping[Language, str]] = {"python": "py", "typescript": "ts"}
_TEXTS: Final = (".md", ".py", ".ts", ".txt")
_FILE_REFERENCE: Final = re.compile(r"\bfile:/|\]\(\s*(?:/|\.\./|~)", re.IGNORECASE)
_LARGEST_SKILL: Final = 128 * 1024
_LARGEST_CODE: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Reading:
    """A skill's files, understood."""

    skill: Skill
    function: Function
    files: Mapping[str, bytes]

    def entry(self) -> SkillEntry:
        """Return its line of a listing."""
        skill, draft = self.skill, self.skill.draft
        return SkillEntry(
            draft.name,
            draft.description,
            skill.version,
            draft.language,
            draft.entrypoint,
            skill.status,
            skill.scope,
            tuple(draft.tools),
            draft.tags,
            skill.digest,
            self.function.shown,
        )


def script_path(name: str, language: Language) -> str:
    """Return where a skill's code is in its folder."""
    return f"scripts/{module_name(name)}.{_ENDINGS[language]}"


def files_of(draft: SkillDraft, version: str, created: str, status: Status) -> dict[str, bytes]:
    """Return the files of a skill.

    Raises:
        FolderInvalid: the draft breaks the rules or holds a secret.
    """
    problems = [_text_problems(draft)]
    try:
        function = function_of(draft.code, draft.entrypoint, draft.language)
        recorded = cases.dump(draft.cases) if draft.cases else None
    except NotRead as error:
        raise FolderInvalid(*problems[0], str(error)) from error
    front = Frontmatter(
        draft.name, draft.description.strip(), metadata=_metadata(draft, version, created, status)
    )
    texts = {
        SKILL: f"{dump(front)}\n{body_of(draft, function)}",
        script_path(draft.name, draft.language): _script(draft, function),
    }
    files = {path: text.encode("utf-8", "replace") for path, text in texts.items()}
    if recorded is not None:
        files[cases.PATH] = recorded
    found = [*problems[0]]
    for path, content in files.items():
        kinds = secrets_in(content.decode("utf-8", "replace"))
        found.extend(f"{path}: it seems to hold {kind}; a skill is read by others" for kind in kinds)
    if found:
        raise FolderInvalid(*found)
    # What is written is what is read: the same rules hold for both.
    reading_of(files, draft.name, "agent", Path(draft.name))
    return files


def reading_of(files: Mapping[str, bytes], name: str, scope: Scope, folder: Path) -> Reading:
    """Return the skill that files hold.

    Parameters:
        name: of its folder.

    Raises:
        FolderInvalid: they break the rules.
    """
    problems: list[str] = []
    try:
        front, faults, body = _skill_file(files)
    except NotRead as error:
        raise FolderInvalid(f"{SKILL}: {error}") from error
    problems.extend(f"{SKILL}: {fault}" for fault in faults)
    if fault := name_problem(front.name):
        problems.append(f"{SKILL}: {fault}")
    if front.name != name:
        problems.append(f"{SKILL}: name: it is {front.name!r:.80}, and the folder is {name!r:.80}")
    problems.extend(_content_problems(files))
    language, entrypoint, version, status, created = _checked(front.metadata, problems)
    code = _decoded(files, script_path(name, language), problems)
    function = Function("", ())
    try:
        if code is not None and not function_problem(entrypoint):
            code, function = _without_ours(code, name, entrypoint, language)
    except NotRead as error:
        problems.append(f"{script_path(name, language)}: {error}")
    recorded = ()
    try:
        recorded = cases.parse(files[cases.PATH]) if cases.PATH in files else ()
    except NotRead as error:
        problems.append(f"{cases.PATH}: {error}")
    tools, digests = (lists.split(front.metadata.get(key, "")) for key in ("tools", "lock"))
    if len(tools) != len(digests):
        problems.append(f"{SKILL}: metadata: `lock` needs one digest for each of `tools`")
    if problems:
        raise FolderInvalid(*problems)
    examples, pitfalls = sections_of(body)
    draft = SkillDraft(
        name,
        front.description,
        language,
        code or "",
        entrypoint,
        dict(zip(tools, digests, strict=True)),
        recorded,
        examples,
        pitfalls,
        lists.split(front.metadata.get("tags", "")),
        front.metadata.get("author", ""),
        lists.split_pairs(front.metadata.get("provenance", "")),
    )
    skill = Skill(draft, version, digest_of(files), status, created, scope, folder)
    return Reading(skill, function, files)


def with_status(reading: Reading, status: Status) -> dict[str, bytes]:
    """Return the files of a skill with another status; all else is as it was."""
    front, _, body = _skill_file(reading.files)
    front = replace(front, metadata={**front.metadata, "status": status})
    return {**reading.files, SKILL: f"{dump(front)}{body}".encode()}


def settled(draft: SkillDraft) -> SkillDraft:
    """Return a draft as it will be read again: blanks around texts and headings are settled."""
    return replace(
        draft,
        description=draft.description.strip(),
        code=_code(draft),
        examples=section_text(draft.examples),
        pitfalls=section_text(draft.pitfalls),
    )


def _without_ours(text: str, name: str, entrypoint: str, language: Language) -> tuple[str, Function]:
    """Return a script without the command that was added, if it is exactly that: nothing hides there."""
    code = without_command(text) if language == "python" else text
    function = function_of(code, entrypoint, language)
    if code != text and with_command(code, name, function) != text:
        return text, function_of(text, entrypoint, language)
    return code, function


def _script(draft: SkillDraft, function: Function) -> str:
    code = _code(draft)
    return with_command(code, draft.name, function) if draft.language == "python" else code


def _code(draft: SkillDraft) -> str:
    return without_command(draft.code).replace("\r\n", "\n").strip("\n") + "\n"


def _metadata(draft: SkillDraft, version: str, created: str, status: Status) -> dict[str, str]:
    facts = {
        "author": draft.author,
        "version": version,
        "created": created,
        "tags": lists.join(draft.tags),
        "language": draft.language,
        "entrypoint": draft.entrypoint,
        "tools": lists.join(draft.tools),
        "lock": lists.join(draft.tools.values()),
        "status": status,
        "provenance": lists.join_pairs(draft.provenance),
    }
    return {key: value for key, value in facts.items() if value}


def _skill_file(files: Mapping[str, bytes]) -> tuple[Frontmatter, list[str], str]:
    if SKILL not in files:
        raise NotRead("it is missing; a folder may have been left half-written")
    if len(files[SKILL]) > _LARGEST_SKILL:
        raise NotRead(f"it has more than {_LARGEST_SKILL:,} bytes")
    try:
        head, body = split(files[SKILL].decode())
    except UnicodeDecodeError as error:
        raise NotRead("it is no UTF-8") from error
    return *parse(head), body


def _checked(metadata: Mapping[str, str], problems: list[str]) -> tuple[Language, str, str, Status, str]:
    language = metadata.get("language", "python")
    if language not in get_args(Language):
        problems.append(f"{SKILL}: metadata: {language!r:.40} is no language of skills")
        language = "python"
    entrypoint = metadata.get("entrypoint", "")
    if fault := function_problem(entrypoint):
        problems.append(f"{SKILL}: metadata: {fault}")
    version = metadata.get("version", "1.0.0")
    if not is_version(version):
        problems.append(f"{SKILL}: metadata: {version!r:.40} is no version such as 1.2.0")
    status = metadata.get("status", "active")
    if status not in get_args(Status):
        problems.append(f"{SKILL}: metadata: {status!r:.40} is no status of skills")
    created = metadata.get("created", "")
    try:
        if created:
            date.fromisoformat(created)
    except ValueError:
        problems.append(f"{SKILL}: metadata: {created!r:.40} is no day such as 2026-01-31")
    return cast("Language", language), entrypoint, version, cast("Status", status), created


def _decoded(files: Mapping[str, bytes], path: str, problems: list[str]) -> str | None:
    if path not in files:
        problems.append(f"{path}: it is missing; a folder may have been left half-written")
        return None
    if len(files[path]) > _LARGEST_CODE:
        problems.append(f"{path}: it has more than {_LARGEST_CODE:,} bytes")
        return None
    try:
        return files[path].decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        problems.append(f"{path}: it is no UTF-8")
        return None


def _content_problems(files: Mapping[str, bytes]) -> list[str]:
    """What a person would not see, and what leads out of the folder."""
    problems: list[str] = []
    for path, content in files.items():
        if path.endswith(_TEXTS):
            text = content.decode("utf-8", "replace")
            if hidden := hidden_in(text):
                kinds = ", ".join(f"U+{ord(letter):04X}" for letter in dict.fromkeys(hidden[:3]))
                problems.append(f"{path}: it has characters that a person does not see ({kinds})")
            if path.endswith(".md") and _FILE_REFERENCE.search(text):
                problems.append(f"{path}: it refers to files outside of the skill's folder")
    return problems


def _text_problems(draft: SkillDraft) -> list[str]:
    problems: list[str] = []
    if fault := name_problem(draft.name):
        problems.append(fault)
    if fault := function_problem(draft.entrypoint):
        problems.append(fault)
    if not draft.description.strip():
        problems.append("description: it is missing; say what the skill does and when to use it")
    texts = (draft.description, draft.code, draft.examples, draft.pitfalls, draft.author)
    if any("\ud800" <= letter <= "\udfff" for text in texts for letter in text):
        problems.append("a text has half of a character")
    return problems
