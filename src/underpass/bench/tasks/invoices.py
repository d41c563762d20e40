"""Messages are read one by one, for an amount in each."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from underpass.bench.servers.data import mail
from underpass.bench.task import ScriptedCall, Task, Turn


def _by_sender(invoices: Iterable[tuple[str, float]]) -> dict[str, float]:
    totals: defaultdict[str, float] = defaultdict(float)
    for sender, amount in invoices:
        totals[sender.partition("@")[2]] += amount
    return dict(sorted(totals.items(), key=lambda pair: -pair[1])[:3])


async def _invoices(turn: Turn) -> Any:
    arguments = {"subject": "invoice", "since": "2026-01-20", "per_page": 100}
    [listed] = await turn(ScriptedCall("mail", "search_messages", arguments))
    texts = await turn(
        *(ScriptedCall("mail", "get_message", {"message_id": one["id"]}) for one in listed["messages"])
    )
    amounts = [float(re.findall(r"Amount due: EUR ([\d.]+)", text)[0]) for text in texts]
    return _by_sender(zip((one["from"] for one in listed["messages"]), amounts, strict=True))


INVOICES = Task(
    name="invoices-by-sender",
    kind="data-heavy",
    command=(
        "Which three senders want the most from us, by the invoices that came by mail since 2026-01-20? Give the total "
        "in EUR by the sender's domain. A message has a line 'Amount due: EUR …'."
    ),
    servers=("mail",),
    queries=("search messages by subject and day", "read a message"),
    direct=_invoices,
    python="""\
import asyncio
import re
from collections import defaultdict
from mcp_servers import mail

listed = await mail.search_messages(subject="invoice", since="2026-01-20", per_page=100)
messages = listed["messages"]
texts = await asyncio.gather(*(mail.get_message(message_id=one["id"]) for one in messages))
totals = defaultdict(float)
for message, text in zip(messages, texts):
    domain = message["from"].split("@")[1]
    totals[domain] += float(re.search(r"Amount due: EUR ([\\d.]+)", text)[1])
return dict(sorted(totals.items(), key=lambda item: -item[1])[:3])
""",
    typescript="""\
import { mail } from "mcp-servers";

const { messages } = await mail.searchMessages({ subject: "invoice", since: "2026-01-20", per_page: 100 });
const texts = await Promise.all(messages.map((one) => mail.getMessage({ message_id: one.id })));
const totals: Record<string, number> = {};
messages.forEach((message, index) => {
  const domain = message.from.split("@")[1];
  const amount = Number(texts[index].match(/Amount due: EUR ([\\d.]+)/)![1]);
  totals[domain] = (totals[domain] ?? 0) + amount;
});
return Object.fromEntries(Object.entries(totals).sort((a, b) => b[1] - a[1]).slice(0, 3));
""",
    code_mode="""\
import json
import re

listed = json.loads(
    await call_tool(
        "mail_search_messages", {"subject": "invoice", "since": "2026-01-20", "per_page": 100}
    )
)
totals = {}
for message in listed["messages"]:
    text = await call_tool("mail_get_message", {"message_id": message["id"]})
    domain = message["from"].split("@")[1]
    amount = float(re.search(r"Amount due: EUR ([\\d.]+)", text)[1])
    totals[domain] = totals.get(domain, 0) + amount
top = sorted(totals.items(), key=lambda item: -item[1])[:3]
return {domain: total for domain, total in top}
""",
    expected=_by_sender(
        (message["from"], message["amount"])
        for message in mail.made()
        if message["subject"] == "Invoice" and message["date"] >= "2026-01-20"
    ),
)

TASKS = (INVOICES,)
