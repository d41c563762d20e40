"""Which server it is that answers: the same name may stand for another one tomorrow."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import NamedTuple

from underpass.catalog.manifest_cache import entry_digest
from underpass.catalog.references import mentions_reference
from underpass.catalog.spec import ServerSpec, expand


class Identity(NamedTuple):
    """What answers a server's calls."""

    digest: str
    """Of how it was started or is reached, secrets included: another account is another server. Empty where
    the secrets are not known."""
    entry: str
    """Of the same without secrets: accounts of one server may change each other's data."""
    lasts: bool
    """Whether it means the same to other processes."""


def identity_of(written: ServerSpec, resolved: ServerSpec) -> Identity:
    """Return the identity of a server.

    Parameters:
        written: its entry.
        resolved: its entry with all references looked up.
    """
    facts = (
        entry_digest(resolved),
        sorted(resolved.env.items()),
        sorted(resolved.headers.items()),
        resolved.oauth,
        resolved.oauth.client_secret,
    )
    text = repr(facts).encode("utf-8", "backslashreplace")
    return Identity(hashlib.sha256(text).hexdigest(), entry_digest(written), lasts=True)


def is_plain(spec: ServerSpec) -> bool:
    """Whether an entry refers to nothing but variables that are set: it can be resolved at any time."""
    texts = [spec.command or "", *spec.args, *spec.env.values(), *spec.headers.values(), spec.url or ""]
    return (
        spec.transport == "stdio"
        and spec.env_file is None
        and not any(mentions_reference(expand(text, spec.environ)) for text in texts)
    )


def expanded(spec: ServerSpec) -> ServerSpec:
    """Return a plain entry with its variables looked up."""

    def look_up(text: str) -> str:
        return expand(text, spec.environ)

    return replace(
        spec,
        command=None if spec.command is None else look_up(spec.command),
        args=tuple(map(look_up, spec.args)),
        env={name: look_up(text) for name, text in spec.env.items()},
        headers={name: look_up(text) for name, text in spec.headers.items()},
        url=None if spec.url is None else look_up(spec.url),
    )
