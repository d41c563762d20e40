"""The template files, the user's before the packaged ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2

from underpass.errors import GenerationFailed

_PACKAGED = Path(__file__).parent / "templates"


def render(language: str, name: str, directory: Path | None, context: Mapping[str, Any]) -> str:
    """Return what a template of ``language`` makes: the one in ``directory``, else the packaged one.

    Raises ``GenerationFailed`` when the template is faulty.
    """
    try:
        return _environment(language, directory).get_template(name).render(context)
    except jinja2.TemplateError as error:
        line = getattr(error, "lineno", None)
        raise GenerationFailed(
            f"the template {name}{f', line {line}' if line else ''}: {error.message}",
            hint=f"compare it with the packaged one in {_PACKAGED / language}",
            template=name,
        ) from error


@lru_cache(maxsize=8)
def _environment(language: str, directory: Path | None) -> jinja2.Environment:
    packaged = _PACKAGED / language
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([packaged] if directory is None else [directory, packaged]),
        autoescape=False,  # noqa: S701 - the output is source code, and each value is escaped as such
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
