"""Arguments drawn at random for a JSON Schema."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import hypothesis_jsonschema
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument, Unsatisfiable
from hypothesis.internal.conjecture.utils import many
from hypothesis_jsonschema import _from_schema as implementation
from hypothesis_jsonschema._canonicalise import HypothesisRefResolutionError
from jsonschema.exceptions import SchemaError


class _Elements:
    """The interface of ``many`` that hypothesis-jsonschema 0.23.1 was written for.

    Later versions of hypothesis replaced ``more()`` by a context manager around an iterator.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._many = many(*arguments, **named)
        self._many.__enter__()
        self._elements = iter(self._many)

    def more(self) -> bool:
        for _ in self._elements:
            return True
        self._many.__exit__(None)
        return False

    def reject(self) -> None:
        self._many.reject()


if not hasattr(many, "more"):
    cast("Any", implementation).cu = SimpleNamespace(many=_Elements)


# It knows no recursive references, refuses invalid schemas, and gives up where values are too rare.
REFUSALS = (HypothesisRefResolutionError, SchemaError, InvalidArgument, Unsatisfiable)


def drawn(schema: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that fit ``schema``. One of ``REFUSALS`` is raised, here or when drawing, where it cannot."""
    return cast("Any", hypothesis_jsonschema).from_schema(dict(schema))
