"""Questions to a person about calls: asked, kept, answered."""

from underpass.broker.approvals.approvals import Approvals
from underpass.broker.approvals.question import (
    Answer,
    Ask,
    Asker,
    OnlyAsked,
    Person,
    PreparedAnswers,
    Question,
)

__all__ = ["Answer", "Approvals", "Ask", "Asker", "OnlyAsked", "Person", "PreparedAnswers", "Question"]
