"""Roles and their folders, in the JSON format that terraphim's own programs use."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from terraphim.errors import ConfigInvalid, RoleNotFound
from terraphim.ranking import Relevance

_OLD_NAMES = {
    "TerraphimGraph": Relevance.TERRAPHIM_GRAPH,
    "TitleScorer": Relevance.TITLE_SCORER,
    "BM25": Relevance.BM25,
    "BM25F": Relevance.BM25F,
    "BM25Plus": Relevance.BM25PLUS,
}
"""How configurations of 2024 name the relevance functions; messages still do."""
_SHOWN = {name: shown for shown, name in _OLD_NAMES.items()}
_PROBLEMS_SHOWN = 5


class _Document(BaseModel):
    # Programs of the same family add fields of their own: they are theirs to judge.
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Haystack(_Document):
    """A place with documents to search."""

    location: str = Field(min_length=1, validation_alias=AliasChoices("location", "path"))
    """A folder, for the service ``Ripgrep``; relative to where the configuration is."""
    service: str = "Ripgrep"
    """Only ``Ripgrep``, a folder of Markdown, is searched here."""
    extra_parameters: dict[str, str] = Field(default_factory=dict[str, str])
    """``glob``, a pattern of paths, and ``tag``, texts that a file must all contain, narrow the documents."""

    @property
    def is_local(self) -> bool:
        """Whether this server can search it."""
        return self.service == "Ripgrep"


class LocalGraph(_Document):
    """A folder that a knowledge graph is built from."""

    input_type: Literal["markdown", "json"] = "markdown"
    path: str = Field(min_length=1)


def _automata_path(value: Any) -> Any:
    """``{"Local": path}``, ``{"Remote": url}`` or the path or URL alone."""
    if not isinstance(value, Mapping):
        return value
    entries: list[tuple[Any, Any]] = list(value.items())  # pyright: ignore[reportUnknownArgumentType] - any JSON
    if len(entries) == 1 and entries[0][0] in ("Local", "Remote") and isinstance(entries[0][1], str):
        return entries[0][1]
    raise ValueError('must be {"Local": path}, {"Remote": url}, a path, a URL or null')


def _relevance(value: Any) -> Any:
    return _OLD_NAMES.get(value, value) if isinstance(value, str) else value


class KnowledgeGraph(_Document):
    """Where a role's thesaurus comes from: ``automata_path`` first, then the folder."""

    automata_path: Annotated[str | None, BeforeValidator(_automata_path)] = None
    knowledge_graph_local: LocalGraph | None = None


class Role(_Document):
    """What one kind of user searches, and how results are ranked."""

    name: str = ""
    shortname: str | None = None
    relevance_function: Annotated[Relevance, BeforeValidator(_relevance)] = Relevance.TITLE_SCORER
    kg: KnowledgeGraph | None = None
    haystacks: tuple[Haystack, ...] = ()

    @property
    def uses_graph(self) -> bool:
        """Whether results are ranked by the knowledge graph."""
        return self.relevance_function is Relevance.TERRAPHIM_GRAPH

    @property
    def has_graph(self) -> bool:
        """Whether a knowledge graph is configured."""
        return self.kg is not None and bool(self.kg.automata_path or self.kg.knowledge_graph_local)

    @property
    def relevance_shown(self) -> str:
        """The relevance function as messages name it."""
        return _SHOWN[self.relevance_function]


class Config(_Document):
    """A whole configuration.

    ``default_role`` is the first role where none is given, and ``selected_role`` the default role.
    """

    id: Literal["Server", "Desktop", "Embedded"] = "Server"
    global_shortcut: str = ""
    roles: dict[str, Role] = Field(min_length=1)
    default_role: str = ""
    selected_role: str = ""

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("roles"), dict) or not value["roles"]:  # pyright: ignore[reportUnknownMemberType]
            return value  # pyright: ignore[reportUnknownVariableType]
        document: dict[str, Any] = dict(value)  # pyright: ignore[reportUnknownArgumentType]
        if not document.get("default_role"):
            document["default_role"] = next(iter(document["roles"]))
        if not document.get("selected_role"):
            document["selected_role"] = document["default_role"]
        return document

    @model_validator(mode="after")
    def _names_its_roles(self) -> Self:
        for field in ("default_role", "selected_role"):
            if getattr(self, field) not in self.roles:
                known = ", ".join(map(repr, self.roles))
                raise ValueError(f"{field}: there is no role {getattr(self, field)!r}; there are {known}")
        return self

    @classmethod
    def parse(cls, text: str | bytes) -> Config:
        """Read a configuration's JSON text.

        Raises:
            ConfigInvalid: it is no JSON, or does not have the form; the message names each place.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:  # also a text that is no UTF-8
            raise ConfigInvalid(f"no JSON: {error}") from error
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise ConfigInvalid(_problems(error)) from error

    @classmethod
    def of_folders(cls, *, kg: str | None, haystack: str | None, name: str = "Default") -> Config:
        """One role for two folders.

        Without ``kg`` it ranks by BM25; without ``haystack`` it searches ``kg``.
        """
        graph = KnowledgeGraph(knowledge_graph_local=LocalGraph(path=kg)) if kg else None
        location = haystack or kg
        role = Role(
            name=name,
            relevance_function=Relevance.TERRAPHIM_GRAPH if kg else Relevance.BM25,
            kg=graph,
            haystacks=(Haystack(location=location),) if location else (),
        )
        return cls(roles={name: role}, default_role=name, selected_role=name)

    def role(self, name: str | None) -> tuple[str, Role]:
        """Return the role of that name (or short name), or the selected one, and its name.

        Raises:
            RoleNotFound: the error names the roles that there are.
        """
        name = name or self.selected_role
        if name in self.roles:
            return name, self.roles[name]
        for known, role in self.roles.items():
            if role.shortname is not None and role.shortname.casefold() == name.casefold():
                return known, role
        raise RoleNotFound(name, tuple(self.roles))


@dataclass(frozen=True, slots=True)
class Places:
    """Turns the paths of a configuration into paths of this machine.

    A relative path counts from the configuration's folder, and where nothing is there, from the
    working folder: programs of the same family know only the latter.
    """

    base: Path

    def resolve(self, text: str) -> Path:
        """Return the absolute path that ``text`` means; it need not exist."""
        path = Path(os.path.expanduser(text))  # noqa: PTH111 - pathlib's raises for an unknown user
        beside = self.base / path
        return (beside if path.is_absolute() or beside.exists() else Path.cwd() / path).absolute()


def read_config(path: Path) -> Config:
    """Read a configuration file.

    Raises:
        ConfigInvalid: the file cannot be read, or is no configuration; the message begins with its path.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigInvalid(f"{path} cannot be read: {error.strerror}") from error
    try:
        return Config.parse(content)
    except ConfigInvalid as error:
        raise ConfigInvalid(f"{path}: {error}") from error


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [f"{_place(problem['loc'])}: {problem['msg']}" for problem in found[:_PROBLEMS_SHOWN]]
    more = len(found) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _place(location: tuple[int | str, ...]) -> str:
    place = "$"
    for step in location:
        if isinstance(step, int):
            place += f"[{step}]"
        else:
            place += f".{step}" if step.isidentifier() else f"[{json.dumps(step, ensure_ascii=False)}]"
    return place
