"""The seventeen tools, as a client sees them.

Names, titles, descriptions, parameters and their order are those of terraphim's own server, so that
what was written for that one works with this one. Defaults, annotations and output schemas are new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mcp_types import Tool, ToolAnnotations

from terraphim.server import schemas

Category = Literal["knowledge-graph", "autocomplete", "text-processing", "configuration", "analysis"]


@dataclass(frozen=True, slots=True)
class Definition:
    """One tool; ``output`` is the schema of the value that code works with."""

    name: str
    title: str
    description: str
    category: Category
    capabilities: tuple[str, ...]
    parameters: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...]
    output: Mapping[str, Any]
    read_only: bool = True
    destructive: bool = False
    idempotent: bool = True
    open_world: bool = False

    @property
    def wrapped(self) -> bool:
        """Whether older revisions of the protocol need the value inside an object."""
        return self.output["type"] != "object"

    def input_schema(self) -> dict[str, Any]:
        """The schema of the arguments."""
        return {
            "type": "object",
            "properties": {name: dict(schema) for name, schema in self.parameters.items()},
            "required": list(self.required),
        }

    def tool(self, *, objects_only: bool) -> Tool:
        """The definition for a client.

        Parameters:
            objects_only: the revision allows objects alone as results: a list, a text or a truth
                value then travels as ``{"result": …}``.
        """
        output = schemas.wrapped(self.output) if objects_only and self.wrapped else self.output
        return Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.input_schema(),
            output_schema=dict(output),
            annotations=ToolAnnotations(
                title=self.title,
                read_only_hint=self.read_only,
                destructive_hint=self.destructive,
                idempotent_hint=self.idempotent,
                open_world_hint=self.open_world,
            ),
            _meta={"category": self.category, "capabilities": list(self.capabilities)},
        )


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


def _integer(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "integer", "description": description, **more}


_ROLE = _text("The role whose knowledge graph is used; without it, the selected role")
_LIMIT = _integer("Maximum number of results to return", default=10)
_SIMILARITY = {
    "type": "number",
    "description": "Minimum Jaro-Winkler similarity, 0.0 to 1.0",
    "default": 0.6,
}
_QUERY = _text("The text to complete")

DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        name="search",
        title="Search Knowledge Graph",
        description="Search for documents in the Terraphim knowledge graph",
        category="knowledge-graph",
        capabilities=("search", "ranking", "documents"),
        parameters={
            "query": _text("The search query"),
            "role": _text("Optional role to filter by"),
            "limit": _integer("Maximum number of results to return"),
            "skip": _integer("Number of results to skip", default=0),
        },
        required=("query",),
        output=schemas.DOCUMENTS,
    ),
    Definition(
        name="update_config_tool",
        title="Update Configuration",
        description="Update the Terraphim configuration",
        category="configuration",
        capabilities=("configuration", "roles"),
        parameters={"config_str": _text("JSON configuration string")},
        required=("config_str",),
        output=schemas.UPDATED,
        read_only=False,
        destructive=True,
    ),
    Definition(
        name="build_autocomplete_index",
        title="Build Autocomplete Index",
        description=(
            "Build FST-based autocomplete index from role's knowledge graph. Only available for roles with "
            "TerraphimGraph relevance function and configured knowledge graph."
        ),
        category="autocomplete",
        capabilities=("autocomplete", "index"),
        parameters={"role": _ROLE},
        required=(),
        output=schemas.BUILT,
        read_only=False,
    ),
    Definition(
        name="fuzzy_autocomplete_search",
        title="Fuzzy Autocomplete Search",
        description=(
            "Perform fuzzy autocomplete search using Jaro-Winkler similarity "
            "(default, faster and higher quality)"
        ),
        category="autocomplete",
        capabilities=("autocomplete", "fuzzy-search"),
        parameters={"query": _QUERY, "similarity": _SIMILARITY, "limit": _LIMIT},
        required=("query",),
        output=schemas.SUGGESTIONS,
    ),
    Definition(
        name="autocomplete_terms",
        title="Autocomplete Terms",
        description="Autocomplete terms using FST prefix + fuzzy fallback",
        category="autocomplete",
        capabilities=("autocomplete", "prefix-search", "fuzzy-search"),
        parameters={"query": _QUERY, "limit": _LIMIT, "role": _ROLE},
        required=("query",),
        output=schemas.SUGGESTIONS,
    ),
    Definition(
        name="autocomplete_with_snippets",
        title="Autocomplete With Snippets",
        description="Autocomplete and return short snippets from matching documents",
        category="autocomplete",
        capabilities=("autocomplete", "search", "snippets"),
        parameters={"query": _QUERY, "limit": _LIMIT, "role": _ROLE},
        required=("query",),
        output=schemas.SNIPPETS,
    ),
    Definition(
        name="fuzzy_autocomplete_search_levenshtein",
        title="Fuzzy Search (Levenshtein)",
        description=(
            "Perform fuzzy autocomplete search using Levenshtein distance (baseline comparison algorithm)"
        ),
        category="autocomplete",
        capabilities=("autocomplete", "fuzzy-search"),
        parameters={
            "query": _QUERY,
            "max_edit_distance": _integer("Maximum number of edits", default=2),
            "limit": _LIMIT,
        },
        required=("query",),
        output=schemas.SUGGESTIONS,
    ),
    Definition(
        name="fuzzy_autocomplete_search_jaro_winkler",
        title="Fuzzy Search (Jaro-Winkler)",
        description="Perform fuzzy autocomplete search using Jaro-Winkler similarity (explicit)",
        category="autocomplete",
        capabilities=("autocomplete", "fuzzy-search"),
        parameters={"query": _QUERY, "similarity": _SIMILARITY, "limit": _LIMIT},
        required=("query",),
        output=schemas.SUGGESTIONS,
    ),
    Definition(
        name="serialize_autocomplete_index",
        title="Serialize Autocomplete Index",
        description=(
            "Serialize the current autocomplete index to a base64-encoded string for storage/transmission"
        ),
        category="autocomplete",
        capabilities=("autocomplete", "serialization"),
        parameters={},
        required=(),
        output=schemas.TEXT,
    ),
    Definition(
        name="deserialize_autocomplete_index",
        title="Deserialize Autocomplete Index",
        description="Deserialize an autocomplete index from a base64-encoded string",
        category="autocomplete",
        capabilities=("autocomplete", "serialization", "index"),
        parameters={"base64_data": _text("What serialize_autocomplete_index returned")},
        required=("base64_data",),
        output=schemas.DESERIALIZED,
        read_only=False,
    ),
    Definition(
        name="find_matches",
        title="Find Matches",
        description="Find all term matches in text using Aho-Corasick algorithm",
        category="text-processing",
        capabilities=("term-matching", "positions"),
        parameters={
            "text": _text("The text to search in"),
            "role": _ROLE,
            "return_positions": {
                "type": "boolean",
                "description": "Whether the answer's text names positions; the structured result does",
                "default": False,
            },
        },
        required=("text",),
        output=schemas.MATCHES,
    ),
    Definition(
        name="replace_matches",
        title="Replace Matches",
        description="Replace matched terms in text with links using specified format",
        category="text-processing",
        capabilities=("term-matching", "linking"),
        parameters={
            "text": _text("The text to replace in"),
            "link_type": _text("The format of the links: wiki, html, markdown or plain"),
            "role": _ROLE,
        },
        required=("text", "link_type"),
        output=schemas.TEXT,
    ),
    Definition(
        name="extract_paragraphs_from_automata",
        title="Extract Paragraphs",
        description="Extract paragraphs containing matched terms from text",
        category="text-processing",
        capabilities=("term-matching", "paragraphs"),
        parameters={
            "text": _text("The text to take paragraphs from"),
            "role": _ROLE,
            "include_term": {
                "type": "boolean",
                "description": "Whether a paragraph begins with its term or just after it",
                "default": True,
            },
        },
        required=("text",),
        output=schemas.PARAGRAPHS,
    ),
    Definition(
        name="json_decode",
        title="Decode Logseq JSON",
        description="Parse Logseq JSON output using terraphim_automata",
        category="text-processing",
        capabilities=("parsing", "ripgrep"),
        parameters={"jsonlines": _text("Lines of JSON, as `rg --json` prints them")},
        required=("jsonlines",),
        output=schemas.MESSAGES,
    ),
    Definition(
        name="load_thesaurus",
        title="Load Thesaurus",
        description="Load thesaurus from a local file or remote URL",
        category="knowledge-graph",
        capabilities=("thesaurus", "loading"),
        parameters={"automata_path": _text("A file's path, or an https URL")},
        required=("automata_path",),
        output=schemas.THESAURUS,
        open_world=True,
    ),
    Definition(
        name="load_thesaurus_from_json",
        title="Load Thesaurus From JSON",
        description="Load thesaurus from a JSON string",
        category="knowledge-graph",
        capabilities=("thesaurus", "parsing"),
        parameters={"json_str": _text("A thesaurus as JSON")},
        required=("json_str",),
        output=schemas.THESAURUS,
    ),
    Definition(
        name="is_all_terms_connected_by_path",
        title="Check Term Connectivity",
        description=(
            "Check if all matched terms in text can be connected by a single path in the knowledge graph"
        ),
        category="analysis",
        capabilities=("term-matching", "connectivity", "path"),
        parameters={"text": _text("The text whose terms are looked for"), "role": _ROLE},
        required=("text",),
        output=schemas.TRUTH,
    ),
)
"""In the order of ``tools/list``."""
