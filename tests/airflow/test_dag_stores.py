import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from fsspec import AbstractFileSystem

from airflow_provider_evpl.errors import EvplConfigError, EvplStoreDeniedError
from tests.support.servers import azure_connection_string
from tests.support.stores import PROTOCOLS, connect, read

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

BUCKET = "evpl-tests"


def _aws(url: str) -> dict[str, Any]:
    extra = {"endpoint_url": url, "region_name": "us-east-1"}
    return {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}


def _google(url: str) -> dict[str, Any]:
    extra = {"is_anonymous": True, "project": "a-project", "gcs.endpoint": url}
    return {"conn_type": "google_cloud_platform", "extra": extra}


def _azure(url: str) -> dict[str, Any]:
    return {"conn_type": "wasb", "extra": {"connection_string": azure_connection_string(url)}}


CONNECTION: dict[str, Callable[[str], dict[str, Any]]] = dict(
    zip(PROTOCOLS, (_aws, _google, _azure), strict=True)
)
"""What an Airflow connection to each store is, given the URL of its server."""


class Bucket(NamedTuple):
    """A bucket behind an Airflow connection `lake_store`, and another client to look into it."""

    url: str
    fs: AbstractFileSystem

    def listing(self, folder: str) -> list[str]:
        """List all objects below a folder."""
        self.fs.invalidate_cache()
        found: list[str] = sorted(self.fs.find(f"{BUCKET}/{folder}"))
        return found


@pytest.fixture(params=PROTOCOLS)
def bucket(
    request: pytest.FixtureRequest, lab: "Lab", s3_url: str, gs_url: str, azure_url: str
) -> Iterator[Bucket]:
    """Give a bucket of each store, and the Airflow connection to it."""
    protocol: str = request.param
    url = dict(zip(PROTOCOLS, (s3_url, gs_url, azure_url), strict=True))[protocol]
    lab.monkeypatch.setenv("AIRFLOW_CONN_LAKE_STORE", json.dumps(CONNECTION[protocol](url)))
    fs = connect(protocol, url)
    fs.mkdir(BUCKET)
    yield Bucket(f"{protocol}://lake_store@{BUCKET}", fs)
    fs.rm(BUCKET, recursive=True)


@pytest.mark.contract("pull.object_storage_path", "result.slice_count")
def test_pull_lands_in_each_store_by_its_connection(lab: "Lab", bucket: Bucket) -> None:
    """All arguments are rendered text; the result has no connection id."""
    from tests.support.airflow_runs import DAY, check_result, check_types, read_rows, run_dag, truth

    conf = {"object_storage_path": f"{bucket.url}/evpl", "slice_length": "12h"}
    conf |= {"window_start": "2026-11-20", "window_end": "2026-11-21 00:00:00+00:00"}
    outcomes, listings = [], []
    for _ in range(2):
        outcomes.append(run_dag(lab, "evpl_any", conf=conf))
        listings.append(bucket.listing("evpl"))
    outcome = outcomes[1]
    assert [one.state for one in outcomes] == ["success", "success"]
    assert outcome.result is not None
    check_result(outcome.result)
    assert listings[0] == listings[1]
    protocol = bucket.url.partition(":")[0]
    assert [one["path"] for one in outcome.result["slices"]] == [f"{protocol}://{one}" for one in listings[0]]
    rows: dict[Any, float] = {}
    for path in listings[0]:
        data = bucket.fs.cat_file(path)
        check_types(data)
        rows |= read_rows(data)
    assert rows == truth(lab.sandbox, DAY, DAY.replace(day=21))


def test_finished_operators_can_be_copied(lab: "Lab", bucket: Bucket) -> None:
    """The copies can be pickled and report the same lineage."""
    from airflow_provider_evpl.operators.evpl import EvplCoverageOperator
    from tests.support.airflow_runs import Pushed, copies

    root, days = f"{bucket.url}/evpl", {"window_start": "2026-11-20", "window_end": "2026-11-21"}
    look = EvplCoverageOperator(task_id="look_over", object_storage_path=root, **days)
    context: Any = {"ti": Pushed()}
    for task in (lab.operator(object_storage_path=root), look):
        task.execute(context)
        lineage = task.get_openlineage_facets_on_complete(None)
        assert lineage is not None
        assert [one.get_openlineage_facets_on_complete(None) for one in copies(task)] == [lineage] * 2


def test_missing_bucket_fails_for_good_before_the_pull(lab: "Lab", bucket: Bucket) -> None:
    """No page is requested."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    before = lab.sandbox.tokens_issued
    missing = bucket.url.replace(BUCKET, "no-such-bucket")
    with pytest.raises(AirflowFailException, match="no-such-bucket") as caught:
        lab.execute(object_storage_path=f"{missing}/evpl")
    assert isinstance(caught.value.__cause__, EvplStoreDeniedError)
    assert lab.sandbox.tokens_issued == before


@pytest.mark.parametrize(
    "folder", ["a\\b", "a:b", "[a]", "a]b", "a%2Fb", "a b", "a+b", "a@b", "a*b", "~a", "a.", "{a}", "é", "🛰"]
)
def test_root_works_or_is_an_error(bucket: Bucket, folder: str) -> None:
    """Below some roots, adlfs can't list or read objects."""
    from airflow_provider_evpl.hooks.storage import open_object_storage

    root = f"{bucket.url}/{folder}"
    if bucket.url.startswith("abfs") and set(folder) & set("\\:[]"):
        with pytest.raises(EvplConfigError, match="object_storage_path: must be without"):
            open_object_storage(root, None)
        return
    store = open_object_storage(root, None)
    store.put("samples/x", b"1")
    assert [*store.listing("samples")] == ["x"]
    assert read(store, "samples/x") == b"1"
    store.delete("samples/x")
    assert [*store.listing("samples")] == []


@pytest.mark.parametrize("folder", ["", "network/"])
def test_single_object_is_read_by_the_connection_of_its_url_or_the_given_one(
    bucket: Bucket, folder: str
) -> None:
    """A missing object is an error that names the argument."""
    from airflow_provider_evpl.hooks.storage import open_object_storage, read_object

    open_object_storage(bucket.url, None).put(f"{folder}inventory.csv", b"a,b")
    url = f"{bucket.url}/{folder}inventory.csv"
    assert read_object(url, "another", "inventory") == b"a,b"
    assert read_object(url.replace("lake_store@", ""), "lake_store", "inventory") == b"a,b"
    with pytest.raises(EvplConfigError, match=r"inventory: no such object\.") as caught:
        read_object(f"{url}.gz", None, "inventory")
    assert "lake_store" not in str(caught.value)


@pytest.mark.usefixtures("lab")
def test_object_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """The limit is 64 MB."""
    from airflow_provider_evpl.hooks.storage import read_object

    large = tmp_path / "inventory.csv"
    with large.open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(EvplConfigError, match=r"inventory: the object has 67,108,865 bytes"):
        read_object(large.as_uri(), None, "inventory")
    with pytest.raises(EvplConfigError, match="inventory: the scheme must be"):
        read_object("ftp://x/inventory.csv", None, "inventory")


@pytest.mark.parametrize("conn_type", ["wasb", "adls", "azure_data_lake"])
def test_abfs_reads_each_connection_type_of_azure(lab: "Lab", azure_url: str, conn_type: str) -> None:
    """A wrong key is an error that doesn't show the key."""
    from airflow_provider_evpl.hooks.storage import open_object_storage

    wrong = "d3Jvbmc="
    extra = {"connection_string": azure_connection_string(azure_url, wrong)}
    connection = json.dumps({"conn_type": conn_type, "extra": extra})
    lab.monkeypatch.setenv(f"AIRFLOW_CONN_{conn_type.upper()}", connection)
    store = open_object_storage(f"abfs://{conn_type}@{BUCKET}/evpl", None)
    assert store.url("x") == f"abfs://{BUCKET}/evpl/x"
    with pytest.raises(EvplStoreDeniedError, match="rights of the storage connection") as caught:
        store.listing("x")
    assert wrong not in str(caught.value)
