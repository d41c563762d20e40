"""The dashboard's own files: what is in the package, and nothing else."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from underpass.server.problem import problem

PREFIX: Final = "/dashboard/static/"
_FOLDER: Final = Path(__file__).with_name("static")
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


def address(name: str) -> str:
    """Return where a file is. The address changes with the file, so a browser need not ask again."""
    content = _files()[name]
    return f"{PREFIX}{name}?{hashlib.sha256(content).hexdigest()[:12]}"


@cache
def _files() -> dict[str, bytes]:
    found = (path for path in _FOLDER.rglob("*") if path.suffix in _TYPES)
    return {path.relative_to(_FOLDER).as_posix(): path.read_bytes() for path in found}


async def _file(request: Request) -> Response:
    request.scope["underpass.route"] = PREFIX
    name = request.path_params["name"]
    content = _files().get(name)
    if content is None:
        return problem(404, "there is no such file")
    return Response(content, headers=_HEADERS, media_type=_TYPES[Path(name).suffix])


ROUTE: Final = Route(PREFIX + "{name:path}", _file, methods=["GET"])
