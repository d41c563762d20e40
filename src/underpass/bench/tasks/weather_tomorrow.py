"""One small look-up: direct calls can hardly be beaten."""

from __future__ import annotations

import re
from typing import Any

from underpass.bench.servers.data import weather
from underpass.bench.task import ScriptedCall, Task, Turn


async def _direct(turn: Turn) -> Any:
    [forecast] = await turn(ScriptedCall("weather", "get_forecast", {"city": "Lisbon", "number_of_days": 2}))
    return int(re.findall(r"high (-?\d+)", forecast)[1])


TASK = Task(
    name="weather-tomorrow",
    kind="look-up",
    command="How warm does it get in Lisbon tomorrow, in °C?",
    servers=("weather",),
    queries=("weather forecast for a city",),
    direct=_direct,
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
