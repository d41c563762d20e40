"""A small knowledge graph and notes about it."""

from pathlib import Path

KG = {
    "rust.md": "# Rust\n\nsynonyms:: rust language, rustlang\n",
    "async.md": "# Async\n\nsynonyms:: async patterns, asynchronous programming, futures\n",
    "tokio.md": "# Tokio\n\nsynonyms:: async runtime\n",
    "cooking.md": "# Cooking\n\nsynonyms:: recipes\n",
}
NOTES = {
    "Async patterns in Rust.md": (
        "# Async patterns in Rust\n\nRust async patterns: futures are lazy.\n\n"
        "Tokio is an async runtime for the rust language. Asynchronous programming in rust needs one.\n"
    ),
    "Tokio.md": "# Tokio\n\nTokio runs futures.\n\ntags:: #runtime, async\n",
    "Borrowing.md": "# Borrowing\n\nOwnership is what rust is known for.\n",
    "Soup.md": "# Soup\n\nCooking a soup: recipes for winter.\n",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def project(folder: Path) -> Path:
    """Write ``kg`` and ``notes`` into a folder."""
    write(folder / "kg", KG)
    write(folder / "notes", NOTES)
    return folder
