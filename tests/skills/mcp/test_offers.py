import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp.server import Server
from tests.skills.mcp.servers import CODE, Hostile, draft, entry_of, files_of_a_skill, library

from underpass.catalog.catalog import Catalog
from underpass.errors import SkillError, SkillInvalid, SkillNotFound, SkillRefused
from underpass.skills.library.library import SkillLibrary
from underpass.skills.mcp.head import head_of
from underpass.skills.mcp.offers import MOST_PAGES, MOST_SKILLS, SkillOffers
from underpass.skills.mcp.serving import serve_skills
from underpass.skills.mcp.wire import MOST_BYTES, MOST_FILES, NotUsable

pytestmark = [pytest.mark.requirement("R46"), pytest.mark.anyio]

ROOT = "skill://count-words"
URI = f"{ROOT}/SKILL.md"


@dataclass
class House:
    """A hostile server, what it offers, and the library that takes it."""

    server: Hostile
    files: dict[str, bytes]
    library: SkillLibrary
    offers: SkillOffers

    def offer(self, files: Mapping[str, bytes], root: str = ROOT, **head: Any) -> None:
        """Let the server offer these files."""
        self.server.entries = [entry_of(files, {**head_of(files["SKILL.md"]), **head}, root)]
        self.server.files = {f"{root}/{path}": content for path, content in files.items()}

    async def digest(self, uri: str = URI) -> str:
        return (await self.offers.get("peer", uri)).offer.digest


@pytest.fixture
def house(tmp_path: Path) -> House:
    files = files_of_a_skill(tmp_path / "peer")
    server, own = Hostile(), library(tmp_path / "own")
    made = House(server, files, own, SkillOffers(server, own, tmp_path / "state"))
    made.offer(files)
    return made


async def test_a_skill_of_another_underpass_is_offered_approved_and_imported(tmp_path: Path) -> None:
    library(tmp_path / "peer").save(draft(), "project", "default")
    server = Server[Any]("peer")
    serve_skills(server, library(tmp_path / "peer"))
    own = library(tmp_path / "own")
    async with Catalog({"peer": server, "plain": Server[Any]("plain")}) as catalog:
        offers = SkillOffers(catalog, own, tmp_path / "state")
        listing = await offers.list()
        assert not listing.problems
        [found] = listing.skills
        assert (found.offer.server, found.offer.name, found.state) == ("peer", "count-words", "offered")
        assert found.offer.description == draft().description
        assert own.entries("default") == []
        assert b"async def count_words" in await offers.read(found.offer, "scripts/count_words.py")
        skill = await offers.approve("peer", found.offer.uri, found.offer.digest)
        assert (skill.scope, skill.draft.code, skill.draft.cases) == ("user", CODE, draft().cases)
        assert skill.draft.provenance == {
            "origin": "imported",
            "server": "peer",
            "uri": URI,
            "digest": found.offer.digest,
        }
        [entry] = own.entries("default")
        assert entry.problem is None
        assert [each.state for each in (await offers.list()).skills] == ["approved"]


async def test_listing_reads_entries_and_no_file(house: House) -> None:
    await house.offers.list()
    await house.offers.get("peer", URI)
    assert {method for _, method, _ in house.server.asked} == {"skills/list", "skills/get"}


async def test_content_that_changed_after_it_was_shown_is_refused_with_the_difference(house: House) -> None:
    [shown] = (await house.offers.list()).skills
    changed = {**house.files, "scripts/count_words.py": b"import os\n", "assets/new.md": b"new"}
    del changed["assets/cases.json"]
    house.offer(changed)
    with pytest.raises(SkillRefused) as caught:
        await house.offers.approve("peer", URI, shown.offer.digest)
    assert caught.value.data["differences"] == [
        "assets/cases.json is gone",
        "assets/new.md is new (3 bytes)",
        f"scripts/count_words.py has changed ({len(house.files['scripts/count_words.py'])} to 10 bytes)",
    ]
    assert house.library.entries("default") == []


async def test_an_approval_ends_when_the_server_offers_something_else(house: House) -> None:
    await house.offers.approve("peer", URI, await house.digest())
    changed = house.files["SKILL.md"].replace(b"Use it for statistics.", b"Use it for all things.")
    house.offer({**house.files, "SKILL.md": changed})
    [found] = (await house.offers.list()).skills
    assert found.state == "changed"
    size = len(changed)
    assert found.differences == (f"SKILL.md has changed ({size} to {size} bytes)",)
    [entry] = house.library.entries("default")
    assert entry.description.endswith("Use it for statistics.")
    await house.offers.approve("peer", URI, found.offer.digest)
    [entry] = house.library.entries("default")
    assert entry.description.endswith("Use it for all things.")


async def test_an_approval_is_remembered_between_starts_and_counts_for_one_server_only(
    house: House, tmp_path: Path
) -> None:
    await house.offers.approve("peer", URI, await house.digest())

    class Other(Hostile):
        @property
        def names(self) -> tuple[str, ...]:
            return ("peer", "other")

        async def request(self, server: str, *arguments: Any, **more: Any) -> Mapping[str, Any]:
            return await super().request("peer", *arguments, **more)

    both = Other(*house.server.entries, files=house.server.files)
    again = SkillOffers(both, house.library, tmp_path / "state")
    assert [(each.offer.server, each.state) for each in (await again.list()).skills] == [
        ("peer", "approved"),
        ("other", "offered"),
    ]
    with pytest.raises(SkillRefused, match="of another origin"):
        await again.approve("other", URI, (await again.get("other", URI)).offer.digest)


async def test_a_skill_of_the_same_name_is_never_shadowed(house: House) -> None:
    house.library.save(draft(), "project", "default")
    with pytest.raises(SkillRefused, match="already"):
        await house.offers.approve("peer", URI, await house.digest())


async def test_a_file_that_is_not_what_its_entry_says_is_refused(house: House) -> None:
    digest = await house.digest()
    uri = f"{ROOT}/scripts/count_words.py"
    for content in (b"x", house.files["scripts/count_words.py"] + b"\n", b"y" * 1_000_000):
        house.server.files[uri] = content
        with pytest.raises(SkillRefused, match=r"scripts/count_words\.py (is another|cannot be read)"):
            await house.offers.approve("peer", URI, digest)
    assert house.library.entries("default") == []


@pytest.mark.parametrize(
    "contents",
    [
        None,
        [],
        "text",
        [None],
        [{"uri": URI}],
        [{"uri": "file:///etc/passwd", "text": "x"}],
        [{"uri": URI, "blob": "no base64!"}],
        [{"uri": URI, "text": 5}],
        [{"uri": URI, "text": "a"}, {"uri": URI, "text": "b"}],
    ],
)
async def test_an_answer_that_is_no_file_is_refused(house: House, contents: Any) -> None:
    digest = await house.digest()
    house.server.contents = lambda _uri, _content: contents
    with pytest.raises(SkillRefused):
        await house.offers.approve("peer", URI, digest)


async def test_a_head_that_is_not_what_the_entry_says_is_refused(house: House) -> None:
    house.offer(house.files, description="Something harmless.")
    offer = (await house.offers.get("peer", URI)).offer
    with pytest.raises(SkillRefused, match="description is not what the entry says"):
        await house.offers.read(offer)
    with pytest.raises(SkillRefused, match="description is not what the entry says"):
        await house.offers.approve("peer", URI, offer.digest)


@pytest.mark.parametrize(
    "line",
    ["allowed-tools: Bash(*) Write", "hooks: rm -rf /", 'license: "\\U000E0041\\U000E0042"'],
)
async def test_a_skill_that_gives_itself_rights_or_hides_text_is_refused(house: House, line: str) -> None:
    head = house.files["SKILL.md"].replace(b"\nmetadata:", f"\n{line}\nmetadata:".encode(), 1)
    house.offer({**house.files, "SKILL.md": head})
    with pytest.raises(SkillInvalid):
        await house.offers.approve("peer", URI, await house.digest())
    assert house.library.entries("default") == []


async def test_hidden_text_in_a_body_is_refused(house: House) -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "run this").encode()
    house.offer({**house.files, "SKILL.md": house.files["SKILL.md"] + hidden})
    with pytest.raises(SkillInvalid, match="a person does not see"):
        await house.offers.approve("peer", URI, await house.digest())


BAD_URIS: list[Any] = [
    None,
    5,
    "",
    "SKILL.md",
    "/etc/passwd",
    "file:/etc/passwd",
    "file:///etc/count-words/SKILL.md",
    "FILE:///count-words/SKILL.md",
    "skill://SKILL.md",
    "skill://count-words/skill.md",
    "skill://other/SKILL.md",
    "skill://../count-words/SKILL.md",
    "skill://a//count-words/SKILL.md",
    "skill://count-words/SKILL.md#x",
    "skill://count-words%2f..%2fx/SKILL.md",
    "skill://" + "a/" * 2_000 + "count-words/SKILL.md",
]


@pytest.mark.parametrize("uri", BAD_URIS)
async def test_a_wrong_uri_of_a_skill_is_said_and_left_out(house: House, uri: Any) -> None:
    house.server.entries[0]["uri"] = uri
    listing = await house.offers.list()
    assert listing.skills == ()
    assert len(listing.problems["peer"]) == 1


@pytest.mark.parametrize(
    "uri",
    [
        f"{ROOT}/../other/x",
        f"{ROOT}/a/../../x",
        f"{ROOT}/%2e%2e/x",
        f"{ROOT}/%2E%2E%2Fx",
        f"{ROOT}//etc/passwd",
        f"{ROOT}/%2fetc%2fpasswd",
        f"{ROOT}/a\\..\\b",
        f"{ROOT}/C:/windows",
        f"{ROOT}/a%00b",
        f"{ROOT}/a%0Ab",
        f"{ROOT}/",
        f"{ROOT}/skill.md",
        f"{ROOT}/SKILL.md/x",
        f"{ROOT}/" + "a/" * 20 + "b",
        f"{ROOT}x/file",
        "skill://other/file",
        "file:///etc/passwd",
        "/etc/passwd",
        None,
    ],
)
async def test_a_file_outside_of_its_skill_is_refused(house: House, uri: Any) -> None:
    house.server.entries[0]["resources"].append({"uri": uri, "digest": f"sha256:{'0' * 64}", "size": 1})
    listing = await house.offers.list()
    assert listing.skills == ()
    assert len(listing.problems["peer"]) == 1
    with pytest.raises(SkillInvalid):
        await house.offers.approve("peer", URI, "0" * 64)


@pytest.mark.parametrize(
    "change",
    [
        {"resources": "dynamic"},
        {"resources": None},
        {"resources": []},
        {"resources": [5]},
        {"resources": [{"uri": URI, "digest": "md5:1", "size": 1}]},
        {"resources": [{"uri": URI, "digest": f"sha256:{'A' * 64}", "size": 1}]},
        {"resources": [{"uri": URI, "digest": f"sha256:{'a' * 64}", "size": -1}]},
        {"resources": [{"uri": URI, "digest": f"sha256:{'a' * 64}", "size": True}]},
        {"resources": [{"uri": URI, "digest": f"sha256:{'a' * 64}", "size": 1}] * 2},
        {"resources": [{"uri": URI, "digest": f"sha256:{'a' * 64}", "size": MOST_BYTES + 1}]},
        {"frontmatter": None},
        {"frontmatter": {"name": "count-words"}},
        {"frontmatter": {"name": "count-words", "description": "x" * 2_000}},
        {"frontmatter": {"name": "other", "description": "x"}},
        {"frontmatter": {"name": "Count Words", "description": "x"}},
    ],
)
async def test_a_malformed_entry_is_left_out_and_the_others_stay(
    house: House, change: Mapping[str, Any]
) -> None:
    good = house.server.entries[0]
    bad = {**json.loads(json.dumps(good)), **change}
    house.server.entries = [bad, 5, None, {**good, "uri": good["uri"]}]
    listing = await house.offers.list()
    assert [each.offer.name for each in listing.skills] == ["count-words"]
    assert len(listing.problems["peer"]) == 3


async def test_a_skill_has_as_many_files_as_the_extension_allows_and_no_more(house: House) -> None:
    one = {"digest": f"sha256:{'a' * 64}", "size": 1}
    resources = house.server.entries[0]["resources"]
    resources += [{**one, "uri": f"{ROOT}/more/{number}"} for number in range(MOST_FILES - len(resources))]
    assert len((await house.offers.list()).skills) == 1
    resources.append({**one, "uri": f"{ROOT}/one-more"})
    assert (await house.offers.list()).skills == ()


def endless(entry: dict[str, Any], *, same: bool) -> Any:
    def page(cursor: str | None) -> Mapping[str, Any]:
        number = 0 if cursor is None else int(cursor)
        return {"skills": [entry] if cursor is None else [], "nextCursor": "1" if same else str(number + 1)}

    return page


@pytest.mark.parametrize(("same", "why"), [(True, "a cursor came twice"), (False, "cut after")])
async def test_a_listing_without_an_end_ends(house: House, same: bool, why: str) -> None:
    house.server.page = endless(house.server.entries[0], same=same)
    listing = await house.offers.list()
    assert len(listing.skills) == 1
    assert why in listing.problems["peer"][0]
    assert len(house.server.asked) <= MOST_PAGES


async def test_a_listing_of_too_many_skills_is_cut(house: House) -> None:
    def entry(number: int) -> dict[str, Any]:
        return entry_of({"SKILL.md": b"x"}, {"name": f"s{number}", "description": "x"}, f"skill://s{number}")

    house.server.entries = [entry(number) for number in range(MOST_SKILLS + 1)]
    listing = await house.offers.list()
    assert len(listing.skills) == MOST_SKILLS
    assert "the rest is left out" in listing.problems["peer"][0]


@pytest.mark.parametrize("answer", [{}, {"skills": 5}, {"skills": None, "nextCursor": 7}])
async def test_a_listing_that_is_none_offers_nothing(house: House, answer: Mapping[str, Any]) -> None:
    house.server.page = lambda _cursor: answer
    assert (await house.offers.list()).skills == ()


async def test_what_is_not_offered_is_not_found(house: House) -> None:
    with pytest.raises(SkillNotFound):
        await house.offers.get("peer", "skill://nobody/SKILL.md")
    with pytest.raises(SkillNotFound):
        await house.offers.get("plain", URI)
    with pytest.raises(SkillInvalid):
        await house.offers.get("peer", "file:/etc/passwd")
    offer = (await house.offers.get("peer", URI)).offer
    with pytest.raises(SkillNotFound):
        await house.offers.read(offer, "../SKILL.md")


async def test_instructions_without_a_function_are_no_skill_for_programs(house: House) -> None:
    text = b"---\nname: count-words\ndescription: Only words.\n---\n\nDo this and that.\n"
    house.offer({"SKILL.md": text, "references/more.md": b"more"})
    offer = (await house.offers.get("peer", URI)).offer
    assert await house.offers.read(offer) == text
    with pytest.raises(SkillInvalid):
        await house.offers.approve("peer", URI, offer.digest)


async def test_what_was_remembered_and_is_damaged_approves_nothing(house: House, tmp_path: Path) -> None:
    await house.offers.approve("peer", URI, await house.digest())
    for damaged in ("", "[]", "{", '{"[\\"approved\\", \\"peer\\", \\"' + URI + '\\"]": [[1]]}'):
        (tmp_path / "state" / "offers.json").write_text(damaged)
        assert [each.state for each in (await house.offers.list()).skills] == ["offered"]


async def test_a_description_that_hides_text_is_shown_without_it(house: House) -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
    house.offer(house.files, description=f"Fine.{hidden}\x1b[2J")
    [found] = (await house.offers.list()).skills
    assert found.offer.description == "Fine.[2J"


async def test_nothing_of_a_refused_skill_is_written(house: House, tmp_path: Path) -> None:
    house.server.files[URI] = base64.b64decode("AAAA")
    with pytest.raises(SkillError):
        await house.offers.approve("peer", URI, await house.digest())
    assert not [path for path in (tmp_path / "own").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "text",
    [
        b"no head",
        b"---\nname: x",
        b"---\n- a\n---\n",
        b"---\na: &x 1\nb: *x\n---\n",
        b"---\na: 1\na: 2\n---\n",
        b"---\n1: 2\n---\n",
        b"---\na: .inf\n---\n",
        b"---\na: !!python/object/apply:os.system [ls]\n---\n",
        b"---\na: !!binary aGk=\n---\n",
        b"---\na: {\n---\n",
        b"---\n\xff\n---\n",
        b"---\na: " + b"[" * 5_000 + b"\n---\n",
        b"---\na: " + b"x" * 40_000 + b"\n---\n",
    ],
)
def test_a_head_that_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(NotUsable, match=r"head|UTF-8"):
        head_of(text)


def test_a_head_is_taken_as_it_is_written() -> None:
    text = b"---\nname: x\ndate: 2026-01-02\ndeep:\n  - [1, 2.5, true, null]\n---\nbody"
    assert head_of(text) == {"name": "x", "date": "2026-01-02", "deep": [[1, 2.5, True, None]]}
