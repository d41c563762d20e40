"""Personal data: concealed in what tools send, and given to the tools that may have it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import anyio.to_thread

from underpass.broker.call import Call
from underpass.broker.privacy.conceal import MOST, Concealer, Echoes, echoes, restored, tokens_in
from underpass.broker.privacy.declared import check_servers, read_names
from underpass.broker.privacy.detect import Detector, TooMuch
from underpass.broker.privacy.fields import Fields
from underpass.broker.privacy.vault import Vault, VaultUnusable
from underpass.catalog import Progress
from underpass.config import PrivacySettings
from underpass.errors import ConfigError, ToolError, ToolFailed, ToolLimitExceeded, ToolUnavailable

_BIG: Final = 32_768
"""Characters from which a result is searched in a thread: it would hold up other runs."""
_FACTS: Final = frozenset({"server", "tool", "known", "limit", "setting"})
"""Data of errors that are Underpass's own words, and no server's."""


class PersonalData:
    """What is done about personal data, tool by tool.

    Parameters:
        settings: which tools have it, and which may get it.
        folder: where the vault is.
        servers: the names of all servers.

    Raises:
        ConfigError: a setting names no server, the file of names is no good, or the extra is not installed.
    """

    def __init__(self, settings: PrivacySettings, folder: Path, servers: Collection[str]) -> None:
        check_servers(settings, servers)
        if "phone" in settings.kinds and find_spec("phonenumbers") is None:
            raise ConfigError(
                "privacy: telephone numbers cannot be found without the extra `privacy`",
                hint="install underpass[privacy], or leave phone out of privacy.kinds",
                setting="privacy.kinds",
            )
        names = read_names(settings.names)
        self._settings = settings
        self._detector = Detector(settings.kinds, names, settings.region)
        self.vault = Vault(folder)
        self.digest = sha256(repr(replace(settings, names=names)).encode()).hexdigest()
        """Of all that decides what is concealed: what was kept under another one may not be shown."""

    def about(self, server: str, tool: str) -> PersonalTool | None:
        """Return what is to be done for a tool; None where that is nothing."""
        settings = self._settings
        search = _matches(settings.servers, server, tool)
        paths = [
            path for at, paths in settings.fields.items() if _matches([at], server, tool) for path in paths
        ]
        restore = _matches(settings.restore, server, tool)
        if not (search or paths or restore):
            return None
        return PersonalTool(
            (server, tool),
            self.vault,
            self._detector,
            search=search,
            fields=Fields(paths) if paths else None,
            restore=restore,
        )

    def mask(self, server: str, text: str) -> str:
        """Return what a server with personal data says on its way: to people, and belonging to no agent.

        What is found becomes its kind, as in ``[email]``.
        """
        if not any(
            fnmatchcase(server, name) or fnmatchcase(server, name.partition(".")[0])
            for name in (*self._settings.servers, *self._settings.fields)
        ):
            return text
        parts: list[str] = []
        end = 0
        for span in self._detector.find(text):
            parts += (text[end : span.start], f"[{span.found.kind}]")
            end = span.end
        return "".join([*parts, text[end:]])

    def close(self) -> None:
        """Let the vault go."""
        self.vault.close()


class PersonalTool:
    """What is done about the personal data of one tool.

    Parameters:
        name: the server's and the tool's.
        search: whether all texts of its results are searched.
        fields: the fields of its results that are personal as a whole.
        restore: whether it may get what tokens stand for.
    """

    def __init__(
        self,
        name: tuple[str, str],
        vault: Vault,
        detector: Detector,
        *,
        search: bool,
        fields: Fields | None,
        restore: bool,
    ) -> None:
        self.server, self.tool = name
        self.vault = vault
        self._detector = detector
        self._search = search
        self._fields = fields
        self._restore = restore
        self._unechoed = self._concealers(None)

    def concealers(self, given: Mapping[str, Any]) -> tuple[Concealer | None, Concealer | None]:
        """Return what conceals the result, and the words about it, of a call.

        Parameters:
            given: what the tool was given, by token.
        """
        given_out = echoes(given) if given else None
        return self._unechoed if given_out is None else self._concealers(given_out)

    def _concealers(self, given: Echoes | None) -> tuple[Concealer | None, Concealer | None]:
        if not self._search and self._fields is None and given is None:
            return None, None
        result = Concealer(self._detector, search=self._search, fields=self._fields, echoes=given)
        # Errors and progress have no fields, so they are searched for a tool that has some.
        search = self._search or self._fields is not None
        return result, Concealer(self._detector, search=search, echoes=given)

    async def begin(self, call: Call) -> PersonalCall:
        """Begin a call. Raises ``ToolUnavailable``: what its arguments stand for cannot be read."""
        tokens = tokens_in(call.encoded) if self._restore else None
        if not tokens:
            return PersonalCall(self, call.agent, call.arguments, {})
        try:
            if not self.vault.is_open:
                await anyio.to_thread.run_sync(self.vault.open)
            values = self.vault.values(call.agent, tokens)
        except VaultUnusable as error:
            raise ToolUnavailable(
                f"{self.server}.{self.tool} was not called: "
                f"the vault of personal data cannot be used: {error}",
                hint="a person has to look at it: it is in the state folder",
                server=self.server,
                tool=self.tool,
            ) from None
        arguments = restored(call.arguments, values) if values else call.arguments
        return PersonalCall(self, call.agent, arguments, values)

    async def concealed_error(self, agent: str, error: ToolError) -> ToolError:
        """Return an error that came before the call, as the code may see it."""
        return await PersonalCall(self, agent, {}, {}).concealed_error(error)


class PersonalCall:
    """One call of a tool that has personal data, or may have it.

    Parameters:
        arguments: as the tool needs them.
        given: what was put into them, by token.
    """

    def __init__(
        self, tool: PersonalTool, agent: str, arguments: Mapping[str, Any], given: Mapping[str, Any]
    ) -> None:
        self.arguments = arguments
        self._tool = tool
        self._agent = agent
        self._result, self._words = tool.concealers(given)

    async def conceal(self, value: Any, size: int) -> Any:
        """Return the value of a result, of about ``size`` characters, as the code may see it.

        Raises:
            ToolFailed: it cannot be concealed, and so must not be seen.
            ToolLimitExceeded: there is too much in it.
        """
        if self._result is None:
            return value
        return await self._conceal(self._result, value, size, "was called, and what came back")

    async def concealed_error(self, error: ToolError) -> ToolError:
        """Return the error as the code may see it."""
        if self._words is None:
            return error
        facts = {key: value for key, value in error.data.items() if key in _FACTS}
        more = {key: value for key, value in error.data.items() if key not in _FACTS}
        told: list[Any] = [error.message, error.hint, more]
        try:
            told = await self._conceal(self._words, told, len(error.message), "failed, and why")
        except ToolError as cannot:
            return cannot
        return type(error)(told[0], hint=told[1], **facts, **told[2])

    def concealed_progress(self, progress: Progress | None) -> Progress | None:
        """Return what is to be told of the call's progress, so that it may be passed on."""
        words = self._words
        if progress is None or words is None:
            return progress

        async def concealed(value: float, total: float | None, message: str | None) -> None:
            if message is not None:
                try:
                    message = await self._conceal(words, message, len(message), "goes on, and how far")
                except ToolError:
                    message = None
            await progress(value, total, message)

        return concealed

    async def _conceal(self, concealer: Concealer, value: Any, size: int, what: str) -> Any:
        tool = self._tool
        make = partial(tool.vault.tokens, self._agent)
        try:
            if size < _BIG and tool.vault.is_open:
                return concealer.conceal(value, make)
            return await anyio.to_thread.run_sync(concealer.conceal, value, make)
        except VaultUnusable as error:
            tool.vault.say(error)
            raise ToolFailed(
                f"{tool.server}.{tool.tool} {what} cannot be shown: "
                f"the vault of personal data cannot be used: {error}",
                hint="a person has to look at it: it is in the state folder",
                server=tool.server,
                tool=tool.tool,
            ) from None
        except TooMuch:
            raise ToolLimitExceeded(
                f"{tool.server}.{tool.tool} {what} cannot be shown: there is too much personal data in it",
                hint="ask for less at once",
                server=tool.server,
                tool=tool.tool,
                limit="privacy",
                value=MOST,
            ) from None


def _matches(tools: Collection[str], server: str, tool: str) -> bool:
    return any(each == server or fnmatchcase(f"{server}.{tool}", each) for each in tools)
