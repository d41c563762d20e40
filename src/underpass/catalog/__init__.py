"""Which tools exist: configurations, connections to servers, and tolerant listings."""

from underpass.catalog.catalog import Catalog, ServerState
from underpass.catalog.definition import Change, Finding, Listing, ToolDefinition
from underpass.catalog.discover import FoundConfig, discover_configs
from underpass.catalog.edit import add_server
from underpass.catalog.lock import ToolLock
from underpass.catalog.servers_file import load_servers
from underpass.catalog.spec import ServerSpec
from underpass.catalog.upstream import InMemoryUpstream, Progress, ToolOutcome, Upstream
from underpass.config import find_config

__all__ = [
    "Catalog",
    "Change",
    "Finding",
    "FoundConfig",
    "InMemoryUpstream",
    "Listing",
    "Progress",
    "ServerSpec",
    "ServerState",
    "ToolDefinition",
    "ToolLock",
    "ToolOutcome",
    "Upstream",
    "add_server",
    "discover_configs",
    "find_config",
    "load_servers",
]
