"""A host with a checker at work, to be killed; a script. Prints its checker's process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio
from tests.checking.servers import Listed

from underpass.checking.checker import Checker


async def main(folder: Path) -> None:
    async with Checker(Listed(), folder, bound=60) as checker:
        verdict = await checker.begin("from mcp_servers import docs\n").verdict()
        assert verdict.checked is True, verdict
        _print_children()
        await anyio.sleep_forever()


def _print_children() -> None:
    print(Path(f"/proc/self/task/{os.getpid()}/children").read_text(), flush=True)


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]))
