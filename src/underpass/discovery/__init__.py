"""Finding tools: a ranked index over definitions, categories and capabilities."""

from underpass.discovery.hit import Hit
from underpass.discovery.index import ToolIndex

__all__ = ["Hit", "ToolIndex"]
