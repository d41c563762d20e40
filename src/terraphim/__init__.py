"""A knowledge graph of terms and documents, and its MCP server; usable without anything else of this project."""
