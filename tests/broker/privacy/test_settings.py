"""``[privacy]`` of underpass.toml: what may stand there, and what is refused with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from underpass import ConfigError, Underpass
from underpass.broker.privacy.detect import Detector
from underpass.broker.privacy.privacy import PersonalData
from underpass.config import PrivacySettings, load_settings

pytestmark = pytest.mark.requirement("R12")

TOML = """
[privacy]
servers = ["crm", "sheets.read_rows"]
names = "names.txt"
restore = ["mail.send", "crm.*"]
kinds = ["email", "name"]
region = "DE"

[privacy.fields]
"crm.get_contact" = ["email", "owner.name"]
"""


def test_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "underpass.toml").write_text(TOML)
    assert load_settings(tmp_path).privacy == PrivacySettings(
        servers=("crm", "sheets.read_rows"),
        fields={"crm.get_contact": ("email", "owner.name")},
        names=tmp_path / "names.txt",
        restore=("mail.send", "crm.*"),
        kinds=("email", "name"),
        region="DE",
    )
    environ = {"UNDERPASS_PRIVACY_SERVERS": "web, crm", "UNDERPASS_PRIVACY_KINDS": "email"}
    chosen = load_settings(tmp_path, environ=environ).privacy
    assert (chosen.servers, chosen.kinds) == (("web", "crm"), ("email",))
    assert load_settings(tmp_path, arguments={"privacy.names": ["Ada"]}).privacy.names == ("Ada",)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("servers", "crm", "must be a list of texts"),
        ("servers", ["my crm"], "'my crm' is no name of a tool"),
        ("servers", [""], "must be a list of texts"),
        ("restore", [1], "must be a list of texts"),
        ("fields", ["email"], "must be a table"),
        ("fields", {"crm": "email"}, "must be a list of texts"),
        ("fields", {"crm": ["owner..name"]}, "is no path of a field"),
        ("kinds", ["e-mail"], "there is no kind 'e-mail'"),
        ("kinds", ["passport"], "there is no kind 'passport'"),
        ("region", "Germany", "two capital letters"),
        ("names", 1, "must be a list of texts"),
        ("server", ["crm"], "there is no setting 'privacy.server'"),
    ],
)
def test_a_value_that_is_no_good_is_refused_with_the_reason(
    tmp_path: Path, key: str, value: Any, why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        load_settings(tmp_path, arguments={f"privacy.{key}": value})


def test_the_line_is_named_where_a_file_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "underpass.toml").write_text('[privacy]\nservers = ["crm"]\nregion = "Germany"\n')
    with pytest.raises(ConfigError, match=r"line 3: privacy\.region"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xfe\xff", "it is no UTF-8"),
        (b"# nobody\n\n", "has no names"),
        (b"Ada Berg\n- \n", "line 2: '-' is too short"),
    ],
)
def test_a_file_of_names_that_is_no_good_is_refused(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "names.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=why):
        PersonalData(PrivacySettings(servers=("crm",), names=file), tmp_path, ["crm"])


def test_a_file_of_names_is_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("\ufeff# staff\nAda Berg\n\n  José  \n", encoding="utf-8")
    first = PersonalData(PrivacySettings(servers=("crm",), names=file), tmp_path, ["crm"])
    same = PersonalData(PrivacySettings(servers=("crm",), names=file), tmp_path, ["crm"])
    assert first.digest == same.digest
    file.write_text("Ada\n", encoding="utf-8")
    assert (
        PersonalData(PrivacySettings(servers=("crm",), names=file), tmp_path, ["crm"]).digest != first.digest
    )


@pytest.mark.anyio
@pytest.mark.parametrize(
    "setting",
    [{"privacy.servers": ["cmr"]}, {"privacy.fields": {"cmr.get": ["a"]}}, {"privacy.restore": ["cmr.*"]}],
)
async def test_a_server_that_there_is_not_is_refused_at_the_start(
    tmp_path: Path, setting: dict[str, Any]
) -> None:
    servers = {"mcpServers": {"crm": {"command": "true"}}}
    with pytest.raises(ConfigError, match="is about no server that there is") as caught:
        async with Underpass.open(servers, home=tmp_path, settings=setting):
            pass
    assert caught.value.hint == "did you mean crm?"


@pytest.mark.anyio
async def test_patterns_may_be_about_any_server(tmp_path: Path) -> None:
    chosen = PrivacySettings(servers=("*.get_*",), restore=("crm",))
    privacy = PersonalData(chosen, tmp_path, ["crm"])
    assert [
        privacy.about(*tool) is not None for tool in (("crm", "x"), ("web", "get_it"), ("web", "set_it"))
    ] == [
        True,
        True,
        False,
    ]


def test_telephone_numbers_need_the_extra_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_not_there(_name: str) -> None:
        return None

    monkeypatch.setattr("underpass.broker.privacy.privacy.find_spec", is_not_there)
    with pytest.raises(ConfigError, match="without the extra") as caught:
        PersonalData(PrivacySettings(servers=("crm",)), tmp_path, ["crm"])
    assert "underpass[privacy]" in caught.value.hint
    PersonalData(PrivacySettings(servers=("crm",), kinds=("email",)), tmp_path, ["crm"])
    assert Detector(("email",), (), "").find("+49 170 1234567") == []
