"""Finds keys and passwords that nobody meant to save."""

from __future__ import annotations

import re
from typing import Final

_KINDS: Final = {
    "a private key": r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY",
    "a key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
    "a token of GitLab": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "a token of Slack": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "a key of a model's provider": r"\bsk-(?=[A-Za-z0-9_-]*[0-9])[A-Za-z0-9_-]{20,}",
    "a key of Google": r"\bAIza[0-9A-Za-z_-]{35}",
    "a key of Stripe": r"\b[rs]k_(?:live|test)_[0-9A-Za-z]{16,}",
    "a token of npm": r"\bnpm_[A-Za-z0-9]{36}",
    "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{30,}",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    "a password in an address": r"\b[a-z][a-z0-9+.-]{1,20}://[^/@\s:\"'{]{0,80}:(?!\{)[^/@\s\"'{]{3,80}@",
    "a bearer token": r"\b[Bb]earer [A-Za-z0-9_.~+/-]{20,}",
    "a password": r"(?i)\b(?:password|passwd|api_?key|secret(?:_key)?|(?:access|auth)_token)[\"']?\s*[:=]\s*"
    r"[\"'](?!\{)[^\s\"'{}]{8,}[\"']",
}
_PATTERNS: Final = {kind: re.compile(pattern) for kind, pattern in _KINDS.items()}


def secrets_in(text: str) -> list[str]:
    """Return the kinds of secrets that a text holds, as far as one can tell; never the secrets."""
    return [kind for kind, pattern in _PATTERNS.items() if pattern.search(text)]
