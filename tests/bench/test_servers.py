"""The tools of the comparison's servers, those too that no task calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.server import MCPServer

from underpass.bench.m3 import server as m3
from underpass.bench.servers import (
    calendar,
    configuration,
    crm,
    documents,
    exchange,
    files,
    finance,
    mail,
    monitoring,
    people,
    shop,
    tracker,
    warehouse,
    weather,
)
from underpass.bench.servers.data import calendar as calendar_data
from underpass.bench.servers.data import crm as crm_data
from underpass.bench.servers.data import documents as documents_data
from underpass.bench.servers.data import exchange as exchange_data
from underpass.bench.servers.data import files as files_data
from underpass.bench.servers.data import finance as finance_data
from underpass.bench.servers.data import mail as mail_data
from underpass.bench.servers.data import monitoring as monitoring_data
from underpass.bench.servers.data import people as people_data
from underpass.bench.servers.data import shop as shop_data
from underpass.bench.servers.data import tracker as tracker_data
from underpass.bench.servers.data import warehouse as warehouse_data
from underpass.bench.servers.data import weather as weather_data

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R42")]

_SERVERS: dict[str, Callable[[], MCPServer]] = {
    "calendar": lambda: calendar.serve(calendar_data.made()),
    "crm": lambda: crm.serve(crm_data.made()),
    "documents": lambda: documents.serve(documents_data.made()),
    "exchange": lambda: exchange.serve(exchange_data.made()),
    "finance": lambda: finance.serve(finance_data.made()),
    "m3": m3.serve,
    "mail": lambda: mail.serve(mail_data.made()),
    "monitoring": lambda: monitoring.serve(monitoring_data.made()),
    "people": lambda: people.serve(people_data.made()),
    "shop": lambda: shop.serve(shop_data.made()),
    "tracker": lambda: tracker.serve(tracker_data.made()),
    "weather": lambda: weather.serve(weather_data.made()),
}


async def _asked(server: MCPServer, tool: str, arguments: dict[str, Any]) -> tuple[str, bool]:
    async with Client(server) as client:
        result = await client.call_tool(tool, arguments)
    return "\n".join(str(getattr(block, "text", "")) for block in result.content), bool(result.is_error)


@pytest.mark.parametrize(
    ("server", "tool", "arguments", "part"),
    [
        ("calendar", "list_calendars", {}, people_data.made()[0]["email"]),
        ("crm", "update_account", {"account_id": "ACC-012", "fields": {"stage": "customer"}}, '"customer"'),
        ("crm", "list_accounts", {"owner": crm_data.made()[0]["owner"]}, "Aldermoor Foods"),
        ("documents", "list_documents", {"folder": "meetings"}, "Weekly sync 12"),
        ("documents", "get_document_info", {"document_id": "doc-002"}, "Weekly sync 1"),
        ("documents", "create_document", {"title": "T", "content": "abc"}, '"characters": 3'),
        ("exchange", "list_currencies", {}, "CHF"),
        ("finance", "list_teams", {}, "engineering"),
        ("m3", "find_minimum", {"values": [3, 1.5]}, "1.5"),
        ("m3", "find_maximum", {"values": [3, 1.5]}, "3"),
        ("mail", "mark_as_read", {"message_ids": ["m0001", "m0002"]}, "2 messages"),
        (
            "mail",
            "send_message",
            {"to": ["a@b"], "subject": "s", "body": "b", "in_reply_to": "m0001"},
            "sent-",
        ),
        ("monitoring", "get_logs", {"service": "search", "since": "2026-03-02"}, "No log lines."),
        ("people", "list_teams", {}, "Payments"),
        ("people", "list_reports", {"person_id": "P001"}, "Head of Data"),
        ("shop", "cancel_order", {"order_id": "O11234", "reason": "changed my mind"}, "O11234 cancelled"),
        ("shop", "find_customers", {"name": shop_data.made()["customers"][0]["name"].upper()}, "C0001"),
        ("tracker", "list_comments", {"key": tracker_data.made()["comments"][0]["issue"]}, '"author"'),
        ("tracker", "update_issue", {"key": "WEB-1", "priority": "low"}, '"low"'),
        ("weather", "get_alerts", {"city": "Athens"}, "2026-03-0"),
        ("weather", "list_cities", {}, "Lisbon, London"),
    ],
)
async def test_a_tool_answers(server: str, tool: str, arguments: dict[str, Any], part: str) -> None:
    text, failed = await _asked(_SERVERS[server](), tool, arguments)

    assert not failed
    assert part in text


@pytest.mark.parametrize(
    ("server", "tool", "arguments"),
    [
        (
            "calendar",
            "create_event",
            {
                "calendar": "a@b",
                "title": "t",
                "start": "2026-03-02T10:00",
                "end": "2026-03-02T09:00",
                "attendees": [],
            },
        ),
        ("calendar", "get_event", {"event_id": "none"}),
        ("crm", "get_account", {"account_id": "none"}),
        ("documents", "get_document", {"document_id": "none"}),
        ("exchange", "convert", {"amount": 1, "base": "EUR", "quote": "XXX"}),
        ("finance", "get_team_members", {"team": "none"}),
        ("finance", "get_budget_by_level", {"level": "none"}),
        ("m3", "book_hotel", {"location": "Q"}),
        ("mail", "get_message", {"message_id": "none"}),
        ("monitoring", "get_logs", {"service": "none"}),
        ("people", "get_person", {"person_id": "none"}),
        ("shop", "get_order", {"order_id": "none"}),
        ("shop", "get_customer", {"customer_id": "none"}),
        ("shop", "cancel_order", {"order_id": "O10002", "reason": "delivered already"}),
        ("shop", "list_orders", {"page": 999}),
        ("tracker", "get_issue", {"key": "none"}),
        ("tracker", "list_issues", {"project": "none"}),
        ("weather", "get_forecast", {"city": "Atlantis"}),
    ],
)
async def test_what_is_not_there_is_an_error(server: str, tool: str, arguments: dict[str, Any]) -> None:
    _, failed = await _asked(_SERVERS[server](), tool, arguments)

    assert failed


async def test_the_database_is_described_and_only_read(tmp_path: Path) -> None:
    configuration(tmp_path, ["warehouse"])
    server = warehouse.serve(tmp_path / "warehouse.sqlite")

    assert json.loads((await _asked(server, "list_tables", {}))[0]) == list(warehouse_data.made())
    columns = json.loads((await _asked(server, "describe_table", {"table": "stock"}))[0])
    assert [column["name"] for column in columns] == ["sku", "site", "quantity", "minimum"]
    for tool, arguments in (
        ("describe_table", {"table": "none"}),
        ("read_query", {"query": "DELETE FROM stock"}),
        ("read_query", {"query": "SELECT nothing FROM stock"}),
    ):
        assert (await _asked(server, tool, arguments))[1]


async def test_files_outside_of_the_folder_are_not_reached(tmp_path: Path) -> None:
    configuration(tmp_path, ["files"])
    server = files.serve(tmp_path / "files")

    size, _ = await _asked(server, "get_file_info", {"path": "README.md"})
    assert f"size: {len(files_data.made()['README.md'].encode())}" in size
    assert (await _asked(server, "search_files", {"pattern": "*.none"}))[0] == "No matches found"
    assert (await _asked(server, "read_file", {"path": "../shop.json"}))[1]
    assert (await _asked(server, "read_file", {"path": "none"}))[1]
