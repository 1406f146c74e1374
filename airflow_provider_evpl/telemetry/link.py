"""The button `Landed samples` of a task; the names of a lake's folders for lineage."""

import logging
from collections.abc import Mapping
from posixpath import commonpath, dirname
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_evpl.lake.store import Store

__all__ = ["LandedLink", "console_url", "dataset_names", "push_link", "try_to_push_link"]

_log = logging.getLogger(__name__)
_KEY = "landed_url"


class LandedLink(BaseOperatorLink):
    """Links a task to the folder with its samples, in the console of Amazon S3 or Google Cloud Storage."""

    name = "Landed samples"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:  # noqa: ARG002 Airflow gives it
        """Return the address; empty if nothing landed, or if the store has no console."""
        return XCom.get_value(key=_KEY, ti_key=ti_key) or ""


def push_link(store: "Store", summary: Mapping[str, Any], context: "Context") -> None:
    """Store the address for the link, or empty text, because Airflow logs a missing XCom as an error."""
    if "ti" in context:
        context["ti"].xcom_push(key=_KEY, value=_address(store, [one["path"] for one in summary["slices"]]))


def try_to_push_link(store: "Store", summary: Mapping[str, Any], context: "Context") -> None:
    """Store the address while the task fails. Log an error here, so that the task's own error is raised."""
    try:
        push_link(store, summary, context)
    except Exception:  # noqa: BLE001 the task's own error matters more than any of Airflow's
        _log.warning("The link to the landed samples was not stored", exc_info=True)


def _address(store: "Store", urls: list[str]) -> str:
    """Return the console's page of the smallest folder that has all objects."""
    if not urls:
        return ""
    scheme = urls[0].partition("://")[0]
    folder = commonpath([dirname(url.partition("://")[2]) for url in urls])
    return console_url(store, f"{scheme}://{folder}") or ""


def console_url(store: "Store", url: str) -> str | None:
    """Return the console's page of a folder. None if the store has no console page.

    Only Amazon's and Google's own services have one, not other servers with the same API. A page of Azure's
    needs a subscription id, which no connection has.
    """
    from airflow_provider_evpl.lake.store import ObjectStore

    if not isinstance(store, ObjectStore):
        return None
    scheme, _, path = url.partition("://")
    bucket, _, prefix = path.partition("/")
    if scheme == "s3" and _host(store.fs.s3.meta.endpoint_url).endswith(".amazonaws.com"):
        return f"https://console.aws.amazon.com/s3/buckets/{bucket}?prefix={quote(prefix, safe='')}%2F"
    if scheme == "gs" and _host(store.fs.base) == "storage.googleapis.com":
        return f"https://console.cloud.google.com/storage/browser/{bucket}/{quote(prefix)}"
    return None


def dataset_names(store: "Store") -> dict[str, tuple[str, str]]:
    """Return namespace and name of `samples` and `rejected`, by OpenLineage's rules for their store."""
    return {folder: _dataset_name(store, folder) for folder in ("samples", "rejected")}


def _dataset_name(store: "Store", folder: str) -> tuple[str, str]:
    from airflow_provider_evpl.lake.store import ObjectStore

    parts = urlsplit(store.url(folder))
    if parts.scheme == "file":
        return "file", parts.path
    if isinstance(store, ObjectStore) and parts.scheme == "abfs":
        account = store.fs.service_client.account_name
        return f"abfss://{parts.netloc}@{account}.dfs.core.windows.net", parts.path.lstrip("/")
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/")


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
