"""The knowledge graph as an MCP server: seventeen tools, resources, stdio and streamable HTTP."""
