"""TypeScript programs as models write them, and what must happen to each.

Each has a name and its text; a wrong one has also the line at fault and words that the answer must
hold. The right ones run well, however loose they are.
"""

from __future__ import annotations

RIGHT: dict[str, str] = {
    "the plan's example": """
import { docs } from "mcp-servers";
import { searchTools } from "mcp-runtime";
const found = await docs.search({ query: "rust async patterns", limit: 100 });
const relevant = found.filter(d => d.score > 0.8);
return { count: relevant.length, top: relevant[0]?.title };
""",
    "last expression": """
import { search, getDocument } from "mcp-servers/docs";
const hits = await search({ query: "x" });
await Promise.all(hits.slice(0, 3).map((hit) => getDocument({ id: hit.id })));
""",
    "main function": """
import { docs, git } from "mcp-servers";
async function main() {
  const [found, log] = await Promise.all([docs.search({ query: "a" }), git.gitLog({ repo_path: "." })]);
  for (const entry of log as any[]) console.log(entry.message, entry.author?.name);
  return found.length;
}
await main();
""",
    "optional taken for granted": """
import { docs } from "mcp-servers";
const document = await docs.getDocument({ id: "1" });
const host = document.url.split("/")[2];
const version = document.title.match(/v(\\d+)/)[1];
host + version + document.tags.length;
""",
    "untyped results": """
import { git } from "mcp-servers";
const log = await git.gitLog({ repo_path: ".", max_count: 5 });
const first = log.commits[0];
({ sha: first.sha, n: log.length, more: log.map((c) => c.x.y) });
""",
    "untyped results in all the ways that values are used": """
import { docs, git, fileStore } from "mcp-servers";
const log = await git.gitLog({ repo_path: "." });
const { commits, total = 0, ...rest } = log;
const [first, second] = log;
for (const commit of log) console.log(commit.sha.slice(0, 7));
for (const key in log) console.log(key, log[key]);
const lines = (await git.gitStatus({ repo_path: "." })).split("\n").filter((line) => line.trim());
const [status, text] = await Promise.all([git.gitStatus({ repo_path: "." }), fileStore.read({ path: "a" })]);
if (status.clean && log.length > 3 && log > 2) log.extra = 1;
let sum = 0;
sum += log.total * 2 + log;
const found = await docs.search({ query: log.query, limit: log.limit, order: log.order, tags: log });
await docs.search(log);
const asked = await docs.getDocument({ id: text });
delete log.extra;
log.forEach((c) => c.x), log(), new log.Kind(), `${log}`, [...log, ...log.more], { ...log }, Object.keys(log);
const more = found.map((d) => ({ ...d, ...log })), size = JSON.parse(text).size as number;
return { commits, total, rest, first: first.sha, second, lines, sum, asked, more, size, n: log?.a?.b!.c };
""",
    "callTool by name": """
import { callTool, ToolError, workspace, progress, listServers, getToolDocs } from "mcp-runtime";
progress(1, 3, "begun");
await workspace.saveData("data/a.json", { a: 1 });
const data = await workspace.loadData("data/a.json");
try {
  const r: any = await callTool("git", "git_log", { repo_path: "." });
  console.log(r.anything.at.all, data.a);
} catch (error) {
  if (error instanceof ToolError) console.log(error.message, error.hint);
  console.log(error.message);
}
const documents = await getToolDocs("git.git_log");
return (await listServers()).map((s) => s.name);
""",
    "types that there are not": """
import { docs } from "mcp-servers";
import type { SearchResult, Nothing } from "mcp-servers/docs";
import { SearchItem } from "mcp-servers/docs";
const found: SearchResult = await docs.search({ query: "x" });
const first: Document2 = found[0];
const all = found as unknown as Entry[];
function title(d: Missing, n?: Array<Other>): Label { return d.title; }
const map = new Map<string, Unknown>();
title(first), all.length;
""",
    "objects that grow": """
const totals = {};
for (const word of ["a", "b"]) totals[word] = (totals[word] || 0) + 1;
const options = {};
options.limit = 5;
const list = [];
list.push({ a: 1 });
totals.a + options.limit + list[0].a;
""",
    "results that grow": """
import { docs } from "mcp-servers";
const found = await docs.search({ query: "x" });
found.forEach((d, i) => { d.rank = i; });
const ranked = found.map((d) => ({ ...d, label: `${d.rank}: ${d.title}` }));
ranked[0].label + found[0].rank;
""",
    "widened literals": """
import { docs, fileStore } from "mcp-servers";
const options = { query: "x", order: "score" };
const mode = Math.random() > 0.5 ? "w" : "a";
await fileStore.write({ path: "x", content: JSON.stringify({}), mode });
const order = JSON.parse('"date"');
let other = "date";
await docs.search(options);
await docs.search({ query: "x", order: other });
await docs.search({ query: "x", order, ...{ limit: 3 } });
""",
    "null and undefined": """
import { docs } from "mcp-servers";
let limit = null;
let tags;
await docs.search({ query: "x", limit, tags, options: undefined });
""",
    "implicit any": """
function add(a, b) { return a + b; }
const by = (list, key) => list.reduce((all, item) => ({ ...all, [item[key]]: item }), {});
add(1), add(1, 2, 3), by([{ id: 1 }], "id")[1].whatever;
""",
    "annotations that are wishes": """
function shout(text: string) { return (text as any).foo ?? text.toUpperCase(); }
function total(n: number) { return n.reduce((a, b) => a + b, 0); }
const config: { a: number } = { a: 1, b: 2 };
let count: number = "3";
shout(5), total([1, 2]), count;
""",
    "dynamic import": """
const { docs } = await import("mcp-servers");
const search = (await import("mcp-servers/docs")).search;
try {
  await import("mcp-servers/nowhere");
} catch {
  console.log("not there");
}
await docs.search({ query: "x" }), await search({ query: "y" });
""",
    "namespace import": """
import * as servers from "mcp-servers";
import * as docs from "mcp-servers/docs";
await servers.docs.search({ query: "x" }), await docs.search({ query: "y" });
""",
    "server by its other names": """
import { write } from "mcp-servers/file-store";
import { read } from "mcp-servers/file_store";
await write({ path: "a", content: "b", mode: "w" }), await read({ path: "a" });
""",
    "early return": """
import { docs } from "mcp-servers";
const d = await docs.getDocument({ id: "1" });
if (!d) return null;
for (const tag of d.tags ?? []) {
  if (tag === "x") return { tag };
}
return { title: d.title };
""",
    "classes and generics": """
class Counter<T> {
  #counts = new Map<T, number>();
  constructor(private label = "c") {}
  add(key: T) { this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1); return this; }
  get top() { return [...this.#counts].sort((a, b) => b[1] - a[1])[0]; }
}
const counter = new Counter<string>().add("a").add("b");
(counter as any).extra = 1;
counter.top;
""",
    "globals of the runtime": """
const text = new TextEncoder().encode("x");
const id = crypto.randomUUID();
console.table([1]);
structuredClone({ a: 1 });
setTimeout(() => {}, 0);
const url = new URL("https://example.com/a");
({ n: text.length, id, host: url.host, now: performance.now(), intl: new Intl.NumberFormat("en").format(1) });
""",
    "typeof of a name": """
const inNode = typeof process !== "undefined" && typeof Bun === "undefined";
if (typeof window !== "undefined") console.log(window);
inNode;
""",
    "functions used before their definition": """
const result = outer(1);
function outer(n) { return inner(n) + LIMIT(); }
function inner(n) { return n; }
function LIMIT() { return 3; }
result;
""",
    "asynchronous iteration": """
import { docs } from "mcp-servers";
async function* pages() { for (let n = 0; n < 3; n++) yield await docs.search({ query: "x", limit: n }); }
const titles = [];
for await (const page of pages()) titles.push(...page.map((d) => d.title));
titles;
""",
    "maps of results": """
import { docs } from "mcp-servers";
const s = await docs.statistics();
const top = Object.entries(s.by_tag).sort(([, a], [, b]) => b - a).slice(0, 3);
({ total: s.total, python: s.by_tag.python, dashed: s.by_tag["x-y"], top });
""",
    "promises handled by hand": """
import { docs } from "mcp-servers";
const titles = await docs.search({ query: "x" }).then((r) => r.map((d) => d.title)).catch(() => []);
const settled = await Promise.allSettled([docs.getDocument({ id: "1" })]);
settled.filter((s) => s.status === "fulfilled").map((s) => (s as any).value.title).concat(titles);
""",
    "classes with the names of generated ones": """
import { docs } from "mcp-servers";
interface SearchItem { anything: string }
const own = {} as SearchItem;
class Box { [key: string]: any; }
const box = new Box();
box.value = 1;
await docs.search({ query: "x" });
own.anything, box.value;
""",
    "what the runtime has not": """
import chalk from "npm:chalk@5";
import { z } from "https://example.com/z.ts";
import fs from "node:fs";
import { helper } from "./helper.ts";
helper(chalk, z, fs);
""",
    "values of several types": """
import { docs, git } from "mcp-servers";
const limit = Math.random() > 0.5 ? 5 : "5";
const found = await docs.search({ query: "x", limit: limit as any });
const text = found[0].url ?? 5;
git["gitLog"]({ repo_path: "." });
found["length"], String(text), (found as any).anything();
""",
}

WRONG: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "misspelt tool": (
        'import { docs } from "mcp-servers";\nawait docs.serch({ query: "x" });\n',
        2,
        ("no tool 'serch'", "did you mean 'search'", "search({ query: string"),
    ),
    "tool in the other language's spelling": (
        'import { git } from "mcp-servers";\nawait git.git_log({ repo_path: "." });\n',
        2,
        ("no tool 'git_log'", "did you mean 'gitLog'"),
    ),
    "misspelt tool in an import": (
        'import { getDocumnt } from "mcp-servers/docs";\nawait getDocumnt({ id: "1" });\n',
        1,
        ("no tool 'getDocumnt'", "did you mean 'getDocument'?"),
    ),
    "misspelt server": (
        'const x = 1;\nimport { dosc } from "mcp-servers";\nawait dosc.search({});\n',
        2,
        ("no server 'dosc'", "did you mean 'docs'?"),
    ),
    "server that is not there": (
        'import { issues } from "mcp-servers/jira";\nawait issues();\n',
        1,
        ("no server 'jira'", "there are: docs, fileStore, git"),
    ),
    "unknown parameter": (
        'import { docs } from "mcp-servers";\nawait docs.search({ query: "x", maxResults: 3 });\n',
        2,
        ("docs.search has no parameter 'maxResults'", "limit?: number"),
    ),
    "parameter in camel case": (
        'import { git } from "mcp-servers";\nawait git.gitLog({ repoPath: "." });\n',
        2,
        ("git.gitLog has no parameter 'repoPath'", "repo_path: string"),
    ),
    "missing parameter": (
        'import { docs } from "mcp-servers";\nawait docs.search({ limit: 3 });\n',
        2,
        ("docs.search needs query",),
    ),
    "no arguments": (
        'import { docs } from "mcp-servers";\nawait docs.search();\n',
        2,
        ("docs.search needs",),
    ),
    "argument by position": (
        'import { docs } from "mcp-servers";\nawait docs.search("rust");\n',
        2,
        ("docs.search takes its arguments in one object",),
    ),
    "arguments by position": (
        'import { docs } from "mcp-servers";\nawait docs.search("rust", 10);\n',
        2,
        ("docs.search takes its arguments in one object",),
    ),
    "arguments by position over several lines": (
        'import { docs } from "mcp-servers";\nawait docs.search(\n  "rust", // )\n  10,\n);\n',
        4,
        ("docs.search takes its arguments in one object",),
    ),
    "arguments by position of a function that was imported": (
        'import { search as find } from "mcp-servers/docs";\nawait find(\n  "rust",\n  10,\n);\n',
        4,
        ("docs.search takes its arguments in one object",),
    ),
    "unknown parameter on a line of its own": (
        'import { docs } from "mcp-servers";\nawait docs.search({\n  query: "x",\n  maxResults: 3,\n});\n',
        4,
        ("docs.search has no parameter 'maxResults'",),
    ),
    "text for a number on a line of its own": (
        'import { docs } from "mcp-servers";\nawait docs.search({\n  query: "x",\n  limit: "10",\n});\n',
        4,
        ("limit must be number, not string",),
    ),
    "text for a number": (
        'import { docs } from "mcp-servers";\nawait docs.search({ query: "x", limit: "10" });\n',
        2,
        ("limit must be number, not string",),
    ),
    "literal that is not allowed": (
        'import { docs } from "mcp-servers";\nawait docs.search({ query: "x", order: "relevance" });\n',
        2,
        ('order must be "score" | "date", not "relevance"',),
    ),
    "text for an array": (
        'import { docs } from "mcp-servers";\nawait docs.search({ query: "x", tags: "a,b" });\n',
        2,
        ("tags must be string[], not string",),
    ),
    "wrong type in a variable": (
        'import { docs } from "mcp-servers";\nconst options = { query: 5 };\nawait docs.search(options);\n',
        3,
        ("query must be string, not number",),
    ),
    "undefined name": ("const total = 1;\nconsole.log(totl);\n", 2, ("'totl' is not defined", "'total'")),
    "server without its import": (
        'const found = await docs.search({ query: "x" });\n',
        1,
        ("'docs' is not defined", 'import { docs } from "mcp-servers"'),
    ),
    "undefined name in an object": ("const a = 1;\n({ a, bee });\n", 2, ("'bee' is not defined",)),
    "python in TypeScript": ("print('x');\n", 1, ("'print' is not defined",)),
    "misspelt property": (
        'import { docs } from "mcp-servers";\nconst d = await docs.getDocument({ id: "1" });\nd.titel;\n',
        3,
        ("no 'titel'", "did you mean 'title'?"),
    ),
    "property that is not there": (
        'import { docs } from "mcp-servers";\nconst r = await docs.search({ query: "x" });\nr.map((d) => d.bodyOfText);\n',
        3,
        ("no 'bodyOfText'", "it has: id, title, score, url, tags"),
    ),
    "property taken out": (
        'import { docs } from "mcp-servers";\nconst { total, count } = await docs.statistics();\ntotal + count;\n',
        2,
        ("no 'count'", "total"),
    ),
    "method that arrays have not": (
        'import { docs } from "mcp-servers";\nconst found = await docs.search({ query: "x" });\nfound.append(1);\n',
        3,
        ("an array has no method 'append'",),
    ),
    "forgotten await": (
        'import { docs } from "mcp-servers";\nconst found = docs.search({ query: "x" });\nfound.filter(Boolean);\n',
        3,
        ("must be awaited",),
    ),
    "forgotten await before a loop": (
        'import { docs } from "mcp-servers";\nfor (const d of docs.search({ query: "x" })) console.log(d);\n',
        2,
        ("must be awaited",),
    ),
    "server called": (
        'import { docs } from "mcp-servers";\nawait docs({ query: "x" });\n',
        2,
        ("'docs' is a server and no function", "search"),
    ),
    "name that mcp-runtime does not have": (
        'import { searchTool } from "mcp-runtime";\nawait searchTool("x");\n',
        1,
        ("mcp-runtime has no 'searchTool'", "did you mean 'searchTools'?"),
    ),
    "options that are no object": (
        'import { listCapabilities } from "mcp-runtime";\nawait listCapabilities("docs");\n',
        2,
        ('listCapabilities takes its options in an object: { server: "docs" }',),
    ),
    "options of a search that are no object": (
        'import { searchTools } from "mcp-runtime";\nawait searchTools("x", "docs");\n',
        2,
        ('searchTools takes its options in an object: { server: "docs" }',),
    ),
    "method that the workspace does not have": (
        'import { workspace } from "mcp-runtime";\nworkspace.save("a", 1);\n',
        2,
        ("workspace has no 'save'",),
    ),
    "constant assigned": ("const c = 1;\nc = 2;\n", 2, ("Cannot assign to 'c'",)),
    "used before its declaration": ("console.log(later);\nconst later = 1;\n", 1, ("'later' used before",)),
    "unicode before the fault": (
        'import { docs } from "mcp-servers";\nconsole.log("ÄÖ😀"); await docs.search({ query: "😀", limt: 3 });\n',
        2,
        ("no parameter 'limt'",),
    ),
    "wrong key in an option": (
        'import { docs } from "mcp-servers";\nawait docs.search({ query: "x", options: { fuzy: true } });\n',
        2,
        ("no 'fuzy' in SearchOptions",),
    ),
    "several parameters missing": (
        'import { fileStore } from "mcp-servers";\nawait fileStore.write({ mode: "w" });\n',
        2,
        ("fileStore.write needs path, content",),
    ),
    "tool that is not there": (
        'import { git } from "mcp-servers";\nawait git.pushEverything({});\n',
        2,
        ("no tool 'pushEverything'", "there are: gitLog, gitStatus"),
    ),
    "method of a string": (
        'import { docs } from "mcp-servers";\nconst d = await docs.getDocument({ id: "1" });\nd.title.strip();\n',
        3,
        ("a string has no method 'strip'",),
    ),
    "length called": (
        'import { docs } from "mcp-servers";\nconst r = await docs.search({ query: "x" });\nr.length();\n',
        3,
        ("a number is no function",),
    ),
    "too few arguments for the runtime": (
        'import { workspace } from "mcp-runtime";\nawait workspace.saveData("a");\n',
        2,
        ("Expected 2 arguments, but got 1",),
    ),
}
