"""Every error that the knowledge-graph library raises.

    TerraphimError
    ├── ThesaurusInvalid       a thesaurus document is malformed (``path`` is the place in the document)
    ├── ThesaurusUnavailable   a thesaurus cannot be read or fetched, or is over a limit
    ├── FolderUnreadable       a knowledge-graph folder is missing or cannot be listed
    ├── IndexInvalid           stored or serialised index bytes cannot be used
    ├── LinkTypeInvalid        no such form of link
    ├── MessagesInvalid        a line is no message of ``ripgrep --json``
    ├── SearchLimitExceeded    a connectivity question needs more work than the bound allows
    ├── AddressInvalid         an address to listen on is malformed or taken
    ├── ArgumentInvalid        a number is out of its range, or a result would be too large
    ├── IndexMissing           no autocomplete index was built, and none can be
    ├── ConfigInvalid          a configuration cannot be read, or does not have the form
    ├── RoleNotFound           no role of the configuration has that name
    └── RoleUnsuitable         a role lacks what the request needs, such as a knowledge graph

Each has a ``message`` for people, a ``hint`` that says what to do next, and ``data`` for programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class TerraphimError(Exception):
    """The root of the tree.

    Parameters:
        message: what happened, one sentence.
        hint: what to do next; empty when there is nothing useful to say.
        data: facts that a caller may act on; JSON values only.
    """

    def __init__(self, message: str, *, hint: str = "", **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.data = data


class ThesaurusInvalid(TerraphimError):
    """A thesaurus document is malformed (``path``: the place in the document, like ``data["rust"].id``)."""


class ThesaurusUnavailable(TerraphimError):
    """A thesaurus cannot be read or fetched, or is over a limit (``location``)."""


class FolderUnreadable(TerraphimError):
    """A knowledge-graph folder is missing, is no folder, or cannot be listed (``folder``)."""


class IndexInvalid(TerraphimError):
    """Bytes that are no index of ours, are damaged, or are of another version."""


class LinkTypeInvalid(TerraphimError):
    """No such form of link (``link_type``)."""


class MessagesInvalid(TerraphimError):
    """A line is no message of ``ripgrep --json`` (``line``, counted from 1)."""


class SearchLimitExceeded(TerraphimError):
    """A connectivity question needs more work than the bound allows (``bound``)."""


class AddressInvalid(TerraphimError):
    """An address to listen on is malformed, or nothing can listen there."""


class ArgumentInvalid(TerraphimError):
    """An argument is out of its range, or asks for a result that is too large."""


class IndexMissing(TerraphimError):
    """No autocomplete index was built, and the selected role has no terms to build one from."""


class ConfigInvalid(TerraphimError):
    """A configuration cannot be read, or does not have the form; the message names each place in it."""


class RoleNotFound(TerraphimError):
    """No role of the configuration has that name (``role``, ``known``)."""

    def __init__(self, role: str, known: Sequence[str]) -> None:
        listed = ", ".join(f'"{name}"' for name in known)
        super().__init__(
            f"Role '{role}' not found in configuration. Available roles: [{listed}]",
            role=role,
            known=list(known),
        )


class RoleUnsuitable(TerraphimError):
    """A role lacks what the request needs, such as a knowledge graph (``role``)."""
