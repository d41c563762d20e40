# ruff: noqa: E501, ISC004 - a table of programs, one a line
"""Pairs of runs of one shape: the function made of both gives the value of each."""

from __future__ import annotations

import re
from string import Template

import pytest
from tests.skills.promotion.conftest import Workshop, Workshops

from underpass.skills.promotion.evidence import CallReader, ObservedRun
from underpass.skills.promotion.generalise import derive, shape_of
from underpass.skills.skill import SkillDraft

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R48")]
CRM = "from mcp_servers import crm\n"
TS = 'import { crm, exchange, weather } from "mcp-servers";\n'

Pair = tuple[str, dict[str, str], dict[str, str], set[str]]
"""A program, what stands for its literals in two runs, and the parameters that there are to be."""
PYTHON: list[Pair] = [
    (CRM + "rows = await crm.list_accounts(stage=$a)\nlen(rows)", {"a": "'customer'"}, {"a": '"prospect"'}, {"stage"}),
    (CRM + "rows = await crm.list_accounts(stage='customer')\n[r['name'] for r in rows if r['value'] > $a]",
     {"a": "500"}, {"a": "900.5"}, {"min_value"}),
    (CRM + "rows = await crm.list_accounts()\nsorted(r['value'] for r in rows)[:$a]", {"a": "3"}, {"a": "5"}, {"limit"}),
    (CRM + "city = $a\nrows = await crm.list_accounts()\nreturn {city: sum(r['value'] for r in rows if r['city'] == city)}",
     {"a": "'Oslo'"}, {"a": "'Graz'"}, {"city"}),
    (CRM + "rows = await crm.list_accounts()\n[r['name'] for r in rows if r['owner'] in $a]",
     {"a": "('Ada', 'Bo')"}, {"a": "('Cy',)"}, {"owners"}),
    (CRM + "found = []\nfor name in $a:\n    found.append((await crm.get_account(name=name))['value'])\nfound",
     {"a": "['Firm 1']"}, {"a": "['Firm 2', 'Firm 5']"}, {"names"}),
    ("from mcp_servers import crm, exchange\nrate = (await exchange.get_rates(base='EUR'))['rates'].get($a)\n"
     "rows = await crm.list_accounts(stage=$b)\nreturn round(sum(r['value'] for r in rows) * rate, $c)",
     {"a": "'USD'", "b": "'customer'", "c": "2"}, {"a": "'SEK'", "b": "'prospect'", "c": "1"},
     {"key", "stage", "digits"}),
    ("from mcp_servers import weather\ndays = await weather.get_forecast(city=$a, days=$b)\n"
     "text = f'{len(days)} days for $c'\nreturn {'text': text, 'dry': [d['day'] for d in days if d['rain'] == 0]}",
     {"a": "'Rome'", "b": "3", "c": "a trip"}, {"a": "'Bergen'", "b": "4", "c": "the fair"},
     {"city", "days_2", "text_2"}),
    (CRM + "limits = $a\nrows = await crm.list_accounts()\nlimits.append(0)\nreturn [sum(r['value'] > l for r in rows) for l in limits]",
     {"a": "[300, 700]"}, {"a": "[1000]"}, {"limits"}),
    ("import re\n" + CRM + "rows = await crm.list_accounts()\n[r['name'] for r in rows if re.search($a, r['name'])]",
     {"a": "r'1$$'"}, {"a": "'[2-4]'"}, {"pattern"}),
    (CRM + "async def value(name):\n    'Look it up.'\n    return (await crm.get_account(name=name))['value']\n"
     "a, b = await value($a), await value($b)\nreturn {'difference': a - b}",
     {"a": "'Firm 1'", "b": "'Firm 2'"}, {"a": "'Firm 9'", "b": "'Firm 4'"}, {"text", "name_2"}),
    (CRM + "rows = await crm.list_accounts(limit=$a)\nrows[:$a] and max(r['value'] for r in rows)",
     {"a": "2"}, {"a": "4"}, {"limit"}),
]  # fmt: skip
TYPESCRIPT: list[Pair] = [
    (TS + "const rows = await crm.listAccounts({ stage: $a });\nreturn rows.length;", {"a": '"customer"'}, {"a": "'prospect'"}, {"stage"}),
    (TS + "const city = $a;\nconst days = await weather.getForecast({ city, days: $b });\ndays.map((d) => d.high)",
     {"a": '"Rome"', "b": "2"}, {"a": '"Oslo"', "b": "3"}, {"city", "days_2"}),
    (TS + "// the large ones\nconst rows = await crm.listAccounts({});\nreturn rows.filter((r) => r.value >= $a).map((r) => r.name);",
     {"a": "800"}, {"a": "1_200"}, {"min_value"}),
    (TS + "const names = $a;\nconst all = await Promise.all(names.map((name) => crm.getAccount({ name })));\nreturn all.map((one) => one.value);",
     {"a": '["Firm 3"]'}, {"a": '["Firm 1", "Firm 7"]'}, {"names"}),
    (TS + "const { rates } = await exchange.getRates({ base: $a });\nconst total = 100 * rates.USD;\nreturn { text: `$b ${total} USD` };",
     {"a": '"EUR"', "b": "now"}, {"a": '"CHF"', "b": "then"}, {"base", "text"}),
    (TS + "const rows = await crm.listAccounts({ stage: $a, limit: $b });\nconst sums: Record<string, number> = {};\n"
     "for (const { owner, value } of rows) {\n  sums[owner] = (sums[owner] ?? 0) + value;\n}\nreturn sums;",
     {"a": '"customer"', "b": "3"}, {"a": '"prospect"', "b": "5"}, {"stage", "limit"}),
]  # fmt: skip


async def observed(workshop: Workshop, code: str, language: str) -> ObservedRun:
    result = await workshop.run(code, language)
    workshop.up.journal.write()
    reader = CallReader(workshop.up.state / "journal")
    calls, definitions = reader.calls(result.run)
    reader.close()
    return ObservedRun(result.run, language, code, "default", result.value, calls, definitions)


@pytest.mark.parametrize(("language", "pairs"), [("python", PYTHON), ("typescript", TYPESCRIPT)])
async def test_the_function_made_of_two_runs_gives_the_value_of_each(
    workshops: Workshops, language: str, pairs: list[Pair]
) -> None:
    async with workshops() as workshop:
        for text, first, second, names in pairs:
            again = re.sub(r"\brows\b", "found_rows", text) + (
                "\n# done" if language == "python" else "\n// done"
            )
            runs = [
                await observed(workshop, Template(code).safe_substitute(values), language)
                for code, values in ((text, first), (again, second))
            ]
            made = derive(runs, "made-of-two", "Does it.")
            assert {each.name for each in made.parameters} == names, made.code
            draft = SkillDraft(
                "made-of-two", "Does it.", "python" if language == "python" else "typescript",
                made.code, made.entrypoint, cases=made.cases,
            )  # fmt: skip
            results = await workshop.rehearsal.rehearse(draft)
            assert [(each.passed, each.detail) for each in results] == [(True, ""), (True, "")], made.code
            shape = shape_of(language, runs[0].code)
            assert shape.digest == shape_of(language, made.code, made.entrypoint).digest, made.code


def test_names_comments_and_formatting_do_not_change_a_shape() -> None:
    first = "from mcp_servers import crm, exchange\nrows = await crm.list_accounts(stage='a')\nlen(rows)\n"
    second = (
        "from mcp_servers import exchange\nfrom mcp_servers import crm as c\n# how many\nstage: str = 'b'\n"
        "all_of_them = await c.list_accounts(\n    stage=stage,\n)\nreturn len(all_of_them)"
    )
    assert shape_of("python", first).digest == shape_of("python", second).digest
    other = first.replace("list_accounts", "get_account")
    assert shape_of("python", other).digest != shape_of("python", first).digest


async def test_a_single_run_has_its_inputs_as_parameters_with_its_values_as_defaults(
    workshops: Workshops,
) -> None:
    code = (
        CRM + "rows = await crm.list_accounts(stage='customer', limit=3)\nsum(r['value'] > 7 for r in rows)"
    )
    async with workshops() as workshop:
        made = derive([await observed(workshop, code, "python")], "large", "Counts.", guess=True)
    assert "async def large(stage: str = 'customer', limit: int = 3) -> int:" in made.code


def test_a_value_that_most_runs_had_is_the_default() -> None:
    runs = [
        ObservedRun(str(n), "python", CRM + f"len(await crm.list_accounts(stage={stage!r}))", "a", n)
        for n, stage in enumerate(("x", "x", "y", None))
    ]
    assert "(stage: str | None)" in derive(runs, "many", "Counts.").code
    assert "(stage: str = 'x')" in derive(runs[:3], "many", "Counts.").code


def test_what_uses_variables_of_a_session_is_no_function() -> None:
    run = ObservedRun("1", "python", CRM + "await crm.get_account(name=earlier)", "a", 1)
    with pytest.raises(ValueError, match="variables of its session: earlier"):
        derive([run], "some", "Does it.")


SAME = {
    "independent statements": (
        "python",
        'rows = await crm.list_accounts(stage="x")\nseen = {}\ncount = len(rows)\nreturn {"n": count, "s": seen}',
        'found = {}\nitems = await crm.list_accounts(stage="y")\nsize = len(items)\nreturn {"n": size, "s": found}',
    ),
    "texts put together": (
        "python",
        'a = await crm.name(id=1)\nreturn f"{a}: {len(a)}"',
        'b = await crm.name(id=2)\nreturn b + ": " + str(len(b))',
    ),
    "independent statements in TypeScript": (
        "typescript",
        "const rows = await crm.list({});\nconst size = rows.length;\nconst up = rows.map((r) => r.a);\nreturn { size, up };",
        "const all = await crm.list({});\nconst x = all.map((e) => e.a);\nconst n = all.length;\nreturn { size: n, up: x };",
    ),
    "texts put together in TypeScript": (
        "typescript",
        "const a = await crm.name({ id: 1 });\nreturn `${a}: ${a.length}`;",
        'const b = await crm.name({ id: 2 });\nreturn b + ": " + b.length;',
    ),
}  # fmt: skip
OTHER = {
    "calls of tools": (
        "python",
        "a = await crm.first()\nb = await crm.second()\nreturn [a, b]",
        "a = await crm.second()\nb = await crm.first()\nreturn [b, a]",
    ),
    "what is read before it changes": (
        "python",
        "rows = await crm.rows()\nsize = len(rows)\nrows.pop()\nreturn [size, rows]",
        "rows = await crm.rows()\nrows.pop()\nsize = len(rows)\nreturn [size, rows]",
    ),
    "what a function may do": (
        "python",
        "def go():\n    rows.pop()\nrows = await crm.rows()\nsize = len(rows)\ngo()\nreturn [size, rows]",
        "def go():\n    rows.pop()\nrows = await crm.rows()\ngo()\nsize = len(rows)\nreturn [size, rows]",
    ),
    "what is read before it changes in TypeScript": (
        "typescript",
        "const rows = await crm.rows();\nconst size = rows.length;\nrows.push(1);\nreturn [size, rows];",
        "const rows = await crm.rows();\nrows.push(1);\nconst size = rows.length;\nreturn [size, rows];",
    ),
    "numbers before the first text in TypeScript": (
        "typescript",
        'const a = await crm.count({});\nreturn a + a + ": ";',
        "const a = await crm.count({});\nreturn `${a}${a}: `;",
    ),
}


def shape(language: str, code: str) -> str:
    start = (
        "from mcp_servers import crm\n" if language == "python" else 'import { crm } from "mcp-servers";\n'
    )
    return shape_of(language, start + code).digest


@pytest.mark.parametrize("name", SAME)
def test_programs_that_differ_in_how_they_are_written_are_of_one_shape(name: str) -> None:
    language, first, second = SAME[name]
    assert shape(language, first) == shape(language, second)


@pytest.mark.parametrize("name", OTHER)
def test_statements_whose_order_matters_make_another_shape(name: str) -> None:
    language, first, second = OTHER[name]
    assert shape(language, first) != shape(language, second)


async def test_a_function_has_the_shape_of_programs_in_either_order(workshops: Workshops) -> None:
    start = "from mcp_servers import crm\n"
    programs = [
        'rows = await crm.list_accounts(stage="customer", limit=3)\nsize = len(rows)\n'
        'owners = [row["owner"] for row in rows]\nreturn {"text": str(size) + " of " + owners[0], "all": owners}',
        'found = await crm.list_accounts(stage="prospect", limit=4)\nnamed = [one["owner"] for one in found]\n'
        'many = len(found)\nreturn {"text": f"{many} in {named[0]}", "all": named}',
    ]
    async with workshops() as workshop:
        for base in (programs, programs[::-1]):
            runs = [await observed(workshop, start + program, "python") for program in base]
            made = derive(runs, "first-accounts", "Names the first accounts.")
            function = shape_of("python", made.code, made.entrypoint)
            assert function.digest == shape("python", programs[0]) == shape("python", programs[1]), made.code
            draft = SkillDraft(
                "first-accounts", "Names.", "python", made.code, made.entrypoint, cases=made.cases
            )
            results = await workshop.rehearsal.rehearse(draft)
            assert [(each.passed, each.detail) for each in results] == [(True, ""), (True, "")], made.code
