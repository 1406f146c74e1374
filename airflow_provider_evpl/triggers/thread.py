"""A thread for a trigger's looks: the event loop has a few, which belong to all triggers together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_evpl.api.client import Client
    from airflow_provider_evpl.flows.publication import Watch

__all__ = ["Poll", "polls_with"]

Poll = Callable[["Watch"], Awaitable[bool]]


@asynccontextmanager
async def polls_with(client: "Client") -> AsyncIterator[Poll]:
    """Give what lets a watch look, in a thread of its own; in the end the client is hung up on, and closed.

    So a look that is under way then ends, and its thread with it; nobody waits for them.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="evpl-poll")

    def poll(watch: "Watch") -> Awaitable[bool]:
        run = copy_context().run  # Airflow's logs go by it
        return asyncio.get_running_loop().run_in_executor(pool, run, watch.poll, client)

    with client:
        try:
            yield poll
        finally:
            client.stop()
            pool.shutdown(wait=False)
