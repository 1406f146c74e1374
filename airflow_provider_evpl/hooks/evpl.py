"""Makes an authorized client from an Airflow connection; tests and probes it; gives a data frame."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, mask_secret
from asgiref.sync import sync_to_async

from airflow_provider_evpl.config.plans import DEFAULT_GRANULARITY, PullPlan, read_name
from airflow_provider_evpl.config.readers import guarded
from airflow_provider_evpl.config.run_window import RunTimes
from airflow_provider_evpl.errors import LONGEST_NAME, EvplConfigError, EvplError, one_line

if TYPE_CHECKING:
    import pandas as pd
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_evpl.api.client import Client
    from airflow_provider_evpl.config.settings import Settings
    from airflow_provider_evpl.flows.probe.answer import Answer

__all__ = ["EvplHook", "get_hook", "read_plan"]

_NO_SUCH_FIELD = {
    "port": "Write the port into host, like https://proxy.example:8443 (in a URI percent-encoded).",
    "schema": "Leave schema empty. The scheme is a part of host.",
}
# The test button of Airflow 2.11 sends each extra twice: with this prefix, and without.
_OLD_FORM_PREFIX = "extra__evpl__"


class EvplHook(BaseHook):
    """Reads a connection of type `evpl` and makes a client of Orange's API.

    Args:
        evpl_conn_id: id of the connection.
    """

    conn_name_attr = "evpl_conn_id"
    default_conn_name = "evpl_default"
    conn_type = "evpl"
    hook_name = "Orange EVPL"

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's fields for Airflow 2.11 to 3.1; newer versions read `get_provider_info`."""
        from airflow_provider_evpl.hooks.connection_form import get_widgets

        return get_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's labels and placeholders for Airflow 2.11 to 3.1."""
        from airflow_provider_evpl.hooks.connection_form import get_behavior

        return get_behavior()

    def __init__(self, evpl_conn_id: str = default_conn_name, **kwargs: Any) -> None:  # noqa: ANN401 BaseHook's own
        super().__init__(**kwargs)
        self.evpl_conn_id = evpl_conn_id

    def get_settings(self) -> "Settings":
        """Read the connection without making a client.

        Raises:
            EvplConfigError: the connection is missing, or one of its fields is missing or wrong.
        """
        try:
            connection = self.get_connection(self.evpl_conn_id)
        except AirflowNotFoundException:
            raise self._missing() from None
        return self._read(connection)

    def get_conn(self, *, retries: bool = True) -> "Client":
        """Make an authorized client. Use the client as a context manager. Nothing is sent yet.

        Airflow's logs mask the client secret, and each token as soon as it arrives.

        Args:
            retries: False if the caller retries, or if a person waits: the client then raises temporary
                errors at once.

        Raises:
            EvplConfigError: the connection is missing, or one of its fields is missing or wrong.
        """
        return _make_client(self.get_settings(), mask_secret, retries=retries)

    async def aget_conn(self) -> "Client":
        """Make the client on an event loop, as in a trigger. Call its methods in threads of the loop.

        The client raises temporary errors at once, because waiting would block a thread. The caller retries.

        Raises:
            EvplConfigError: the connection is missing, or one of its fields is missing or wrong.
        """
        try:
            connection = await get_async_connection(self.evpl_conn_id, hook=self)
        except AirflowNotFoundException:
            raise self._missing() from None
        settings = await asyncio.to_thread(self._read, connection)
        mask = _masks_from_threads(asyncio.get_running_loop())
        return await asyncio.to_thread(_make_client, settings, mask, retries=False)

    def test_connection(self) -> tuple[bool, str]:
        """Request a token and, if the connection has an operator code, the last two hours of the report.

        Returns:
            Whether the test passed, and lines that say what the responses show, without a secret. It never
            raises.
        """
        from airflow_provider_evpl.flows.connection_test import check_connection

        try:
            with self.get_conn(retries=False) as client:
                status = check_connection(client, now=datetime.now(UTC))
            # Airflow's command line disables logs, and shows the text only if the test fails.
            print(status)  # noqa: T201
        except EvplError as error:
            return False, str(error)
        except Exception as error:  # noqa: BLE001 the form shows the result, and nothing else
            return (
                False,
                f"Unexpected {type(error).__name__}. This is a bug of the provider: please report it.",
            )
        return True, status

    def probe(
        self,
        *,
        code_ope: Sequence[str] | str = (),
        day: str | None = None,
        max_requests: int = 30,
        thorough: bool = False,
    ) -> "Answer":
        """Ask the API a few careful questions, read-only, and say which settings fit.

        Args:
            code_ope: an operator code or several; none means the connection's. Each further one costs one
                request.
            day: UTC day to examine, like `2026-11-27`; None means yesterday.
            max_requests: 1 to 30.
            thorough: also request `5m` and, at the end, a second token. Running tasks may lose theirs.

        Returns:
            The answer. Print its `text`; `settings` has the extras to set, and `record` may be shown to
            anybody.

        Raises:
            EvplConfigError: the connection or an argument is wrong. Errors of the API are in the answer.
        """
        from airflow_provider_evpl.api.client import Client
        from airflow_provider_evpl.flows.probe.flow import probe
        from airflow_provider_evpl.flows.probe.plan import ProbePlan

        settings = self.get_settings()
        plan = ProbePlan.from_arguments(
            settings,
            now=datetime.now(UTC),
            code_ope=code_ope,
            day=day,
            max_requests=max_requests,
            thorough=thorough,
        )
        return probe(settings, plan, make_client=partial(Client, on_secret=mask_secret))

    def get_utilization_df(
        self,
        window_start: datetime | str,
        window_end: datetime | str,
        *,
        code_ope: str | None = None,
        granularity: str = DEFAULT_GRANULARITY,
    ) -> "pd.DataFrame":
        """Pull a window into a data frame, for notebooks. Nothing is written to a lake.

        The columns and rules are those of the lake: rows are unique, and each UTC day is sorted. Memory grows
        with the window. For more than a few days, read the lake instead.

        Args:
            window_start: start of the window, as the operator takes it.
            window_end: end of the window, not included.
            code_ope: operator code. None: the connection's.
            granularity: step of the samples: `300s`, `1h`.

        Raises:
            EvplConfigError: the connection or an argument is wrong.
            EvplRefusedError: more than 1 % of a day is rejected.
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
            plan = read_plan(arguments, {}, client.settings)
            tables = []
            for window in plan.window.slices(timedelta(days=1)):
                query = Query(code_ope=plan.code_ope, granularity=plan.granularity, window=window)
                samples = pull_slice(client, query)
                if error := refuse_rejected(samples, plan.max_rejected_fraction, redact=client.redact):
                    raise error
                tables.append(_without_dictionaries(samples.rows.table()))
        return pa.concat_tables(tables).to_pandas()

    def _missing(self) -> EvplConfigError:
        return EvplConfigError(
            f"No connection `{one_line(self.evpl_conn_id, LONGEST_NAME)}`.",
            "Create it, or set `evpl_conn_id`.",
            "If it exists, Airflow can't read it: check the secrets backend.",
        )

    def _read(self, connection: "Connection") -> "Settings":
        from airflow_provider_evpl.config.settings import Settings

        for name, advice in _NO_SUCH_FIELD.items():
            # The form of Airflow 3 stores an empty port as 0.
            if getattr(connection, name) not in (None, "", 0):
                raise EvplConfigError(f"{name}: the connection has no such field.", advice)
        return Settings.from_connection(
            login=connection.login,
            password=connection.password,
            host=connection.host,
            extra=_read_extra(connection.extra),
            conn_id=self.evpl_conn_id,
        )


def get_hook(arguments: Mapping[str, object]) -> EvplHook:
    """Make the hook of the argument `evpl_conn_id`, or of the default connection."""
    return EvplHook(read_name(arguments, "evpl_conn_id") or EvplHook.default_conn_name)


def read_plan(arguments: Mapping[str, object], context: Mapping[str, Any], settings: "Settings") -> PullPlan:
    """Read the arguments of a pull, and find its window.

    Raises:
        EvplConfigError: an argument is wrong, or the run has no window.
    """
    return guarded(
        lambda: PullPlan.from_arguments(
            arguments,
            run=RunTimes.from_context(context),
            default_code_ope=settings.code_ope,
            now=datetime.now(UTC),
        ),
        settings.client_secret,
    )


def _read_extra(text: str | None) -> dict[str, Any]:
    """Parse the extras, because `Connection.extra_dejson` reads broken JSON as an empty object."""
    if text is None or not text.strip():
        return {}
    with suppress(ValueError):
        extra = json.loads(text)
        if isinstance(extra, dict):
            return {name.removeprefix(_OLD_FORM_PREFIX): value for name, value in extra.items()}
    raise EvplConfigError(
        "extra: must be a JSON object.", detail="The text is not shown, because it may hold a secret."
    )


def _make_client(settings: "Settings", on_secret: Callable[[str], None], *, retries: bool) -> "Client":
    from airflow_provider_evpl.api.client import Client

    return Client(settings if retries else replace(settings, max_retry_seconds=0), on_secret=on_secret)


def _masks_from_threads(loop: asyncio.AbstractEventLoop) -> Callable[[str], None]:
    """Return a `mask_secret` for threads beside an event loop. It returns when the secret is masked.

    In Airflow 3.0 and 3.1 a message from another thread ends the triggerer: only its event loop may send to
    the supervisor. Inside `sync_to_async`, what `mask_secret` sends goes through the loop. If the loop has
    ended, the client is not in a triggerer, and the secret is masked directly.
    """

    async def mask_on_loop(secret: str) -> None:
        await sync_to_async(mask_secret)(secret)

    def mask(secret: str) -> None:
        if loop.is_running() and not _runs_in_this_thread(loop):
            _wait(asyncio.run_coroutine_threadsafe(mask_on_loop(secret), loop), loop)
        else:
            mask_secret(secret)

    return mask


def _runs_in_this_thread(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this thread runs the loop: it can't wait for itself."""
    with suppress(RuntimeError):
        return asyncio.get_running_loop() is loop
    return False


def _wait(done: Future[None], loop: asyncio.AbstractEventLoop) -> None:
    """Wait for a call on a loop; stop waiting if the loop ends, because the call never returns then."""
    while loop.is_running():
        with suppress(TimeoutError):
            done.result(timeout=1)
            break


def _without_dictionaries(table: Any) -> Any:  # noqa: ANN401 pyarrow has no types
    """Cast dictionary-encoded columns to plain strings, as readers of the lake see them."""
    import pyarrow as pa

    columns = [
        column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)
