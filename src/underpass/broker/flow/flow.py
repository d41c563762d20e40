"""Follows the data of runs: what each has read, and whether a call would carry it away."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread

from underpass.broker.flow.marks import Inherited, Label, Marks, Sources, file_name, no_sources, now
from underpass.broker.flow.tools import Sink, ToolLabels
from underpass.broker.flow.values import WAITING, PrivateValues, find
from underpass.broker.policy.decision import SEVERITY, Decision
from underpass.config import FlowSettings

if TYPE_CHECKING:
    from underpass.broker.call import Call

_INLINE: Final = 16_384
"""Bytes of arguments, and of results that wait, up to which they are compared without a thread."""
_REMEMBERED: Final = 8
"""Runs, of all agents, whose private values are known to later ones."""


@dataclass(slots=True)
class _Memory:
    """What a run has read, or all runs of a session so far."""

    values: PrivateValues
    sources: Sources = field(default_factory=no_sources)


class Flows:
    """Follows the data of all runs of one ``Underpass``.

    Parameters:
        settings: the operator's words.
        trusted: the servers whose word counts that a tool only reads.
        servers: those that there are.
        state: the state folder.
        workspaces: the folder that holds a folder for each agent.

    Raises ``ConfigError`` where the settings name a server that there is not.
    """

    def __init__(
        self,
        settings: FlowSettings,
        *,
        trusted: Collection[str],
        servers: Collection[str],
        state: Path,
        workspaces: Path,
    ) -> None:
        self.settings = settings
        self.tools = ToolLabels(settings, trusted, servers)
        self.marks = Marks(state / "flow", workspaces, state / "checkpoints")
        self._sessions: WeakKeyDictionary[object, _Memory] = WeakKeyDictionary()
        self._left: deque[tuple[str, PrivateValues]] = deque(maxlen=_REMEMBERED)

    def open_run(self, run: str, agent: str, session: object | None = None) -> RunFlow | None:
        """Begin to follow a run.

        Parameters:
            run: its id. A call from outside of any run has none, and is not followed.
            session: stands for the variables that the run shares with others.
        """
        if not run:
            return None
        memory = None if session is None else self._sessions.get(session)
        if memory is None:
            memory = _Memory(PrivateValues(self.settings.match_chars))
            if session is not None:
                self._sessions[session] = memory
        return RunFlow(self, file_name(run), file_name(agent), memory, shared=session is not None)

    def left_by(self, agent: str) -> Iterator[PrivateValues]:
        """Give the private values of the last runs that left files to an agent."""
        return (values for name, values in self._left if name == agent)

    def remember(self, agent: str, values: PrivateValues) -> None:
        """Keep the private values of a run that left files; those of the oldest such run go."""
        if not any(known is values for _, known in self._left):
            self._left.append((agent, values))


class RunFlow:
    """The data of one run. Safe for any number of concurrent calls."""

    def __init__(self, flows: Flows, run: str, agent: str, memory: _Memory, *, shared: bool) -> None:
        self._flows = flows
        self._run = run
        self._agent = agent
        self._memory = memory
        self._shared = shared
        self._since = now()
        self._inherited = Inherited(flows.marks, agent, run)
        self._marked: set[tuple[Label, str]] = set()
        for label, tools in memory.sources.items():
            for server, tool in tools.items():
                # What an earlier run of the session has read, this one may write.
                self._mark(label, server, tool)

    def returned(self, server: str, tool: str, value: Any, encoded: bytes) -> None:  # noqa: ARG002 - a seam
        """Learn what the code is about to see.

        Parameters:
            encoded: the value as JSON.
        """
        for label in self._flows.tools.of(server, tool):
            self._memory.sources[label].setdefault(server, tool)
            self._mark(label, server, tool)
            if label == "private":
                self._memory.values.add(server, tool, encoded)

    async def check(self, call: Call) -> Decision | None:
        """Return what speaks against a call; None where nothing does."""
        if self._memory.values.waiting > WAITING:
            await anyio.to_thread.run_sync(self._memory.values.settle)
        sink = self._flows.tools.sink(call.tool, call.digest)
        if sink == "no":
            return None
        if self._inherited.is_stale():
            await anyio.to_thread.run_sync(self._inherited.look)
        inherited, own = self._inherited.sources, self._memory.sources
        private = {**inherited["private"], **own["private"]}
        if not private:
            return None
        untrusted = {**inherited["untrusted"], **own["untrusted"]}
        mixed = self._mixed(call, sink, private, untrusted)
        matched = await self._matched(call)
        if mixed is None or matched is None:
            return mixed or matched
        stricter = max(mixed, matched, key=lambda decision: SEVERITY[decision.effect])
        return Decision(stricter.effect, mixed.rule, f"{mixed.reason}; {matched.reason}")

    async def close(self) -> None:
        """Learn that the run is over, and everything that it leaves is in its place."""
        if self._marked:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._close)

    def _close(self) -> None:
        values = self._memory.values
        left = self._flows.marks.close(self._agent, self._run)
        if values.any and (left or self._shared):
            values.settle()
            values.prints.settle()
            if left:
                self._flows.remember(self._agent, values)

    def _mark(self, label: Label, server: str, tool: str) -> None:
        if (label, server) not in self._marked:
            self._marked.add((label, server))
            self._flows.marks.put(self._agent, self._run, self._since, label, server=server, tool=tool)

    def _mixed(
        self, call: Call, sink: Sink, private: dict[str, str], untrusted: dict[str, str]
    ) -> Decision | None:
        effect, tool = self._flows.settings.mixed, call.tool
        if not untrusted or effect == "allow" or (sink != "outside" and set(private) == {tool.server}):
            return None
        where = "can reach anyone" if sink == "outside" else "is another server's"
        return Decision(
            effect,
            "flow: private and untrusted data",
            f"the run has read what is private ({_one(private)}) and what strangers may have written "
            f"({_one(untrusted)}), and {tool.server}.{tool.name} {where}",
        )

    async def _matched(self, call: Call) -> Decision | None:
        effect = self._flows.settings.private_values
        if effect == "allow":
            return None
        known = [self._memory.values]
        if self._inherited.sources["private"]:
            known += self._flows.left_by(self._agent)
        search = partial(find, known, call.tool, call.arguments)
        waiting = sum(each.waiting for each in known)
        if len(call.encoded) + waiting <= _INLINE and not any(each.is_busy for each in known):
            match = search()
        else:
            match = await anyio.to_thread.run_sync(search)
        if match is None:
            return None
        return Decision(
            effect,
            "flow: a private value",
            f"{match.argument} of {call.tool.server}.{call.tool.name} has what {match.source} gave",
        )


def _one(sources: dict[str, str]) -> str:
    server, tool = next(iter(sources.items()))
    return f"{server}.{tool}"
