"""The skills of the configuration in use."""

from __future__ import annotations

from pathlib import Path

from underpass.config import load_settings, state_dir
from underpass.skills.library.library import SkillLibrary
from underpass.skills.usage import SkillUsage


def skill_library(config: Path | None) -> tuple[SkillLibrary, SkillUsage]:
    """Return the libraries of a configuration, and the figures of their use; no server is asked."""
    state = state_dir(config, Path.cwd())
    settings = load_settings(config.absolute().parent if config else Path.cwd())
    return SkillLibrary(state, settings.skills), SkillUsage(state / "skills")
