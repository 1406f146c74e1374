"""All faults by name, and the reader of their names."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from airflow_provider_evpl.sandbox.faults.demands import DEMAND_FAULTS
from airflow_provider_evpl.sandbox.faults.entries import ENTRY_FAULTS
from airflow_provider_evpl.sandbox.faults.fault import Fault
from airflow_provider_evpl.sandbox.faults.names import NAME_FAULTS
from airflow_provider_evpl.sandbox.faults.pages import PAGE_FAULTS
from airflow_provider_evpl.sandbox.faults.paging import PAGING_FAULTS
from airflow_provider_evpl.sandbox.faults.replies import REPLY_FAULTS, TOKEN_REPLY_FAULTS
from airflow_provider_evpl.sandbox.faults.rows import ROW_FAULTS
from airflow_provider_evpl.sandbox.faults.samples import SAMPLE_FAULTS
from airflow_provider_evpl.sandbox.faults.schedule import FORMS, Schedule
from airflow_provider_evpl.sandbox.faults.times import TIME_FAULTS
from airflow_provider_evpl.sandbox.faults.tokens import TOKEN_FAULTS
from airflow_provider_evpl.sandbox.faults.wire import WIRE_FAULTS

__all__ = ["FAULTS", "read_faults"]

_SEAMS: Final[tuple[tuple[Fault[Any], ...], ...]] = (
    DEMAND_FAULTS,
    TOKEN_FAULTS,
    TOKEN_REPLY_FAULTS,
    REPLY_FAULTS,
    WIRE_FAULTS,
    PAGING_FAULTS,
    PAGE_FAULTS,
    TIME_FAULTS,
    ROW_FAULTS,
    ENTRY_FAULTS,
    NAME_FAULTS,
    SAMPLE_FAULTS,
)
FAULTS: Final[Mapping[str, Fault[Any]]] = {fault.name: fault for seam in _SEAMS for fault in seam}


def read_faults(texts: Iterable[str]) -> dict[str, Schedule]:
    """Read the names of faults, each with its schedule.

    Raises:
        ValueError: A name is unknown or repeated, or a schedule is wrong.
    """
    asked: dict[str, Schedule] = {}
    for text in texts:
        read = Schedule.read(text)
        if read is None or read[0] not in FAULTS:
            raise ValueError(f"faults: {text!r} is not {FORMS}, with one of {', '.join(FAULTS)}")
        name, schedule = read
        if name in asked:
            raise ValueError(f"faults: {name} is given twice")
        asked[name] = schedule
    return asked
