"""Skills over MCP: the extension ``io.modelcontextprotocol/skills``, served and consumed."""
