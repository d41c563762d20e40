"""What is asked of a started server beside calls: news of its tools, and whether it lives."""

from __future__ import annotations

from collections.abc import Callable

import anyio
from mcp import Client
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.shared.exceptions import MCPError
from mcp_types import REQUEST_TIMEOUT
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from underpass.catalog.supervision import Backoff, Clock


async def watch_tools(client: Client, changed: Callable[[], object], clock: Clock) -> None:
    """Have a server of the newest revision announce changes of its tools, for as long as it does.

    In earlier revisions servers announce them unasked. The announcements themselves reach the client's
    message handler in either case.

    Parameters:
        changed: called when announcements may have been missed.
    """
    tools = client.server_capabilities.tools
    if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or tools is None or not tools.list_changed:
        return
    backoff = Backoff(clock)
    while True:
        began = clock.now()
        try:
            async with client.listen(tools_list_changed=True) as announcements:
                async for _ in announcements:
                    pass
        except (MCPError, ListenNotSupportedError):
            return  # it said that it can, and cannot
        except SubscriptionLost:
            pass
        backoff.died(clock.now() - began)
        await clock.sleep_until(clock.now() + backoff.remaining)
        changed()


async def answers(client: Client, within: float, clock: Clock) -> bool:
    """Ping a server, and say whether it answered in time; a refusal is an answer."""
    answered = False

    async def give_up() -> None:
        await clock.sleep_until(clock.now() + within)
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(give_up)
        try:
            if client.protocol_version in MODERN_PROTOCOL_VERSIONS:
                # The newest revision has no ping; every server of it answers this.
                await client.session.send_discover(client.protocol_version)
            else:
                await client.session.send_ping()
            answered = True
        except MCPError as error:
            answered = error.code != REQUEST_TIMEOUT
        tasks.cancel_scope.cancel()
    return answered
