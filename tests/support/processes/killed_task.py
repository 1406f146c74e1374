"""A DAG's run in a process of its own, which may be killed in the middle of its task."""

import os
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from tests.support.airflow_versions import load_dag, try_dag
from tests.support.killing import BEGIN, END, Speaker, say_steps


class TaskJob(NamedTuple):
    """What is run, below which folder its steps are told, and the environment that Airflow reads."""

    dag_id: str
    conf: Mapping[str, object]
    lake: str
    environment: Mapping[str, str]


def run_task(job: TaskJob, line: Connection) -> None:
    """Be the process."""
    os.environ |= job.environment
    from tests.support.airflow_runs import DAY

    say = Speaker(line)
    dag = load_dag(Path(os.environ["AIRFLOW_HOME"], "dags"), job.dag_id)
    say_steps(job.lake, say)
    say(BEGIN)
    run = try_dag(dag, job.conf, logical_date=DAY)
    say(f"{END} {run.state}")
