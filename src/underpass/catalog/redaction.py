"""Takes the secrets of a server out of everything that comes from it or is said of it."""

from __future__ import annotations

import json
import logging
import re
from base64 import b64encode
from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote
from weakref import WeakSet

import orjson

if TYPE_CHECKING:
    import mcp_types as types

SHORTEST = 4
"""Characters of the shortest secret that is looked for: a shorter one would be found in every text."""
_SHORTEST_PART = 8
_PASSING = 8
_NAMED_SO = re.compile(
    r"key|token|secret|passw|pwd|passphrase|auth|credential|cookie|session|private|signature|dsn|\bpat\b|_pat\b",
    re.IGNORECASE,
)
_NAMED_OTHERWISE = re.compile(
    r"(?:^|[_-])(?:id|url|uri|path|dir|home|host|user|name|region|file|version)$", re.IGNORECASE
)
_PLACE = re.compile(r"[_-](?:url|uri|path|dir|file|host|mode|type)$", re.IGNORECASE)
_SETTING = re.compile(r"true|false|none|auto|oauth|basic|bearer|[0-9]{1,5}", re.IGNORECASE)
_WITH_PASSWORD = re.compile(r"[a-z0-9+.-]+://[^/@\s]*:[^/@\s]+@")
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_+=.:~-]{16,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def looks_secret(name: str, value: str) -> bool:
    """Whether a value of a configuration or a variable is a secret, as far as one can tell."""
    if _WITH_PASSWORD.match(value):
        return True
    if _PLACE.search(name) or _SETTING.fullmatch(value):
        return False
    if _NAMED_SO.search(name):
        return True
    return not _NAMED_OTHERWISE.search(name) and bool(_RANDOM.fullmatch(value)) and not _UUID.fullmatch(value)


class Redactor:
    """Replaces secrets by ``[secret LABEL]``, in the forms in which programs print them.

    Parameters:
        secrets: values by what they are called where they are shown.
    """

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._fixed = tuple((secrets or {}).items())
        self._passing: deque[tuple[str, str]] = deque(maxlen=_PASSING)
        self._prepare()

    def add(self, label: str, value: str) -> None:
        """Look for one more secret; after some more it is forgotten, as tokens that pass are many."""
        if (label, value) not in self._passing:
            self._passing.append((label, value))
            self._prepare()

    def _prepare(self) -> None:
        self._labels: dict[str, str] = {}
        for label, value in (*self._fixed, *self._passing):
            for form in _forms(value):
                self._labels.setdefault(form, f"[secret {re.sub(r'[^A-Za-z0-9_.-]', '-', label)}]")
        forms = sorted(self._labels, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, forms))) if forms else None
        self._bytes = [
            json.dumps(form, ensure_ascii=False)[1:-1].encode("utf-8", "replace") for form in forms
        ]
        self.longest = len(forms[0]) if forms else 0
        """Characters of the longest form."""
        if forms:
            _ALIVE.add(self)

    @property
    def forms(self) -> Iterable[str]:
        """What is replaced."""
        return self._labels

    def text(self, text: str) -> str:
        """Return ``text`` without secrets."""
        return self._pattern.sub(lambda found: self._labels[found[0]], text) if self._pattern else text

    def message(self, message: types.JSONRPCMessage) -> None:
        """Take the secrets out of what a server sent, in place."""
        if not self._pattern:
            return
        import mcp_types as types  # late: everyone imports this module

        if isinstance(message, types.JSONRPCResponse):
            self._value(message.result)
        elif isinstance(message, types.JSONRPCError):
            message.error.message = self.text(message.error.message)
            holder = {"data": message.error.data}
            self._value(holder)
            message.error.data = holder["data"]
        elif message.params is not None:
            self._value(message.params)

    def _value(self, value: dict[str, Any]) -> None:
        try:
            written = orjson.dumps(value)
        except TypeError:  # what cannot be written is looked through in any case
            pass
        else:
            if not any(form in written for form in self._bytes):
                return
        pending: list[Any] = [value]
        while pending:
            container = pending.pop()
            if isinstance(container, dict):
                members = cast("dict[str, Any]", container)
                renamed = {self.text(key): self._cleaned(member, pending) for key, member in members.items()}
                members.clear()
                members.update(renamed)
            else:
                entries = cast("list[Any]", container)
                entries[:] = [self._cleaned(entry, pending) for entry in entries]

    def _cleaned(self, value: Any, pending: list[Any]) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict | list):
            pending.append(value)
        elif isinstance(value, int | float) and str(value) in self._labels:
            return self._labels[str(value)]
        return cast("Any", value)


_ALIVE: WeakSet[Redactor] = WeakSet()


def known_secrets() -> set[str]:
    """Return the secrets of all servers that are in use, in each form in which programs print them."""
    return {form for redactor in tuple(_ALIVE) for form in redactor.forms}


class _Filter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("mcp.client.auth"):
            # A traceback's last line quotes the answer that held tokens; what it means is raised as well.
            record.exc_info = None
        text = shown = record.getMessage()
        for redactor in list(_ALIVE):
            shown = redactor.text(shown)
        if shown != text:
            record.msg, record.args = shown, ()
        return True


# The libraries below log addresses, and what servers sent; an address may hold a key.
for _name in (
    "client",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
    "httpx2",
    "mcp.client.auth.oauth2",
    "mcp.client.auth.utils",
    "mcp.client.client",
    "mcp.client.sse",
    "mcp.client.streamable_http",
    "mcp.shared.jsonrpc_dispatcher",
):
    logging.getLogger(_name).addFilter(_Filter())


def _forms(value: str) -> set[str]:
    parts = {value, value.strip()}
    # A private key has lines, and `Bearer …` has words, that are secrets by themselves.
    parts |= {part for part in value.split() if len(part) >= _SHORTEST_PART}
    forms: set[str] = set()
    for part in parts:
        encoded = part.encode("utf-8", "surrogateescape")
        forms |= {
            part,
            json.dumps(part)[1:-1],
            json.dumps(part, ensure_ascii=False)[1:-1],
            repr(part)[1:-1],
            quote(encoded, safe=""),
            b64encode(encoded).decode(),
        }
    return {form for form in forms if len(form) >= SHORTEST}


# The SDK logs what a server did wrong; without a handler Python would print that on the terminal.
for _name in ("mcp", "client"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
