"""What a process has in its memory, as the kernel shows it to who may trace it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_PAGE = 4_096
_ENTRY = 8
_MOST = 1 << 24
_IN_USE = 0xC0
"""In the last byte of a page's entry: it is in memory or in the swap."""


def found_in(process: int, texts: Sequence[bytes]) -> list[bytes]:
    """Return those of ``texts`` that are in a page that the process may write."""
    seen: set[bytes] = set()
    folder = Path(f"/proc/{process}")
    with (folder / "mem").open("rb", 0) as memory, (folder / "pagemap").open("rb", 0) as pages:
        for line in (folder / "maps").read_text(encoding="utf-8").splitlines():
            addresses, rights, *_ = line.split()
            start, end = (int(each, 16) for each in addresses.split("-"))
            # V8 reserves gigabytes that it never touches.
            for part in range(start, end if "w" in rights else start, _MOST):
                count = min(end - part, _MOST) // _PAGE
                pages.seek(part // _PAGE * _ENTRY)
                entries = pages.read(count * _ENTRY)
                for number in range(count):
                    if entries[number * _ENTRY + _ENTRY - 1] & _IN_USE:
                        memory.seek(part + number * _PAGE)
                        page = memory.read(_PAGE)
                        seen.update(text for text in texts if text in page)
    return sorted(seen)
