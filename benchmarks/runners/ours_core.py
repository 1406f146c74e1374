"""The core of this provider without Airflow: one `pull` with a client and a local folder."""

from datetime import UTC, datetime, timedelta

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.window import Granularity, Window
from benchmarks.job import APPLICATION_ID, CODE_OPE, CREDENTIALS, GRANULARITY, Job


def main(job: Job) -> None:
    """Pull the window, day by day."""
    start, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (job.start, job.end))
    plan = PullPlan(
        code_ope=CODE_OPE,
        granularity=Granularity(GRANULARITY),
        window=Window(start, end),
        slice_length=timedelta(days=1),
    )
    settings = Settings(
        client_id=CREDENTIALS[0],
        client_secret=CREDENTIALS[1],
        application_id=APPLICATION_ID,
        base_url=job.base_url,
        token_url=job.token_url,
        page_parallelism=job.in_flight,
        requests_per_second=job.requests_per_second,
    )
    with Client(settings) as client:
        print(pull(client, LocalStore(job.target), plan, provenance={}).as_dict())


if __name__ == "__main__":
    main(Job.from_arguments())
