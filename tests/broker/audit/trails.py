"""Trails as the broker writes them, and what can be done to their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio

from underpass.broker.audit import AuditTrail, Report, verify
from underpass.broker.audit.files import segment_path, segments
from underpass.broker.call import Call
from underpass.broker.journal import RunRecord
from underpass.broker.policy.decision import Decision
from underpass.catalog.definition import ToolDefinition
from underpass.execution.result import ToolCall

ALLOWED = Decision("allow", "default: unknown", "no rule is about it")


def run_record(run: str = "r1") -> RunRecord:
    return RunRecord(
        run, 0.0, "default", "python", None, "program.py", 30, 2_000, check=True, rollback_on_error=False,
        code="1 + 1",
    )  # fmt: skip


def make_call(label: str = "a", *, reads: bool = False, run: str = "r1") -> Call:
    hints = {"readOnlyHint": True} if reads else {}
    tool = ToolDefinition("demo", "note", "Note", input_schema={"type": "object"}, annotations=hints)
    encoded = f'{{"label":"{label}"}}'.encode()
    return Call(run, "default", tool, "d" * 64, {"label": label}, encoded)


def tell(trail: AuditTrail, call: Call) -> None:
    """Tell a trail of a call that is allowed and made."""
    trail.decided(call, ALLOWED, "allowed")
    made = ToolCall(call.tool.server, call.tool.name, 1.5, True, len(call.encoded), 10)
    trail.called(call.run, call.agent, made, "server", call)


def write_run(folder: Path, labels: str, *, key: bytes = b"") -> None:
    """Write the trail of a run that makes a call for each label."""

    async def write() -> None:
        async with AuditTrail(folder, key=key) as trail:
            run = run_record()
            trail.began(run)
            for label in labels:
                tell(trail, make_call(label))
            trail.ended(run, "ok")

    anyio.run(write)


def lines_of(folder: Path, segment: int = 1) -> list[bytes]:
    return segment_path(folder, segment).read_bytes().splitlines(keepends=True)


def put_lines(folder: Path, lines: Sequence[bytes], segment: int = 1) -> Report:
    """Put other lines in a segment; returns what is found then."""
    overwrite(segment_path(folder, segment), b"".join(lines))
    return verify(folder)


def all_lines(folder: Path) -> list[bytes]:
    """All rows' lines; what a process had written of a row when it was killed is none."""
    lines = (line for number in segments(folder) for line in lines_of(folder, number))
    return [line for line in lines if line.endswith(b"\n")]


def overwrite(path: Path, content: bytes | bytearray) -> None:
    """Write as its owner could, who can take the lock off a finished segment."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)
