"""What should have landed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.window import DAY, Window
from tests.airflow.runs import read_rows, truth
from tests.e2e_celery.deployment import BUCKET, Deployment

START = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 30


def check_lake(it: Deployment, folder: str) -> int:
    """Hold every object and every row against the sandboxes; gives the number of rows.

    There is an object a day and code, of that name, with the rows of the API's own function, and no other.
    """
    expected = {f"{BUCKET}/{folder}/{path}": (code, day) for path, code, day in _slices(it)}
    assert set(it.fs.find(f"{BUCKET}/{folder}")) == expected.keys()
    rows = 0
    for path, (code, day) in expected.items():
        landed = read_rows(it.fs.cat_file(path))
        assert landed == truth(it.sandboxes[code], day, day + DAY), path
        rows += len(landed)
    return rows


def _slices(it: Deployment) -> Iterator[tuple[str, str, datetime]]:
    for code in it.sandboxes:
        for number in range(DAYS):
            day = START + timedelta(days=number)
            yield Dataset(code, "300s").samples_path(Window(day, day + DAY)), code, day
