"""A tracker of issues, with pages of at most a hundred."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from underpass.bench.servers.json_text import json_text
from underpass.bench.servers.paging import Page, PerPage, paged
from underpass.bench.servers.store import given

Key = Annotated[str, Field(description="Issue key, e.g. 'WEB-17'")]
Project = Annotated[str, Field(description="Project key, e.g. 'WEB'")]
State = Annotated[Literal["open", "closed", "all"], Field(description="Which issues by their state")]


def serve(data: dict[str, Any]) -> MCPServer:
    """The server."""
    server = MCPServer("tracker")
    issues: dict[str, dict[str, Any]] = {issue["key"]: issue for issue in data["issues"]}

    def found(key: str) -> dict[str, Any]:
        if key not in issues:
            raise ToolError(f"404 Not Found: {key}")
        return issues[key]

    def selected(project: str, state: str) -> list[dict[str, Any]]:
        of_project = [issue for issue in issues.values() if issue["key"].startswith(f"{project}-")]
        if not of_project:
            raise ToolError(f"404 Not Found: project {project}")
        return [issue for issue in of_project if state in {"all", issue["state"]}]

    @server.tool(structured_output=False)
    def list_issues(
        project: Project,
        state: State = "open",
        label: Annotated[str | None, Field(description="Only issues with this label")] = None,
        assignee: Annotated[str | None, Field(description="Only issues of this assignee (e-mail)")] = None,
        milestone: Annotated[str | None, Field(description="Only issues of this milestone")] = None,
        page: Page = 1,
        per_page: PerPage = 30,
    ) -> dict[str, Any]:
        """List the issues of a project, the oldest key first.

        Returns `issues`, `page`, `pages` and `total`. An issue has `key`, `title`, `state`, `priority`
        (low, medium, high, urgent), `labels`, `assignee`, `milestone`, `created`, `closed`, `blocked_by`
        (keys) and `body`.
        """
        rows = [
            issue
            for issue in selected(project, state)
            if (label is None or label in issue["labels"])
            and assignee in {None, issue["assignee"]}
            and milestone in {None, issue["milestone"]}
        ]
        return paged("issues", rows, page, per_page)

    @server.tool(structured_output=False)
    def get_issue(key: Key) -> dict[str, Any]:
        """Get one issue, with the same fields as in list_issues."""
        return found(key)

    @server.tool(structured_output=False)
    def search_issues(
        project: Project,
        text: Annotated[str, Field(description="Text to look for in titles, in any case")],
        state: State = "open",
        limit: Annotated[int, Field(description="Maximum number of issues", ge=1, le=50)] = 20,
    ) -> str:
        """Search issues by their titles. Returns a JSON array of issues without their bodies."""
        hits = [one for one in selected(project, state) if text.casefold() in one["title"].casefold()]
        return json_text([{key: one[key] for key in one if key != "body"} for one in hits[:limit]])

    @server.tool(structured_output=False)
    def list_comments(key: Key) -> str:
        """List the comments of an issue. Returns a JSON array of `author` and `body`."""
        issue = found(key)["key"]
        return json_text(
            [
                {"author": one["author"], "body": one["body"]}
                for one in data["comments"]
                if one["issue"] == issue
            ]
        )

    @server.tool(structured_output=False)
    def add_comment(key: Key, body: Annotated[str, Field(description="Markdown")]) -> str:
        """Add a comment to an issue."""
        return f"Added a comment of {len(body)} characters to {found(key)['key']}"

    @server.tool(structured_output=False)
    def update_issue(
        key: Key,
        assignee: Annotated[str | None, Field(description="New assignee (e-mail)")] = None,
        priority: Annotated[str | None, Field(description="low, medium, high or urgent")] = None,
        labels: Annotated[list[str] | None, Field(description="All labels from now on")] = None,
    ) -> dict[str, Any]:
        """Change an issue. What is left out stays. Returns the issue as it is then, without its body."""
        changes = {"assignee": assignee, "priority": priority, "labels": labels}
        kept = {name: value for name, value in found(key).items() if name != "body"}
        return kept | {name: value for name, value in changes.items() if value is not None}

    return server


if __name__ == "__main__":
    serve(given()).run("stdio")
