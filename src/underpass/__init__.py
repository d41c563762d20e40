"""Underpass: a model's code calls MCP tools from a kernel-isolated sandbox.

    async with Underpass.open(".mcp.json") as up:
        result = await up.run("1 + 1")
"""

# Nothing is imported here: the zygote of every sandbox imports this package, too.
