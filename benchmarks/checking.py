"""What a check costs before a run, beside the same checkers as commands.

    python -m benchmarks.checking

A program of 50 lines, another one each time, against 50 servers with 20 tools each. Takes about a minute.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import anyio

from benchmarks.measure import HEAD, Row, Samples, machine
from benchmarks.processes import Others
from underpass.catalog.definition import Listing, ToolDefinition
from underpass.checking.checker import Checker
from underpass.codegen.package import write_package
from underpass.codegen.python import PythonPackage
from underpass.codegen.typescript import TypeScriptPackage
from underpass.sandbox import deno_binary

_CHECKS: Final = 300
_COLD: Final = 7
_STEPS: Final = 10
_ITEM: Final = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "score": {"type": "number"},
        "note": {"type": ["string", "null"]},
    },
    "required": ["title", "score"],
}


def _tool(server: str, number: int) -> ToolDefinition:
    properties = {
        "query": {"type": "string"},
        "limit": {"type": "integer", "default": 10},
        "mode": {"enum": ["fast", "slow"]},
        "tags": {"type": "array", "items": {"type": "string"}},
    }
    result = {"items": {"type": "array", "items": _ITEM}, "total": {"type": "integer"}}
    return ToolDefinition(
        server,
        f"find{number}",
        f"Find things of kind {number}",
        input_schema={"type": "object", "properties": properties, "required": ["query"]},
        output_schema={"type": "object", "properties": result, "required": ["items", "total"]},
    )


class _Catalog:
    """50 servers that are listed already."""

    def __init__(self) -> None:
        self.known = {
            name: Listing(tuple(_tool(name, number) for number in range(20)))
            for name in (f"server{number}" for number in range(50))
        }

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.known)

    async def listing(self, server: str) -> Listing:
        return self.known[server]

    async def listings(self) -> Mapping[str, Listing]:
        return self.known


def _python(number: int) -> str:
    lines = [
        "import asyncio",
        "from mcp_servers import server1, server2, server3",
        f"words = ['a', 'b{number}']",
    ]
    for step in range(_STEPS):
        lines += [
            f"async def step{step}(word):",
            f"    found = await server{1 + step % 3}.find{step}(query=word, limit={step}, mode='fast')",
            f"    best = [item for item in found['items'] if item['score'] > 0.{step}]",
            "    return {'n': len(best), 'titles': [item['title'] for item in best], 'of': found['total']}",
        ]
    steps = ", ".join(f"step{step}" for step in range(_STEPS))
    lines += [
        f"done = await asyncio.gather(*[step(word) for step in ({steps}) for word in words])",
        "totals = {}",
        "for one in done:",
        "    for title in one['titles']:",
        "        totals[title] = totals.get(title, 0) + 1",
        "return {'most': max(totals.values(), default=0), 'n': sum(one['n'] for one in done)}",
    ]
    return "\n".join(lines)


def _typescript(number: int) -> str:
    lines = ['import { server1, server2, server3 } from "mcp-servers";', f'const words = ["a", "b{number}"];']
    for step in range(_STEPS - 2):
        lines += [
            f"async function step{step}(word: string) {{",
            f'  const given = {{ query: word, limit: {step}, mode: "fast" as const }};',
            f"  const found = await server{1 + step % 3}.find{step}(given);",
            f"  const best = found.items.filter((item) => item.score > 0.{step});",
            "  return { n: best.length, titles: best.map((item) => item.title), total: found.total }; }",
        ]
    done = ", ".join(f"...words.map(step{step})" for step in range(_STEPS - 2))
    lines += [
        f"const done = await Promise.all([{done}]);",
        "const totals: Record<string, number> = {};",
        "for (const one of done) {",
        "  for (const title of one.titles) totals[title] = (totals[title] ?? 0) + 1;",
        "}",
        "return { most: Math.max(0, ...Object.values(totals)), n: done.reduce((n, one) => n + one.n, 0) };",
    ]
    return "\n".join(lines)


_PROGRAMS: Final = {"python": _python, "typescript": _typescript}
_GOALS: Final = {"python": 5, "typescript": 40}


async def _resident(language: str, folder: Path) -> Row:
    program = _PROGRAMS[language]
    async with Checker(_Catalog(), folder, bound=120) as checker:

        async def check(code: str) -> float:
            begun = time.perf_counter()
            verdict = await checker.begin(code, language).verdict()
            assert (verdict.checked, verdict.problems) == (True, ()), verdict
            return (time.perf_counter() - begun) * 1e3

        first = await check(program(-1))
        for number in range(5):
            await check(program(-2 - number))
        samples = Samples(tuple([await check(program(number)) for number in range(_CHECKS)]))
        again = Samples(tuple([await check(program(0)) for _ in range(_CHECKS)]))
        size = _resident_size()
    p50, goal = samples.median, _GOALS[language]
    return Row(
        f"{language}, resident, p50 / p99 of {_CHECKS}",
        f"≤ {goal} ms",
        f"{p50:.1f} / {samples.percentile(0.99):.1f} ms; the first {first:.0f} ms; the same program again "
        f"{again.median:.2f} ms; {size:.0f} MB",
        p50 <= goal,
    )


def _resident_size() -> float:
    """Megabytes of memory of the one process that we have started."""
    (process,) = (
        Path("/proc/self/task")
        .joinpath(str(Path("/proc/self").resolve().name), "children")
        .read_text()
        .split()
    )
    line = next(line for line in Path(f"/proc/{process}/status").read_text().splitlines() if "VmRSS" in line)
    return int(line.split()[1]) / 1024


def _cold(language: str, folder: Path) -> Row:
    known = _Catalog().known
    if language == "python":
        write_package(PythonPackage(known).files(), folder / "mcp_servers")
        # A function, since a command knows no `return` at the top level.
        body = "\n".join(f"    {line}" for line in _python(0).splitlines())
        (folder / "program.py").write_text(f"async def main():\n{body}\n")
        command = [str(Path(sys.executable).with_name("ty")), "check", "-q", "program.py"]
    else:
        package = TypeScriptPackage(known)
        write_package(package.files(), folder / "mcp-servers")
        imports, _, body = _typescript(0).partition("\n")
        (folder / "program.ts").write_text(f"{imports}\nexport async function main() {{\n{body}\n}}\n")
        (folder / "deno.json").write_text('{"imports": {"mcp-servers": "./mcp-servers/index.ts"}}')
        command = [str(deno_binary.find()), "check", "-q", "program.ts"]
    taken: list[float] = []
    for number in range(_COLD):
        (folder / f"changed{number}").touch()
        shutil.rmtree(folder / ".deno", ignore_errors=True)
        begun = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=folder,
            env={"DENO_DIR": str(folder / ".deno"), "HOME": str(folder)},
            capture_output=True,
            check=False,
        )
        taken.append((time.perf_counter() - begun) * 1e3)
        assert done.returncode == 0, done.stdout + done.stderr
    name = "ty check" if language == "python" else "deno check"
    return Row(f"… `{name}`, a process each, p50 of {_COLD}", "", f"{Samples(tuple(taken)).median:.0f} ms")


async def main() -> None:
    """Measure, and print what belongs into docs/benchmarks.md."""
    print(machine(), "\n")
    others = Others()
    print(HEAD)
    with tempfile.TemporaryDirectory() as home:
        for language in _PROGRAMS:
            print(await _resident(language, Path(home, language)), flush=True)
            (Path(home) / f"cold-{language}").mkdir()
            print(_cold(language, Path(home, f"cold-{language}")), flush=True)
    print(f"\nMeanwhile other processes took {others.share():.0%} of the processors' time.")


if __name__ == "__main__":
    anyio.run(main)
