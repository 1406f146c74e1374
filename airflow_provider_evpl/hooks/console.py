"""What others call a folder of a lake: its page in the cloud's console, its name in OpenLineage."""

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow_provider_evpl.lake.store import ObjectStore

if TYPE_CHECKING:
    from airflow_provider_evpl.lake.store import Store

__all__ = ["console_url", "dataset_names"]


def console_url(store: "Store", url: str) -> str | None:
    """Give the page of a folder; None where there is none to name.

    There is one at Amazon and at Google. Of a server that only speaks like them, and of a local folder,
    nobody knows one; Azure's pages go by a subscription, which no connection has.

    Args:
        store: as opened.
        url: of the folder, as the store tells it: without connection id.
    """
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
    parts = urlsplit(store.url(folder))
    if parts.scheme == "file":
        return "file", parts.path
    if isinstance(store, ObjectStore) and parts.scheme == "abfs":
        account = store.fs.service_client.account_name
        return f"abfss://{parts.netloc}@{account}.dfs.core.windows.net", parts.path.lstrip("/")
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/")


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
