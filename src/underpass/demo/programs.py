"""The demonstration's programs, as an agent would write them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Program:
    """One task, and the program that solves it."""

    name: str
    task: str
    code: str


_HISTORY = """\
import re
from collections import Counter, defaultdict
from datetime import datetime

from mcp_servers import git

COMMIT = re.compile(r"^Commit: (\\w{40,64})\\nAuthor: (.*)\\nDate: (.*)\\n", re.MULTILINE)

async def history(count=1000):
    while True:
        log = await git.git_log(repo_path=REPOSITORY, max_count=count)
        commits = COMMIT.findall(log)
        if len(commits) < count:
            return commits
        count *= 10  # there is more: git_log answers no page but the first

weeks = defaultdict(Counter)
for _, author, date in await history():
    year, week, _ = datetime.fromisoformat(date).isocalendar()
    weeks[author][f"{year}-W{week:02}"] += 1

table = []
for author, by_week in weeks.items():
    busiest, most = by_week.most_common(1)[0]
    table.append({
        "author": author, "commits": by_week.total(), "weeks": len(by_week),
        "busiest week": f"{busiest} ({most})", "first": min(by_week), "last": max(by_week),
    })
return sorted(table, key=lambda row: -row["commits"])[:10]
"""

_OFFICE_HOURS = """\
import asyncio
import re
from collections import Counter
from datetime import UTC, datetime

from mcp_servers import git, time

COMMIT = re.compile(r"^Commit: (\\w{40,64})\\nAuthor: (.*)\\nDate: (.*)\\n", re.MULTILINE)

log = await git.git_log(repo_path=REPOSITORY, max_count=60)
commits = [
    (sha, author, datetime.fromisoformat(date).astimezone(UTC).strftime("%H:%M"))
    for sha, author, date in COMMIT.findall(log)
]

async def hour_in_new_york(clock):
    there = await time.convert_time(
        source_timezone="UTC", time=clock, target_timezone="America/New_York"
    )
    return clock, datetime.fromisoformat(there["target"]["datetime"]).hour

async def lines(sha):
    patch = await git.git_show(repo_path=REPOSITORY, revision=sha)
    return len(re.findall(r"^[+-](?![+-]{2})", patch, re.MULTILINE))

hours = dict(await asyncio.gather(*map(hour_in_new_york, {clock for *_, clock in commits})))
outside = [commit for commit in commits if not 8 <= hours[commit[2]] < 18]
sizes = await asyncio.gather(*(lines(sha) for sha, *_ in outside))

return {
    "commits": len(commits),
    "outside office hours": len(outside),
    "their changed lines": sum(sizes),
    "by": dict(Counter(author for _, author, _ in outside).most_common(5)),
}
"""

_SIGN_UPS = """\
import asyncio

from mcp_runtime import ToolError
from mcp_servers import testkit

people = [
    (f"user{n}@example.org" if n % 7 else f"user{n}.example.org", f"2026-{n % 12 + 1:02}-15")
    for n in range(1, 51)
]

async def check(address, day):
    valid, digest, week = await asyncio.gather(
        testkit.validation_is_email(text=address),
        testkit.encoding_sha256(text=address),
        testkit.datetime_week_number(date_string=day),
    )
    return valid | {"digest": digest["result"], "week": week["result"]}

rows = await asyncio.gather(*(check(*person) for person in people))

try:
    await testkit.echo_error(message="no more sign-ups today")
except ToolError as error:
    refusal = str(error)

valid = [row for row in rows if row["valid"]]
return {
    "checked": len(rows),
    "valid": len(valid),
    "distinct digests": len({row["digest"] for row in rows}),
    "first and last week": [min(row["week"] for row in valid), max(row["week"] for row in valid)],
    "last call": refusal,
}
"""


def programs(repository: str) -> list[Program]:
    """Return the programs for the git repository at this path."""
    path = f"REPOSITORY = {repository!r}\n"
    return [
        Program(
            "history",
            "Read the whole history: who committed how much, in which weeks?",
            _HISTORY.replace("\nCOMMIT =", f"\n{path}COMMIT =", 1),
        ),
        Program(
            "office hours",
            "Which of the last 60 commits were outside office hours in New York, and how large were they?",
            _OFFICE_HOURS.replace("\nCOMMIT =", f"\n{path}COMMIT =", 1),
        ),
        Program(
            "sign-ups",
            "Check 50 sign-ups with three tools each, all at once; one more call fails and is caught.",
            _SIGN_UPS,
        ),
    ]
