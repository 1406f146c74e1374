"""A task of Airflow is killed by SIGKILL."""

import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.killing import Kill, Witness, watch
from tests.support.lake_files import window_of
from tests.support.network import HANG_UP, Request, proxied
from tests.support.processes.killed_task import TaskJob, run_task

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

DAY = {"window_start": "2026-11-20", "window_end": "2026-11-21"}


class Left(NamedTuple):
    """How many objects a killed task leaves, and how many temporary files."""

    objects: int
    hidden: int


@pytest.fixture
def witness(lab: "Lab") -> Iterator[Witness]:
    """See what is asked of the API."""
    witness = Witness()

    def see(request: Request) -> Request | int:
        return request if witness.see("token" if "token" in request.target else "page") else HANG_UP

    with proxied(lab.sandbox.base_url, see) as proxy:
        lab.connect(host=proxy.url)
        yield witness


def _count(lab: "Lab") -> Left:
    """Count what is there; an object has all the rows of its interval that the sandbox has."""
    from tests.support.airflow_runs import read_rows, truth

    paths = lab.landed()
    objects = [path for path in paths if not path.name.startswith(".")]
    for path in objects:
        interval = window_of(str(path))
        assert read_rows(path.read_bytes()) == truth(lab.sandbox, interval.start, interval.end)
    return Left(len(objects), len(paths) - len(objects))


@pytest.mark.parametrize(
    ("kill", "left"),
    [
        (Kill("page", 5), Left(7, 0)),  # one slice has taken the place of two, another is under way
        (Kill("move", 1), Left(8, 1)),  # the first is written beside its place
        (Kill("delete", 1), Left(9, 0)),  # the first is there, beside what it supersedes
    ],
    ids=["between pages", "in a put", "between put and delete"],
)
def test_a_killed_task_lands_everything_when_it_runs_again(
    lab: "Lab", witness: Witness, kill: Kill, left: Left
) -> None:
    """What has landed stays, each object whole, and the same task again makes the lake exact."""
    from tests.support.airflow_runs import run_dag

    conf = {"object_storage_path": lab.root, **DAY}
    assert run_dag(lab, "evpl_any", conf={**conf, "slice_length": "3h"}).state == "success"
    again = {**conf, "slice_length": "6h"}
    environment = {name: text for name, text in os.environ.items() if name.startswith(("AIRFLOW", "NO_"))}
    job = TaskJob("evpl_any", again, str(lab.lake), environment)
    assert watch(job, witness, kill, run=run_task) == -signal.SIGKILL
    assert _count(lab) == left
    assert run_dag(lab, "evpl_any", conf=again).state == "success"
    assert _count(lab) == Left(4, 0)
    assert [window_of(str(path)).length.total_seconds() for path in lab.landed()] == [6 * 3600] * 4
