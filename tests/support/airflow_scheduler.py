"""Airflow's own scheduler, a step at a time in this process; tasks run as `dag.test()` runs them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from airflow.api.common.delete_dag import delete_dag
from airflow.api.common.trigger_dag import trigger_dag
from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.exceptions import DagNotFound
from airflow.executors.base_executor import BaseExecutor
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.backfill import ReprocessBehavior, _create_backfill
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.sdk.definitions.dag import _run_task
from airflow.utils.session import create_session
from airflow.utils.sqlalchemy import prohibit_commit
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

from tests.support.airflow_runs import Outcome
from tests.support.airflow_versions import bundles, is_since, reading_only

__all__ = ["Scheduler"]


class Scheduler:
    """Creates runs as Airflow does, and runs them; only DAGs that it is told of are awake."""

    def __init__(self, *dag_ids: str) -> None:
        """Forget the DAGs' former runs, and read the files again that name them."""
        self._dag_ids = dag_ids
        executors: dict[str, Any] = {"executors": [BaseExecutor()]} if is_since("3.2") else {}
        self._runner = SchedulerJobRunner(
            Job(),  # type: ignore[no-untyped-call] # Airflow's
            **executors,
        )
        for dag_id in dag_ids:
            with suppress(DagNotFound):  # at the first time
                delete_dag(dag_id)
        self._bag = _read_dags(*dag_ids)

    @contextmanager
    def awake(self) -> Iterator[None]:
        """The DAGs may be scheduled."""
        self._pause(paused=False)
        try:
            yield
        finally:
            self._pause(paused=True)

    def schedule(self) -> None:
        """Create the runs that are due: by timetable, by assets, by partitions of assets."""
        with (
            create_session() as session,
            prohibit_commit(session) as guard,  # type: ignore[no-untyped-call] # Airflow's
        ):
            self._runner._create_dagruns_for_dags(guard, session)  # noqa: SLF001 the scheduler's own step

    def backfill(self, dag_id: str, start: datetime, end: datetime) -> None:
        """Create runs as `airflow backfill create` does."""
        _create_backfill(
            dag_id=dag_id,
            from_date=start,
            to_date=end,
            max_active_runs=10,
            reverse=False,
            dag_run_conf={},
            triggering_user_name=None,
            reprocess_behavior=ReprocessBehavior.NONE,
        )

    def trigger(
        self,
        dag_id: str,
        *,
        logical_date: datetime | None = None,
        key: str | None = None,
        conf: dict[str, object] | None = None,
    ) -> None:
        """Create a run as the web interface does."""
        partition: dict[str, Any] = {} if key is None else {"partition_key": key}
        body = TriggerDAGRunPostBody(logical_date=logical_date, conf=conf, **partition)
        with create_session() as session:
            dag = self._runner._get_current_dag(dag_id=dag_id, session=session)  # noqa: SLF001 as stored
            assert dag is not None
            given = body.validate_context(dag)
            given.pop("note")
            dag.create_dagrun(
                **given,
                run_type=DagRunType.MANUAL,
                triggered_by=DagRunTriggeredByType.UI,
                state=DagRunState.QUEUED,
                session=session,
            )

    def trigger_by_command(self, dag_id: str, logical_date: datetime) -> None:
        """Create a run as `airflow dags trigger --logical-date` does: its data interval is the clock's."""
        trigger_dag(dag_id, triggered_by=DagRunTriggeredByType.CLI, logical_date=logical_date)

    def finish(self, dag_id: str, run_type: str) -> list[Outcome]:
        """Run all that are queued; how each ended, in the order of their creation."""
        with create_session() as session:
            queued = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.state == DagRunState.QUEUED)
            runs = session.scalars(queued.order_by(DagRun.id)).all()
            assert {str(run.run_type) for run in runs} <= {run_type}
            numbers = [run.id for run in runs]
        return [self._run(number) for number in numbers]

    def partitions(self, dag_id: str) -> list[tuple[Any, ...]]:
        """Give key and date of the partition of each of a DAG's runs."""
        with create_session() as session:
            runs = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id))
            names = ("partition_key", "partition_date")  # none before Airflow 3.2
            return [tuple(getattr(run, name, None) for name in names) for run in runs]

    def events(self, dag_id: str) -> list[tuple[str, object]]:
        """Give the events that woke a DAG's runs: their asset's URI, and what they say."""
        with create_session() as session:
            runs = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id))
            return [(event.asset.uri, event.extra) for run in runs for event in run.consumed_asset_events]

    def _run(self, number: int) -> Outcome:
        with create_session() as session:
            run = session.get_one(DagRun, number)
            run.state = DagRunState.RUNNING
            run.dag = self._runner.scheduler_dag_bag.get_dag_for_run(run, session=session)
            ((instance,), _) = run.update_state(session=session)
            instance.try_number += 1
            instance.state = TaskInstanceState.SCHEDULED
        _run_task(ti=instance, task=self._bag.dags[instance.dag_id].task_dict[instance.task_id])
        with create_session() as session:
            run = session.get_one(DagRun, number)
            run.dag = self._runner.scheduler_dag_bag.get_dag_for_run(run, session=session)
            run.update_state(session=session)
            (instance,) = run.get_task_instances(session=session)
            return Outcome(str(run.state), instance.xcom_pull(task_ids=instance.task_id))

    def _pause(self, *, paused: bool) -> None:
        with create_session() as session:
            for model in session.scalars(select(DagModel).where(DagModel.dag_id.in_(self._dag_ids))):
                model.is_paused = paused


def _read_dags(*dag_ids: str) -> Any:  # noqa: ANN401 a DagBag, which moved
    manager = DagBundlesManager()  # type: ignore[no-untyped-call] # Airflow's
    manager.sync_bundles_to_db()
    (bundle,) = manager.get_all_dag_bundles()
    bundle.initialize()
    with reading_only(bundle.path, *dag_ids):
        name = {"bundle_name": bundle.name} if is_since("3.2") else {}
        bag = bundles().BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, **name)
    bundles().sync_bag_to_db(bag, bundle.name, bundle.version)
    return bag
