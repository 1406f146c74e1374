"""What the tests of the stores share."""

from airflow_provider_evpl.lake.store import Store

FOLDER = "samples/operator_code=op-a%2Fb%20%25/granularity=300s/date=2026-11-22"
NAME = "20261122T000000Z-20261123T000000Z.parquet"
PATH = f"{FOLDER}/{NAME}"
BUCKET = "lake"


def read(store: Store, path: str = PATH) -> bytes:
    """Read an object, whole."""
    with store.open(path) as file:
        return file.read()
