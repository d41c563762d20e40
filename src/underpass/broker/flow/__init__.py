"""Where data may go, by where it came from."""

from __future__ import annotations

from underpass.broker.flow.flow import Flows, RunFlow

__all__ = ["Flows", "RunFlow"]
