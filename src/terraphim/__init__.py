"""A knowledge graph of terms and documents, and its MCP server; it needs nothing else of this project."""
