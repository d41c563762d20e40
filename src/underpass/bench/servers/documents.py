"""A store of documents, as a drive in the cloud has it."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from underpass.bench.servers.json_text import json_text
from underpass.bench.servers.store import given

DocumentId = Annotated[str, Field(description="Document id, e.g. 'doc-001'")]


def serve(made: list[dict[str, Any]]) -> MCPServer:
    """The server."""
    server = MCPServer("documents")
    documents = {document["id"]: document for document in made}

    def found(document_id: str) -> dict[str, Any]:
        if document_id not in documents:
            raise ToolError(f"Document not found: {document_id}")
        return documents[document_id]

    def facts(document: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in document.items() if key != "content"} | {
            "characters": len(document["content"])
        }

    @server.tool(structured_output=False)
    def list_documents(
        folder: Annotated[str | None, Field(description="Only this folder: meetings, reports …")] = None,
    ) -> str:
        """List documents without their content.

        Returns a JSON array of `id`, `title`, `folder`, `modified`, `owner`, `characters`.
        """
        return json_text([facts(one) for one in documents.values() if folder in {None, one["folder"]}])

    @server.tool(structured_output=False)
    def search_documents(
        query: Annotated[str, Field(description="Words that the title contains, in any case")],
        limit: Annotated[int, Field(description="Maximum number of documents", ge=1, le=50)] = 10,
    ) -> str:
        """Search documents by title. Returns what list_documents returns."""
        words = query.casefold().split()
        hits = [one for one in documents.values() if all(word in one["title"].casefold() for word in words)]
        return json_text([facts(one) for one in hits[:limit]])

    @server.tool(structured_output=False)
    def get_document(document_id: DocumentId) -> str:
        """Retrieve the whole text of a document, as plain text or Markdown."""
        return found(document_id)["content"]

    @server.tool(structured_output=False)
    def get_document_info(document_id: DocumentId) -> dict[str, Any]:
        """Get title, folder, owner, day of the last change and size of a document."""
        return facts(found(document_id))

    @server.tool(structured_output=False)
    def create_document(
        title: Annotated[str, Field(description="Title of the new document")],
        content: Annotated[str, Field(description="Text or Markdown")],
        folder: Annotated[str, Field(description="Folder to create it in")] = "drafts",
    ) -> dict[str, Any]:
        """Create a document, or replace the one of the same title in that folder. Returns `id` and `characters`."""
        name = hashlib.sha256(f"{folder}/{title}".encode()).hexdigest()[:8]
        return {"id": f"new-{name}", "characters": len(content)}

    return server


if __name__ == "__main__":
    serve(given()).run("stdio")
