"""JSON without what ``json.dumps`` and ``json.loads`` make anew for each call.

They build an encoder with its closures, and look for white space with regular expressions. In a child
that was just forked each object that is touched for the first time costs a copied page.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json import encoder
from typing import Any

_open_containers: dict[int, Any] = {}
"""The containers that the encoder is inside of; empty again after each value that it could write."""


def _unknown(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} is no JSON value")


_encode: Callable[[Any, int], tuple[str, ...]] = vars(encoder)["c_make_encoder"](
    _open_containers, _unknown, encoder.encode_basestring, None, ":", ",", False, False, False
)  # fmt: skip
_scan: Callable[[str, int], tuple[Any, int]] = vars(json.JSONDecoder())["scan_once"]


def dumps(value: Any) -> str:
    """Return plain values as compact JSON, not limited to ASCII.

    Raises ``TypeError``, ``ValueError`` (NaN, a value that contains itself) or ``RecursionError``.
    """
    try:
        return "".join(_encode(value, 0))
    except BaseException:
        _open_containers.clear()
        raise


def loads(text: str) -> Any:
    """Return what a text of one JSON value without white space around it says."""
    return _scan(text, 0)[0]
