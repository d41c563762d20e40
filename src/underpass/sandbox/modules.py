"""The generated modules that a sandbox has before it has a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SharedModules:
    """Loaded once, in the zygote, so that no run pays for them. Each is what a guest is answered for one.

    Parameters:
        loaded: the modules that are the same for every program.
        example: modules that are loaded only to warm up, as programs load theirs.
        program: a program that imports those and calls one tool, with one question to the host.
    """

    loaded: Mapping[str, Any] = field(default_factory=dict[str, Any])
    example: Mapping[str, Any] = field(default_factory=dict[str, Any])
    program: str = ""

    def to_settings(self) -> dict[str, Any]:
        """The modules in the zygote's terms."""
        return {"loaded": dict(self.loaded), "example": dict(self.example), "program": self.program}
