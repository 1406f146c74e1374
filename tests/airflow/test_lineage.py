"""What the real provider of OpenLineage writes into its file; nothing of it is replaced."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fsspec import AbstractFileSystem

from airflow_provider_evpl import __version__
from airflow_provider_evpl.lake.store import LocalStore, ObjectStore, Store
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from airflow_provider_evpl.telemetry.link import dataset_names
from tests.support.airflow_leaks import BASIC, CLIENT, SECRET, Traces, tokens_of
from tests.support.airflow_versions import OUTLETS_AT_START
from tests.support.stores import Recorder, connect

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

ROOT = Path(__file__).parents[2]
BUCKET = "evpl-lineage"
PRODUCER = f"https://pypi.org/project/airflow-provider-evpl/{__version__}/"
FAULTS = (  # each strikes one page; of those that they can strike the daily run asks for four
    "value-nan:1",
    "sample-repeated@2:1",
    "value-null@3:1",
    "sample-conflict@4:1",
    "timestamp-null@5:1",
)
STRUCK = 36
"""Each fault strikes every eighth of a series' 288 samples."""
COLUMNS = [
    {"name": name, "type": kind, "fields": []}
    for name, kind in [
        ("code_ope", "string"),
        ("object_type", "string"),
        ("object_instance_id", "string"),
        ("metric_name", "string"),
        ("pop_country", "string"),
        ("pop_name", "string"),
        ("pop_section_name", "string"),
        ("timestamp", "timestamp[us, tz=UTC]"),
        ("value", "double"),
    ]
]


@dataclass(frozen=True)
class Told:
    """What two runs told: the daily example into S3, and one into a folder of which a slice is refused."""

    text: str
    api: str
    tokens: set[str]
    bucket: AbstractFileSystem
    lake: Path

    def event(self, job: str, kind: str) -> dict[str, Any]:
        """Give the one event of a kind."""
        events = [json.loads(line) for line in self.text.splitlines()]
        (event,) = [one for one in events if (one["job"]["name"], one["eventType"]) == (job, kind)]
        assert isinstance(event, dict)
        return event

    def api_of(self, rows: int) -> list[dict[str, Any]]:
        """What the only input has to be."""
        statistics = _facet("InputStatisticsInputDatasetFacet", "1-0-0", rowCount=rows)
        names = {"namespace": self.api, "name": "JOBV/EVPL/0042"}
        return [names | {"facets": {}, "inputFacets": {"inputStatistics": statistics}}]


def _facet(name: str, version: str, **fields: object) -> dict[str, object]:
    url = f"https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}"
    return {"_producer": PRODUCER, "_schemaURL": url, **fields}


def _output(namespace: str, name: str, **counts: int) -> dict[str, Any]:
    statistics = _facet("OutputStatisticsOutputDatasetFacet", "1-0-2", **counts)
    names = {"namespace": namespace, "name": name}
    return names | {"facets": {}, "outputFacets": {"outputStatistics": statistics}}


def _samples(namespace: str, name: str, **counts: int) -> dict[str, Any]:
    schema = _facet("SchemaDatasetFacet", "1-2-0", fields=COLUMNS)
    return _output(namespace, name, **counts) | {"facets": {"schema": schema}}


def _environment(airflow_home: Path, sandbox: SandboxServer, s3_url: str, file: Path) -> dict[str, str]:
    evpl = sandbox.connection()
    evpl["extra"] |= {"page_parallelism": 1, "requests_per_second": 1000}
    extra = {"endpoint_url": s3_url, "region_name": "us-east-1"}
    store = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    return os.environ | {
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(file), "append": True}
        ),
        "AIRFLOW_CONN_EVPL_DEFAULT": json.dumps(evpl),
        "AIRFLOW_CONN_LAKE_STORE": json.dumps(store),
        "EVPL_LAKE_ROOT": f"s3://lake_store@{BUCKET}/evpl",
    }


@pytest.fixture(scope="module")
def told(airflow_home: Path, s3_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Run both, one after the other, in a process in which OpenLineage is switched on from the beginning."""
    here = tmp_path_factory.mktemp("lineage")
    file = here / "events.jsonl"
    bucket = connect("s3", s3_url)
    bucket.mkdir(BUCKET)
    conf = {"object_storage_path": here.as_uri(), "slice_length": "6h", "max_rejected_fraction": 0}
    conf |= {"window_start": "2026-11-20", "window_end": "2026-11-21"}
    runs = [
        ("evpl_utilization_daily", "2026-11-21T03:00:00+00:00", {}),
        ("evpl_any", "2026-11-20T00:00:00+00:00", conf),
    ]
    config = SandboxConfig(circuits=4, page_size=1, client_id=CLIENT, client_secret=SECRET, faults=FAULTS)
    command = (sys.executable, "-m", "tests.support.processes.lineage_runs", json.dumps(runs))
    with SandboxServer(config) as sandbox:
        environment = _environment(airflow_home, sandbox, s3_url, file)
        subprocess.run(command, check=True, cwd=ROOT, env=environment)
        yield Told(file.read_text(), sandbox.base_url, tokens_of(sandbox), bucket, here)
    bucket.rm(BUCKET, recursive=True)


@pytest.mark.contract("lineage.pull", "lineage.names")
def test_lineage_of_the_daily_example(told: Told) -> None:
    """The API is the input, by operator code; the folders are the outputs, with counts."""
    event = told.event("evpl_utilization_daily.pull_utilization", "COMPLETE")
    ledger = event["run"]["facets"]["evpl_ledger"]
    assert event["inputs"] == told.api_of(ledger["received"])
    told.bucket.invalidate_cache()
    objects = told.bucket.find(f"{BUCKET}/evpl/samples", detail=True)
    landed = {
        "rowCount": ledger["rows"],
        "size": sum(one["size"] for one in objects.values()),
        "fileCount": 2,
    }
    assert len(objects) == 2
    samples, rejected = event["outputs"]
    assert samples == _samples(f"s3://{BUCKET}", "evpl/samples", **landed)
    assert rejected == _output(f"s3://{BUCKET}", "evpl/rejected", fileCount=1)
    assert len(told.bucket.find(f"{BUCKET}/evpl/rejected")) == 1


@pytest.mark.contract("lineage.ledger")
def test_lineage_ledger_equals_the_result(told: Told) -> None:
    """The facet accounts for every sample of 2 days of 16 series."""
    event = told.event("evpl_utilization_daily.pull_utilization", "COMPLETE")
    samples = 2 * 16 * 288
    assert event["run"]["facets"]["evpl_ledger"] == {
        "_producer": PRODUCER,
        "_schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunFacet",
        "granularity": "300s",
        "window_start": "2026-11-19T00:00:00Z",
        "window_end": "2026-11-21T00:00:00Z",
        "received": samples + 2 * STRUCK,
        "rows": samples - STRUCK,
        "duplicates": 2 * STRUCK,
        "out_of_window": 0,
        "rejected": STRUCK,
        "conflicts": STRUCK,
        "null_values": STRUCK,
        "series": 16,
        "expected": samples,
        "observed": samples - STRUCK,
        "values": samples - 2 * STRUCK,
    }


def test_outlets_and_lineage_name_the_same_data_set(told: Told) -> None:
    """At the start Airflow names the outlets, or nothing."""
    start = told.event("evpl_utilization_daily.pull_utilization", "START")
    end = told.event("evpl_utilization_daily.pull_utilization", "COMPLETE")
    names = [(outlet["namespace"], outlet["name"]) for outlet in start["outputs"]]
    name = (end["outputs"][0]["namespace"], end["outputs"][0]["name"])
    assert names == ([name] * 2 if OUTLETS_AT_START else [])


@pytest.mark.contract("lineage.pull")
def test_lineage_of_a_failed_pull_has_what_landed(told: Told) -> None:
    """Three slices landed before the error."""
    event = told.event("evpl_any.pull", "FAIL")
    objects = [path.stat().st_size for path in told.lake.rglob("*.parquet")]
    rows = 16 * 288 * 3 // 4
    assert event["inputs"] == told.api_of(rows)
    landed = {"rowCount": rows, "size": sum(objects), "fileCount": 3}
    assert event["outputs"] == [_samples("file", f"{told.lake}/samples", **landed)]
    assert len(objects) == 3
    assert event["run"]["facets"]["evpl_ledger"]["rejected"] == 0


@pytest.mark.contract("lineage.ledger")
def test_lineage_has_no_secret(told: Told) -> None:
    """No event has the secret, a token, or the id of a connection."""
    traces = Traces()
    traces.add("events", told.text)
    assert told.tokens
    assert not traces.leaks({SECRET, BASIC, *told.tokens})
    assert not {name for name in ("lake_store", "evpl_default") if name in told.text}


@pytest.mark.contract("lineage.names")
@pytest.mark.parametrize(
    ("store", "place"),
    [
        (LocalStore("/data/a b%20c"), ("file", "/data/a b%20c/samples")),
        (ObjectStore("s3", "lake", Recorder()), ("s3://lake", "samples")),
        (ObjectStore("gs", "lake/evpl", Recorder()), ("gs://lake", "evpl/samples")),
        (
            ObjectStore("abfs", "lake/evpl", connect("abfs", "http://127.0.0.1:1/lakes")),
            ("abfss://lake@lakes.dfs.core.windows.net", "evpl/samples"),
        ),
    ],
    ids=["file", "s3", "gs", "abfs"],
)
def test_data_set_names_follow_openlineage(store: Store, place: tuple[str, str]) -> None:
    """Each kind of store has its own rule."""
    from airflow_provider_evpl.telemetry.lineage import lineage_of_read

    lineage = lineage_of_read(dataset_names(store))
    assert [(one.namespace, one.name) for one in lineage.inputs] == [place]
    assert lineage.outputs == []


@pytest.mark.contract("lineage.names")
def test_lineage_of_coverage_is_the_lake(lab: "Lab") -> None:
    """Before the operator has run there is no lineage."""
    from airflow_provider_evpl.operators.evpl import EvplCoverageOperator
    from tests.support.airflow_runs import Pushed

    days = {"window_start": "2026-11-20", "window_end": "2026-11-21"}
    look = EvplCoverageOperator(task_id="look_over", object_storage_path=lab.root, **days)
    assert look.get_openlineage_facets_on_complete(None) is None
    assert lab.operator().get_openlineage_facets_on_complete(None) is None
    context: Any = {"ti": Pushed()}
    look.execute(context)
    lineage = look.get_openlineage_facets_on_complete(None)
    assert lineage is not None
    (samples,) = lineage.inputs
    assert (samples.namespace, samples.name) == ("file", f"{lab.lake}/samples")
