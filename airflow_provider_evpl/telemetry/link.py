"""From a task to where its rows landed: a button in Airflow's web interface."""

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

__all__ = ["LandedLink", "console_url", "dataset_names", "push_link", "push_link_of_failed"]

_log = logging.getLogger(__name__)
_KEY = "landed_url"


class LandedLink(BaseOperatorLink):
    """Leads to the folder of what landed, in the console of Amazon or Google."""

    name = "Landed samples"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:  # noqa: ARG002 Airflow gives it
        """Give the address; empty where nothing landed, or in a store without a console."""
        return XCom.get_value(key=_KEY, ti_key=ti_key) or ""


def push_link(store: "Store", summary: Mapping[str, Any], context: "Context") -> None:
    """Keep the address for the link; empty where there is none, as Airflow calls an absent XCom an error.

    Args:
        store: as opened.
        summary: the operator's result.
        context: of the run; without a task instance there is nobody to show it.
    """
    if "ti" in context:
        context["ti"].xcom_push(key=_KEY, value=_page(store, [one["path"] for one in summary["slices"]]))


def push_link_of_failed(store: "Store", summary: Mapping[str, Any], context: "Context") -> None:
    """Keep the address while an error is under way, which is the one to tell: a failure is logged."""
    try:
        push_link(store, summary, context)
    except Exception:  # noqa: BLE001 whatever keeps Airflow from it
        _log.warning("the link to what has landed isn't kept", exc_info=True)


def _page(store: "Store", urls: list[str]) -> str:
    """Of the smallest folder that holds all of them."""
    if not urls:
        return ""
    scheme = urls[0].partition("://")[0]
    folder = commonpath([dirname(url.partition("://")[2]) for url in urls])
    return console_url(store, f"{scheme}://{folder}") or ""


def console_url(store: "Store", url: str) -> str | None:
    """Give the page of a folder; None where there is none to name.

    There is one at Amazon and at Google. Of a server that only speaks like them, and of a local folder,
    nobody knows one; Azure's pages go by a subscription, which no connection has.

    Args:
        store: as opened.
        url: of the folder, as the store tells it: without connection id.
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
    """Return namespace and name of `samples` and `rejected`, by OpenLineage's rules."""
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
