"""What a stranger's page says a program may do, and private data stays where it is."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.execution.conftest import echo, server
from tests.servers.correspondence import PAGE, SECRET

from underpass import ConfigError, RunResult, Underpass
from underpass.broker.approvals import Answer, Question
from underpass.broker.journal import JournalStore
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R12")]

SCRIPT = Path(__file__).parents[1] / "servers" / "correspondence.py"
MIXED = "flow: private and untrusted data"

OBEYS = """
from mcp_servers import web, mail, chat
page = await web.fetch(url="https://example.org/welcome")
letter = (await mail.read_mail(number=1))["messages"][0]["body"]
channel = page.split("to the channel ")[1].split(" ")[0]
await chat.post_message(channel=channel, text=letter.upper())
"""
CATCHES = """
from mcp_runtime import PermissionDenied
from mcp_servers import web, mail, chat
page = await web.fetch(url="https://example.org/welcome")
letter = (await mail.read_mail(number=1))["messages"][0]["body"]
try:
    await chat.post_message(channel="#strangers", text=letter)
except PermissionDenied as error:
    filed = await mail.file_mail(folder="odd", text=letter)
    answer = {"kept": len(letter), "said": str(error), "filed": filed}
answer
"""
CATCHES_TYPESCRIPT = """
import { web, mail, chat } from "mcp-servers";
import { PermissionDenied } from "mcp-runtime";
await web.fetch({ url: "https://example.org/welcome" });
const letter = (await mail.readMail({ number: 1 })).messages[0].body;
try {
  await chat.postMessage({ channel: "#strangers", text: letter });
} catch (error) {
  if (!(error instanceof PermissionDenied)) throw error;
  const filed = await mail.fileMail({ folder: "odd", text: letter });
  return { kept: letter.length, said: error.message, filed };
}
"""
READS = {"readOnlyHint": True, "openWorldHint": False}
SETTINGS: Mapping[str, Any] = {
    "run.check": False,
    "policy.trusted": ("mail", "web"),
    "flow.private": ("mail",),
    "flow.untrusted": ("web",),
}
READ = "from mcp_servers import mail\nletter = await mail.read_mail(number=1)\n"
POST = "from mcp_servers import chat\nawait chat.post_message(channel='#team', text={text})"


class World:
    """Three servers, and what left them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.out = home / "sent.txt"

    def really_opened(self) -> AbstractAsyncContextManager[Underpass]:
        """With servers of the official SDK, each a process of its own."""
        config = {
            name: {"command": sys.executable, "args": [str(SCRIPT), name, str(self.out)]}
            for name in ("mail", "web", "chat")
        }
        return Underpass.open({"mcpServers": config}, home=self.home, settings=SETTINGS)

    def opened(self, **settings: Any) -> AbstractAsyncContextManager[Underpass]:
        """With the same servers in this process."""
        servers = {name: InMemoryUpstream(name) for name in ("mail", "web", "chat")}
        for where, tool, hints, work in (
            ("mail", "read_mail", READS, self._read),
            ("mail", "file_mail", {}, self._send),
            ("mail", "send_mail", {"openWorldHint": True}, self._send),
            ("web", "fetch", READS, self._fetch),
            ("chat", "post_message", {}, self._send),
        ):
            schema = {"type": "object", "additionalProperties": True}
            servers[where].add(ToolDefinition(where, tool, input_schema=schema, annotations=hints), work)
        return Underpass.open(servers, home=self.home, sandbox="none", settings={**SETTINGS, **settings})

    async def _read(self, arguments: Mapping[str, Any]) -> ToolOutcome:
        if arguments["number"] < 0:
            return ToolOutcome(content=[{"type": "text", "text": f"no; but {SECRET}"}], is_error=True)
        return ToolOutcome(structured={"messages": [{"body": SECRET}]}, has_structured=True)

    async def _fetch(self, _arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(content=[{"type": "text", "text": PAGE}])

    async def _send(self, arguments: Mapping[str, Any]) -> ToolOutcome:
        with self.out.open("a") as file:
            file.write(f"{arguments}\n")
        return ToolOutcome(content=[{"type": "text", "text": "sent"}])

    @property
    def sent(self) -> str:
        return self.out.read_text() if self.out.exists() else ""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def assert_caught(world: World, result: RunResult) -> None:
    assert result.error is None
    assert result.value["kept"] == len(SECRET)
    assert "nobody could be asked" in result.value["said"]
    assert result.value["filed"] == "filed"
    assert world.sent == f"odd: {SECRET}\n"


async def test_a_program_that_does_what_a_page_says_is_refused_and_may_go_on_without(world: World) -> None:
    async with world.really_opened() as up:
        result = await up.run(OBEYS)
        assert result.error is not None
        assert result.error.data["exception"] == "PermissionDenied"
        message = result.error.message
        assert "what is private (mail.read_mail)" in message
        assert "strangers may have written (web.fetch)" in message
        assert "text of chat.post_message has what mail.read_mail at messages[].body gave" in message
        assert "9917" not in message
        assert [call.error for call in result.calls] == [None, None, "PermissionDenied"]
        assert world.sent == ""
        assert_caught(world, await up.run(CATCHES))


async def test_so_may_a_program_in_typescript(world: World) -> None:
    async with world.really_opened() as up:
        assert_caught(world, await up.run(CATCHES_TYPESCRIPT, language="typescript"))


async def test_a_person_is_asked_with_what_it_is_about(world: World) -> None:
    asked: list[Question] = []

    async def ask(question: Question) -> Answer | None:
        asked.append(question)
        return "once" if len(asked) == 1 else "refuse"

    async with world.opened() as up:
        first = await up.run(OBEYS, ask=ask)
        second = await up.run(OBEYS, ask=ask)
    assert first.error is None
    assert SECRET.upper() in world.sent
    assert world.sent.count("\n") == 1
    assert second.error is not None
    assert [question.rule for question in asked] == [MIXED, MIXED]
    assert "chat.post_message is another server's" in asked[0].reason


async def test_the_hint_is_the_rule_that_allows_it(world: World) -> None:
    async with world.opened() as up:
        result = await up.run(OBEYS)
    assert result.error is not None
    setting = result.error.hint[result.error.hint.index("[[policy.rules]]") :]
    assert 'flow = "allow"' in setting
    rules = [{"server": "chat", "tool": "post_message", "decision": "allow", "flow": "allow"}]
    async with world.opened(**{"policy.rules": rules}) as up:
        assert (await up.run(OBEYS)).error is None
    plain = [{"server": "chat", "tool": "post_message", "decision": "allow"}]
    async with world.opened(**{"policy.rules": plain}) as up:
        assert (await up.run(OBEYS)).error is not None


async def test_mail_can_be_sent_anywhere_but_not_by_order_of_a_page(world: World) -> None:
    send = "await mail.send_mail(to='x@example.org', text=letter['messages'][0]['body'])"
    fetch = "from mcp_servers import web\nawait web.fetch(url='x')\n"
    async with world.opened() as up:
        assert (await up.run(READ + send)).error is None
        refused = await up.run(READ + fetch + send)
    assert refused.error is not None
    assert "mail.send_mail can reach anyone" in refused.error.message


async def test_what_a_server_says_of_a_failure_is_its_data(world: World) -> None:
    code = (
        "from mcp_servers import mail, chat\nfrom mcp_runtime import ToolFailed\n"
        "try:\n    await mail.read_mail(number=-1)\nexcept ToolFailed as error:\n    told = str(error)\n"
        "await chat.post_message(channel='#team', text=told)"
    )
    async with world.opened() as up:
        result = await up.run(code)
    assert result.error is not None
    assert "text of chat.post_message has what mail.read_mail at the value gave" in result.error.message
    assert world.sent == ""


async def test_labels_go_with_files_and_results_to_the_next_run(world: World) -> None:
    save = READ + "from mcp_runtime import workspace\nawait workspace.save_data('mail.json', letter)"
    load = "from mcp_runtime import workspace\nletter = await workspace.load_data('mail.json')\n"
    text = "letter['messages'][0]['body']"
    async with world.opened() as up:
        assert (await up.run(save)).error is None
        posted = await up.run(load + POST.format(text=text))
        assert posted.error is not None
        assert "mail.read_mail at messages[].body" in posted.error.message
        assert (await up.run(load + POST.format(text="'nothing of it'"))).error is None
        assert (await up.run(POST.format(text="'the code of the'"), agent="other")).error is None
    strange = "from mcp_servers import web\nawait web.fetch(url='x')\n"
    # Another process knows the label by the state folder, and no values any more.
    async with world.opened() as up:
        assert (await up.run(load + POST.format(text=text))).error is None
        assert (await up.run(strange + POST.format(text="'x'"))).error is not None
        emptied = "from mcp_runtime import workspace\nawait workspace.delete('mail.json')"
        assert (await up.run(emptied)).error is None
        assert (await up.run(strange + POST.format(text="'x'"))).error is None


async def test_a_kept_result_carries_its_label(world: World) -> None:
    strange = "from mcp_servers import web\nawait web.fetch(url='x')\n"
    async with world.opened() as up:
        result = await up.run(READ + "[letter] * 2000")
        assert result.handle is not None
        assert (await up.run(strange + POST.format(text="'x'"))).error is not None
        (world.home / "workspace" / "default" / result.handle).unlink()
        assert (await up.run(strange + POST.format(text="'x'"))).error is None


async def test_the_variables_of_a_session_carry_what_it_has_read(world: World) -> None:
    strange = "from mcp_servers import web\nawait web.fetch(url='x')\n"
    async with world.opened() as up:
        assert (await up.run(READ, session="s")).error is None
        posted = await up.run(POST.format(text="letter['messages'][0]['body']"), session="s")
        assert posted.error is not None
        assert (
            "a private value" in str(posted.error.data) or "has what mail.read_mail" in posted.error.message
        )
        assert (await up.run(POST.format(text="'x'"), session="s")).error is None
        assert (await up.run(strange + POST.format(text="'x'"), session="s")).error is not None
        assert (await up.run(strange + POST.format(text="'x'"), session="another")).error is None
        assert up.end_session("s")
        assert (await up.run(strange + POST.format(text="'x'"), session="s")).error is None


@pytest.mark.requirement("R20")
async def test_a_resumed_run_has_read_what_it_read_in_its_first_life(tmp_path: Path) -> None:
    scope = anyio.CancelScope()
    cut = True

    async def read(arguments: Mapping[str, Any]) -> Any:
        return {"body": SECRET}

    async def wait(arguments: Mapping[str, Any]) -> Any:
        if cut:
            scope.cancel()
            await anyio.sleep_forever()
        return "done"

    servers = {
        each.name: each
        for each in (server("mail", read=read), server("web", fetch=wait), server("chat", post=echo))
    }
    code = (
        "from mcp_servers import mail, web, chat\nletter = await mail.read()\nawait web.fetch()\n"
        "await chat.post(text='x' + letter['body'])"
    )
    chosen = {"run.check": False, "flow.private": ("mail",), "flow.untrusted": ("web",)}
    async with Underpass.open(servers, home=tmp_path, settings=chosen) as up:
        with scope:
            await up.run(code)
        cut = False
        run = JournalStore(tmp_path / ".underpass" / "journal").runs(1)[0].run
        result = await up.resume(run, call_again=[2])
    assert result.error is not None
    assert "mail.read at body" in result.error.message


async def test_a_setting_that_names_no_server_keeps_everything_from_starting(world: World) -> None:
    with pytest.raises(ConfigError, match=r"flow\.private names 'male'"):
        async with world.opened(**{"flow.private": ("male",)}):
            pass


async def test_where_nothing_is_private_nothing_is_followed(world: World) -> None:
    async with world.opened(**{"flow.private": ()}) as up:
        assert (await up.run(OBEYS)).error is None
    assert not (world.home / ".underpass" / "flow").exists()


async def test_a_run_that_is_given_up_leaves_no_label_where_it_left_no_file(world: World) -> None:
    marks = world.home / ".underpass" / "flow" / "default"
    write = "from pathlib import Path\nPath('data/mail.txt').write_text('x')\n"
    for before, labelled in (("", False), (write, True)):
        async with world.opened() as up:
            with anyio.CancelScope() as scope:

                async def give_up(*_: Any, scope: anyio.CancelScope = scope) -> None:
                    scope.cancel()

                code = f"{READ}{before}from mcp_runtime import progress\nawait progress(1)\nwhile True: pass"
                await up.run(code, on_progress=give_up)
            assert scope.cancelled_caught
        assert any(marks.iterdir()) == labelled
