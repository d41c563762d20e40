"""What each of the seventeen tools does."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio.to_thread
import orjson

from terraphim import matching, ripgrep_json
from terraphim.autocomplete import AutocompleteIndex, Suggestion
from terraphim.errors import ArgumentInvalid, ConfigInvalid, IndexInvalid, LinkTypeInvalid, TerraphimError
from terraphim.server import answers
from terraphim.server.answers import Answer, listed, texts
from terraphim.server.arguments import Arguments
from terraphim.service import MAX_RESULTS, Service, concepts
from terraphim.thesaurus import Thesaurus

Handler = Callable[[Service, Arguments], Awaitable[Answer]]

_MAX_MATCHES = 200_000
"""The most places in a text that one answer lists."""
_MAX_PARAGRAPH_CHARACTERS = 100_000_000
_MAX_SKIPPED = 20


async def _search(service: Service, arguments: Arguments) -> Answer:
    query, limit, skip = arguments.text("query"), arguments.optional_count("limit"), arguments.count("skip")
    try:
        found = await service.search(query, role=arguments.optional_text("role"), limit=limit, skip=skip)
    except TerraphimError as error:
        raise _failed("Search failed", error) from error
    content = texts([f"Found {found.total} documents matching your query."])
    content += [answers.embedded(ranked.document) for ranked in found.ranked]
    skipped = [f"{skipped.path}: {skipped.reason}" for skipped in found.skipped]
    meta: dict[str, Any] = {"total": found.total, "ranking": found.relevance}
    if skipped:
        meta |= {"skipped": skipped[:_MAX_SKIPPED], "skipped_count": len(skipped)}
    return Answer([answers.found_document(ranked) for ranked in found.ranked], content, meta)


async def _update_config(service: Service, arguments: Arguments) -> Answer:
    try:
        config = service.update(arguments.text("config_str"))
    except ConfigInvalid as error:
        raise _failed("Invalid configuration JSON", error) from error
    return Answer(
        {"updated": True, "roles": list(config.roles)}, texts(["Configuration updated successfully"])
    )


async def _build_index(service: Service, arguments: Arguments) -> Answer:
    role, index = await service.build_index(arguments.optional_text("role"))
    line = f"Autocomplete index built successfully with {len(index)} terms for role '{role}'"
    return Answer({"terms": len(index), "role": role}, texts([line]))


def _fuzzy(kind: str) -> Handler:
    async def jaro_winkler(service: Service, arguments: Arguments) -> Answer:
        query, similarity, limit = arguments.text("query"), arguments.number("similarity"), _limit(arguments)
        index = await service.index()
        return _suggested(kind, query, await _in_thread(index.jaro_winkler, query, similarity, limit))

    return jaro_winkler


async def _levenshtein(service: Service, arguments: Arguments) -> Answer:
    query, distance = arguments.text("query"), arguments.count("max_edit_distance")
    limit = _limit(arguments)
    index = await service.index()
    return _suggested("Levenshtein ", query, await _in_thread(index.levenshtein, query, distance, limit))


def _suggested(kind: str, query: str, found: list[Suggestion]) -> Answer:
    lines = [f"Found {len(found)} {kind}autocomplete suggestions for '{query}'"]
    lines += [f"• {one.term} (score: {one.score:.3f})" for one in found]
    return Answer([answers.suggestion(one) for one in found], texts(lines))


async def _autocomplete(service: Service, arguments: Arguments) -> Answer:
    found = await _terms(service, arguments)
    lines = [f"Found {len(found)} suggestions", *(one.term for one in found)]
    return Answer([answers.suggestion(one) for one in found], texts(lines))


async def _with_snippets(service: Service, arguments: Arguments) -> Answer:
    found = await _terms(service, arguments)
    snippets = await service.snippets(found, role=arguments.optional_text("role"))
    lines = [f"Found {len(found)} suggestions"]
    lines += [
        f"{one.term} — {snippet}" if snippet else one.term
        for one, snippet in zip(found, snippets, strict=True)
    ]
    value = [
        {**answers.suggestion(one), "snippet": snippet} for one, snippet in zip(found, snippets, strict=True)
    ]
    return Answer(value, texts(lines))


async def _terms(service: Service, arguments: Arguments) -> list[Suggestion]:
    query, limit, role = arguments.text("query"), _limit(arguments), arguments.optional_text("role")
    service.config.role(role)  # an unknown role is a mistake, though every role has the same index
    index = await service.index()
    return await _in_thread(index.terms, query, limit)


async def _serialize(service: Service, _arguments: Arguments) -> Answer:
    data = await _in_thread((await service.index()).serialize)
    text = base64.b64encode(data).decode()
    lines = [f"Successfully serialized autocomplete index to {len(data)} bytes", "Base64 encoded data:", text]
    return Answer(text, texts(lines))


async def _deserialize(service: Service, arguments: Arguments) -> Answer:
    try:
        data = base64.b64decode(arguments.text("base64_data").strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ArgumentInvalid(f"Invalid base64 data: {error}") from error
    try:
        index: AutocompleteIndex = await service.use_index(data)
    except IndexInvalid as error:
        raise _failed("Deserialize autocomplete index failed", error) from error
    line = f"Successfully deserialized autocomplete index with {len(index)} terms"
    return Answer({"terms": len(index), "name": index.name}, texts([line]))


async def _find(service: Service, arguments: Arguments) -> Answer:
    text, positions = arguments.text("text"), arguments.truth("return_positions")
    role, thesaurus = await service.thesaurus(arguments.optional_text("role"), "Term matching")
    found = await _in_thread(matching.find, text, thesaurus)
    _check_size(len(found))
    lines = [f"Found {len(found)} term matches in text for role '{role}'"]
    lines += [f"• {one.term} (pos: {one.start}-{one.end})" if positions else f"• {one.term}" for one in found]
    return Answer([answers.match(one) for one in found], texts(lines))


async def _replace(service: Service, arguments: Arguments) -> Answer:
    text, name = arguments.text("text"), arguments.text("link_type")
    try:
        link_type = matching.LinkType.parse(name)
    except LinkTypeInvalid as error:
        raise ArgumentInvalid(f"Invalid link type '{name}'. Supported types: wiki, html, markdown") from error
    role, thesaurus = await service.thesaurus(arguments.optional_text("role"), "Term matching")
    replaced = await _in_thread(matching.replace, text, thesaurus, link_type)
    line = f"Successfully replaced terms in text for role '{role}' using {name} format"
    return Answer(replaced, texts([line, "Replaced text:", replaced]))


async def _paragraphs(service: Service, arguments: Arguments) -> Answer:
    text, include_term = arguments.text("text"), arguments.truth("include_term")
    role, thesaurus = await service.thesaurus(arguments.optional_text("role"), "Term matching")

    def extract() -> list[matching.Paragraph]:
        return matching.paragraphs(text, thesaurus, include_term=include_term)

    found = await _in_thread(extract)
    _check_size(len(found))
    _check_size(sum(len(one.text) for one in found), _MAX_PARAGRAPH_CHARACTERS, "characters of paragraphs")
    lines = [f"Extracted {len(found)} paragraphs containing matched terms for role '{role}'"]
    for number, one in enumerate(found, start=1):
        lines += [f"Match {number}: {one.term}", f"Paragraph: {one.text}", "---"]
    return Answer([answers.paragraph(one) for one in found], texts(lines))


async def _json_decode(_service: Service, arguments: Arguments) -> Answer:
    try:
        messages = await _in_thread(ripgrep_json.decode, arguments.text("jsonlines"))
    except TerraphimError as error:
        raise _failed("JSON decode failed", error) from error
    _check_size(len(messages))
    lines = [f"Successfully parsed {len(messages)} Logseq messages"]
    lines += [
        f"Message {number}: {orjson.dumps(message).decode()}"
        for number, message in enumerate(messages, start=1)
    ]
    return Answer(messages, texts(lines))


async def _load(service: Service, arguments: Arguments) -> Answer:
    path = arguments.text("automata_path")
    try:
        thesaurus = await service.load_thesaurus(path)
    except TerraphimError as error:
        raise _failed("Load thesaurus failed", error) from error
    return answers.thesaurus(thesaurus, f"'{path}'")


async def _load_json(_service: Service, arguments: Arguments) -> Answer:
    try:
        thesaurus = await _in_thread(Thesaurus.from_json, arguments.text("json_str"))
    except TerraphimError as error:
        raise _failed("Load thesaurus failed", error) from error
    return answers.thesaurus(thesaurus, "JSON")


async def _connected(service: Service, arguments: Arguments) -> Answer:
    text = arguments.text("text")
    role, thesaurus, found = await service.connectivity(text, role=arguments.optional_text("role"))
    names = concepts(thesaurus)
    path = [names[number] for number in found.path]
    meta = {"terms": list(found.terms), "path": path}
    if not found.terms:
        line = f"No terms from role '{role}' found in the provided text. Cannot check graph connectivity."
        return Answer(found.connected, texts([line]), meta)
    why = (
        f"one path visits them all: {' -> '.join(path)}"
        if found.connected
        else "no single path in the knowledge graph visits them all"
    )
    result = (
        f"Graph Connectivity Result for role '{role}':\n"
        f"- Connected: {str(found.connected).lower()}\n"
        f"- Matched terms count: {len(found.terms)}\n"
        f"- Matched terms: {listed(found.terms)}\n"
        f"- Path: {listed(path)}\n\n"
        f"Of the matched terms, {why}."
    )
    line = f"Found {len(found.terms)} matched terms in text for role '{role}': {listed(found.terms)}"
    return Answer(found.connected, texts([line, result]), meta)


HANDLERS: Final[dict[str, Handler]] = {
    "search": _search,
    "update_config_tool": _update_config,
    "build_autocomplete_index": _build_index,
    "fuzzy_autocomplete_search": _fuzzy(""),
    "autocomplete_terms": _autocomplete,
    "autocomplete_with_snippets": _with_snippets,
    "fuzzy_autocomplete_search_levenshtein": _levenshtein,
    "fuzzy_autocomplete_search_jaro_winkler": _fuzzy("Jaro-Winkler "),
    "serialize_autocomplete_index": _serialize,
    "deserialize_autocomplete_index": _deserialize,
    "find_matches": _find,
    "replace_matches": _replace,
    "extract_paragraphs_from_automata": _paragraphs,
    "json_decode": _json_decode,
    "load_thesaurus": _load,
    "load_thesaurus_from_json": _load_json,
    "is_all_terms_connected_by_path": _connected,
}


def _limit(arguments: Arguments) -> int:
    return min(arguments.count("limit"), MAX_RESULTS)


def _check_size(count: int, most: int = _MAX_MATCHES, what: str = "results") -> None:
    if count > most:
        raise ArgumentInvalid(f"one answer can have {most:,} {what}, not {count:,}: give less text at once")


def _failed(what: str, error: TerraphimError) -> ArgumentInvalid:
    hint = f" {error.hint}" if error.hint else ""
    return ArgumentInvalid(f"{what}: {error.message}{hint}")


async def _in_thread(function: Callable[..., Any], *values: Any) -> Any:
    """Call what may take a while without holding up other calls."""
    return await anyio.to_thread.run_sync(function, *values)
