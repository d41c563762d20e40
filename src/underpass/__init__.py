"""Underpass: a model's code calls MCP tools from a kernel-isolated sandbox."""
