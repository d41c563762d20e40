"""Documentation of tools: `python -m benchmarks.documentation TOOLS.jsonl.gz`.

Tokens of a tool's page, brief and full, in both languages; what a page costs in time, alone and as a site.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import get_args

from benchmarks.measure import machine
from underpass.codegen.calls import Language
from underpass.codegen.documentation import Detail, document
from underpass.codegen.documentation_site import DocumentationSite
from underpass.codegen.manifest import read_manifest
from underpass.discovery import ToolIndex
from underpass.discovery.facts import tool_facts
from underpass.metrics.tokens import count


def main() -> None:
    """Print the tables."""
    print(machine(), "\n")
    servers = read_manifest(Path(sys.argv[1]))
    site = DocumentationSite(servers, ("python", "typescript"))
    tools = list(site.tools)
    index = ToolIndex.build(tools)
    begun = time.perf_counter()
    facts = {tool.id: tool_facts(index, tool) for tool in tools}
    looked = time.perf_counter() - begun
    print(f"| {len(tools):,} tools | tokens, mean | p50 | p99 | largest | ms a page |")
    print("|---|---|---|---|---|---|")
    details: Sequence[Detail] = get_args(Detail)
    languages: Sequence[Language] = get_args(Language)
    for detail in details:
        for language in languages:
            begun = time.perf_counter()
            pages = [document(tool, language, detail=detail, facts=facts[tool.id]) for tool in tools]
            each = (time.perf_counter() - begun) / len(tools) * 1e3
            sizes = sorted(map(count, pages))
            median, p99 = sizes[len(sizes) // 2], sizes[int(0.99 * len(sizes))]
            row = f"{fmean(sizes):.0f} | {median} | {p99:,} | {sizes[-1]:,} | {each:.2f}"
            print(f"| {detail}, {language} | {row} |")
    begun = time.perf_counter()
    files = site.files(lambda tool: facts[tool.id])
    made = time.perf_counter() - begun
    print(f"\nRelated tools: {looked:.1f} s. A site of {len(files):,} pages in both languages: {made:.1f} s.")


if __name__ == "__main__":
    main()
