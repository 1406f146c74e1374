"""From a task to where its rows landed: a button in Airflow's web interface."""

import logging
from collections.abc import Mapping
from posixpath import commonpath, dirname
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_evpl.lake.store import Store

__all__ = ["LandedLink", "push_link", "push_link_of_failed"]

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
    from airflow_provider_evpl.hooks.console import console_url

    if not urls:
        return ""
    scheme = urls[0].partition("://")[0]
    folder = commonpath([dirname(url.partition("://")[2]) for url in urls])
    return console_url(store, f"{scheme}://{folder}") or ""
