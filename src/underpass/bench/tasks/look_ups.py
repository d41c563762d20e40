"""Single small look-ups. One call answers them: a program can hardly cost less than the call itself."""

from __future__ import annotations

import re
from typing import Any

from underpass.bench.servers.data import calendar, crm, exchange, people, shop, tracker, warehouse, weather
from underpass.bench.task import ScriptedCall, Task, Turn


async def _weather(turn: Turn) -> Any:
    [forecast] = await turn(ScriptedCall("weather", "get_forecast", {"city": "Lisbon", "number_of_days": 2}))
    return int(re.findall(r"high (-?\d+)", forecast)[1])


WEATHER_TOMORROW = Task(
    name="weather-tomorrow",
    kind="look-up",
    command="How warm does it get in Lisbon tomorrow, in °C?",
    servers=("weather",),
    queries=("weather forecast for a city",),
    direct=_weather,
    python="""\
import re
from mcp_servers import weather

forecast = await weather.get_forecast(city="Lisbon", number_of_days=2)
return int(re.findall(r"high (-?\\d+)", forecast)[1])
""",
    typescript="""\
import { weather } from "mcp-servers";

const forecast = await weather.getForecast({ city: "Lisbon", number_of_days: 2 });
return Number([...forecast.matchAll(/high (-?\\d+)/g)][1][1]);
""",
    code_mode="""\
import re

forecast = await call_tool("weather_get_forecast", {"city": "Lisbon", "number_of_days": 2})
return int(re.findall(r"high (-?\\d+)", forecast)[1])
""",
    expected=weather.made()["Lisbon"][1]["high"],
)


async def _order(turn: Turn) -> Any:
    [order] = await turn(ScriptedCall("shop", "get_order", {"order_id": "O11234"}))
    return {"status": order["status"], "total_cents": order["total_cents"]}


ORDER_STATUS = Task(
    name="order-status",
    kind="look-up",
    command="What is the status of order O11234, and its total?",
    servers=("shop",),
    queries=("get an order",),
    direct=_order,
    python="""\
from mcp_servers import shop

order = await shop.get_order(order_id="O11234")
return {"status": order["status"], "total_cents": order["total_cents"]}
""",
    typescript="""\
import { shop } from "mcp-servers";

const { status, total_cents } = await shop.getOrder({ order_id: "O11234" });
return { status, total_cents };
""",
    code_mode="""\
order = await call_tool("shop_get_order", {"order_id": "O11234"})
return {"status": order["status"], "total_cents": order["total_cents"]}
""",
    expected={key: shop.made()["orders"][1233][key] for key in ("status", "total_cents")},
)


async def _assignee(turn: Turn) -> Any:
    [issue] = await turn(ScriptedCall("tracker", "get_issue", {"key": "WEB-317"}))
    return issue["assignee"]


ISSUE_ASSIGNEE = Task(
    name="issue-assignee",
    kind="look-up",
    command="Who is working on WEB-317?",
    servers=("tracker",),
    queries=("get an issue by its key",),
    direct=_assignee,
    python="""\
from mcp_servers import tracker

issue = await tracker.get_issue(key="WEB-317")
return issue["assignee"]
""",
    typescript="""\
import { tracker } from "mcp-servers";

return (await tracker.getIssue({ key: "WEB-317" })).assignee;
""",
    code_mode="""\
import json

issue = json.loads(await call_tool("tracker_get_issue", {"key": "WEB-317"}))
return issue["assignee"]
""",
    expected=next(issue["assignee"] for issue in tracker.made()["issues"] if issue["key"] == "WEB-317"),
)


async def _conversion(turn: Turn) -> Any:
    arguments = {"amount": 1250, "base": "USD", "quote": "CHF"}
    [conversion] = await turn(ScriptedCall("exchange", "convert", arguments))
    return conversion["converted"]


CONVERSION = Task(
    name="conversion",
    kind="look-up",
    command="How much are 1,250 US dollars in Swiss francs?",
    servers=("exchange",),
    queries=("convert an amount between currencies",),
    direct=_conversion,
    python="""\
from mcp_servers import exchange

return (await exchange.convert(amount=1250, base="USD", quote="CHF"))["converted"]
""",
    typescript="""\
import { exchange } from "mcp-servers";

return (await exchange.convert({ amount: 1250, base: "USD", quote: "CHF" })).converted;
""",
    code_mode="""\
result = await call_tool("exchange_convert", {"amount": 1250, "base": "USD", "quote": "CHF"})
return result["converted"]
""",
    expected=round(1250 * round(exchange.RATES["CHF"] / exchange.RATES["USD"], 6), 2),
)


async def _phone(turn: Turn) -> Any:
    [[person]] = await turn(ScriptedCall("people", "find_people", {"name": "Tove Nakamura"}))
    return person["phone"]


PHONE_NUMBER = Task(
    name="phone-number",
    kind="look-up",
    command="What is Tove Nakamura's phone number?",
    servers=("people",),
    queries=("find an employee by name",),
    direct=_phone,
    python="""\
from mcp_servers import people

[person] = await people.find_people(name="Tove Nakamura")
return person["phone"]
""",
    typescript="""\
import { people } from "mcp-servers";

const [person] = await people.findPeople({ name: "Tove Nakamura" });
return person.phone;
""",
    code_mode="""\
found = await call_tool("people_find_people", {"name": "Tove Nakamura"})
return found["result"][0]["phone"]
""",
    expected=next(person["phone"] for person in people.made() if person["name"] == "Tove Nakamura"),
)


async def _place(turn: Turn) -> Any:
    [event] = await turn(ScriptedCall("calendar", "get_event", {"event_id": "ev-0042"}))
    return event["location"]


EVENT_PLACE = Task(
    name="event-place",
    kind="look-up",
    command="Where does the event ev-0042 take place?",
    servers=("calendar",),
    queries=("get a calendar event",),
    direct=_place,
    python="""\
from mcp_servers import calendar

event = await calendar.get_event(event_id="ev-0042")
return event["location"]
""",
    typescript="""\
import { calendar } from "mcp-servers";

return (await calendar.getEvent({ event_id: "ev-0042" })).location;
""",
    code_mode="""\
event = await call_tool("calendar_get_event", {"event_id": "ev-0042"})
return event["location"]
""",
    expected=calendar.made()[41]["location"],
)


async def _renewal(turn: Turn) -> Any:
    [account] = await turn(ScriptedCall("crm", "get_account", {"account_id": "ACC-012"}))
    return account["renewal"]


RENEWAL = Task(
    name="renewal-date",
    kind="look-up",
    command="When is the contract of ACC-012 up for renewal?",
    servers=("crm",),
    queries=("get an account",),
    direct=_renewal,
    python="""\
from mcp_servers import crm

account = await crm.get_account(account_id="ACC-012")
return account["renewal"]
""",
    typescript="""\
import { crm } from "mcp-servers";

return (await crm.getAccount({ account_id: "ACC-012" })).renewal;
""",
    code_mode="""\
import json

account = json.loads(await call_tool("crm_get_account", {"account_id": "ACC-012"}))
return account["renewal"]
""",
    expected=crm.made()[11]["renewal"],
)

_TOTAL = "SELECT SUM(quantity) AS total FROM stock WHERE site = 'Lyon'"


async def _stock(turn: Turn) -> Any:
    [[row]] = await turn(ScriptedCall("warehouse", "read_query", {"query": _TOTAL}))
    return row["total"]


STOCK_TOTAL = Task(
    name="stock-total",
    kind="look-up",
    command="How many pieces are in stock in Lyon? The table is stock(sku, site, quantity, minimum).",
    servers=("warehouse",),
    queries=("run an SQL query on the warehouse database",),
    direct=_stock,
    python=f"""\
from mcp_servers import warehouse

[row] = await warehouse.read_query(query="{_TOTAL}")
return row["total"]
""",
    typescript=f"""\
import {{ warehouse }} from "mcp-servers";

const [row] = await warehouse.readQuery({{ query: "{_TOTAL}" }});
return row.total;
""",
    code_mode=f"""\
import json

query = "{_TOTAL}"
[row] = json.loads(await call_tool("warehouse_read_query", {{"query": query}}))
return row["total"]
""",
    expected=sum(row["quantity"] for row in warehouse.made()["stock"] if row["site"] == "Lyon"),
)

TASKS = (
    WEATHER_TOMORROW,
    ORDER_STATUS,
    ISSUE_ASSIGNEE,
    CONVERSION,
    PHONE_NUMBER,
    EVENT_PLACE,
    RENEWAL,
    STOCK_TOTAL,
)
