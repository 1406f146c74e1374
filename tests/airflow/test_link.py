import json
from typing import TYPE_CHECKING

import gcsfs
import pytest
import s3fs

from airflow_provider_evpl.errors import EvplAuthError
from airflow_provider_evpl.lake.store import LocalStore, ObjectStore, Store
from airflow_provider_evpl.telemetry.link import console_url
from tests.support.airflow_versions import load_dag, show_link, try_dag
from tests.support.airflow_watchers import HOUR, windows
from tests.support.api import serving
from tests.support.stores import connect

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

FOLDER = "samples/operator_code=op-0042/granularity=300s"
QUOTED = "evpl%2Fsamples%2Foperator_code%3Dop-0042%2Fgranularity%3D300s%2F"
AMAZON = f"https://console.aws.amazon.com/s3/buckets/lake?prefix={QUOTED}"
GOOGLE = (
    "https://console.cloud.google.com/storage/browser/lake/"
    "evpl/samples/operator_code%3Dop-0042/granularity%3D300s"
)


def _stores() -> dict[str, tuple[Store, str | None]]:
    """Make each kind of store, none of which is asked, and the page that it has."""
    here = {"endpoint_url": "http://127.0.0.1:9"}
    amazon = s3fs.S3FileSystem(key="k", secret="s", client_kwargs={"region_name": "eu-west-3"})
    google = gcsfs.GCSFileSystem(token="anon")
    return {
        "Amazon": (ObjectStore("s3", "lake/evpl", amazon), AMAZON),
        "like Amazon": (ObjectStore("s3", "lake/evpl", s3fs.S3FileSystem(key="k", secret="s", **here)), None),
        "Google": (ObjectStore("gs", "lake/evpl", google), GOOGLE),
        "like Google": (ObjectStore("gs", "lake/evpl", gcsfs.GCSFileSystem(token="anon", **here)), None),
        "Azure": (ObjectStore("abfs", "lake/evpl", connect("abfs", "http://127.0.0.1:9/lakes")), None),
        "folder": (LocalStore("/lake/evpl"), None),
    }


@pytest.mark.contract("link")
@pytest.mark.parametrize("kind", ["Amazon", "like Amazon", "Google", "like Google", "Azure", "folder"])
def test_console_url_exists_for_amazon_and_google_only(kind: str) -> None:
    """Other servers with their API, Azure and folders have none."""
    store, page = _stores()[kind]
    assert console_url(store, store.url(FOLDER)) == page


def _shown(lab: "Lab", dag_id: str, **conf: str) -> object:
    """Run a DAG; what its button leads to."""
    dag = load_dag(lab.airflow_home / "dags", dag_id)
    (instance,) = try_dag(dag, conf).get_task_instances()
    assert instance.state == "success"
    return show_link(dag.tasks[0], instance)


@pytest.mark.contract("link")
def test_link_leads_to_the_folder_that_landed(lab: "Lab") -> None:
    """Through Airflow: the address has no connection id and no secret."""
    connection = {"conn_type": "aws", "login": "key", "password": "hush-hush"}
    lab.monkeypatch.setenv("AIRFLOW_CONN_LAKE_STORE", json.dumps(connection))
    assert _shown(lab, "evpl_link") == AMAZON


@pytest.mark.contract("link")
def test_a_folder_has_no_link(lab: "Lab") -> None:
    """Where there is no page, the link is empty: Airflow shows no button."""
    window = {"window_start": "2026-11-20", "window_end": "2026-11-21"}
    assert _shown(lab, "evpl_any", object_storage_path=lab.root, **window) == ""


class _NoXCom:
    """A task instance whose values Airflow doesn't take."""

    def xcom_push(self, key: str, value: object) -> None:  # noqa: ARG002 Airflow's own names
        """Fail."""
        raise RuntimeError("API server away")


def test_failed_pull_raises_its_own_error_if_the_link_fails(
    lab: "Lab", caplog: pytest.LogCaptureFixture
) -> None:
    """A permanent error is not retried because of the link."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    lab.connect(password="another")
    with pytest.raises(AirflowFailException, match="client") as caught:
        lab.execute({"ti": _NoXCom()})
    assert isinstance(caught.value.__cause__, EvplAuthError)
    assert "The link to the landed samples was not stored" in caplog.text
    assert "API server away" in caplog.text


def test_link_of_a_failed_pull_leads_to_what_landed(lab: "Lab") -> None:
    """The oldest of three hours fails: the link is the folder of the other two."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    from tests.support.airflow_runs import DAY, Pushed

    # The pages of Amazon and Google need their own servers.
    lab.monkeypatch.setattr("airflow_provider_evpl.telemetry.link.console_url", lambda _, url: url)
    pushed = Pushed()
    window = {"window_start": DAY - 2 * HOUR, "window_end": DAY + HOUR, "slice_length": "1h"}
    with serving(windows(DAY, {2: 422})) as server:
        lab.connect(host=server.url)
        with pytest.raises(AirflowFailException, match="1 slice failed, 2 landed"):
            lab.execute({"ti": pushed}, **window)
    assert len(lab.landed()) == 2
    assert pushed.values == {"landed_url": f"{lab.root}/{FOLDER}"}


def test_link_error_fails_a_successful_pull(lab: "Lab") -> None:
    """It is Airflow's error; a retry lands the same rows again."""
    with pytest.raises(RuntimeError, match="API server away"):
        lab.execute({"ti": _NoXCom()})
    assert len(lab.landed()) == 1


@pytest.mark.contract("link")
def test_provider_info_names_the_link() -> None:
    """Airflow 2.11 shows no other link."""
    from airflow_provider_evpl.get_provider_info import get_provider_info
    from airflow_provider_evpl.operators.evpl import EvplUtilizationToObjectStorageOperator

    kinds = [type(link) for link in EvplUtilizationToObjectStorageOperator.operator_extra_links]
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in kinds]
    assert get_provider_info()["extra-links"] == names
