"""The one door out of a sandbox: checks, limits and records each tool call, and unwraps its result."""

from underpass.broker.blobs import BlobStore, InMemoryBlobs
from underpass.broker.broker import Broker
from underpass.broker.direct import DirectTexts
from underpass.broker.run_calls import RunCalls
from underpass.broker.source import InMemoryCatalog, ToolSource
from underpass.config import CallLimits

__all__ = [
    "BlobStore",
    "Broker",
    "CallLimits",
    "DirectTexts",
    "InMemoryBlobs",
    "InMemoryCatalog",
    "RunCalls",
    "ToolSource",
]
