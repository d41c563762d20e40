"""Where calls lead, what their results are labelled, and what is said of the two together."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from tests.broker.flows import flows, opened, reads, sends

from underpass import ConfigError
from underpass.broker.flow import Flows
from underpass.config import FlowSettings

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R12")]

MIXED = "flow: private and untrusted data"


async def said(flow: Any, **call: Any) -> tuple[str, str] | None:
    decision = await sends(flow, **call)
    return None if decision is None else (decision.effect, decision.rule)


async def test_what_is_private_may_not_leave_a_run_that_has_read_strangers_words(tmp_path: Path) -> None:
    run = opened(flows(tmp_path))
    assert await sends(run) is None
    reads(run, server="mail")
    assert await sends(run) is None
    reads(run, server="web", tool="fetch")
    decision = await sends(run)
    assert decision is not None
    assert (decision.effect, decision.rule) == ("ask", MIXED)
    assert decision.reason == (
        "the run has read what is private (mail.read) and what strangers may have written (web.fetch), and "
        "chat.post is another server's"
    )


async def test_the_order_of_reading_does_not_matter_and_another_run_has_read_nothing(tmp_path: Path) -> None:
    of = flows(tmp_path)
    run, other = opened(of), opened(of, "run2", "another")
    reads(run, server="web")
    assert await sends(run) is None
    reads(run, server="mail")
    assert await said(run) == ("ask", MIXED)
    assert await sends(other) is None


@pytest.mark.parametrize(
    ("hints", "trusted", "server", "found"),
    [
        ({}, (), "chat", True),
        ({"readOnlyHint": True}, (), "chat", True),
        ({"readOnlyHint": True}, ("chat",), "chat", False),
        ({"readOnlyHint": True, "openWorldHint": True}, ("chat",), "chat", True),
        ({"readOnlyHint": True, "destructiveHint": True}, ("chat",), "chat", True),
        ({"readOnlyHint": False}, ("chat",), "chat", True),
        ({"readOnlyHint": "yes"}, ("chat",), "chat", True),
        ({}, (), "mail", False),
        ({"destructiveHint": True}, (), "mail", False),
        ({"openWorldHint": True}, (), "mail", True),
    ],
)
async def test_a_tool_leads_outside_by_its_annotations(
    tmp_path: Path, hints: dict[str, Any], trusted: tuple[str, ...], server: str, *, found: bool
) -> None:
    run = opened(flows(tmp_path, trusted=trusted))
    reads(run, server="mail")
    reads(run, server="web")
    assert (await sends(run, server=server, hints=hints) is not None) == found


@pytest.mark.parametrize(
    ("settings", "server", "hints", "found"),
    [
        ({"sinks": ("mail.send",)}, "mail", {}, True),
        ({"sinks": ("mail.list",)}, "mail", {}, False),
        ({"sinks": ("chat",)}, "chat", {"readOnlyHint": True}, True),
        ({"not_sinks": ("chat.send",)}, "chat", {"destructiveHint": True}, False),
        ({"not_sinks": ("chat",), "sinks": ("chat.send",)}, "chat", {"openWorldHint": True}, False),
        ({"not_sinks": ("chat.read",)}, "chat", {}, True),
        ({"mixed": "allow"}, "chat", {}, False),
    ],
)
async def test_the_operator_says_what_leads_outside(
    tmp_path: Path, settings: dict[str, Any], server: str, hints: dict[str, Any], *, found: bool
) -> None:
    chosen = FlowSettings(private=("mail",), untrusted=("web",), **settings)
    run = opened(flows(tmp_path, chosen, trusted=("chat",)))
    reads(run, server="mail")
    reads(run, server="web")
    assert (await sends(run, server=server, tool="send", hints=hints) is not None) == found


async def test_labels_are_of_servers_or_of_tools(tmp_path: Path) -> None:
    chosen = FlowSettings(private=("mail.read",), untrusted=("mail.read", "web"), mixed="deny")
    run = opened(flows(tmp_path, chosen))
    reads(run, tool="list")
    assert await sends(run) is None
    reads(run, tool="read")
    assert await said(run) == ("deny", MIXED)


@pytest.mark.parametrize("key", ["private", "untrusted", "sinks", "not_sinks"])
def test_a_setting_that_names_no_server_is_refused(tmp_path: Path, key: str) -> None:
    chosen: Any = {"private": ("mail",), key: ("male.read",)}
    with pytest.raises(ConfigError) as caught:
        flows(tmp_path, FlowSettings(**chosen))
    assert caught.value.data["setting"] == f"flow.{key}"
    assert caught.value.hint == "did you mean mail?"


async def test_a_call_that_belongs_to_no_run_is_not_followed(tmp_path: Path) -> None:
    assert flows(tmp_path).open_run("", "default") is None


class Workspace:
    """An agent's files, and the runs that leave them."""

    def __init__(self, folder: Path, agent: str = "default") -> None:
        self.folder = folder
        self.agent = agent
        self.data = folder / "workspace" / agent / "data"
        self.data.mkdir(parents=True)
        self.marks = folder / ".underpass" / "flow" / agent
        self.age()

    def age(self) -> None:
        """Let enough time pass that what was written is older than a run that begins now."""
        begun = time.time_ns()
        while time.time_ns() - begun < 50_000_000:
            os.sched_yield()

    async def left_by_run(self, of: Flows, run: str, *, write: str | None, server: str = "mail") -> None:
        flow = opened(of, run, self.agent)
        reads(flow, server=server)
        if write:
            (self.data / write).write_text(run)
        await flow.close()

    def listed(self) -> list[tuple[str, ...]]:
        """Label and run of each mark."""
        if not self.marks.is_dir():
            return []
        return sorted(tuple(path.name.split(".")[1:3]) for path in self.marks.iterdir())


async def test_files_carry_the_labels_of_the_run_that_left_them(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    await workspace.left_by_run(flows(tmp_path), "run1", write="mail.json")
    assert workspace.listed() == [("private", "run1")]
    # Another process reads the web in a later run.
    run = opened(flows(tmp_path), "run2")
    assert await sends(run) is None
    reads(run, server="web")
    assert await said(run) == ("ask", MIXED)
    (workspace.data / "mail.json").unlink()
    assert await said(run) == ("ask", MIXED)  # it may have read the file
    fresh = opened(flows(tmp_path), "run3")
    reads(fresh, server="web")
    assert await sends(fresh) is None


async def test_a_run_that_leaves_nothing_marks_nothing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (workspace.data / "old.json").write_text("public")
    workspace.age()
    await workspace.left_by_run(flows(tmp_path), "run1", write=None)
    assert workspace.listed() == []


async def test_one_mark_for_each_label_and_server_is_enough(tmp_path: Path) -> None:
    workspace, of = Workspace(tmp_path), flows(tmp_path)
    for number in range(5):
        await workspace.left_by_run(of, f"run{number}", write=f"{number}.json")
    assert workspace.listed() == [("private", "run0")]
    await workspace.left_by_run(of, "run9", write="9.json", server="web")
    assert workspace.listed() == [("private", "run0"), ("untrusted", "run9")]


async def test_files_of_one_server_only_do_not_speak_against_that_server(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    chosen = FlowSettings(private=("mail",), untrusted=("mail",))
    await workspace.left_by_run(flows(tmp_path, chosen), "run1", write="mail.json")
    run = opened(flows(tmp_path, chosen), "run2")
    assert await sends(run, server="mail") is None
    assert await said(run, server="chat") == ("ask", MIXED)


async def test_a_run_that_died_has_left_whatever_is_there_since(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    reads(opened(flows(tmp_path), "run1"), server="mail")
    run = opened(flows(tmp_path), "run2")
    reads(run, server="web")
    assert await sends(run) is None
    (workspace.data / "late.json").write_text("x")
    assert await said(run) == ("ask", MIXED)


async def test_a_run_that_goes_on_is_not_held_against_another_before_it_writes(tmp_path: Path) -> None:
    workspace, of = Workspace(tmp_path), flows(tmp_path)
    reader, sender = opened(of, "run1"), opened(of, "run2")
    reads(sender, server="web")
    reads(reader, server="mail")
    assert await sends(sender) is None
    folder = workspace.data / "deep" / "er"
    folder.mkdir(parents=True)
    assert await said(sender) == ("ask", MIXED)
    assert await sends(reader) is not None


async def test_a_checkpoint_keeps_what_was_removed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    await workspace.left_by_run(flows(tmp_path), "run1", write="mail.json")
    checkpoint = tmp_path / ".underpass" / "checkpoints" / "default" / "before.json"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text("{}")
    (workspace.data / "mail.json").unlink()
    run = opened(flows(tmp_path), "run2")
    reads(run, server="web")
    assert await said(run) == ("ask", MIXED)


async def test_agents_do_not_inherit_from_one_another(tmp_path: Path) -> None:
    await Workspace(tmp_path, "ann").left_by_run(flows(tmp_path), "run1", write="mail.json")
    run = opened(flows(tmp_path), "run2", "bob")
    reads(run, server="web")
    assert await sends(run) is None


async def test_a_folder_that_is_too_deep_to_read_may_hold_anything(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (workspace.data / "/".join("n" * 70)).mkdir(parents=True)
    workspace.age()
    await workspace.left_by_run(flows(tmp_path), "run1", write=None)
    assert workspace.listed() == [("private", "run1")]


async def test_a_label_that_cannot_be_kept_holds_in_this_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workspace, of = Workspace(tmp_path), flows(tmp_path)
    (tmp_path / ".underpass").mkdir()
    (tmp_path / ".underpass" / "flow").write_text("in the way")
    await workspace.left_by_run(of, "run1", write="mail.json")
    assert "cannot be kept" in caplog.text
    run = opened(of, "run2")
    reads(run, server="web")
    assert await said(run) == ("ask", MIXED)
    (workspace.data / "mail.json").unlink()
    await workspace.left_by_run(of, "run3", write=None)
    later = opened(of, "run4")
    reads(later, server="web")
    assert await sends(later) is None


async def test_marks_of_runs_that_must_have_died_are_removed_when_nothing_is_left(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    since = time.time_ns() - 3 * 86_400 * 10**9
    workspace.marks.mkdir(parents=True)
    (workspace.marks / f"{since}.private.gone.0123").write_text("cut o")
    (workspace.marks / "of another kind").write_text("")
    run = opened(flows(tmp_path), "run2")
    reads(run, server="web")
    assert await sends(run) is None
    assert [path.name for path in workspace.marks.iterdir() if ".private." in path.name] == []


async def test_a_session_remembers_what_its_runs_have_read(tmp_path: Path) -> None:
    class Session:
        pass

    of, session = flows(tmp_path), Session()
    workspace = Workspace(tmp_path)
    first = opened(of, "run1", session=session)
    reads(first, {"secret": "correct horse battery staple"})
    await first.close()
    second = opened(of, "run2", session=session)
    decision = await sends(second, text="so correct horse battery staples")
    assert decision is not None
    assert decision.rule == "flow: a private value"
    reads(second, server="web")
    assert await said(second) == ("ask", MIXED)
    await second.close()
    # What its variables hold it may write: the file is labelled though this run has read nothing.
    third = opened(of, "run3", session=session)
    (workspace.data / "out.json").write_text("x")
    await third.close()
    assert workspace.listed() == [("private", "run3"), ("untrusted", "run3")]
    other = opened(of, "run4", session=Session())
    assert await sends(opened(flows(tmp_path / "elsewhere"), "run5", session=session)) is None
    assert await said(other) == ("ask", MIXED)  # by the file


async def test_values_of_an_earlier_run_are_known_while_its_files_are_there(tmp_path: Path) -> None:
    workspace, of = Workspace(tmp_path), flows(tmp_path)
    flow = opened(of)
    reads(flow, ["correct horse battery staple"])
    (workspace.data / "mail.json").write_text("correct horse battery staple")
    await flow.close()
    decision = await sends(opened(of, "run2"), text="a correct horse battery staple b")
    assert decision is not None
    assert decision.reason == "text of chat.post has what mail.read at [] gave"
    assert await sends(opened(of, "run2"), text="a correct cow") is None
    assert await sends(opened(of, "run2", "another"), text="a correct horse battery staple b") is None
