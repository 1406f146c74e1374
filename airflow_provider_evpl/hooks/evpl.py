"""From an Airflow connection to an authorised client; its test; a data frame for notebooks."""

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, mask_secret
from asgiref.sync import sync_to_async

from airflow_provider_evpl.config.arguments import DEFAULT_GRANULARITY
from airflow_provider_evpl.config.readers import guarded
from airflow_provider_evpl.errors import EvplConfigError, EvplError, quoted

if TYPE_CHECKING:
    import pandas as pd
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_evpl.api.client import Client
    from airflow_provider_evpl.config.plans import PullPlan
    from airflow_provider_evpl.config.settings import Settings

__all__ = ["EvplHook"]

_NO_SUCH_FIELD = {
    "port": "write it into host (the base URL), like https://proxy.example:8443, in a URI percent-encoded",
    "schema": "leave it empty; the scheme is part of host (the base URL)",
}
_OLD_FORMS_PREFIX = "extra__evpl__"  # the button "Test" of Airflow 2.11 sends each extra with it, and without


class EvplHook(BaseHook):
    """Reads a connection of type `evpl`.

    Args:
        evpl_conn_id: id of the connection.
    """

    conn_name_attr = "evpl_conn_id"
    default_conn_name = "evpl_default"
    conn_type = "evpl"
    hook_name = "Orange EVPL"

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Give the form's fields to Airflow 2.11 to 3.1; newer ones read `get_provider_info`."""
        from airflow_provider_evpl.hooks.connection_form import get_widgets

        return get_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Give the form's labels and placeholders to Airflow 2.11 to 3.1, likewise."""
        from airflow_provider_evpl.hooks.connection_form import get_behaviour

        return get_behaviour()

    def __init__(self, evpl_conn_id: str = default_conn_name, **kwargs: Any) -> None:  # noqa: ANN401 BaseHook's own
        super().__init__(**kwargs)
        self.evpl_conn_id = evpl_conn_id

    def get_settings(self) -> "Settings":
        """Read the connection, where no client is needed: nothing is opened.

        Raises:
            EvplConfigError: the connection, or a field of it, is missing or wrong.
        """
        try:
            connection = self.get_connection(self.evpl_conn_id)
        except AirflowNotFoundException:
            raise self._missing() from None
        return _read_settings(connection)

    def get_conn(self, *, retries: bool = True) -> "Client":
        """Make an authorised client, to be used as a context manager; nothing is sent yet.

        The client secret, and every token the moment it arrives, is masked in Airflow's logs.

        Args:
            retries: False where the caller tries again by itself, or somebody waits: then what may
                pass fails at once.

        Raises:
            EvplConfigError: the connection, or a field of it, is missing or wrong.
        """
        return _make_client(self.get_settings(), mask_secret, retries=retries)

    async def aget_conn(self) -> "Client":
        """Make the client where an event loop runs, as in a trigger; call it in the loop's threads.

        What may pass fails at once: a wait would hold a thread, so the caller waits.

        Raises:
            EvplConfigError: the connection, or a field of it, is missing or wrong.
        """
        try:
            connection = await get_async_connection(self.evpl_conn_id, hook=self)
        except AirflowNotFoundException:
            raise self._missing() from None
        settings = await asyncio.to_thread(_read_settings, connection)
        on_secret = _mask_through(asyncio.get_running_loop())
        return await asyncio.to_thread(_make_client, settings, on_secret, retries=False)

    def test_connection(self) -> tuple[bool, str]:
        """Ask for a token, then, where the connection has an operator code, for one small window.

        Returns:
            Whether it worked, and what was found; no secret in it. It never raises.
        """
        from airflow_provider_evpl.flows.connection_test import check_connection

        try:
            with self.get_conn(retries=False) as client:
                return True, check_connection(client)
        except EvplError as error:
            return False, str(error)
        except Exception as error:  # noqa: BLE001 the form shows the result, and nothing else
            return False, f"unexpected {type(error).__name__}: a mistake of the provider's, please report it"

    def get_utilization_df(
        self,
        window_start: datetime | str,
        window_end: datetime | str,
        *,
        code_ope: str | None = None,
        granularity: str = DEFAULT_GRANULARITY,
    ) -> "pd.DataFrame":
        """Pull a window into a data frame, for notebooks; nothing is landed.

        Columns and rules are the lake's: unique rows, each UTC day sorted. Memory grows with the
        window: for more than some days, read the lake instead.

        Args:
            window_start: a moment with a zone, or a date, as the operator takes it.
            window_end: likewise; not part of the window.
            code_ope: operator code; None takes the connection's.
            granularity: like `300s`, `1h`.

        Raises:
            EvplConfigError: the connection or an argument is wrong.
            EvplRefusedError: of a day more than 1 % is rejected.
            EvplError: the API failed.
        """
        import pyarrow as pa

        from airflow_provider_evpl.api.client import Query
        from airflow_provider_evpl.flows.decision import refuse_rejected
        from airflow_provider_evpl.flows.pull import pull_slice

        with self.get_conn() as client:
            arguments = {
                "window_start": window_start,
                "window_end": window_end,
                "code_ope": code_ope,
                "granularity": granularity,
            }
            plan = _plan(arguments, client.settings)
            tables = []
            for window in plan.window.slices(timedelta(days=1)):
                query = Query(code_ope=plan.code_ope, granularity=plan.granularity, window=window)
                samples = pull_slice(client, query)
                if error := refuse_rejected(samples, plan.max_rejected_fraction, redact=client.redact):
                    raise error
                tables.append(_plain(samples.rows.table()))
        return pa.concat_tables(tables).to_pandas()

    def _missing(self) -> EvplConfigError:
        return EvplConfigError(
            f"evpl_conn_id: there is no connection {quoted(self.evpl_conn_id)}, or it can't be read"
        )


def _read_settings(connection: "Connection") -> "Settings":
    from airflow_provider_evpl.config.settings import Settings

    for name, advice in _NO_SUCH_FIELD.items():
        if getattr(connection, name) not in (None, "", 0):  # the form of Airflow 3 makes a port of 0
            raise EvplConfigError(f"{name}: the connection has no such field; {advice}")
    return Settings.from_connection(
        login=connection.login,
        password=connection.password,
        host=connection.host,
        extra=_read_extra(connection.extra),
    )


def _read_extra(text: str | None) -> dict[str, Any]:
    """Read it here: `Connection.extra_dejson` takes broken JSON for an empty object."""
    if text is None or not text.strip():
        return {}
    with suppress(ValueError):
        extra = json.loads(text)
        if isinstance(extra, dict):
            return {name.removeprefix(_OLD_FORMS_PREFIX): value for name, value in extra.items()}
    raise EvplConfigError("extra: must be a JSON object; it isn't shown, it may hold a secret")


def _make_client(settings: "Settings", on_secret: Callable[[str], None], *, retries: bool) -> "Client":
    from airflow_provider_evpl.api.client import Client

    return Client(settings if retries else replace(settings, max_retry_seconds=0), on_secret=on_secret)


def _mask_through(loop: asyncio.AbstractEventLoop) -> Callable[[str], None]:
    """Return a function that masks a secret, for threads other than the event loop's; it waits for the mask.

    In Airflow 3.0 and 3.1 only the triggerer's event loop may send to the supervisor: a message from another
    thread ends the triggerer. Inside `sync_to_async`, what `mask_secret` sends goes through the loop.
    If the loop has ended, the client is not in a triggerer, and the secret is masked directly.
    """

    async def mask(secret: str) -> None:
        await sync_to_async(mask_secret)(secret)

    def on_secret(secret: str) -> None:
        if _is_current(loop) or not loop.is_running():
            mask_secret(secret)
        else:
            _wait(asyncio.run_coroutine_threadsafe(mask(secret), loop), loop)

    return on_secret


def _wait(done: Future[None], loop: asyncio.AbstractEventLoop) -> None:
    """Wait until a call on a loop is done, or the loop has ended: then nothing would end the wait."""
    while loop.is_running():
        with suppress(TimeoutError):
            done.result(timeout=1)
            break


def _is_current(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this thread runs the loop: it can't wait for itself."""
    with suppress(RuntimeError):
        return asyncio.get_running_loop() is loop
    return False


def _plan(arguments: Mapping[str, object], settings: "Settings") -> "PullPlan":
    from airflow_provider_evpl.config.plans import PullPlan
    from airflow_provider_evpl.config.run_window import RunTimes

    return guarded(
        lambda: PullPlan.from_arguments(
            arguments,
            run=RunTimes(),
            default_code_ope=settings.code_ope,
            now=datetime.now(UTC),
        ),
        settings.client_secret,
    )


def _plain(table: Any) -> Any:  # noqa: ANN401 pyarrow has no types
    """Turn dictionaries into plain strings, as readers of the lake see them."""
    import pyarrow as pa

    columns = [
        column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)
