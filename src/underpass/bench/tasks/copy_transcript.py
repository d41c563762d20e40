"""A transcript of more than fifty thousand tokens goes from one server to another."""

from __future__ import annotations

from typing import Any

from underpass.bench.servers.data import documents
from underpass.bench.task import ScriptedCall, Task, Turn

_TITLE = "Quarterly planning, full transcript"


async def _direct(turn: Turn) -> Any:
    [[found], [account]] = await turn(
        ScriptedCall("documents", "search_documents", {"query": "quarterly planning transcript"}),
        ScriptedCall("crm", "search_accounts", {"query": "Harbour Bank"}),
    )
    [transcript] = await turn(ScriptedCall("documents", "get_document", {"document_id": found["id"]}))
    [note] = await turn(
        ScriptedCall(
            "crm", "add_note", {"account_id": account["id"], "subject": found["title"], "body": transcript}
        )
    )
    return note["characters"]


TASK = Task(
    name="copy-transcript",
    kind="data-heavy",
    command=(
        "Attach the full transcript of the quarterly planning to the account of Harbour Bank as a note, under the "
        "transcript's title. How many characters does the note have?"
    ),
    servers=("documents", "crm"),
    queries=(
        "search a document by title",
        "read a document",
        "find an account",
        "attach a note to an account",
    ),
    direct=_direct,
    python="""\
from mcp_servers import crm, documents

[found] = await documents.search_documents(query="quarterly planning transcript")
[account] = await crm.search_accounts(query="Harbour Bank")
transcript = await documents.get_document(document_id=found["id"])
note = await crm.add_note(account_id=account["id"], subject=found["title"], body=transcript)
return note["characters"]
""",
    typescript="""\
import { crm, documents } from "mcp-servers";

const [found] = await documents.searchDocuments({ query: "quarterly planning transcript" });
const [account] = await crm.searchAccounts({ query: "Harbour Bank" });
const transcript = await documents.getDocument({ document_id: found.id });
const note = await crm.addNote({ account_id: account.id, subject: found.title, body: transcript });
return note.characters;
""",
    code_mode="""\
import json

[found] = json.loads(
    await call_tool("documents_search_documents", {"query": "quarterly planning transcript"})
)
[account] = json.loads(await call_tool("crm_search_accounts", {"query": "Harbour Bank"}))
transcript = await call_tool("documents_get_document", {"document_id": found["id"]})
note = json.loads(
    await call_tool(
        "crm_add_note",
        {"account_id": account["id"], "subject": found["title"], "body": transcript},
    )
)
return note["characters"]
""",
    expected=next(len(one["content"]) for one in documents.made() if one["title"] == _TITLE),
)
