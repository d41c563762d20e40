"""Gauges of what is there now: sandboxes, sessions, servers, tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from underpass.catalog.catalog import Catalog
    from underpass.execution.sessions import Sessions
    from underpass.metrics.instrument import Labels
    from underpass.metrics.instruments import Instruments


def watch_house(
    instruments: Instruments, catalog: Catalog, sessions: Sessions, places: Mapping[str, object]
) -> None:
    """Have the gauges show what is there whenever somebody wants to know.

    Parameters:
        places: where programs run, by language; those that are no pool have no gauges.
    """
    from underpass.sandbox.pool import Pool

    pools = {language: place for language, place in places.items() if isinstance(place, Pool)}

    def sandboxes() -> dict[Labels, float]:
        states = {language: pool.state for language, pool in pools.items()}
        idle: dict[Labels, float] = {(language, "idle"): state.idle for language, state in states.items()}
        return idle | {(language, "busy"): state.busy for language, state in states.items()}

    def waiting() -> dict[Labels, float]:
        return {(language,): float(pool.state.waiting) for language, pool in pools.items()}

    def servers() -> dict[Labels, float]:
        return {(state,): float(n) for state, n in Counter(each.state for each in catalog.states()).items()}

    def tools() -> dict[Labels, float]:
        states = catalog.states()
        findings = Counter(finding.action for state in states for finding in state.findings)
        changed = sum(change.kind == "changed" for state in states for change in state.changes)
        known = sum(state.tools or 0 for state in states)
        return {
            ("known",): float(known),
            ("quarantined",): float(findings["quarantined"]),
            ("repaired",): float(findings["repaired"]),
            ("changed",): float(changed),
        }

    instruments.watch(instruments.sandboxes, sandboxes)
    instruments.watch(instruments.waiting, waiting)
    instruments.watch(instruments.servers, servers)
    instruments.watch(instruments.tools, tools)
    instruments.watch(instruments.sessions, lambda: {(): float(sessions.kept)})
