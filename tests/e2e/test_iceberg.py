"""An Iceberg table in real catalogs and stores, and what other readers find in it."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import s3fs
from pyiceberg.catalog import Catalog, load_catalog

from airflow_provider_evpl.errors import EvplOverlapError
from airflow_provider_evpl.lake.store import LocalStore, ObjectStore
from tests.support.documents import BLOCKS, ROOT
from tests.support.iceberg import TABLE, catalog_in, publish, table_rows, unit
from tests.support.lake import day, hours, put, run
from tests.support.servers import serving_s3
from tests.support.stores import connect

BUCKET = "iceberg"
DUCKDB = ROOT / ".venv" / "duckdb-iceberg" / "bin" / "python"
DELTA = ROOT / ".venv" / "bench" / "delta" / "bin" / "python"
LOAD_AND_COUNT = """
import json, pathlib, sys
import duckdb, duckdb_extension_avro, duckdb_extension_iceberg
connection = duckdb.connect()
for module in (duckdb_extension_avro, duckdb_extension_iceberg):
    [extension] = pathlib.Path(module.__file__).parent.rglob("*.duckdb_extension")
    connection.execute(f"LOAD '{extension}'")
rows = connection.execute(
    "SELECT code_ope, granularity, timestamp::DATE::VARCHAR, object_instance_id, value, count(*)"
    "FROM iceberg_scan(?) GROUP BY ALL ORDER BY ALL", [sys.argv[1]]
).fetchall()
print(json.dumps([duckdb.__version__, rows]))
"""


@pytest.fixture(scope="module")
def fs(s3_url: str) -> s3fs.S3FileSystem:
    """Give an authorized file system, and a bucket."""
    fs = connect("s3", s3_url)
    fs.mkdir(BUCKET)
    return fs


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve PostgreSQL; give the URL of a catalog."""
    from tests.support.celery import serving_postgres

    with serving_postgres("a-password", tmp_path_factory.mktemp("postgres") / "log") as url:
        yield url.replace("postgresql:", "postgresql+psycopg2:")


@pytest.fixture(scope="module")
def glue() -> Iterator[dict[str, str]]:
    """Simulate Glue by moto; give the properties of a catalog."""
    with serving_s3() as url:
        yield {
            "type": "glue",
            "glue.endpoint": url,
            "glue.region": "us-east-1",
            "glue.access-key-id": "key",
            "glue.secret-access-key": "secret",
        }


@pytest.fixture(params=["postgres", "glue"])
def properties(request: pytest.FixtureRequest, s3_url: str, tmp_path: Path) -> dict[str, str]:
    """Give the properties of an empty catalog, whose files are in a real store."""
    storage = {
        "warehouse": f"s3://{BUCKET}/{tmp_path.name}",
        "s3.endpoint": s3_url,
        "s3.access-key-id": "key",
        "s3.secret-access-key": "secret",
        "s3.region": "us-east-1",
        # Ceph 16 refuses the uploads of PyArrow.
        "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO",
    }
    catalog = request.getfixturevalue(request.param)
    return storage | ({"type": "sql", "uri": catalog} if request.param == "postgres" else catalog)


def _open(properties: dict[str, str]) -> Catalog:
    return load_catalog("iceberg_default", **properties)


def _values(catalog: Catalog) -> dict[str, Counter[object]]:
    return {
        str(one): Counter(value for _, _, value in rows.elements())
        for one, rows in table_rows(catalog).items()
    }


@pytest.fixture
def empty(properties: dict[str, str]) -> Iterator[dict[str, str]]:
    """Drop the table after the test, because catalogs are shared."""
    yield properties
    with suppress(Exception):
        _open(properties).drop_table(TABLE)


def test_lake_in_a_bucket_is_published_into_a_real_catalog(
    fs: s3fs.S3FileSystem, empty: dict[str, str], tmp_path: Path
) -> None:
    """Created, skipped, replaced by the day, emptied."""
    store = ObjectStore("s3", f"{BUCKET}/lake-{tmp_path.name}", fs)
    run(store, hours(0, 12), hours(12, 24))
    put(store, day(1))
    units = [unit(0), unit(1)]
    assert len(publish(store, _open(empty), units).published) == 2
    assert publish(store, _open(empty), units).skipped == units
    put(store, day(0), value=2.0)
    put(store, day(1), circuits="")
    assert len(publish(store, _open(empty), units).snapshots) == 1
    assert _values(_open(empty)) == {"0042/300s/2026-11-22": Counter({2.0: 48})}
    assert publish(store, _open(empty), units).skipped == units


def test_races_in_a_real_catalog_lose_and_double_nothing(
    fs: s3fs.S3FileSystem, empty: dict[str, str], tmp_path: Path
) -> None:
    """Four publishers at once, of the same and of other days; those that gave up are run again."""
    store = ObjectStore("s3", f"{BUCKET}/lake-{tmp_path.name}", fs)
    for number in range(5):
        put(store, day(number), value=float(number))
    publish(store, _open(empty), [unit(4)])

    def once(number: int) -> None:
        with suppress(EvplOverlapError):
            publish(store, _open(empty), [unit(number), unit(3)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(once, [0, 1, 2, 0]))
    publish(store, _open(empty), [unit(number) for number in range(5)])
    assert _values(_open(empty)) == {str(unit(number)): Counter({float(number): 48}) for number in range(5)}


def test_duckdb_reads_the_same_rows(tmp_path: Path) -> None:
    """After a day has replaced its hours, and another day was emptied."""
    store = LocalStore(str(tmp_path / "lake"))
    catalog = catalog_in(tmp_path)
    run(store, *(hours(hour, hour + 1) for hour in range(24)))
    put(store, day(1))
    put(store, day(2))
    units = [unit(number) for number in range(3)]
    publish(store, catalog, units)
    put(store, day(0), value=2.0)
    put(store, day(1), circuits="")
    publish(store, catalog, units)
    said = _python(DUCKDB, LOAD_AND_COUNT, catalog.load_table(TABLE).metadata_location)
    version, rows = json.loads(said)
    assert version == "1.5.5"
    assert rows == [
        ["0042", "300s", date, circuit, value, 24]
        for date, value in (("2026-11-22", 2.0), ("2026-11-24", 1.0))
        for circuit in "ab"
    ]


def test_the_lines_for_delta_replace_a_day(tmp_path: Path) -> None:
    """The page's own lines, run twice: the second run replaces the rows of the first."""
    [block] = [one for one in BLOCKS if one.page == "iceberg.md" and "write_deltalake" in one.text]
    store = LocalStore(str(tmp_path / "demo-lake"))
    count = "\nfrom deltalake import DeltaTable\nprint(DeltaTable('delta-table').to_pyarrow_table().num_rows)"
    for value in (1.0, 2.0):
        put(store, day(0), value=value)
        assert _python(DELTA, block.text + count, cwd=tmp_path) == "48"


def _python(python: Path, code: str, *arguments: str, cwd: Path | None = None) -> str:
    command: Any = [python, "-W", "ignore", "-c", code, *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
