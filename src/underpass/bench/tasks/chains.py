"""Short chains over one server: a call's arguments come from the result of the one before."""

from __future__ import annotations

import re
from typing import Any

from underpass.bench.servers.data import calendar, files, mail, people, tracker, weather
from underpass.bench.task import ScriptedCall, Task, Turn


async def _blockers(turn: Turn) -> Any:
    [issue] = await turn(ScriptedCall("tracker", "get_issue", {"key": "WEB-131"}))
    blockers = await turn(
        *(ScriptedCall("tracker", "get_issue", {"key": key}) for key in issue["blocked_by"])
    )
    return {one["key"]: one["assignee"] for one in blockers if one["state"] == "open"}


def _open_blockers() -> dict[str, Any]:
    issues = {issue["key"]: issue for issue in tracker.made()["issues"]}
    blockers = [issues[key] for key in issues["WEB-131"]["blocked_by"]]
    return {one["key"]: one["assignee"] for one in blockers if one["state"] == "open"}


BLOCKERS = Task(
    name="blockers",
    kind="chain",
    command="Which of the issues that block WEB-131 are still open, and who has them?",
    servers=("tracker",),
    queries=("get an issue and what blocks it",),
    direct=_blockers,
    python="""\
import asyncio
from mcp_servers import tracker

issue = await tracker.get_issue(key="WEB-131")
blockers = await asyncio.gather(*(tracker.get_issue(key=key) for key in issue["blocked_by"]))
return {one["key"]: one["assignee"] for one in blockers if one["state"] == "open"}
""",
    typescript="""\
import { tracker } from "mcp-servers";

const issue = await tracker.getIssue({ key: "WEB-131" });
const blockers = await Promise.all(issue.blocked_by.map((key) => tracker.getIssue({ key })));
return Object.fromEntries(
  blockers.filter((one) => one.state === "open").map((one) => [one.key, one.assignee]),
);
""",
    code_mode="""\
import json

issue = json.loads(await call_tool("tracker_get_issue", {"key": "WEB-131"}))
open_blockers = {}
for key in issue["blocked_by"]:
    blocker = json.loads(await call_tool("tracker_get_issue", {"key": key}))
    if blocker["state"] == "open":
        open_blockers[key] = blocker["assignee"]
return open_blockers
""",
    expected=_open_blockers(),
)


async def _managers(turn: Turn) -> Any:
    [[person]] = await turn(ScriptedCall("people", "find_people", {"name": "Tove Nakamura"}))
    managers: list[str] = []
    while person["manager_id"]:
        [person] = await turn(ScriptedCall("people", "get_person", {"person_id": person["manager_id"]}))
        managers.append(person["name"])
    return managers


def _managers_of(name: str) -> list[str]:
    by_id = {person["id"]: person for person in people.made()}
    person = next(person for person in people.made() if person["name"] == name)
    managers: list[str] = []
    while person["manager_id"]:
        person = by_id[person["manager_id"]]
        managers.append(person["name"])
    return managers


MANAGERS = Task(
    name="chain-of-managers",
    kind="chain",
    command="Who are the managers above Tove Nakamura, up to the chief executive? Names in that order.",
    servers=("people",),
    queries=("find an employee by name", "get an employee by id"),
    direct=_managers,
    python="""\
from mcp_servers import people

[person] = await people.find_people(name="Tove Nakamura")
managers = []
while person["manager_id"]:
    person = await people.get_person(person_id=person["manager_id"])
    managers.append(person["name"])
return managers
""",
    typescript="""\
import { people } from "mcp-servers";

let [person] = await people.findPeople({ name: "Tove Nakamura" });
const managers: string[] = [];
while (person.manager_id) {
  person = await people.getPerson({ person_id: person.manager_id });
  managers.push(person.name);
}
return managers;
""",
    code_mode="""\
person = (await call_tool("people_find_people", {"name": "Tove Nakamura"}))["result"][0]
managers = []
while person["manager_id"]:
    person = await call_tool("people_get_person", {"person_id": person["manager_id"]})
    managers.append(person["name"])
return managers
""",
    expected=_managers_of("Tove Nakamura"),
)

_OWNERS = [person["email"] for person in people.made()[1:4]]
_DAY = "2026-03-04"


async def _common_hour(turn: Turn) -> Any:
    calendars = await turn(
        *(
            ScriptedCall("calendar", "list_events", {"calendar": owner, "from_day": _DAY, "to_day": _DAY})
            for owner in _OWNERS
        )
    )
    busy = {event["start"][11:] for events in calendars for event in events}
    hour = next(hour for hour in range(9, 17) if f"{hour:02}:00" not in busy)
    [created] = await turn(
        ScriptedCall(
            "calendar",
            "create_event",
            {
                "calendar": _OWNERS[0],
                "title": "Roadmap",
                "start": f"{_DAY}T{hour:02}:00",
                "end": f"{_DAY}T{hour + 1:02}:00",
                "attendees": _OWNERS[1:],
            },
        )
    )
    return created["start"]


def _first_common_hour() -> str:
    busy = {event["start"] for event in calendar.made() if event["calendar"] in _OWNERS}
    return next(start for hour in range(9, 17) if (start := f"{_DAY}T{hour:02}:00") not in busy)


COMMON_HOUR = Task(
    name="common-hour",
    kind="chain",
    command=(
        f"Put an hour 'Roadmap' into the calendar of {_OWNERS[0]} on {_DAY}, between 9 and 17, at the first hour "
        f"at which {_OWNERS[1]} and {_OWNERS[2]} are free as well, and invite them. When does it start?"
    ),
    servers=("calendar",),
    queries=("list events of a calendar on a day", "create an event and invite people"),
    direct=_common_hour,
    python=f"""\
import asyncio
from mcp_servers import calendar

people = {_OWNERS!r}
day = "{_DAY}"
calendars = await asyncio.gather(
    *(calendar.list_events(calendar=person, from_day=day, to_day=day) for person in people)
)
busy = {{event["start"] for events in calendars for event in events}}
hour = next(hour for hour in range(9, 17) if f"{{day}}T{{hour:02}}:00" not in busy)
created = await calendar.create_event(
    calendar=people[0],
    title="Roadmap",
    start=f"{{day}}T{{hour:02}}:00",
    end=f"{{day}}T{{hour + 1:02}}:00",
    attendees=people[1:],
)
return created["start"]
""",
    typescript=f"""\
import {{ calendar }} from "mcp-servers";

const people = {_OWNERS!r};
const day = "{_DAY}";
const calendars = await Promise.all(
  people.map((person) => calendar.listEvents({{ calendar: person, from_day: day, to_day: day }})),
);
const busy = new Set(calendars.flat().map((event) => event.start));
const at = (hour: number) => `${{day}}T${{String(hour).padStart(2, "0")}}:00`;
let hour = 9;
while (busy.has(at(hour))) hour++;
const created = await calendar.createEvent({{
  calendar: people[0],
  title: "Roadmap",
  start: at(hour),
  end: at(hour + 1),
  attendees: people.slice(1),
}});
return created.start;
""",
    code_mode=f"""\
people = {_OWNERS!r}
day = "{_DAY}"
busy = set()
for person in people:
    events = await call_tool(
        "calendar_list_events", {{"calendar": person, "from_day": day, "to_day": day}}
    )
    for event in events["result"]:
        busy.add(event["start"])
hour = 9
while f"{{day}}T{{hour:02}}:00" in busy:
    hour += 1
created = await call_tool(
    "calendar_create_event",
    {{
        "calendar": people[0],
        "title": "Roadmap",
        "start": f"{{day}}T{{hour:02}}:00",
        "end": f"{{day}}T{{hour + 1:02}}:00",
        "attendees": people[1:],
    }},
)
return created["start"]
""",
    expected=_first_common_hour(),
)

_CITIES = ["Lisbon", "Porto", "Barcelona", "Athens", "Rome"]


async def _warmest(turn: Turn) -> Any:
    forecasts = await turn(*(ScriptedCall("weather", "get_forecast", {"city": city}) for city in _CITIES))
    highs = [max(int(high) for high in re.findall(r"high (-?\d+)", forecast)) for forecast in forecasts]
    return dict(sorted(zip(_CITIES, highs, strict=True), key=lambda pair: -pair[1]))


WARMEST = Task(
    name="warmest-city",
    kind="chain",
    command=f"How warm does it get at most within the next five days in {', '.join(_CITIES)}?",
    servers=("weather",),
    queries=("weather forecast for a city",),
    direct=_warmest,
    python=f"""\
import asyncio
import re
from mcp_servers import weather

cities = {_CITIES!r}
forecasts = await asyncio.gather(*(weather.get_forecast(city=city) for city in cities))
return {{
    city: max(int(high) for high in re.findall(r"high (-?\\d+)", forecast))
    for city, forecast in zip(cities, forecasts)
}}
""",
    typescript=f"""\
import {{ weather }} from "mcp-servers";

const cities = {_CITIES!r};
const forecasts = await Promise.all(cities.map((city) => weather.getForecast({{ city }})));
return Object.fromEntries(cities.map((city, index) => [
  city,
  Math.max(...[...forecasts[index].matchAll(/high (-?\\d+)/g)].map((match) => Number(match[1]))),
]));
""",
    code_mode=f"""\
import re

highs = {{}}
for city in {_CITIES!r}:
    forecast = await call_tool("weather_get_forecast", {{"city": city}})
    highs[city] = max([int(high) for high in re.findall(r"high (-?\\d+)", forecast)])
return highs
""",
    expected={city: max(day["high"] for day in weather.made()[city]) for city in _CITIES},
)


async def _pool_sizes(turn: Turn) -> Any:
    [listing] = await turn(ScriptedCall("files", "list_directory", {"path": "config"}))
    names = re.findall(r"\[FILE\] (.+)", listing)
    texts = await turn(*(ScriptedCall("files", "read_file", {"path": f"config/{name}"}) for name in names))
    return {
        name.removesuffix(".ini"): int(re.findall(r"pool_size = (\d+)", text)[0])
        for name, text in zip(names, texts, strict=True)
    }


def _pool_size(environment: str) -> int:
    text = files.made()[f"config/{environment}.ini"]
    return int(next(line for line in text.splitlines() if line.startswith("pool_size")).split(" = ")[1])


POOL_SIZES = Task(
    name="pool-sizes",
    kind="chain",
    command="What is the pool_size of the database in each environment? There is a file for each in config/.",
    servers=("files",),
    queries=("list a directory", "read a file"),
    direct=_pool_sizes,
    python="""\
import asyncio
import re
from mcp_servers import files

listing = await files.list_directory(path="config")
names = re.findall(r"\\[FILE\\] (.+)", listing)
texts = await asyncio.gather(*(files.read_file(path=f"config/{name}") for name in names))
return {
    name.removesuffix(".ini"): int(re.search(r"pool_size = (\\d+)", text)[1])
    for name, text in zip(names, texts)
}
""",
    typescript="""\
import { files } from "mcp-servers";

const listing = await files.listDirectory({ path: "config" });
const names = [...listing.matchAll(/\\[FILE\\] (.+)/g)].map((match) => match[1]);
const texts = await Promise.all(names.map((name) => files.readFile({ path: `config/${name}` })));
return Object.fromEntries(names.map((name, index) => [
  name.replace(".ini", ""),
  Number(texts[index].match(/pool_size = (\\d+)/)![1]),
]));
""",
    code_mode="""\
import re

listing = await call_tool("files_list_directory", {"path": "config"})
sizes = {}
for name in re.findall(r"\\[FILE\\] (.+)", listing):
    text = await call_tool("files_read_file", {"path": f"config/{name}"})
    sizes[name.removesuffix(".ini")] = int(re.search(r"pool_size = (\\d+)", text)[1])
return sizes
""",
    expected={environment: _pool_size(environment) for environment in files.ENVIRONMENTS},
)


async def _invoice(turn: Turn) -> Any:
    [listed] = await turn(
        ScriptedCall("mail", "search_messages", {"sender": "kestrelair.example", "subject": "invoice"})
    )
    [text] = await turn(ScriptedCall("mail", "get_message", {"message_id": listed["messages"][0]["id"]}))
    return float(re.findall(r"Amount due: EUR ([\d.]+)", text)[0])


LATEST_INVOICE = Task(
    name="latest-invoice",
    kind="chain",
    command="How much is due on the latest invoice from kestrelair.example?",
    servers=("mail",),
    queries=("search messages by sender and subject", "read a message"),
    direct=_invoice,
    python="""\
import re
from mcp_servers import mail

listed = await mail.search_messages(sender="kestrelair.example", subject="invoice")
text = await mail.get_message(message_id=listed["messages"][0]["id"])
return float(re.search(r"Amount due: EUR ([\\d.]+)", text)[1])
""",
    typescript="""\
import { mail } from "mcp-servers";

const listed = await mail.searchMessages({ sender: "kestrelair.example", subject: "invoice" });
const text = await mail.getMessage({ message_id: listed.messages[0].id });
return Number(text.match(/Amount due: EUR ([\\d.]+)/)![1]);
""",
    code_mode="""\
import json
import re

listed = json.loads(
    await call_tool(
        "mail_search_messages", {"sender": "kestrelair.example", "subject": "invoice"}
    )
)
text = await call_tool("mail_get_message", {"message_id": listed["messages"][0]["id"]})
return float(re.search(r"Amount due: EUR ([\\d.]+)", text)[1])
""",
    expected=next(
        message["amount"]
        for message in mail.made()
        if message["subject"] == "Invoice" and message["from"].endswith("kestrelair.example")
    ),
)

TASKS = (BLOCKERS, MANAGERS, COMMON_HOUR, WARMEST, POOL_SIZES, LATEST_INVOICE)
