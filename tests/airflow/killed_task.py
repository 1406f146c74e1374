"""A DAG's run in a process of its own, which may be killed in the middle of its task."""

import os
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from tests.machine.victim import BEGIN, END, Speaker, say_steps


class TaskJob(NamedTuple):
    """What is run, below which folder its steps are told, and the environment that Airflow reads."""

    dag_id: str
    conf: Mapping[str, object]
    lake: str
    environment: Mapping[str, str]


def run_task(job: TaskJob, line: Connection) -> None:
    """Be the process."""
    os.environ |= job.environment
    from airflow.dag_processing.dagbag import DagBag

    from tests.airflow.runs import DAY

    say = Speaker(line)
    dag = DagBag(Path(os.environ["AIRFLOW_HOME"], "dags")).dags[job.dag_id]
    say_steps(job.lake, say)
    say(BEGIN)
    run = dag.test(logical_date=DAY, run_conf=dict(job.conf))
    say(f"{END} {run.state}")
