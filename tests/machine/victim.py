"""A run in a process of its own; it may be made to stop before each step, to be killed there."""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplError
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.flows.summary import Summary
from airflow_provider_evpl.lake.store import Store
from tests.lake.build import PULLED_AT
from tests.lake.memory import MemoryStore
from tests.machine.places import LocalPlace, Place

_NOBODY = 65534

BEGIN, END = "begin", "end"

_STEPS = {
    "open": "open",
    "os.mkdir": "make",
    "os.scandir": "list",
    "os.rename": "move",
    "os.remove": "delete",
}
"""What Python tells an audit hook of before it does it."""


@dataclass(frozen=True)
class Job:
    """One run: whom to ask, for what, where it shall land.

    Attributes:
        tells: whether it tells of its steps.
        straits: is called in the process, to make its life hard.
    """

    connection: Mapping[str, Any]
    plan: PullPlan
    place: Place
    tells: bool = True
    straits: Callable[[], object] = bool


def pull_to(store: Store, connection: Mapping[str, Any], plan: PullPlan) -> None:
    """Pull once, without waits, always at the same time: so the same samples are the same bytes."""
    settings = Settings.from_connection(
        login=connection["login"],
        password=connection["password"],
        host=connection["host"],
        extra={**connection["extra"], "requests_per_second": "1000"},
    )
    with Client(settings, sleep=lambda _: None) as client:
        pull(client, store, plan, provenance={}, summary=Summary(plan=plan, now=lambda: PULLED_AT))


def become_nobody(connection: Mapping[str, Any], plan: PullPlan) -> None:
    """Give up root's rights, to which no folder is closed; load before what is in folders of root's."""
    pull_to(MemoryStore(), connection, plan)
    os.seteuid(_NOBODY)


def run(job: Job, line: Connection) -> None:
    """Be the process: say `begin`, run, say how it ended; wait for an answer to each word said.

    Each step at the files of a local lake is said before it is taken.
    """
    say = Speaker(line)
    store = job.place.store()
    if job.tells and isinstance(job.place, LocalPlace):
        say_steps(job.place.root, say)
    job.straits()
    say(BEGIN)
    try:
        pull_to(store, job.connection, job.plan)
    except EvplError as error:
        say(f"{END} {type(error).__name__}: {error}")
    else:
        say(END)


class Speaker:
    """Says a word, and waits until it was heard."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self._turn = threading.Lock()

    def __call__(self, word: str) -> None:
        """Say it."""
        with self._turn:
            self._line.send_bytes(word.encode())
            self._line.recv_bytes()


def say_steps(root: str, say: Speaker) -> None:
    """Say each step at the files below a folder before it is taken."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STEPS and str(arguments[0]).startswith(root):
            name = Path(arguments[0]).name
            is_hidden = " hidden" if event == "open" and name.startswith(".") else ""
            say(f"{_STEPS[event]}{is_hidden}")

    sys.addaudithook(hook)
