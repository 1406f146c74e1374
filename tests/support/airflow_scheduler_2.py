"""The same steps of Airflow 2.11's scheduler."""

# mypy: ignore-errors
# It looks at the Airflow of .venv, which has other names.

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from airflow.api.common.delete_dag import delete_dag
from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import DagNotFound
from airflow.jobs.backfill_job_runner import BackfillJobRunner
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dag import DagModel, _run_task
from airflow.models.dagbag import DagBag
from airflow.models.dagrun import DagRun
from airflow.models.dataset import DatasetEvent
from airflow.settings import DAGS_FOLDER
from airflow.utils.session import create_session
from airflow.utils.sqlalchemy import prohibit_commit
from airflow.utils.state import DagRunState, TaskInstanceState
from sqlalchemy import delete, select

from tests.support.airflow_runs import Outcome

__all__ = ["Scheduler"]


class Scheduler:
    """Creates runs as Airflow does, and runs them; only DAGs that it is told of are awake."""

    def __init__(self, *dag_ids: str) -> None:
        """Forget the DAGs' former runs, and read their files again."""
        self._dag_ids = dag_ids
        self._runner = SchedulerJobRunner(Job())
        for dag_id in dag_ids:
            with suppress(DagNotFound):  # at the first time
                delete_dag(dag_id)
        with create_session() as session:  # an event whose run is gone would be of now
            session.execute(delete(DatasetEvent).where(DatasetEvent.source_dag_id.in_(dag_ids)))
        self._bag = DagBag(DAGS_FOLDER)
        self._bag.sync_to_db()
        self._runner.dagbag = DagBag(DAGS_FOLDER, read_dags_from_db=True)

    @contextmanager
    def awake(self) -> Iterator[None]:
        """The DAGs may be scheduled."""
        self._pause(paused=False)
        try:
            yield
        finally:
            self._pause(paused=True)

    def schedule(self) -> None:
        """Create the runs that are due: by timetable, by datasets."""
        with create_session() as session, prohibit_commit(session) as guard:
            self._runner._create_dagruns_for_dags(guard, session)  # noqa: SLF001 the scheduler's own step

    def backfill(self, dag_id: str, start: datetime, end: datetime) -> None:
        """Create runs as `airflow dags backfill` does."""
        dag = self._bag.dags[dag_id]
        runner = BackfillJobRunner(Job(), dag, start_date=start, end_date=end)
        with create_session() as session:
            for info in dag.iter_dagrun_infos_between(start, end):
                runner._get_dag_run(info, dag, session)  # noqa: SLF001 the command's own step

    def trigger(self, dag_id: str, *, logical_date: datetime | None = None, key: str | None = None) -> None:
        """Create a run as the web interface does; without a date it takes the clock's."""
        assert key is None, "there are no partitions"
        trigger_dag(dag_id, execution_date=logical_date)

    def trigger_by_command(self, dag_id: str, logical_date: datetime) -> None:
        """Create a run as `airflow dags trigger --exec-date` does."""
        trigger_dag(dag_id, execution_date=logical_date)

    def finish(self, dag_id: str, run_type: str) -> list[Outcome]:
        """Run all that were created; how each ended, in the order of their creation."""
        with create_session() as session:
            runs = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.id)).all()
            created = [run for run in runs if run.state in {DagRunState.QUEUED, DagRunState.RUNNING}]
            assert {run.run_type.replace("dataset", "asset") for run in created} <= {run_type}
            numbers = [run.id for run in created]
        return [self._run(number) for number in numbers]

    def partitions(self, dag_id: str) -> list[tuple[None, None]]:
        """Give neither key nor date for each of a DAG's runs."""
        with create_session() as session:
            return [(None, None) for _ in session.scalars(select(DagRun).where(DagRun.dag_id == dag_id))]

    def events(self, dag_id: str) -> list[tuple[str, object]]:
        """Give the events that woke a DAG's runs: their dataset's URI, and what they say."""
        with create_session() as session:
            runs = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id))
            return [(event.dataset.uri, event.extra) for run in runs for event in run.consumed_dataset_events]

    def _run(self, number: int) -> Outcome:
        with create_session() as session:
            run = session.get(DagRun, number)
            run.dag = self._bag.dags[run.dag_id]
            run.state = DagRunState.RUNNING
            ((instance,), _) = run.update_state(session=session)
            instance.try_number += 1
            instance.state = TaskInstanceState.SCHEDULED
            session.commit()
            instance.task = run.dag.task_dict[instance.task_id]
            with suppress(Exception):  # Airflow has logged it
                _run_task(ti=instance, session=session)
            run.update_state(session=session)
            (instance,) = run.get_task_instances(session=session)
            return Outcome(str(run.state), instance.xcom_pull(task_ids=instance.task_id))

    def _pause(self, *, paused: bool) -> None:
        with create_session() as session:
            for model in session.scalars(select(DagModel).where(DagModel.dag_id.in_(self._dag_ids))):
                model.is_paused = paused
