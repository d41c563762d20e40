"""FastMCP's client: prints what the server of a command offers, as JSON."""

import asyncio
import base64
import hashlib
import importlib
import json
import os
import sys
from typing import Any

# Not installed where this file is checked.
fastmcp: Any = importlib.import_module("fastmcp")
transports: Any = importlib.import_module("fastmcp.client.transports")
skills: Any = importlib.import_module("fastmcp.skills")


async def main() -> None:
    """Ask the server for its skills, each of them again, and all their files."""
    given = json.loads(sys.argv[1])
    transport = transports.StdioTransport(
        given["command"], given["args"], env={**os.environ, **given["environ"]}, cwd=given["cwd"]
    )
    async with fastmcp.Client(transport, extensions=[skills.SkillsClientExtension()]) as client:
        found: list[dict[str, Any]] = []
        for skill in await client.list_skills():
            again = await client.get_skill(skill.uri)
            files = {file.uri: await is_the_same(client, file) for file in skill.resources}
            found.append({"frontmatter": skill.frontmatter.root, "same": again == skill, "files": files})
        print(json.dumps(found))


async def is_the_same(client: Any, file: Any) -> bool:
    """Whether a file is what its entry says."""
    [part] = await client.read_resource(file.uri)
    text = getattr(part, "text", None)
    content = text.encode() if text is not None else base64.b64decode(part.blob)
    return len(content) == file.size and f"sha256:{hashlib.sha256(content).hexdigest()}" == file.digest


asyncio.run(main())
