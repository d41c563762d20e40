"""Resources and prompts from outside of a sandbox, through a running service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command_line import write_config
from tests.patience import LONG
from tests.server.http_service import generate, serving
from tests.servers import with_resources

pytestmark = pytest.mark.requirement("R06", "R10")

PYTHON = """
import asyncio, json, pathlib, sys
sys.path.insert(0, "lib")
from mcp_servers import library, ToolError

async def main():
    picture = await library.resources.read("file:///picture.png")
    try:
        await library.resources.read("nowhere://x")
    except ToolError as error:
        failed = type(error).__name__
    messages = await library.prompts.get("greet", name="Ann")
    print(json.dumps([len(await library.resources.list()), await library.resources.read("note://today"),
        len(pathlib.Path(picture["path"]).read_bytes()), messages[0]["text"], failed]))

asyncio.run(main())
"""
TYPESCRIPT = """
import { library, ToolError } from "./mcp-servers/index.ts";
import { resources } from "./library.ts";

const picture = await library.resources.read("file:///picture.png");
let failed = "";
try {
  await library.resources.read("nowhere://x");
} catch (error) {
  if (error instanceof ToolError) failed = error.name;
}
const [message] = await library.prompts.get("greet", { name: "Ann" });
console.log(JSON.stringify([(await resources.list()).length, await library.resources.read("note://today"),
  Deno.readFileSync(picture.path).length, message.text, failed]));
"""


def run(folder: Path, environment: Mapping[str, str], *command: str) -> Any:
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONG,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_generated_modules_read_resources_and_prompts_of_a_service(tmp_path: Path) -> None:
    entry = {"command": sys.executable, "args": [str(Path(with_resources.__file__))]}
    write_config(tmp_path, library=entry)
    generate(tmp_path, "lib/mcp_servers")
    generate(tmp_path, "mcp-servers", "--format", "typescript")
    generate(tmp_path, "library.ts", "--format", "typescript")
    (tmp_path / "program.ts").write_text(TYPESCRIPT, "utf-8")
    wanted = [3, "water the plants", 256, "Say hello to Ann, 1 times.", "ToolFailed"]
    with serving(tmp_path) as service:
        assert run(tmp_path, service.environment, sys.executable, "-c", PYTHON) == wanted
        deno = str(Path(sys.executable).with_name("deno"))
        found = run(tmp_path, service.environment, deno, "run", "--quiet", "--no-config", "-A", "program.ts")
        assert found == wanted
