"""Python programs as models write them, and what must happen to each.

Each has a name and its text; a wrong one has also the line at fault and words that the answer must
hold. The right ones run well, however loose they are.
"""

from __future__ import annotations

RIGHT: dict[str, str] = {
    "the plan's example": """
from mcp_servers import docs
from mcp_runtime import search_tools
found = await docs.search(query="rust async patterns", limit=100)
relevant = [d for d in found if d["score"] > 0.8]
return {"count": len(relevant), "top": relevant[0]["title"] if relevant else None}
""",
    "last expression": """
from mcp_servers.docs import search, get_document
hits = await search(query="x")
[await get_document(id=hit["id"]) for hit in hits[:3]]
""",
    "main coroutine": """
import asyncio
from mcp_servers import docs, git

async def main():
    found, log = await asyncio.gather(docs.search(query="a"), git.git_log(repo_path="."))
    for entry in log:
        print(entry["message"], entry.get("author", {}).get("name"))
    return len(found)

await main()
""",
    "gather over a list": """
import asyncio
from mcp_servers import docs
names = ["a", "b", "c"]
results = await asyncio.gather(*[docs.search(query=name) for name in names], return_exceptions=True)
good = [r for r in results if not isinstance(r, Exception)]
{name: len(r) for name, r in zip(names, good)}
""",
    "tasks": """
import asyncio
from mcp_servers import docs
tasks = [asyncio.create_task(docs.get_document(id=str(n))) for n in range(5)]
async with asyncio.timeout(5):
    done = await asyncio.gather(*tasks)
semaphore = asyncio.Semaphore(3)
async def one(n):
    async with semaphore:
        return await docs.get_document(id=str(n))
(await one(1))["title"] + done[0]["title"]
""",
    "optional taken for granted": """
from mcp_servers import docs
import re
document = await docs.get_document(id="1")
host = document["url"].split("/")[2]
version = re.search(r"v(\\d+)", document["title"]).group(1)
document.get("url").lower() + host + version
""",
    "optional passed on": """
from mcp_servers import docs
document = await docs.get_document(id="1")
again = await docs.search(query=document.get("url"), limit=int(document["score"]))
again
""",
    "untyped results": """
from mcp_servers import git
log = await git.git_log(repo_path=".", max_count=5)
first = log["commits"][0]
first.sha, first["sha"], first.get("x").y.z, len(log), log + 1
""",
    "call_tool by name": """
from mcp_runtime import call_tool
r = await call_tool("git", "git_log", {"repo_path": "."})
r["anything"].at_all
""",
    "all of mcp_runtime": """
from mcp_runtime import workspace, search_tools, get_tool_docs, list_servers, call_tool, progress, ToolError, ToolFailed
progress(1, 3, "begun")
await workspace.save_data("data/a.json", {"a": 1})
open(workspace.path("x.txt"), "w").write("x")
data = await workspace.load_data("data/a.json")
tools = await search_tools("read a file", limit=3)
docs = await get_tool_docs("git.git_log", tools[0]["id"])
try:
    await call_tool("git", "nope")
except ToolFailed as e:
    print(e.server, e.tool, e.hint, e.data, e.message)
except ToolError:
    pass
[s["name"] for s in await list_servers()], data["a"]
""",
    "names bound in one branch": """
import random
from mcp_servers import docs
if random.random() > 0.5:
    value = 1
else:
    other = 2
try:
    count = len(await docs.search(query="x"))
except Exception as e:
    error = str(e)
print(value, count, error)
""",
    "name bound in a loop": """
for name in ["a", "b"]:
    last = name
print(name, last)
""",
    "definition in a condition": """
import sys
if sys.version_info >= (3, 8):
    def helper(x): return x
else:
    def helper(x, y): return y
helper(1)
""",
    "function used before its definition": """
def outer():
    return inner(LIMIT)

def inner(n):
    return n + 1

LIMIT = 3
outer()
""",
    "globals tricks": """
globals()["answer"] = 42
for name in ("a", "b"):
    globals()[name] = name
exec("made = 1")
answer + made, a, b
""",
    "guarded import": """
try:
    import ujson as json
except ImportError:
    import json
try:
    from mcp_servers import nowhere
except ImportError:
    nowhere = None
try:
    from mcp_servers.docs import find
except (ImportError, AttributeError):
    from mcp_servers.docs import search as find
json.dumps([1]), nowhere
""",
    "any other package": """
import pandas as pd
import numpy as np
from sklearn.linear_model import LinearRegression
from mcp_servers import docs
df = pd.DataFrame(await docs.search(query="x"))
df["rank"] = df.score.rank()
df.groupby("title").agg({"score": "mean"}).reset_index().to_dict("records"), np.float64(1).foo
""",
    "helpers of the workspace": """
from helpers import clean
clean(1)
try:
    from skills import knowledge_graph_analysis
except ImportError:
    knowledge_graph_analysis = None
""",
    "star import": """
from os.path import *
from math import *
join("a", "b"), sqrt(2), basename("x")
""",
    "star import of servers": """
from mcp_servers import *
from mcp_servers.git import *
await docs.search(query="x"), await git_status(repo_path=".")
""",
    "star import of something unknown": """
from toolbox import *
do_everything(1)
""",
    "monkeypatching": """
import json
import mcp_servers.docs
from mcp_servers import docs
json.shout = lambda s: s.upper()
docs.find = docs.search
def noisy(**kwargs):
    return docs.search(**kwargs)
docs.quietly = noisy
json.shout("x"), await docs.find(query="x"), await docs.quietly(query="y")
""",
    "dynamic attributes": """
import types
class Box: pass
box = Box()
box.value = 1
def counter(): counter.calls += 1
counter.calls = 0
space = types.SimpleNamespace(a=1)
space.b = 2
class Loose:
    def __getattr__(self, name): return name
box.value + counter.calls + space.b, Loose().anything
""",
    "hasattr and getattr": """
from mcp_servers import docs
if hasattr(docs, "find_all"):
    result = await docs.find_all(query="x")
else:
    result = await getattr(docs, "search")(query="x")
result
""",
    "results given more keys": """
from mcp_servers import docs
found = await docs.search(query="x")
for rank, d in enumerate(found):
    d["rank"] = rank
    d.setdefault("seen", True)
merged = [{**d, "source": "docs"} for d in found]
[(d["rank"], d["seen"], m["source"]) for d, m in zip(found, merged)]
""",
    "keys that may be there": """
from mcp_servers import docs
d = await docs.get_document(id="1")
if "author" in d:
    print(d["author"])
d.get("author"), d.get("author", {}).get("name")
""",
    "annotations that are wishes": """
from typing import Any, Dict, List, Optional
from mcp_servers import docs
def titles(found: List[Dict[str, Any]], limit: int = None) -> list:
    out: list = {}
    for d in found[:limit]:
        out[d["title"]] = d["score"]
    return out
def shout(text: int) -> int:
    return text.upper()
result: Dict = await docs.search(query="x")
titles(result), shout("a")
""",
    "variables passed as literals": """
import json
from mcp_servers import docs, file_store
order = "score" if len("x") else "date"
for mode in ["w", "a"]:
    await file_store.write(path="x", content=json.dumps({}), mode=mode)
settings = {"order": "date", "limit": 3}
wanted = json.loads('"score"')
await docs.search(query="x", order=wanted), await docs.search(query="x", **settings)
""",
    "looser containers": """
from mcp_servers import docs
tags = ("a", "b")
await docs.search(query="x", tags=tags, options={"fuzzy": True})
await docs.search(query="x", tags=[], options={})
await docs.search(query="x", limit=len(tags) * 2, tags=list({"a", "b"}))
""",
    "global state changed by functions": """
cache = None
total = 0
def load():
    global cache, total
    cache = {"a": [1, 2]}
    total = [1]
load()
cache["a"].append(3)
total.append(1)
""",
    "closures": """
from mcp_servers import docs
def counter():
    n = 0
    def more():
        nonlocal n
        n += 1
        return n
    return more
more = counter()
callbacks = [lambda d=d: d["title"] for d in await docs.search(query="x")]
more() + len([c() for c in callbacks])
""",
    "comprehension scopes": """
words = ["a", "bb"]
lengths = {w: len(w) for w in words}
matrix = [[x * y for x in range(3)] for y in range(3)]
if (n := len(words)) > 1: print(n)
any((hit := w) == "bb" for w in words) and hit
""",
    "deleted and bound again": """
x = [1]
del x
x = 2
d = {"a": 1}
del d["a"]
x, d
""",
    "a class with everything": """
from dataclasses import dataclass, field
from collections import defaultdict, Counter
from mcp_servers import docs
@dataclass
class Entry:
    title: str
    score: float = 0.0
    tags: list = field(default_factory=list)
    @property
    def label(self): return f"{self.title}: {self.score:.2f}"
by = defaultdict(list)
for d in await docs.search(query="x"):
    by[d["title"][0]].append(Entry(d["title"], d["score"], d.get("tags")))
{k: [e.label for e in v] for k, v in by.items()}, Counter(by).most_common(1)[0][0]
""",
    "shadowed names": """
from mcp_servers import docs
list = [1, 2]
search = docs.search
docs = await search(query="x")
id = docs[0]["id"]
str = "text"
len(list), id, str
""",
    "early return and dead code": """
from mcp_servers import git
status = await git.git_status(repo_path=".")
if not status:
    return None
return {"status": status}
undefined_but_never_reached
""",
    "pattern matching": """
from mcp_servers import docs, git
match await git.git_status(repo_path="."):
    case {"branch": branch, **rest}:
        print(branch, rest)
    case [first, *others]:
        print(first, others)
    case str() as text:
        print(text)
    case _:
        pass
""",
    "caught on purpose": """
from mcp_servers import docs
from contextlib import suppress
try:
    undefined_name
except NameError:
    print("as expected")
try:
    docs.no_such_tool
except AttributeError as e:
    print(e)
try:
    await docs.search(wrong=1)
except TypeError as e:
    print(e)
with suppress(KeyError):
    (await docs.get_document(id="1"))["no such key"]
with suppress(NameError):
    print(another)
""",
    "dispatch by name": """
import importlib
import mcp_servers
from mcp_servers import git
name = "docs"
server = getattr(mcp_servers, name)
other = importlib.import_module("mcp_servers.git")
functions = {"log": git.git_log, "status": git.git_status}
r = await functions["log"](repo_path=".")
await server.search(query="x"), await other.git_log(repo_path="."), r
""",
    "module by another name": """
import mcp_servers as m
from mcp_servers import file_store as fs, docs as d
await m.docs.search(query="x"), await fs.read(path="a"), await d.statistics()
""",
    "maps with any keys": """
from mcp_servers import docs
s = await docs.statistics()
s["by_tag"]["python"] + s["total"], sorted(s["by_tag"].items(), key=lambda kv: -kv[1])[:3], s["by_tag"].get("x", 0)
""",
    "sorting and keys": """
from operator import itemgetter
from mcp_servers import docs
found = await docs.search(query="x")
found.sort(key=lambda d: d.get("url") or "", reverse=True)
best = max(found, key=itemgetter("score"), default=None)
sorted(found, key=lambda d: (d.get("url"), -d["score"]))[0], best["title"], sum(d["score"] for d in found) / len(found)
""",
    "asynchronous comprehensions and generators": """
from mcp_servers import docs
async def pages():
    for n in range(3):
        yield await docs.search(query="x", limit=n)
titles = [d["title"] async for page in pages() for d in page]
async for page in pages():
    break
titles
""",
    "decorators": """
import functools, time
def timed(f):
    @functools.wraps(f)
    async def wrapper(*args, **kwargs):
        return await f(*args, **kwargs)
    wrapper.calls = 0
    return wrapper
@timed
async def work(n, *, twice=False): return n
@functools.lru_cache(maxsize=None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
work.calls += 1
await work(1, twice=True), fib(10), fib.cache_info()
""",
    "optional arguments given as None through a name": """
from mcp_servers import docs
tags = None
order = None
await docs.search(query="x", tags=tags, order=order)
""",
    "comments that a checker obeys": """
from mcp_servers import docs  # type: ignore
value = undefined_here  # type: ignore
value
""",
    "classes with the names of generated ones": """
from mcp_servers import docs
class Result:
    def __init__(self): self.data = {}
    def __getattr__(self, name): return name
class Workspace:
    pass
class SearchItem(dict):
    pass
w = Workspace()
w.save = 1
r, item = Result(), SearchItem()
await docs.search(query="x"), r.anything, item["x"] if item else None, w.save
""",
    "values of several types": """
import json
from mcp_servers import docs
value = json.loads("1") or await docs.statistics()
mixed = [1, "a", {"b": 2}]
for each in mixed:
    if isinstance(each, dict):
        each["b"]
    each.upper() if hasattr(each, "upper") else each
limit = 5 if value else "5"
await docs.search(query=limit, limit=limit)
mixed[2]["b"], mixed[0] + 1, value["total"]
""",
    "caught in several ways": """
from mcp_servers import docs, git
try:
    git.nothing
    pass
except (ValueError, AttributeError):
    pass
try:
    # to see what happens
    await git.git_log("here")

    await git.git_log(repo=1)
except TypeError as error:
    print(error)
else:
    print("no")
try: missing
except NameError: pass
try:
    (1)()
    for x in 5: pass
    await docs.statistics(1)
except TypeError:
    pass
from mcp_runtime import ToolArgumentsInvalid
try:
    await docs.search(query=1)
except ToolArgumentsInvalid as error:
    print(error.hint)
""",
}

WRONG: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "misspelt tool": (
        "from mcp_servers import docs\nfound = await docs.serch(query='x')\n",
        2,
        ("no tool 'serch'", "did you mean 'search'?", "search(*, query: str, limit: int = 10"),
    ),
    "tool that is not there": (
        "from mcp_servers import git\n\n\nawait git.push_everything(force=True)\n",
        4,
        ("no tool 'push_everything'", "there are: git_log, git_status"),
    ),
    "misspelt tool in an import": (
        "from mcp_servers.docs import get_documnt\n",
        1,
        ("no tool 'get_documnt'", "did you mean 'get_document'?"),
    ),
    "misspelt server": (
        "x = 1\nfrom mcp_servers import dosc\n",
        2,
        ("no server 'dosc'", "did you mean 'docs'?"),
    ),
    "server by its configured name": (
        "import mcp_servers.filestore\n",
        1,
        ("no server 'filestore'", "did you mean 'file_store'?"),
    ),
    "server that is not there": (
        "import mcp_servers\nawait mcp_servers.jira.issues()\n",
        2,
        ("no server 'jira'", "there are: docs, file_store, git"),
    ),
    "unknown parameter": (
        "from mcp_servers import docs\nawait docs.search(query='x', max_results=3)\n",
        2,
        ("docs.search has no parameter 'max_results'", "limit: int = 10"),
    ),
    "misspelt parameter": (
        "from mcp_servers import git\nawait git.git_log(\n    repopath='.',\n)\n",
        3,
        ("no parameter 'repopath'", "repo_path: str"),
    ),
    "missing parameter": (
        "from mcp_servers import git\nawait git.git_log(max_count=3)\n",
        2,
        ("git.git_log needs 'repo_path'",),
    ),
    "argument by position": (
        "from mcp_servers import docs\nawait docs.search('rust')\n",
        2,
        ("takes its arguments by name",),
    ),
    "text for a number": (
        "from mcp_servers import docs\nawait docs.search(query='x', limit='10')\n",
        2,
        ('limit must be int, not "10"',),
    ),
    "number for text": (
        "from mcp_servers import docs\nawait docs.get_document(id=5)\n",
        2,
        ("id must be str, not 5",),
    ),
    "literal that is not allowed": (
        "from mcp_servers import docs\nmode = 'relevance'\nawait docs.search(query='x', order=mode)\n",
        3,
        ('order must be Literal["score", "date"]', "relevance"),
    ),
    "None for a parameter": (
        "from mcp_servers import docs\nawait docs.search(query='x', tags=None)\n",
        2,
        ("tags must be list[str], not None",),
    ),
    "text for a list": (
        "from mcp_servers import docs\nawait docs.search(query='x', tags='a,b')\n",
        2,
        ('tags must be list[str], not "a,b"',),
    ),
    "undefined name": (
        "total = 1\nprint(totl)\n",
        2,
        ("'totl' is not defined", "did you mean 'total'?"),
    ),
    "server without its import": (
        "found = await docs.search(query='x')\n",
        1,
        ("'docs' is not defined", "from mcp_servers import docs"),
    ),
    "deleted name": ("x = 1\ndel x\nx\n", 3, ("'x' is not defined",)),
    "name of an ended handler": (
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    pass\nprint(error)\n",
        5,
        ("'error' is not defined",),
    ),
    "name of a comprehension": ("[w for w in 'ab']\nw\n", 2, ("'w' is not defined",)),
    "misspelt key": (
        "from mcp_servers import docs\nd = await docs.get_document(id='1')\nd['titel']\n",
        3,
        ("no key 'titel'", "did you mean 'title'?"),
    ),
    "key that is not there": (
        "from mcp_servers import docs\nfor d in await docs.search(query='x'):\n    print(d['body_of_text'])\n",
        3,
        ("no key 'body_of_text'", "keys: id, title, score, url, tags"),
    ),
    "attribute instead of key": (
        "from mcp_servers import docs\nd = await docs.get_document(id='1')\nd.title\n",
        3,
        ("no attribute 'title'", 'use ["title"]'),
    ),
    "method of another language": (
        "from mcp_servers import docs\nfound = await docs.search(query='x')\nfound.filter(lambda d: d['score'])\n",
        3,
        ("a list has no attribute 'filter'",),
    ),
    "length as an attribute": (
        "from mcp_servers import docs\nreturn (await docs.search(query='x')).length\n",
        2,
        ("a list has no attribute 'length'",),
    ),
    "forgotten await before a key": (
        "from mcp_servers import docs\nd = docs.get_document(id='1')\nd['title']\n",
        3,
        ("must be awaited",),
    ),
    "forgotten await before a loop": (
        "from mcp_servers import docs\nfor d in docs.search(query='x'):\n    pass\n",
        2,
        ("must be awaited",),
    ),
    "forgotten await before len": (
        "from mcp_servers import docs\nprint(len(docs.search(query='x')))\n",
        2,
        ("must be awaited",),
    ),
    "forgotten await of a statement": (
        "from mcp_servers import file_store\nfile_store.write(path='a', content='b')\nprint('done')\n",
        2,
        ("never awaited",),
    ),
    "await of what needs none": (
        "from mcp_runtime import workspace\nawait workspace.path('a.json')\n",
        2,
        ("text cannot be awaited",),
    ),
    "await of progress": (
        "from mcp_runtime import progress\nawait progress(1)\n",
        2,
        ("None cannot be awaited",),
    ),
    "server called": (
        "from mcp_servers import docs\nawait docs(query='x')\n",
        2,
        ("'docs' is a server and no function", "search"),
    ),
    "name that mcp_runtime does not have": (
        "from mcp_runtime import search_tool\n",
        1,
        ("mcp_runtime has no 'search_tool'",),
    ),
    "method that the workspace does not have": (
        "from mcp_runtime import workspace\nworkspace.save('a', 1)\n",
        2,
        ("workspace has no 'save'",),
    ),
    "function of the standard library": (
        "import json\njson.load_string('1')\n",
        2,
        ("'json' has no 'load_string'",),
    ),
    "own function called wrongly": (
        "def add(a, b):\n    return a + b\nadd(1)\n",
        3,
        ("'b'", "'add'"),
    ),
    "inside a function": (
        "from mcp_servers import docs\nasync def main():\n    return await docs.serch(query='x')\nawait main()\n",
        3,
        ("did you mean 'search'?",),
    ),
    "after a return in another branch": (
        "from mcp_servers import docs\nif 1 + 1 == 3:\n    return 1\nreturn await docs.search(q='x')\n",
        4,
        ("no parameter 'q'",),
    ),
    "unicode before the fault": (
        "from mcp_servers import docs\nprint('ÄÖ😀', await docs.search(query='ß', limit='😀'))\n",
        2,
        ('limit must be int, not "😀"',),
    ),
    "tool without its import": (
        "from mcp_servers import docs\nprint(docs.search)\nawait search(query='x')\n",
        3,
        ("'search' is not defined", "from mcp_servers.docs import search"),
    ),
    "module of a tool that is not there": (
        "import mcp_servers.docs._serch\n",
        1,
        ("no tool 'serch'", "did you mean 'search'?"),
    ),
    "module below mcp_runtime": ("import mcp_runtime.tools\n", 1, ("mcp_runtime has no module 'tools'",)),
    "attribute of what is not awaited": (
        "from mcp_servers import docs\ndocs.get_document(id='1').get('title')\n",
        2,
        ("must be awaited before 'get'",),
    ),
    "result awaited twice": (
        "from mcp_servers import docs\nd = await docs.get_document(id='1')\nawait d\n",
        3,
        ("cannot be awaited",),
    ),
    "number called": ("limit = 5\nlimit(1)\n", 2, ("5 is no function",)),
    "result called": (
        "from mcp_servers import docs\nd = await docs.get_document(id='1')\nd('title')\n",
        3,
        ("is no function",),
    ),
    "number as a list": (
        "from mcp_servers import docs\ns = await docs.statistics()\nfor n in s['total']:\n    print(n)\n",
        3,
        ("a number cannot be looped over",),
    ),
    "parameter given twice": ("def f(a):\n    return a\nf(1, a=2)\n", 3, ("'a'", "'f'")),
    "attribute of a number": (
        "from mcp_servers import docs\ns = await docs.statistics()\ns['total'].value\n",
        3,
        ("a number has no attribute 'value'",),
    ),
    "position for one parameter and name for another": (
        "from mcp_servers import file_store\nawait file_store.write('a.txt', content='x')\n",
        2,
        ("takes its arguments by name",),
    ),
    "attribute in an unrelated try": (
        "from mcp_servers import docs\ntry:\n    pass\nexcept AttributeError:\n    pass\n# end\ndocs.serch\n",
        7,
        ("no tool 'serch'",),
    ),
}
