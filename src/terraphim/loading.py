"""The bytes of a thesaurus, from a file or over the network, within limits."""

from __future__ import annotations

from dataclasses import dataclass

import anyio
import httpx2

from terraphim.errors import ThesaurusUnavailable

_REDIRECTS = 5
_SCHEMES_END = "://"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a thesaurus may cost to load.

    Parameters:
        bytes: the size of the document.
        seconds: the time for the whole load, redirects included.
    """

    bytes: int = 64 * 1024 * 1024
    seconds: float = 30.0


async def contents(location: str, limits: Limits) -> bytes:
    """Read a local file or an ``https`` address. Raises ThesaurusUnavailable."""
    try:
        with anyio.fail_after(limits.seconds):
            if location.lower().startswith("https://"):
                return await _fetch(location, limits)
            if _SCHEMES_END in location:
                raise _unavailable(location, "only https addresses and local files can be loaded")
            return await _read(location, limits)
    except TimeoutError as error:
        raise _unavailable(location, f"it took longer than {limits.seconds:g} s") from error


async def _read(location: str, limits: Limits) -> bytes:
    path = anyio.Path(location)
    try:
        if not await path.is_file():
            raise _unavailable(location, "there is no such file")
        if (await path.stat()).st_size > limits.bytes:
            raise _too_large(location, limits)
        return await path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _unavailable(location, reason) from error


async def _fetch(location: str, limits: Limits) -> bytes:
    address = location
    try:
        async with httpx2.AsyncClient() as client:
            for _ in range(_REDIRECTS + 1):
                async with client.stream("GET", address) as response:
                    if response.next_request is None:
                        return await _body(location, response, limits)
                    address = str(response.next_request.url)
                # A redirect must not lead out of what is encrypted.
                if not address.startswith("https://"):
                    raise _unavailable(location, f"it leads to {address}, which is no https address")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise _unavailable(location, str(error) or type(error).__name__) from error
    raise _unavailable(location, f"it leads to more than {_REDIRECTS} other addresses")


async def _body(location: str, response: httpx2.Response, limits: Limits) -> bytes:
    response.raise_for_status()
    content = bytearray()
    async for part in response.aiter_bytes():
        content += part
        if len(content) > limits.bytes:
            raise _too_large(location, limits)
    return bytes(content)


def _too_large(location: str, limits: Limits) -> ThesaurusUnavailable:
    return _unavailable(location, f"it is larger than {limits.bytes:,} bytes")


def _unavailable(location: str, reason: str) -> ThesaurusUnavailable:
    return ThesaurusUnavailable(
        f"Cannot load the thesaurus from {location!r}: {reason}.",
        hint="Give the path of a JSON file that can be read, or an https address.",
        location=location,
        reason=reason,
    )
