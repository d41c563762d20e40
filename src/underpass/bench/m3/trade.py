"""M3ToolEval's tasks of trade: convert an amount, add a tariff, and compare some such values."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from underpass.bench.m3.texts import SERVER, call, expected, instruction, kebab
from underpass.bench.task import Task, Turn

Pick = Literal["only", "max", "min", "all", "difference"]
_QUERIES = ("convert a price to another currency", "calculate a tariff", "final value including the tariff")
_PICKS_PYTHON = {
    "only": "values[0]", "max": "max(values)", "min": "min(values)", "all": "values",
    "difference": "values[0] - values[1]",
}  # fmt: skip
_PICKS_TYPESCRIPT = _PICKS_PYTHON | {"max": "Math.max(...values)", "min": "Math.min(...values)"}


@dataclass(frozen=True)
class _Trade:
    """The factors of each amount, its rate of conversion, and its tariff in per cent."""

    name: str
    amounts: tuple[tuple[tuple[float, ...], float, float], ...]
    pick: Pick

    async def direct(self, turn: Turn) -> Any:
        prices = await turn(
            *(
                call("convert_currency", base_price=prod(factors), conversion_rate=rate)
                for factors, rate, _ in self.amounts
            )
        )
        tariffs = await turn(
            *(
                call("calculate_tariff", price=price, tariff_rate=tariff)
                for price, (_, _, tariff) in zip(prices, self.amounts, strict=True)
            )
        )
        values = await turn(
            *(
                call("estimate_final_value", price=price, tariff=tariff)
                for price, tariff in zip(prices, tariffs, strict=True)
            )
        )
        match self.pick:
            case "only":
                return values[0]
            case "max":
                return max(values)
            case "min":
                return min(values)
            case "all":
                return values
            case "difference":
                return values[0] - values[1]

    def rows(self) -> list[str]:
        return [
            f"{' * '.join(str(factor) for factor in factors)}, {rate}, {tariff}"
            for factors, rate, tariff in self.amounts
        ]

    def python(self) -> str:
        if self.pick == "only":
            [(factors, rate, tariff)] = self.amounts
            return f"""\
from mcp_servers import m3tooleval

price = await m3tooleval.convert_currency(
    base_price={" * ".join(map(str, factors))}, conversion_rate={rate}
)
tariff = await m3tooleval.calculate_tariff(price=price, tariff_rate={tariff})
return await m3tooleval.estimate_final_value(price=price, tariff=tariff)
"""
        return f"""\
from mcp_servers import m3tooleval

values = []
for base_price, rate, tariff_rate in [({"), (".join(self.rows())})]:
    price = await m3tooleval.convert_currency(base_price=base_price, conversion_rate=rate)
    tariff = await m3tooleval.calculate_tariff(price=price, tariff_rate=tariff_rate)
    values.append(await m3tooleval.estimate_final_value(price=price, tariff=tariff))
return {_PICKS_PYTHON[self.pick]}
"""

    def typescript(self) -> str:
        if self.pick == "only":
            [(factors, rate, tariff)] = self.amounts
            return f"""\
import {{ m3tooleval }} from "mcp-servers";

const price = await m3tooleval.convertCurrency({{
  base_price: {" * ".join(map(str, factors))}, conversion_rate: {rate},
}});
const tariff = await m3tooleval.calculateTariff({{ price, tariff_rate: {tariff} }});
return await m3tooleval.estimateFinalValue({{ price, tariff }});
"""
        return f"""\
import {{ m3tooleval }} from "mcp-servers";

const values: number[] = [];
for (const [base_price, conversion_rate, tariff_rate] of [[{"], [".join(self.rows())}]]) {{
  const price = await m3tooleval.convertCurrency({{ base_price, conversion_rate }});
  const tariff = await m3tooleval.calculateTariff({{ price, tariff_rate }});
  values.push(await m3tooleval.estimateFinalValue({{ price, tariff }}));
}}
return {_PICKS_TYPESCRIPT[self.pick]};
"""

    def code_mode(self) -> str:
        if self.pick == "only":
            [(factors, rate, tariff)] = self.amounts
            base = " * ".join(map(str, factors))
            return f"""\
price = (
    await call_tool(
        "m3tooleval_convert_currency", {{"base_price": {base}, "conversion_rate": {rate}}}
    )
)["result"]
tariff = (
    await call_tool("m3tooleval_calculate_tariff", {{"price": price, "tariff_rate": {tariff}}})
)["result"]
value = await call_tool("m3tooleval_estimate_final_value", {{"price": price, "tariff": tariff}})
return value["result"]
"""
        return f"""\
async def m3(tool, arguments):
    return (await call_tool("m3tooleval_" + tool, arguments))["result"]

values = []
for base_price, rate, tariff_rate in [({"), (".join(self.rows())})]:
    price = await m3("convert_currency", {{"base_price": base_price, "conversion_rate": rate}})
    tariff = await m3("calculate_tariff", {{"price": price, "tariff_rate": tariff_rate}})
    values.append(await m3("estimate_final_value", {{"price": price, "tariff": tariff}}))
return {_PICKS_PYTHON[self.pick]}
"""

    def task(self) -> Task:
        name = f"trade_calculator/{self.name}"
        return Task(
            name=kebab(name),
            kind="chain",
            command=instruction(name),
            servers=(SERVER,),
            queries=_QUERIES,
            direct=self.direct,
            python=self.python(),
            typescript=self.typescript(),
            code_mode=self.code_mode(),
            expected=expected(name),
        )


_TRADES = (
    _Trade("interstellar_trade_transaction", (((100, 50), 1.5, 8),), "only"),
    _Trade("taxed_commodity_export", (((200, 120), 2.0, 5),), "only"),
    _Trade("best_trade_route_selection", (((500,), 1.3, 7), ((500,), 1.4, 9), ((500,), 1.2, 4)), "min"),
    _Trade(
        "most_profitable_conversion_rate",
        (((1000, 300), 2.5, 10), ((1000, 300), 2.3, 10), ((1000, 300), 2.7, 10)),
        "max",
    ),
    _Trade("bulk_trade_quantity_discount", (((2500, 1500, 0.95), 1.8, 12),), "only"),
    _Trade("comparative_profit_analysis", (((100, 300), 1.6, 6), ((80, 500), 1.8, 5)), "max"),
    _Trade(
        "fluctuating_conversion_rates_impact",
        (((200, 100), 1.7, 7), ((200, 150), 1.5, 7), ((200, 200), 1.6, 7)),
        "all",
    ),
    _Trade(
        "optimal_trade_route_multiple_commodities",
        (((150, 200), 1.7, 8), ((250, 300), 1.5, 5), ((100, 400), 2.0, 10)),
        "max",
    ),
    _Trade(
        "seasonal_price_fluctuation_impact",
        (((200, 200), 1.8, 7), ((250, 200), 1.8, 7), ((180, 200), 1.8, 7)),
        "all",
    ),
    _Trade("balancing_multiple_trade_offers", (((300, 250), 1.6, 6), ((150, 220), 1.5, 4)), "difference"),
    _Trade(
        "dynamic_pricing_strategy",
        (((120, 300, 1.1), 1.8, 6), ((100, 300), 1.8, 6), ((80, 300, 0.95), 1.8, 6)),
        "all",
    ),
    _Trade("quantity_tariff_tradeoff", (((200, 400), 1.7, 10), ((150, 400), 1.7, 5)), "max"),
    _Trade(
        "optimizing_bulk_purchase_discounts",
        (
            ((950, 150), 1.6, 7),
            ((1050, 150, 0.95), 1.6, 7),
            ((950, 180), 1.6, 7),
            ((1050, 180, 0.95), 1.6, 7),
        ),
        "max",
    ),
    _Trade(
        "currency_fluctuation_hedging",
        (((500, 250), 1.5, 8), ((500, 250), 1.65, 8), ((500, 250), 1.8, 8)),
        "min",
    ),
    _Trade(
        "variable_tariff_profit_maximization",
        (((400, 300), 1.7, 6), ((350, 300), 1.7, 4), ((450, 300), 1.7, 7)),
        "max",
    ),
    _Trade(
        "long_term_vs_short_term_trade_decisions",
        (((600, 200), 1.8, 5), ((600, 200, 1.1), 1.6, 7)),
        "all",
    ),
)
TASKS = tuple(trade.task() for trade in _TRADES)
