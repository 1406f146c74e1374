"""Looking for secrets in all that a task says and leaves behind, in every form that they may have there."""

import asyncio
import json
import logging
import re
import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.api import ECHOES

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

    from tests.support.airflow_runs import Lab


# dag.test() runs without a supervisor; its stand-in logs the very order to mask a secret.
_STAND_IN = re.compile("Sending request.*MaskSecret")


SECRET = "hush/hush+ <&>\"'=\\%7F"
CLIENT = "distinctive-client"
BASIC = f"{CLIENT}:{SECRET}"
"""What the header has in Base64."""


def make_sandbox() -> SandboxServer:
    """Make an API whose client has a secret that is found nowhere else."""
    return SandboxServer(SandboxConfig(circuits=3, page_size=5, client_id=CLIENT, client_secret=SECRET))


def tokens_of(sandbox: SandboxServer) -> set[str]:
    """Give the tokens that were issued."""
    return set(sandbox._state.tokens._ends)  # noqa: SLF001 the sandbox shows its tokens to nobody else


def forms(secret: str) -> set[str]:
    """Give the forms of a secret: plain, and as URLs, JSON, HTML, Python and Base64 write it."""
    return {echo(secret) for echo in ECHOES.values()} | {repr(secret)[1:-1]} | set(_base64(secret.encode()))


def _base64(secret: bytes) -> Iterator[str]:
    """What stays the same of its Base64, wherever in a text it begins."""
    for before in range(3):
        begin, end = (before * 8 + 5) // 6, (before + len(secret)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(bytes(before) + secret)[begin:end].decode()


@dataclass
class Traces:
    """Texts, by where they were found."""

    texts: list[tuple[str, str]] = field(default_factory=list)

    def add(self, where: str, *texts: object) -> None:
        """Keep what was found; bytes as they are."""
        for text in texts:
            plain = text.decode("latin-1") if isinstance(text, bytes) else str(text)
            told = (line for line in plain.splitlines() if not _STAND_IN.search(line))
            self.texts.append((where, "\n".join(told) if "MaskSecret" in plain else plain))

    def add_error(self, error: BaseException | None) -> None:
        """Keep what Airflow prints of an error, and all there is behind it, shown or not."""
        if error is not None:
            self.add("traceback", "".join(traceback.format_exception(error)))
        waiting = [error]
        seen = set[int]()
        while waiting:
            one = waiting.pop()
            if one is not None and id(one) not in seen:
                seen.add(id(one))
                self.add("error", str(one), repr(one), repr(one.args), repr(vars(one)))
                waiting += [one.__cause__, one.__context__]

    def add_files(self, root: Path) -> None:
        """Keep every file's bytes, its name, and what a reader of Parquet sees."""
        for path in sorted(root.rglob("*")):
            self.add("name", path)
            if path.is_file():
                self.add(path.name, path.read_bytes())
            if path.suffix == ".parquet":
                self.add(
                    path.name,
                    pq.read_metadata(path).metadata,
                    pq.read_table(path, partitioning=None).to_pylist(),
                )

    def found(self, where: str) -> str:
        """Give all that was found at a place; of a file its name's beginning."""
        return "\n".join(text for place, text in self.texts if place.startswith(where))

    def leaks(self, secrets: Iterable[str]) -> set[tuple[str, str]]:
        """Give where a secret is, and in which form."""
        wanted = {form for secret in secrets for form in forms(secret)}
        return {(where, form) for where, text in self.texts for form in wanted if form in text}


class _Ear(logging.Handler):
    def __init__(self, traces: Traces) -> None:
        super().__init__()
        self._traces = traces
        self._form = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep all of a record, before anybody masks it."""
        self._traces.add(f"log of {record.name}", self._form.format(record), repr(vars(record)))


@contextmanager
def listening(traces: Traces) -> Iterator[None]:
    """Keep what any logger says, at DEBUG."""
    root, ear = logging.getLogger(), _Ear(traces)
    loggers = [one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    quiet = [
        one for one in [root, *loggers] if one.level > logging.DEBUG or not one.propagate or one.disabled
    ]
    before = [(one, one.level, one.propagate, one.disabled) for one in quiet]
    for one in quiet:
        one.setLevel(logging.DEBUG)
        one.propagate, one.disabled = True, False
    root.addHandler(ear)
    try:
        yield
    finally:
        root.removeHandler(ear)
        for one, level, propagate, disabled in before:
            one.setLevel(level)
            one.propagate, one.disabled = propagate, disabled


def pull(lab: "Lab", traces: Traces, **arguments: object) -> None:
    """Pull an hour, and keep all that comes of it."""
    operator = lab.operator(**arguments)
    with keeping_errors(traces):
        traces.add("result", json.dumps(operator.execute({})))
    traces.add("operator", operator, repr(operator), repr(vars(operator)))


def wait(traces: Traces) -> None:
    """Look once as the sensor does, then as the trigger does."""
    from airflow.providers.common.compat.sdk import TaskDeferred

    from airflow_provider_evpl.sensors.evpl import EvplUtilizationSensor

    window = {"window_start": "2026-11-20", "window_end": "2026-11-20T01:00:00Z"}
    waiting: dict[str, Any] = {"poke_interval": 0.001, "timeout": 0, "deferrable": True}
    sensor = EvplUtilizationSensor(task_id="wait", min_series=100, **window, **waiting)
    with keeping_errors(traces):
        try:
            sensor.execute({})
        except TaskDeferred as deferral:
            trigger = deferral.trigger
            traces.add("deferral", repr(deferral), repr(vars(deferral)))
            traces.add("trigger", repr(trigger), repr(vars(trigger)), repr(trigger.serialize()))
            traces.add("event", repr(asyncio.run(_first_event(trigger))))


def use_hook(traces: Traces) -> None:
    """Test the connection, pull a data frame, and look at what they are made of."""
    from airflow_provider_evpl.hooks.evpl import EvplHook

    hook = EvplHook()
    traces.add("hook", repr(hook), repr(vars(hook)))
    with keeping_errors(traces), hook.get_conn(retries=False) as client:
        traces.add("client", repr(client), repr(vars(client)), repr(client.settings), client.settings.source)
    traces.add("connection test", hook.test_connection())
    with keeping_errors(traces):
        frame = hook.get_utilization_df("2026-11-20", "2026-11-20T01:00:00Z")
        traces.add("frame", frame.to_csv())


@contextmanager
def keeping_errors(traces: Traces) -> Iterator[None]:
    """Keep what is raised, instead of raising it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 whatever it is, it is looked into
        traces.add_error(error)


async def _first_event(trigger: "BaseTrigger") -> object:
    async for event in trigger.run():
        return event.payload
    return None
