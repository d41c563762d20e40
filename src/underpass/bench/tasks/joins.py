"""An answer that needs facts from several servers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

from underpass.bench.servers.data import calendar, crm, exchange, mail, people, warehouse, weather
from underpass.bench.task import ScriptedCall, Task, Turn


def _by_owner(accounts: list[Any], rate: float) -> dict[str, float]:
    totals: defaultdict[str, int] = defaultdict(int)
    for account in accounts:
        totals[account["owner"]] += account["annual_value_eur"]
    return {owner: round(value * rate, 2) for owner, value in totals.items()}


async def _dollars(turn: Turn) -> Any:
    [accounts, rates] = await turn(
        ScriptedCall("crm", "list_accounts", {"stage": "customer"}), ScriptedCall("exchange", "get_rates", {})
    )
    return _by_owner(accounts, rates["rates"]["USD"])


ACCOUNTS_IN_DOLLARS = Task(
    name="accounts-in-dollars",
    kind="multi-server",
    command="How much is each owner's business with customers worth a year, in US dollars, to the cent?",
    servers=("crm", "exchange"),
    queries=("list accounts by stage", "exchange rates"),
    direct=_dollars,
    python="""\
from collections import Counter
from mcp_servers import crm, exchange

accounts = await crm.list_accounts(stage="customer")
rate = (await exchange.get_rates(base="EUR"))["rates"]["USD"]
totals = Counter()
for account in accounts:
    totals[account["owner"]] += account["annual_value_eur"]
return {owner: round(value * rate, 2) for owner, value in totals.items()}
""",
    typescript="""\
import { crm, exchange } from "mcp-servers";

const accounts = await crm.listAccounts({ stage: "customer" });
const rate = (await exchange.getRates({ base: "EUR" })).rates.USD;
const totals: Record<string, number> = {};
for (const { owner, annual_value_eur } of accounts) {
  totals[owner] = (totals[owner] ?? 0) + annual_value_eur;
}
return Object.fromEntries(
  Object.entries(totals).map(([owner, value]) => [owner, Number((value * rate).toFixed(2))]),
);
""",
    code_mode="""\
import json

accounts = json.loads(await call_tool("crm_list_accounts", {"stage": "customer"}))
rates = await call_tool("exchange_get_rates", {"base": "EUR"})
rate = rates["rates"]["USD"]
totals = {}
for account in accounts:
    owner = account["owner"]
    totals[owner] = totals.get(owner, 0) + account["annual_value_eur"]
return {owner: round(value * rate, 2) for owner, value in totals.items()}
""",
    expected=_by_owner(
        [account for account in crm.made() if account["stage"] == "customer"], exchange.RATES["USD"]
    ),
)


async def _wet_events(turn: Turn) -> Any:
    [members] = await turn(ScriptedCall("people", "find_people", {"team": "Platform"}))
    week = {"from_day": "2026-03-02", "to_day": "2026-03-06"}
    calendars = await turn(
        *(
            ScriptedCall("calendar", "list_events", {"calendar": member["email"], **week})
            for member in members
        )
    )
    outdoors = [event for events in calendars for event in events if event["outdoors"]]
    cities = sorted({event["location"] for event in outdoors})
    forecasts = await turn(*(ScriptedCall("weather", "get_forecast", {"city": city}) for city in cities))
    wet = {
        (city, day)
        for city, forecast in zip(cities, forecasts, strict=True)
        for day, rain in re.findall(r"([\d-]{10}): .*\n.*\nPrecipitation: ([\d.]+)", forecast)
        if float(rain) > 0
    }
    return [event["id"] for event in outdoors if (event["location"], event["start"][:10]) in wet]


def _wet() -> list[str]:
    team = {person["email"] for person in people.made() if person["team"] == "Platform"}
    rain = {(city, day["date"]): day["rain"] for city, days in weather.made().items() for day in days}
    return [
        event["id"]
        for event in calendar.made()
        if event["calendar"] in team
        and event["outdoors"]
        and rain[event["location"], event["start"][:10]] > 0
    ]


WET_EVENTS = Task(
    name="wet-events",
    kind="multi-server",
    command=(
        "Which outdoor events of the members of the Platform team, from 2026-03-02 to 2026-03-06, take place in a "
        "city where it rains on that day? Give the events' ids, in the order of the members and of time."
    ),
    servers=("people", "calendar", "weather"),
    queries=("employees of a team", "list events of a calendar", "weather forecast for a city"),
    direct=_wet_events,
    python="""\
import asyncio
import re
from mcp_servers import calendar, people, weather

members = await people.find_people(team="Platform")
calendars = await asyncio.gather(*(
    calendar.list_events(calendar=one["email"], from_day="2026-03-02", to_day="2026-03-06")
    for one in members
))
outdoors = [event for events in calendars for event in events if event["outdoors"]]
cities = list({event["location"] for event in outdoors})
forecasts = await asyncio.gather(*(weather.get_forecast(city=city) for city in cities))
rain = {
    (city, day): float(amount)
    for city, forecast in zip(cities, forecasts)
    for day, amount in re.findall(r"([\\d-]{10}): .*\\n.*\\nPrecipitation: ([\\d.]+)", forecast)
}
return [event["id"] for event in outdoors if rain[event["location"], event["start"][:10]] > 0]
""",
    typescript="""\
import { calendar, people, weather } from "mcp-servers";

const members = await people.findPeople({ team: "Platform" });
const calendars = await Promise.all(members.map((one) =>
  calendar.listEvents({ calendar: one.email, from_day: "2026-03-02", to_day: "2026-03-06" })
));
const outdoors = calendars.flat().filter((event) => event.outdoors);
const rain: Record<string, number> = {};
await Promise.all([...new Set(outdoors.map((event) => event.location))].map(async (city) => {
  const forecast = await weather.getForecast({ city });
  for (const [, day, amount] of forecast.matchAll(/([\\d-]{10}): .*\\n.*\\nPrecipitation: ([\\d.]+)/g)) {
    rain[`${city} ${day}`] = Number(amount);
  }
}));
return outdoors
  .filter((event) => rain[`${event.location} ${event.start.slice(0, 10)}`] > 0)
  .map((event) => event.id);
""",
    code_mode="""\
import re

members = (await call_tool("people_find_people", {"team": "Platform"}))["result"]
outdoors = []
for member in members:
    events = await call_tool(
        "calendar_list_events",
        {"calendar": member["email"], "from_day": "2026-03-02", "to_day": "2026-03-06"},
    )
    outdoors.extend([event for event in events["result"] if event["outdoors"]])
rain = {}
for city in {event["location"] for event in outdoors}:
    forecast = await call_tool("weather_get_forecast", {"city": city})
    for day, amount in re.findall(
        r"([\\d-]{10}): .*\\n.*\\nPrecipitation: ([\\d.]+)", forecast
    ):
        rain[(city, day)] = float(amount)
return [event["id"] for event in outdoors if rain[(event["location"], event["start"][:10])] > 0]
""",
    expected=_wet(),
)


async def _brief(turn: Turn) -> Any:
    [[found]] = await turn(ScriptedCall("crm", "search_accounts", {"query": "Kestrel Air"}))
    [account] = await turn(ScriptedCall("crm", "get_account", {"account_id": found["id"]}))
    unread = {"sender": account["domain"], "unread": True, "per_page": 100}
    [listed] = await turn(ScriptedCall("mail", "search_messages", unread))
    names = {contact["email"]: contact["name"] for contact in account["contacts"]}
    return {
        "renewal": account["renewal"],
        "unread": Counter(names[message["from"]] for message in listed["messages"]),
    }


def _briefed() -> dict[str, Any]:
    account = next(account for account in crm.made() if account["name"] == "Kestrel Air")
    names = {contact["email"]: contact["name"] for contact in account["contacts"]}
    unread = [message["from"] for message in mail.made() if message["unread"] and message["from"] in names]
    return {"renewal": account["renewal"], "unread": dict(Counter(names[sender] for sender in unread))}


CUSTOMER_BRIEF = Task(
    name="customer-brief",
    kind="multi-server",
    command=(
        "I am about to call Kestrel Air: when is their renewal, and how many unread mails are there from each of "
        "their contacts, by name?"
    ),
    servers=("crm", "mail"),
    queries=(
        "find an account by name",
        "get an account with its contacts",
        "search unread messages by sender",
    ),
    direct=_brief,
    python="""\
from collections import Counter
from mcp_servers import crm, mail

[found] = await crm.search_accounts(query="Kestrel Air")
account = await crm.get_account(account_id=found["id"])
listed = await mail.search_messages(sender=account["domain"], unread=True, per_page=100)
names = {contact["email"]: contact["name"] for contact in account["contacts"]}
return {
    "renewal": account["renewal"],
    "unread": Counter(names[message["from"]] for message in listed["messages"]),
}
""",
    typescript="""\
import { crm, mail } from "mcp-servers";

const [found] = await crm.searchAccounts({ query: "Kestrel Air" });
const account = await crm.getAccount({ account_id: found.id });
const listed = await mail.searchMessages({ sender: account.domain, unread: true, per_page: 100 });
const unread: Record<string, number> = {};
for (const message of listed.messages) {
  const contact = account.contacts.find((one) => one.email === message.from);
  unread[contact.name] = (unread[contact.name] ?? 0) + 1;
}
return { renewal: account.renewal, unread };
""",
    code_mode="""\
import json

[found] = json.loads(await call_tool("crm_search_accounts", {"query": "Kestrel Air"}))
account = json.loads(await call_tool("crm_get_account", {"account_id": found["id"]}))
listed = json.loads(
    await call_tool(
        "mail_search_messages", {"sender": account["domain"], "unread": True, "per_page": 100}
    )
)
names = {contact["email"]: contact["name"] for contact in account["contacts"]}
unread = {}
for message in listed["messages"]:
    name = names[message["from"]]
    unread[name] = unread.get(name, 0) + 1
return {"renewal": account["renewal"], "unread": unread}
""",
    expected=_briefed(),
)

_SHORTAGE = (
    "SELECT SUM((s.minimum - s.quantity) * p.price_cents) AS cents FROM stock s JOIN products p ON p.sku = s.sku "
    "WHERE s.quantity < s.minimum"
)


async def _restock(turn: Turn) -> Any:
    [[row]] = await turn(ScriptedCall("warehouse", "read_query", {"query": _SHORTAGE}))
    arguments = {"amount": row["cents"] / 100, "base": "EUR", "quote": "CHF"}
    [conversion] = await turn(ScriptedCall("exchange", "convert", arguments))
    return conversion["converted"]


def _restocked() -> float:
    made = warehouse.made()
    price = {product["sku"]: product["price_cents"] for product in made["products"]}
    cents = sum(max(0, row["minimum"] - row["quantity"]) * price[row["sku"]] for row in made["stock"])
    return round(cents / 100 * exchange.RATES["CHF"], 2)


RESTOCKING = Task(
    name="restocking-cost",
    kind="multi-server",
    command=(
        "What would it cost in Swiss francs to fill up all stock to its minimum? The tables are stock(sku, site, "
        "quantity, minimum) and products(sku, title, supplier_id, price_cents), in euro cents."
    ),
    servers=("warehouse", "exchange"),
    queries=("run an SQL query on the warehouse database", "convert an amount between currencies"),
    direct=_restock,
    python=f"""\
from mcp_servers import exchange, warehouse

[row] = await warehouse.read_query(query=\"\"\"
    {_SHORTAGE}
\"\"\")
converted = await exchange.convert(amount=row["cents"] / 100, base="EUR", quote="CHF")
return converted["converted"]
""",
    typescript=f"""\
import {{ exchange, warehouse }} from "mcp-servers";

const [row] = await warehouse.readQuery({{ query: `
  {_SHORTAGE}
` }});
return (await exchange.convert({{ amount: row.cents / 100, base: "EUR", quote: "CHF" }})).converted;
""",
    code_mode=f"""\
import json

query = \"\"\"
    {_SHORTAGE}
\"\"\"
[row] = json.loads(await call_tool("warehouse_read_query", {{"query": query}}))
converted = await call_tool(
    "exchange_convert", {{"amount": row["cents"] / 100, "base": "EUR", "quote": "CHF"}}
)
return converted["converted"]
""",
    expected=_restocked(),
)

TASKS = (ACCOUNTS_IN_DOLLARS, WET_EVENTS, CUSTOMER_BRIEF, RESTOCKING)
