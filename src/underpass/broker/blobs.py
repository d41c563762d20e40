"""Where a result's images, sounds and files go: never into the code's memory as base64."""

from __future__ import annotations

from mimetypes import guess_extension
from typing import Protocol


class BlobStore(Protocol):
    """Keeps binary parts of results."""

    async def put(self, data: bytes, mime_type: str) -> str:
        """Keep ``data`` and return the path by which the run's code can open it."""
        ...


class InMemoryBlobs:
    """Keeps blobs in a dictionary by their path."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    async def put(self, data: bytes, mime_type: str) -> str:
        path = f"blob-{len(self.blobs) + 1}{guess_extension(mime_type) or '.bin'}"
        self.blobs[path] = data
        return path
