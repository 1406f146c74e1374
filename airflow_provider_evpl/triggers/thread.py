"""A thread for the polls of one trigger, because all triggers share the few threads of the event loop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_evpl.api.client import Client
    from airflow_provider_evpl.flows.publication import Watch

__all__ = ["Poll", "polling_thread"]

Poll = Callable[["Watch"], Awaitable[bool]]


@asynccontextmanager
async def polling_thread(client: "Client") -> AsyncIterator[Poll]:
    """Yield a function that runs `watch.poll` in a dedicated thread.

    On exit the client is stopped and closed. That aborts a poll that is under way, and its thread ends.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="evpl-poll")

    def poll(watch: "Watch") -> Awaitable[bool]:
        # Airflow's logging depends on the context.
        run = copy_context().run
        return asyncio.get_running_loop().run_in_executor(pool, run, watch.poll, client)

    with client:
        try:
            yield poll
        finally:
            client.stop()
            pool.shutdown(wait=False)
