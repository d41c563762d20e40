"""What a tool can do: its effects and its kind of action, in a fixed vocabulary.

Effects come from the server's annotations where it gives them; where it does not, ``read``, ``write``
and ``destructive`` are read off the verb of the tool's name, or of its description's first words.
``idempotent`` and ``open-world`` are never guessed. Actions come from the verb alone. Labels of the
server's own (``_meta``) are added as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from underpass.catalog.definition import ToolDefinition
from underpass.discovery.labels import own_capabilities
from underpass.discovery.words import terms

# An action, its effect, and verbs that tell of it; of a verb in several lines the first counts.
_VERBS = """
search read: search find query lookup locate discover filter match explore
list read: list enumerate browse
get read: get fetch retrieve read show view display describe lookup load obtain inspect check status
    count peek open ping whoami info details
analyze read: analyze analyse compare summarize calculate compute evaluate estimate validate verify
    predict detect classify diagnose review assess audit measure extract parse recommend suggest
    rank score explain monitor test benchmark forecast lint inspect
transform read: convert transform translate encode decode format merge split resize compress render
create write: create add make new insert register init initialize clone copy duplicate fork open
generate write: generate draw plot build compose design synthesize
update write: update modify edit change set rename move patch replace assign configure enable
    disable save write put upsert append store toggle mark restore reset merge link close lock
    unlock apply sort archive
delete destructive: delete remove drop erase purge clear destroy unset uninstall revoke truncate
    kill
send write: send post publish reply notify share submit email tweet broadcast invite forward upload
execute write: execute run call invoke start stop trigger launch deploy install cancel click press
    type navigate scroll fill buy sell transfer swap schedule stake restart connect disconnect
download read: download export backup screenshot capture crawl scrape
"""


def _by_verb() -> dict[str, tuple[str, str]]:
    known: dict[str, tuple[str, str]] = {}
    for line in _VERBS.replace("\n    ", " ").strip().splitlines():
        head, _, verbs = line.partition(":")
        action, effect = head.split()
        for term in terms(verbs):
            known.setdefault(term, (action, effect))
    return known


_BY_VERB = _by_verb()
_LOOKED_AT = 6
"""Words of a description in which its verb is looked for."""


def capabilities_of(tool: ToolDefinition, name: Sequence[str]) -> tuple[str, ...]:
    """Return the capabilities of a tool, sorted.

    Parameters:
        tool: the definition.
        name: the terms of its name.
    """
    found = set(own_capabilities(tool))
    hints = tool.annotations
    action = _action(tool, name)
    if action is not None:
        found.add(action[0])
    if isinstance(reads := hints.get("readOnlyHint"), bool):
        found.add("read" if reads else "write")
        effect = "read" if reads else "write"
    else:
        effect = action[1] if action is not None else ""
        if effect:
            found.add("write" if effect == "destructive" else effect)
    destroys = hints.get("destructiveHint")
    if (destroys is True and effect != "read") or (
        not isinstance(destroys, bool)
        and effect != "read"
        and action is not None
        and action[1] == "destructive"
    ):
        found.add("destructive")
    if hints.get("idempotentHint") is True:
        found.add("idempotent")
    if hints.get("openWorldHint") is True:
        found.add("open-world")
    return tuple(sorted(found))


def _action(tool: ToolDefinition, name: Sequence[str]) -> tuple[str, str] | None:
    for term in name:
        if term in _BY_VERB:
            return _BY_VERB[term]
    for term in terms(tool.description[:200])[:_LOOKED_AT]:
        if term in _BY_VERB:
            return _BY_VERB[term]
    return None
