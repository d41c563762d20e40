"""How often skills were used, and how that went."""

from underpass.skills.usage.figures import Figures
from underpass.skills.usage.usage import SkillUsage

__all__ = ["Figures", "SkillUsage"]
