"""Makes every attempt in a sandbox of its own and prints the answers as JSON.

A script, so that it can be started as another user: ``python try_attempts.py HOME``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import anyio

from underpass import Underpass

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.sandbox.attempts import ALL, PRELUDE


async def main(home: str) -> dict[str, object]:
    answers: dict[str, object] = {}
    async with Underpass.open(None, home=home) as up:
        await up.run(
            "open('data/secret', 'w').write('s')\nopen('/tmp/left', 'w')\nleftover = 1", agent="other"
        )
        for name, code in ALL.items():
            result = await up.run(f"{PRELUDE}\n{code}", timeout=10)
            answers[name] = result.value if result.error is None else result.error.to_dict()
    return answers


if __name__ == "__main__":
    print(json.dumps(anyio.run(main, sys.argv[1])))
