"""A role's index between starts, and haystacks that are too large to hold."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.terraphim.notes import project, write

from terraphim.config import Config, Places
from terraphim.errors import RoleUnsuitable
from terraphim.pace import Pace
from terraphim.roles import Found, RoleIndex
from terraphim.service import Service
from terraphim.store import Store

pytestmark = [pytest.mark.requirement("R50"), pytest.mark.anyio]


def service(folder: Path, cache: Path | None = None) -> Service:
    config = Config.of_folders(kg="kg", haystack="notes")
    return Service(config, Places(folder), Store(cache or folder / "cache"))


def titles(found: Found) -> list[str]:
    return [ranked.document.title for ranked in found.ranked]


def overwrite_unseen(path: Path, text: str) -> None:
    """Change a file so that nothing but its content shows it."""
    status = path.stat()
    assert len(text) == status.st_size
    path.write_text(text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


async def test_a_later_start_reads_only_what_has_changed_since(tmp_path: Path) -> None:
    project(tmp_path)
    before = await service(tmp_path).search("rust tokio")
    unseen = tmp_path / "notes" / "Soup.md"
    overwrite_unseen(unseen, unseen.read_text().replace("winter", "summer"))
    again = service(tmp_path)
    assert await again.search("rust tokio") == before
    assert "winter" in (await again.search("recipes")).ranked[0].document.body  # it was not read again
    write(tmp_path / "notes", {"Tokio.md": "rust tokio: changed", "New.md": "rust tokio: new"})
    (tmp_path / "notes" / "Async patterns in Rust.md").unlink()
    later = service(tmp_path)
    assert set(titles(await later.search("rust tokio"))) == {"Tokio", "New"}
    fresh = await service(tmp_path, tmp_path / "other").search("rust tokio")
    assert await later.search("rust tokio") == fresh


async def test_a_changed_thesaurus_makes_a_new_graph_of_the_same_documents(tmp_path: Path) -> None:
    project(tmp_path)
    await service(tmp_path).search("rust")
    write(tmp_path / "kg", {"soup.md": "synonyms:: broth\n"})
    write(tmp_path / "notes", {"Soup.md": "soup and recipes"})
    found = await service(tmp_path).search("broth")
    assert titles(found) == ["Soup"]
    assert found.relevance == "terraphim-graph"


@pytest.mark.parametrize("damage", ["cut", "other", "folder"])
async def test_a_damaged_index_is_built_again(tmp_path: Path, damage: str) -> None:
    project(tmp_path)
    before = await service(tmp_path).search("rust tokio")
    (stored,) = (tmp_path / "cache").iterdir()
    if damage == "cut":
        stored.write_bytes(stored.read_bytes()[:-10])
    elif damage == "other":
        stored.write_bytes(b"\x80\x04cos\nsystem\n")
    else:
        stored.unlink()
        stored.mkdir()
    assert await service(tmp_path).search("rust tokio") == before


OTHER_LAYOUTS: list[Any] = [
    None,
    5,
    [],
    {},
    {"folders": []},
    {"folders": [5], "index": {}, "thesaurus": None, "graph": None},
    {
        "folders": [{"files": [["a.md", 1, 2, 3, "id"]], "documents": [], "damaged": []}],
        "index": {},
    },
    {"folders": [{"files": [], "documents": [], "damaged": {}}], "index": {"documents": [[0, "x"]]}},
    {
        "folders": [{"files": [], "documents": [], "damaged": {}}],
        "index": {"documents": [], "postings": {"lexicon": {"words": []}}},
    },
]


@pytest.mark.parametrize("value", OTHER_LAYOUTS)
async def test_an_index_of_another_layout_is_built_again(tmp_path: Path, value: Any) -> None:
    project(tmp_path)
    before = await service(tmp_path).search("rust tokio")
    store = Store(tmp_path / "cache")
    notes = tmp_path / "notes"
    config = Config.of_folders(kg="kg", haystack="notes").roles["Default"]
    index = RoleIndex("Default", config, Places(tmp_path), store)
    store.save(index.key, value)
    assert await service(tmp_path).search("rust tokio") == before
    assert notes.is_dir()


async def test_where_nothing_can_be_kept_everything_works(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "file").write_text("")
    assert titles(await service(tmp_path, tmp_path / "file" / "cache").search("recipes")) == ["Soup"]


@pytest.fixture(params=["ripgrep", "reading"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """With ripgrep on the path, and without."""
    if request.param == "reading":
        (tmp_path / "empty").mkdir()
        monkeypatch.setenv("PATH", str(tmp_path / "empty"))
        assert shutil.which("rg") is None
    elif shutil.which("rg") is None:
        pytest.skip("no ripgrep here")
    return request.param


@pytest.mark.parametrize("relevance", ["terraphim-graph", "bm25", "title-scorer"])
async def test_a_haystack_that_is_too_large_is_looked_through_for_each_search(
    tmp_path: Path, way: str, relevance: str
) -> None:
    project(tmp_path)
    role = Config.of_folders(kg="kg", haystack="notes").roles["Default"]
    role = role.model_copy(update={"relevance_function": relevance})
    held = RoleIndex("Default", role, Places(tmp_path))
    sifted = RoleIndex("Default", role, Places(tmp_path), max_indexed_bytes=10)
    for query in ("rust", "recipes", "async runtime", "futures tokio", "Ownership", "absent", ""):
        there, here = [await index.search(query, limit=None, skip=0) for index in (held, sifted)]
        assert set(titles(here)) == set(titles(there))
        assert here.relevance == there.relevance
    write(tmp_path / "notes", {"New.md": "recipes for rust"})
    assert "New" in titles(await sifted.search("recipes", limit=None, skip=0))
    assert await sifted.documents() == []
    document = await sifted.document("ripgrep_notes_new_md")
    assert document is not None
    assert document.body == "recipes for rust"
    assert await sifted.document("nowhere") is None
    with pytest.raises(RoleUnsuitable, match="too much for a graph in memory"):
        await sifted.graph()


def test_what_takes_long_is_done_seldom() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    assert pace.due()
    began = pace.now()
    now = 0.1
    pace.done(began)
    assert not pace.due()
    now = 2.0
    assert not pace.due()
    now = 2.2
    assert pace.due()
