"""What one server finds, another is asked about or told: four tasks that end with something done."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from underpass.bench.servers.data import calendar, monitoring, people, shop, tracker
from underpass.bench.task import ScriptedCall, Task, Turn

_UNPAID: dict[str, Any] = {
    "status": "delivered",
    "paid": False,
    "placed_from": "2025-11-01",
    "placed_to": "2025-12-31",
    "per_page": 100,
}


async def _remind(turn: Turn) -> Any:
    [listed] = await turn(ScriptedCall("shop", "list_orders", _UNPAID))
    orders = listed["orders"]
    customers = await turn(
        *(ScriptedCall("shop", "get_customer", {"customer_id": order["customer_id"]}) for order in orders)
    )
    await turn(
        *(
            ScriptedCall(
                "mail",
                "send_message",
                {
                    "to": [customer["email"]],
                    "subject": f"Payment reminder for order {order['id']}",
                    "body": f"Dear {customer['name']},\n\nwe still wait for EUR {order['total_cents'] / 100:.2f}.",
                },
            )
            for order, customer in zip(orders, customers, strict=True)
        )
    )
    return {"sent": len(orders), "total_cents": sum(order["total_cents"] for order in orders)}


def _reminded() -> dict[str, int]:
    totals = [
        order["total_cents"]
        for order in shop.made()["orders"]
        if order["status"] == "delivered"
        and not order["paid"]
        and order["placed"][:7] in {"2025-11", "2025-12"}
    ]
    return {"sent": len(totals), "total_cents": sum(totals)}


PAYMENT_REMINDERS = Task(
    name="payment-reminders",
    kind="multi-server",
    command=(
        "Send a payment reminder for each delivered order of November and December 2025 that is not paid: subject "
        "'Payment reminder for order ID', text 'Dear NAME,', an empty line, 'we still wait for EUR AMOUNT.' How "
        "many were sent, and for how many cents altogether?"
    ),
    servers=("shop", "mail"),
    queries=("list unpaid orders", "get a customer", "send an e-mail"),
    direct=_remind,
    python="""\
import asyncio
from mcp_servers import mail, shop

listed = await shop.list_orders(
    status="delivered", paid=False, placed_from="2025-11-01", placed_to="2025-12-31", per_page=100
)
orders = listed["orders"]

async def remind(order):
    customer = await shop.get_customer(customer_id=order["customer_id"])
    await mail.send_message(
        to=[customer["email"]],
        subject=f"Payment reminder for order {order['id']}",
        body=f"Dear {customer['name']},\\n\\nwe still wait for EUR {order['total_cents'] / 100:.2f}.",
    )

await asyncio.gather(*map(remind, orders))
return {"sent": len(orders), "total_cents": sum(order["total_cents"] for order in orders)}
""",
    typescript="""\
import { mail, shop } from "mcp-servers";

const { orders } = await shop.listOrders({
  status: "delivered", paid: false, placed_from: "2025-11-01", placed_to: "2025-12-31", per_page: 100,
});
await Promise.all(orders.map(async (order) => {
  const customer = await shop.getCustomer({ customer_id: order.customer_id });
  await mail.sendMessage({
    to: [customer.email],
    subject: `Payment reminder for order ${order.id}`,
    body: `Dear ${customer.name},\\n\\nwe still wait for EUR ${(order.total_cents / 100).toFixed(2)}.`,
  });
}));
return { sent: orders.length, total_cents: orders.reduce((sum, order) => sum + order.total_cents, 0) };
""",
    code_mode="""\
import json

listed = json.loads(
    await call_tool(
        "shop_list_orders",
        {
            "status": "delivered",
            "paid": False,
            "placed_from": "2025-11-01",
            "placed_to": "2025-12-31",
            "per_page": 100,
        },
    )
)
total = 0
for order in listed["orders"]:
    customer = await call_tool("shop_get_customer", {"customer_id": order["customer_id"]})
    amount = f"{order['total_cents'] / 100:.2f}"
    await call_tool(
        "mail_send_message",
        {
            "to": [customer["email"]],
            "subject": f"Payment reminder for order {order['id']}",
            "body": f"Dear {customer['name']},\\n\\nwe still wait for EUR {amount}.",
        },
    )
    total += order["total_cents"]
return {"sent": len(listed["orders"]), "total_cents": total}
""",
    expected=_reminded(),
)

_EVENING = "2026-03-01T18:00:00Z"


async def _report(turn: Turn) -> Any:
    [log, issues] = await turn(
        ScriptedCall("monitoring", "get_logs", {"service": "checkout", "level": "ERROR", "since": _EVENING}),
        ScriptedCall("tracker", "search_issues", {"project": "API", "text": "checkout errors"}),
    )
    [(message, count)] = Counter(re.findall(r'message="(.*?)"', log)).most_common(1)
    await turn(
        ScriptedCall(
            "tracker",
            "add_comment",
            {"key": issues[0]["key"], "body": f"Most common error last evening: {message} ({count} times)"},
        )
    )
    return {"issue": issues[0]["key"], "error": message, "count": count}


def _reported() -> dict[str, Any]:
    errors = [
        entry["message"]
        for entry in monitoring.made()["logs"]["checkout"]
        if entry["level"] == "ERROR" and entry["at"] >= _EVENING
    ]
    message = max(set(errors), key=errors.count)
    issue = next(
        issue["key"]
        for issue in tracker.made()["issues"]
        if issue["key"].startswith("API-")
        and issue["state"] == "open"
        and "checkout errors" in issue["title"]
    )
    return {"issue": issue, "error": message, "count": errors.count(message)}


ERROR_REPORT = Task(
    name="error-report",
    kind="multi-server",
    command=(
        "Which error did the checkout service log most often since 2026-03-01T18:00:00Z? Add 'Most common error last "
        "evening: ERROR (N times)' as a comment to the first open issue of API about checkout errors. Give issue, "
        "error and count."
    ),
    servers=("monitoring", "tracker"),
    queries=("error log lines of a service", "search issues by title", "comment on an issue"),
    direct=_report,
    python="""\
import re
from collections import Counter
from mcp_servers import monitoring, tracker

log = await monitoring.get_logs(service="checkout", level="ERROR", since="2026-03-01T18:00:00Z")
[(error, count)] = Counter(re.findall(r'message="(.*?)"', log)).most_common(1)
issues = await tracker.search_issues(project="API", text="checkout errors")
key = issues[0]["key"]
await tracker.add_comment(
    key=key, body=f"Most common error last evening: {error} ({count} times)"
)
return {"issue": key, "error": error, "count": count}
""",
    typescript="""\
import { monitoring, tracker } from "mcp-servers";

const log = await monitoring.getLogs({
  service: "checkout", level: "ERROR", since: "2026-03-01T18:00:00Z",
});
const counts: Record<string, number> = {};
for (const [, message] of log.matchAll(/message="(.*?)"/g)) {
  counts[message] = (counts[message] ?? 0) + 1;
}
const [error, count] = Object.entries(counts).sort((a, b) => b[1] - a[1])[0];
const [{ key }] = await tracker.searchIssues({ project: "API", text: "checkout errors" });
await tracker.addComment({ key, body: `Most common error last evening: ${error} (${count} times)` });
return { issue: key, error, count };
""",
    code_mode="""\
import json
import re
from collections import Counter

log = await call_tool(
    "monitoring_get_logs",
    {"service": "checkout", "level": "ERROR", "since": "2026-03-01T18:00:00Z"},
)
error, count = Counter(re.findall(r'message="(.*?)"', log)).most_common(1)[0]
issues = json.loads(
    await call_tool("tracker_search_issues", {"project": "API", "text": "checkout errors"})
)
key = issues[0]["key"]
await call_tool(
    "tracker_add_comment",
    {"key": key, "body": f"Most common error last evening: {error} ({count} times)"},
)
return {"issue": key, "error": error, "count": count}
""",
    expected=_reported(),
)

_DAY = "2026-03-02"


async def _meet(turn: Turn) -> Any:
    [issue] = await turn(ScriptedCall("tracker", "get_issue", {"key": "API-21"}))
    [[assignee]] = await turn(ScriptedCall("people", "find_people", {"email": issue["assignee"]}))
    [manager] = await turn(ScriptedCall("people", "get_person", {"person_id": assignee["manager_id"]}))
    calendars = await turn(
        *(
            ScriptedCall("calendar", "list_events", {"calendar": email, "from_day": _DAY, "to_day": _DAY})
            for email in (assignee["email"], manager["email"])
        )
    )
    busy = {event["start"][11:13] for events in calendars for event in events}
    hour = next(hour for hour in range(9, 17) if f"{hour:02}" not in busy)
    [created] = await turn(
        ScriptedCall(
            "calendar",
            "create_event",
            {
                "calendar": assignee["email"],
                "title": f"API-21: {issue['title']}",
                "start": f"{_DAY}T{hour:02}:00",
                "end": f"{_DAY}T{hour + 1:02}:00",
                "attendees": [manager["email"]],
            },
        )
    )
    return {"start": created["start"], "invited": created["invited"]}


def _met() -> dict[str, Any]:
    assignee = next(issue["assignee"] for issue in tracker.made()["issues"] if issue["key"] == "API-21")
    by_id = {person["id"]: person for person in people.made()}
    manager = next(
        by_id[person["manager_id"]]["email"] for person in people.made() if person["email"] == assignee
    )
    busy = {event["start"] for event in calendar.made() if event["calendar"] in {assignee, manager}}
    start = next(start for hour in range(9, 17) if (start := f"{_DAY}T{hour:02}:00") not in busy)
    return {"start": start, "invited": [manager]}


ISSUE_MEETING = Task(
    name="issue-meeting",
    kind="multi-server",
    command=(
        f"Put an hour 'API-21: TITLE' into the calendar of the issue's assignee on {_DAY}, between 9 and 17, at the "
        "first hour at which the assignee and the assignee's manager are free, and invite the manager. When does it "
        "start, and who is invited?"
    ),
    servers=("tracker", "people", "calendar"),
    queries=(
        "get an issue",
        "find an employee by e-mail",
        "get an employee by id",
        "list events of a calendar on a day",
        "create an event and invite people",
    ),
    direct=_meet,
    python=f"""\
from mcp_servers import calendar, people, tracker

issue = await tracker.get_issue(key="API-21")
[assignee] = await people.find_people(email=issue["assignee"])
manager = await people.get_person(person_id=assignee["manager_id"])
day = "{_DAY}"
busy = set()
for person in (assignee, manager):
    events = await calendar.list_events(calendar=person["email"], from_day=day, to_day=day)
    busy.update(event["start"] for event in events)
hour = next(hour for hour in range(9, 17) if f"{{day}}T{{hour:02}}:00" not in busy)
created = await calendar.create_event(
    calendar=assignee["email"],
    title=f"API-21: {{issue['title']}}",
    start=f"{{day}}T{{hour:02}}:00",
    end=f"{{day}}T{{hour + 1:02}}:00",
    attendees=[manager["email"]],
)
return {{"start": created["start"], "invited": created["invited"]}}
""",
    typescript=f"""\
import {{ calendar, people, tracker }} from "mcp-servers";

const issue = await tracker.getIssue({{ key: "API-21" }});
const [assignee] = await people.findPeople({{ email: issue.assignee }});
const manager = await people.getPerson({{ person_id: assignee.manager_id }});
const day = "{_DAY}";
const busy = new Set<string>();
for (const {{ email }} of [assignee, manager]) {{
  const events = await calendar.listEvents({{ calendar: email, from_day: day, to_day: day }});
  events.forEach((event) => busy.add(event.start));
}}
const at = (hour: number) => `${{day}}T${{String(hour).padStart(2, "0")}}:00`;
let hour = 9;
while (busy.has(at(hour))) hour++;
const {{ start, invited }} = await calendar.createEvent({{
  calendar: assignee.email,
  title: `API-21: ${{issue.title}}`,
  start: at(hour),
  end: at(hour + 1),
  attendees: [manager.email],
}});
return {{ start, invited }};
""",
    code_mode=f"""\
import json

issue = json.loads(await call_tool("tracker_get_issue", {{"key": "API-21"}}))
found = await call_tool("people_find_people", {{"email": issue["assignee"]}})
assignee = found["result"][0]
manager = await call_tool("people_get_person", {{"person_id": assignee["manager_id"]}})
day = "{_DAY}"
busy = set()
for person in (assignee, manager):
    events = await call_tool(
        "calendar_list_events", {{"calendar": person["email"], "from_day": day, "to_day": day}}
    )
    for event in events["result"]:
        busy.add(event["start"])
hour = 9
while f"{{day}}T{{hour:02}}:00" in busy:
    hour += 1
created = await call_tool(
    "calendar_create_event",
    {{
        "calendar": assignee["email"],
        "title": f"API-21: {{issue['title']}}",
        "start": f"{{day}}T{{hour:02}}:00",
        "end": f"{{day}}T{{hour + 1:02}}:00",
        "attendees": [manager["email"]],
    }},
)
return {{"start": created["start"], "invited": created["invited"]}}
""",
    expected=_met(),
)


async def _release(turn: Turn) -> Any:
    closed = {"project": "APP", "state": "closed", "milestone": "2026.2", "per_page": 100}
    [listed, team] = await turn(
        ScriptedCall("tracker", "list_issues", closed),
        ScriptedCall("people", "find_people", {"team": "Mobile", "title": "Head of Mobile"}),
    )
    lines = [f"- {issue['key']}: {issue['title']}" for issue in listed["issues"]]
    text = "# Release 2026.2\n\n" + "\n".join(lines) + "\n"
    [written, _] = await turn(
        ScriptedCall("files", "write_file", {"path": "out/release-2026.2.md", "content": text}),
        ScriptedCall(
            "mail", "send_message", {"to": [team[0]["email"]], "subject": "Release 2026.2", "body": text}
        ),
    )
    return written


def _released() -> str:
    lines = [
        f"- {issue['key']}: {issue['title']}\n"
        for issue in tracker.made()["issues"]
        if issue["key"].startswith("APP-") and issue["state"] == "closed" and issue["milestone"] == "2026.2"
    ]
    return f"Successfully wrote {len('# Release 2026.2') + 2 + sum(map(len, lines))} characters to out/release-2026.2.md"


RELEASE_NOTES = Task(
    name="release-notes",
    kind="multi-server",
    command=(
        "Write the notes of release 2026.2 of APP to out/release-2026.2.md: the heading '# Release 2026.2', an empty "
        "line, and a line '- KEY: TITLE' for each closed issue of that milestone. Mail the same text to the Head of "
        "Mobile, subject 'Release 2026.2'. What does writing the file answer?"
    ),
    servers=("tracker", "people", "files", "mail"),
    queries=(
        "list closed issues of a milestone",
        "find an employee by title",
        "write a file",
        "send an e-mail",
    ),
    direct=_release,
    python="""\
from mcp_servers import files, mail, people, tracker

listed = await tracker.list_issues(project="APP", state="closed", milestone="2026.2", per_page=100)
lines = [f"- {issue['key']}: {issue['title']}" for issue in listed["issues"]]
text = "# Release 2026.2\\n\\n" + "\\n".join(lines) + "\\n"
[head] = await people.find_people(team="Mobile", title="Head of Mobile")
written = await files.write_file(path="out/release-2026.2.md", content=text)
await mail.send_message(to=[head["email"]], subject="Release 2026.2", body=text)
return written
""",
    typescript="""\
import { files, mail, people, tracker } from "mcp-servers";

const { issues } = await tracker.listIssues({
  project: "APP", state: "closed", milestone: "2026.2", per_page: 100,
});
const lines = issues.map((issue) => `- ${issue.key}: ${issue.title}\\n`);
const text = `# Release 2026.2\\n\\n${lines.join("")}`;
const [head] = await people.findPeople({ team: "Mobile", title: "Head of Mobile" });
const written = await files.writeFile({ path: "out/release-2026.2.md", content: text });
await mail.sendMessage({ to: [head.email], subject: "Release 2026.2", body: text });
return written;
""",
    code_mode="""\
import json

listed = json.loads(
    await call_tool(
        "tracker_list_issues",
        {"project": "APP", "state": "closed", "milestone": "2026.2", "per_page": 100},
    )
)
lines = [f"- {issue['key']}: {issue['title']}" for issue in listed["issues"]]
text = "# Release 2026.2\\n\\n" + "\\n".join(lines) + "\\n"
found = await call_tool("people_find_people", {"team": "Mobile", "title": "Head of Mobile"})
head = found["result"][0]
written = await call_tool(
    "files_write_file", {"path": "out/release-2026.2.md", "content": text}
)
await call_tool(
    "mail_send_message", {"to": [head["email"]], "subject": "Release 2026.2", "body": text}
)
return written
""",
    expected=_released(),
)

TASKS = (PAYMENT_REMINDERS, ERROR_REPORT, ISSUE_MEETING, RELEASE_NOTES)
