"""From a request to the terms that it is searched by."""

from __future__ import annotations

import re

from underpass.discovery.words import terms

_LONGEST = 2_000
_MOST_TERMS = 48
_LONGEST_WORD = 40
"""Longer words are keys, hashes or encoded files: they only cost time."""

_URL = re.compile(r"https?://\S+")
# /a/b, ~/a/b.pdf, ./a.txt: what a path is called says nothing of the tool, that it is a file does.
_PATH = re.compile(
    r"(?<![\w/.~])(?:~|\.{1,2})?(?:/[\w.-]+)+\.(\w{1,5})\b|(?<![\w/.~])(?:~|\.{1,2})?(?:/[\w.-]+){2,}/?"
)
_KINDS = {
    "csv": "csv", "doc": "word document", "docx": "word document", "gif": "image", "jpeg": "image",
    "jpg": "image", "json": "json", "mp3": "audio", "mp4": "video", "pdf": "pdf", "png": "image",
    "ppt": "powerpoint presentation", "pptx": "powerpoint presentation", "txt": "text",
    "xls": "excel", "xlsx": "excel",
}  # fmt: skip


def query_terms(query: str) -> list[str]:
    """Return the distinct terms of a request, in order, at most 48.

    A path counts as the word "file" and the kind of file, an address as "url".
    """
    text = _URL.sub(" url ", query[:_LONGEST])
    text = _PATH.sub(lambda path: f" file {_KINDS.get((path.group(1) or '').lower(), '')} ", text)
    words = " ".join(word for word in text.split() if len(word) <= _LONGEST_WORD)
    return list(dict.fromkeys(terms(words)))[:_MOST_TERMS]
