import json
from pathlib import Path
from typing import Any

import pytest
from tests.shared_data import shared_data

from terraphim.config import Config, Places, read_config
from terraphim.errors import ConfigInvalid, RoleNotFound
from terraphim.ranking import Relevance

pytestmark = pytest.mark.requirement("R50")


def document(**role: Any) -> str:
    return json.dumps({"roles": {"Field Engineer": {"relevance_function": "bm25", **role}}})


def test_every_configuration_of_upstream_is_read() -> None:
    folder = shared_data("terraphim")
    files = [path for path in folder.rglob("*config*.json") if "/docs/" not in str(path)]
    assert len(files) > 10
    for path in files:
        config = read_config(path)
        written = json.loads(path.read_text())
        assert list(config.roles) == list(written["roles"])
        assert config.selected_role == written["selected_role"]
        for name, role in config.roles.items():
            assert len(role.haystacks) == len(written["roles"][name]["haystacks"])


def test_names_of_older_configurations_mean_the_same() -> None:
    text = document(relevance_function="TerraphimGraph", haystacks=[{"path": "notes"}])
    role = Config.parse(text).roles["Field Engineer"]
    assert role.relevance_function is Relevance.TERRAPHIM_GRAPH
    assert role.relevance_shown == "TerraphimGraph"
    assert role.haystacks[0].location == "notes"


@pytest.mark.parametrize("path", [{"Local": "t.json"}, "t.json", {"Remote": "https://example.org/t.json"}])
def test_a_thesaurus_is_a_path_or_a_url(path: Any) -> None:
    role = Config.parse(document(kg={"automata_path": path})).roles["Field Engineer"]
    assert role.kg is not None
    assert role.kg.automata_path in ("t.json", "https://example.org/t.json")
    assert role.has_graph


def test_a_role_without_a_source_has_no_graph() -> None:
    empty = {"automata_path": None, "knowledge_graph_local": None, "public": True, "publish": True}
    assert not Config.parse(document(kg=empty)).roles["Field Engineer"].has_graph
    assert not Config.parse(document(kg=None)).roles["Field Engineer"].has_graph


def test_the_first_role_is_the_default_and_the_default_is_selected() -> None:
    config = Config.parse('{"roles": {"A": {}, "B": {}}}')
    assert (config.default_role, config.selected_role) == ("A", "A")
    assert Config.parse('{"roles": {"A": {}, "B": {}}, "default_role": "B"}').selected_role == "B"
    assert config.roles["A"].relevance_function is Relevance.TITLE_SCORER


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "no JSON: Expecting property name"),
        (b"\xff{}", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "$: "),
        ("{}", "$.roles: Field required"),
        ('{"roles": {}}', "$.roles: "),
        ('{"roles": {"A": []}}', "$.roles.A: "),
        (document(relevance_function="best"), '$.roles["Field Engineer"].relevance_function: '),
        (document(haystacks=[{"service": "Ripgrep"}]), '$.roles["Field Engineer"].haystacks[0].location: '),
        (document(kg={"automata_path": {"Nowhere": "x"}}), '$.roles["Field Engineer"].kg.automata_path: '),
        (document(kg={"knowledge_graph_local": {"input_type": "xml", "path": "x"}}), "input_type: "),
        ('{"roles": {"A": {}}, "selected_role": "B"}', "there is no role 'B'; there are 'A'"),
        ('{"roles": {"A": {}}, "default_role": "B"}', "default_role: there is no role 'B'"),
        ('{"id": "Toaster", "roles": {"A": {}}}', "$.id: "),
    ],
)
def test_a_malformed_configuration_is_refused_with_the_place_and_the_reason(
    text: str | bytes, told: str
) -> None:
    with pytest.raises(ConfigInvalid) as failure:
        Config.parse(text)
    assert told in failure.value.message


def test_of_many_problems_five_are_told_and_the_others_counted() -> None:
    roles = {f"R{n}": {"relevance_function": "best"} for n in range(8)}
    with pytest.raises(ConfigInvalid) as failure:
        Config.parse(json.dumps({"roles": roles}))
    assert failure.value.message.count("relevance_function: ") == 5
    assert failure.value.message.endswith("; and 3 more")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"nowhere\.json cannot be read: No such file"):
        read_config(tmp_path / "nowhere.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigInvalid, match=r"bad\.json: no JSON"):
        read_config(tmp_path / "bad.json")


def test_a_role_is_found_by_its_name_or_its_short_name() -> None:
    config = Config.parse('{"roles": {"A": {}, "Bee": {"shortname": "b"}}}')
    assert config.role(None)[0] == "A"
    assert config.role("Bee")[0] == config.role("B")[0] == "Bee"
    with pytest.raises(RoleNotFound) as failure:
        config.role("C")
    assert failure.value.message == ('Role \'C\' not found in configuration. Available roles: ["A", "Bee"]')


def test_paths_count_from_the_configuration_and_else_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config" / "notes").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    places = Places(tmp_path / "config")
    assert places.resolve("notes") == tmp_path / "config" / "notes"
    assert places.resolve("other") == tmp_path / "other"
    assert places.resolve("/srv/notes") == Path("/srv/notes")
    assert places.resolve("~/notes") == Path("/home/ada/notes")
    assert places.resolve("~nobody-of-that-name/notes").name == "notes"


def test_two_folders_are_a_role() -> None:
    both = Config.of_folders(kg="kg", haystack="notes").roles["Default"]
    assert both.uses_graph
    assert both.has_graph
    assert both.haystacks[0].location == "notes"
    assert Config.of_folders(kg="kg", haystack=None).roles["Default"].haystacks[0].location == "kg"
    assert not Config.of_folders(kg=None, haystack="notes").roles["Default"].uses_graph


def test_the_desktop_configuration_of_upstream_selects_a_role_without_a_graph() -> None:
    tree = "terraphim-ai@bcf33a298-plan-branch"
    path = shared_data("terraphim", tree, "desktop/default/combined_desktop_roles_config.json")
    config = read_config(path)
    assert sorted(config.roles) == ["Default", "Rust Engineer", "Terraphim Engineer"]
    assert config.selected_role == "Default"
    assert not config.role(None)[1].uses_graph
