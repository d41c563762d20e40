"""`underpass bench`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from underpass.bench import m3, tasks
from underpass.bench.comparison import compare
from underpass.bench.saved import save
from underpass.bench.task import Task
from underpass.cli.bench_view import show
from underpass.cli.options import examples, json_option, sandbox_option, warn_if_unsandboxed
from underpass.cli.output import out, print_json, progress
from underpass.cli.running import run_async
from underpass.errors import ValidationFailed, did_you_mean


@click.command(
    epilog=examples(
        "underpass bench --quick",
        "underpass bench --fastmcp --corpus tools.jsonl.gz --save results.json",
        "underpass bench --task budget-check --quick --json",
    )
)
@click.option("--quick", is_flag=True, help="Only beside 50 other tools; less than a minute.")
@click.option(
    "--suite",
    type=click.Choice(["own", "m3"]),
    default="own",
    show_default=True,
    help="Tasks with servers of our own, or 38 of the public M3ToolEval.",
)
@click.option("--task", "names", multiple=True, metavar="NAME", help="Only this task; may be repeated.")
@click.option(
    "--corpus",
    envvar="UNDERPASS_BENCH_CORPUS",
    type=click.Path(dir_okay=False, path_type=Path),
    help="JSON lines of tools (server, name, description, inputSchema), for 300 and 1,000 of them.",
)
@click.option("--fastmcp", is_flag=True, help="Install FastMCP into ~/.cache/underpass first, if it is not.")
@click.option(
    "--save", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write a JSON file too."
)
@sandbox_option
@json_option
def command(
    *,
    quick: bool,
    suite: str,
    names: tuple[str, ...],
    corpus: Path | None,
    fastmcp: bool,
    file: Path | None,
    sandbox: str | None,
    as_json: bool,
) -> None:
    """Measure what tasks cost in tokens: by direct calls, by others' ways, and by Underpass's.

    No model is needed. For each task there is a script: the direct calls, and the programs. They are carried
    out with real servers, beside none, 10, 50, 300 and 1,000 definitions of other tools that are only listed.
    Every token is counted that a model would have read or written, turn by turn: each reads all before it.

    \b
    The arms:
      direct       all definitions are loaded; results come whole
      oracle       the same, with only the definitions that the task needs: a bound, nobody can know them
      search       search_tools and call_tool; results come whole
      fastmcp      FastMCP's CodeMode, where it is installed
      python, typescript   `underpass serve`, one program
      agent-…      Underpass's own agent in one mode, its prompt included
      auto         the agent, which chooses the mode by itself
    \b
    The summary of --json (shares from 0 to 1, by tokens over all turns; null without the arm):
      data_heavy_saved_median  saved by python against direct: data-heavy tasks, 50 tools or more
      oracle_saved_median      the same against oracle
      auto_worst_ratio         auto as a multiple of the best mode (agent-…) on the same task: the worst
      auto_worst_ratio_of_all  the same of all arms but oracle; the agent's prompt counts, others have none
      fastmcp_saved_median     saved by python against fastmcp, all tasks
      correct                  programs of python and typescript that gave the expected answer

    Exit status 1 when a program gave another answer.
    """
    warn_if_unsandboxed(sandbox)
    chosen = _chosen(m3.TASKS if suite == "m3" else tasks.TASKS, names)
    with progress("measuring …") as status:

        def on_task(name: str, size: int) -> None:
            if status is not None:
                status.update(f"{name}, beside {size:,} tools …")

        results = run_async(
            lambda: compare(
                chosen, quick=quick, corpus=corpus, fastmcp=fastmcp, sandbox=sandbox, on_task=on_task
            )
        )
    content = results.to_dict()
    if file is not None:
        save(file, content)
    if as_json:
        print_json(content)
    else:
        show(results, out())
    if results.summary().correct != 1:
        raise click.exceptions.Exit(1)


def _chosen(suite: Sequence[Task], names: Sequence[str]) -> Sequence[Task]:
    """Return the tasks of these names, or all. Raises ``ValidationFailed`` for one that there is not."""
    known = {task.name: task for task in suite}
    for name in names:
        if name not in known:
            close = did_you_mean(name, known)
            raise ValidationFailed(
                f"there is no task {name!r:.60}",
                hint=f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}",
            )
    return [known[name] for name in dict.fromkeys(names)] or suite
